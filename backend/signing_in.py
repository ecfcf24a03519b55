"""Signing in with a browser: the link with a token, the page that asks for one, the cookie."""

import html
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from backend.assets import Assets
from backend.doorkeeper import SESSION_SECONDS, SIGN_IN_PATH, Doorkeeper

# The one form that is sent without a script; its own policy allows it, no other page's does.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {"Cache-Control": "no-store", "Content-Security-Policy": CONTENT_SECURITY_POLICY}
_PLACE = re.compile(r"/(?![/\\])[!-\[\]-~]*")

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "Sign in",
        "note": "This LinearScope is open to people with a token. "
        "Paste yours; this browser then stays signed in for 30 days.",
        "token": "Token",
        "button": "Sign in",
        "wrong": "This token is not, or no longer, valid. Check that you copied all of it.",
        "wait": "Too many wrong tokens. Wait a minute, then try again.",
        "help": "No token? An administrator makes one on the page Access, or with",
    },
    "ja": {
        "title": "サインイン",
        "note": "この LinearScope を開くにはトークンが必要です。"
        "お手元のトークンを貼り付けてください。"
        "このブラウザーでは 30 日間サインインしたままになります。",
        "token": "トークン",
        "button": "サインイン",
        "wrong": "このトークンは無効か、期限切れです。全体をコピーできているか確認してください。",
        "wait": "誤ったトークンが続いたため、受け付けを止めています。"
        "1 分ほど待ってからお試しください。",
        "help": "トークンをお持ちでない場合は、管理者が「アクセス」のページか"
        "次のコマンドで発行できます。",
    },
}

_PAGE = """<!doctype html>
<html lang="{lang}">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <meta name="robots" content="noindex">
    <title>{title} · LinearScope</title>
    <link rel="icon" href="{icon}" type="image/svg+xml">
    <script src="{theme}"></script>
{styles}
  </head>
  <body>
    <header class="site-header"><a class="brand" href="/"><img src="{icon}" alt="" width="20" \
height="20">LinearScope</a></header>
    <main id="main" class="page sign-in">
      <h1>{title}</h1>
      <p>{note}</p>
      {problem}
      <form method="post" action="{action}">
        <div class="field wide">
          <label for="token">{token}</label>
          <input id="token" name="token" type="password" required maxlength="512" autofocus \
autocomplete="current-password" spellcheck="false">
        </div>
        <input type="hidden" name="next" value="{next}">
        <button type="submit" class="primary">{button}</button>
      </form>
      <p class="quiet">{help} <code>linearscope tokens add NAME --role viewer</code></p>
    </main>
  </body>
</html>
"""
_STYLES = ("tokens", "base", "layout", "controls", "start")


def is_page(request: Request) -> bool:
    """Whether a person's browser may be asking for a page."""
    return request.method == "GET" and not request.url.path.startswith(("/api/", "/assets/"))


def follow_link(request: Request, token: str, doorkeeper: Doorkeeper) -> Response:
    """Turn ``?token=`` of a page into a session, and lead to the page without it.

    Raises
    ------
    UnauthorisedError, TooManyWrongTokensError
    """
    secret = doorkeeper.begin_session(token, request)
    return _enter(_place_of(request), secret, doorkeeper)


def ask_to_sign_in(request: Request) -> Response:
    """Lead to the page that asks for a token, and from there back to here."""
    query = urlencode({"next": _place_of(request)} | _asked_language(request))
    return RedirectResponse(f"{SIGN_IN_PATH}?{query}", 303, headers={"Cache-Control": "no-store"})


def sign_in_page(
    request: Request, assets: Assets, *, place: str, problem: str = "", status: int = 200
) -> Response:
    """Return the page that asks for a token; `problem` is ``wrong`` or ``wait``."""
    lang = language_of(request)
    words = WORDS[lang]
    told = f'<p class="problem" role="alert">{words[problem]}</p>' if problem else ""
    links = [assets.address(f"styles/{name}.css") for name in _STYLES]
    page = _PAGE.format(
        lang=lang,
        problem=told,
        action=f"{SIGN_IN_PATH}?{html.escape(urlencode(_looks(request, lang)))}",
        next=html.escape(safe_place(place)),
        icon=assets.address("favicon.svg"),
        theme=assets.address("theme.js"),
        styles="\n".join(f'    <link rel="stylesheet" href="{link}">' for link in links),
        **{name: words[name] for name in ("title", "note", "token", "button", "help")},
    )
    return HTMLResponse(page, status, headers=_HEADERS)


def enter(token: str, place: str, request: Request, doorkeeper: Doorkeeper) -> Response:
    """Begin a session and lead to where the visitor wanted to go.

    Raises
    ------
    UnauthorisedError, TooManyWrongTokensError
    """
    secret = doorkeeper.begin_session(token, request)
    return _enter(safe_place(place), secret, doorkeeper)


def leave(request: Request, doorkeeper: Doorkeeper) -> Response:
    """End the session and let the browser forget it."""
    doorkeeper.end_session(request)
    response = Response(status_code=204, headers={"Cache-Control": "no-store"})
    response.delete_cookie(
        doorkeeper.cookie_name, httponly=True, samesite="lax", secure=doorkeeper.is_secure
    )
    return response


def language_of(request: Request) -> str:
    """Return the language of a page that the server writes itself."""
    asked = request.query_params.get("lang")
    if asked in WORDS:
        return str(asked)
    wanted = request.headers.get("accept-language", "").lower().split(",")
    known = (part.strip()[:2] for part in wanted)
    return next((lang for lang in known if lang in WORDS), "en")


def safe_place(text: str) -> str:
    """Return `text` if it is an address of this server, else the start page."""
    return text if _PLACE.fullmatch(text) and not text.startswith(SIGN_IN_PATH) else "/"


def _enter(place: str, secret: str, doorkeeper: Doorkeeper) -> Response:
    response = RedirectResponse(place, 303, headers={"Cache-Control": "no-store"})
    response.set_cookie(
        doorkeeper.cookie_name,
        secret,
        max_age=SESSION_SECONDS,
        httponly=True,
        samesite="lax",  # a link from a mail must open; unsafe methods are checked by origin
        secure=doorkeeper.is_secure,
    )
    return response


def _place_of(request: Request) -> str:
    query = [item for item in parse_qsl(request.url.query) if item[0] != "token"]
    # Quoted and with one slash in front, the path cannot become another host's address.
    path = "/" + quote(request.scope["path"].lstrip("/"), safe="/")
    return f"{path}?{urlencode(query)}" if query else path


def _looks(request: Request, lang: str) -> dict[str, str]:
    theme = request.query_params.get("theme")
    return {"lang": lang} | ({"theme": theme} if theme in ("light", "dark") else {})


def _asked_language(request: Request) -> dict[str, str]:
    asked = request.query_params.get("lang")
    return {"lang": str(asked)} if asked in WORDS else {}
