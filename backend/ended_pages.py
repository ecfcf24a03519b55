"""The small page that a link shows when it leads to nothing any more, without any script."""

import html

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from backend.catalogue import preferred_language, words
from backend.problems import PROBLEMS, linearscope_problem
from linearity.errors import LinearScopeError

_PAGE = """<!doctype html>
<html lang="{lang}">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="robots" content="noindex, nofollow">
    <title>{title} · LinearScope</title>
    <link rel="icon" href="{assets}/favicon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="{assets}/styles/tokens.css">
    <link rel="stylesheet" href="{assets}/styles/base.css">
    <link rel="stylesheet" href="{assets}/styles/layout.css">
    <link rel="stylesheet" href="{assets}/styles/controls.css">
    <link rel="stylesheet" href="{assets}/styles/share.css">
  </head>
  <body>
    <header class="site-header"><span class="brand">LinearScope</span></header>
    <main class="page ended">
      <h1>{title}</h1>
      <p>{text}</p>
    </main>
  </body>
</html>
"""


def ended_answer(request: Request, error: LinearScopeError, assets: str) -> Response:
    """Answer a browser with a page in its language, a program with problem+json."""
    headers = {}
    if "retry_after" in error.data:
        headers["Retry-After"] = str(error.data["retry_after"])
    if "text/html" not in request.headers.get("accept", ""):
        return linearscope_problem(request, error, headers)
    return HTMLResponse(
        ended_page(error, assets=assets, accepted=request.headers.get("accept-language", "")),
        PROBLEMS[error.code].status,
        headers=headers,
    )


def ended_page(error: LinearScopeError, *, assets: str, accepted: str) -> str:
    """Return the page."""
    lang = preferred_language(accepted)
    known = words(lang)
    reason = known.get(f"reason_{error.data.get('reason')}")
    return _PAGE.format(
        lang=lang,
        assets=html.escape(assets),
        title=html.escape(reason or known[f"problem_{error.code}"]),
        text=html.escape(known[f"step_{error.code}"]),
    )
