"""Share links: who may see what, for how long. The decisions, without HTTP.

A link is a random token of 256 bits; the state database keeps only its sha256. `live` shows the
run as it stands now, `frozen` the result of the moment when the link was made. Expiry goes by the
clock of the server. A link that has ended stays known, so that it can say so.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from backend.refusals import (
    RunNotFinishedError,
    RunNotFoundError,
    ShareEndedError,
    ShareNotFoundError,
)
from backend.strict_json import check_fields
from backend.views import RunViews
from backend.visitors import Role, Visitor
from linearity.adapters.clock import later, utc_now
from linearity.adapters.state import NewShare, RunRow, ShareRow, State
from linearity.contracts.canonical import Json, sha256_hex
from linearity.contracts.parameters import choice, whole_number
from linearity.contracts.redaction import without_texts
from linearity.contracts.runs import RunStatus
from linearity.errors import InvalidParameterError

MODES = ("live", "frozen")
LANGUAGES = ("en", "ja")
DAYS = 14
MOST_DAYS = 90
LONGEST_NOTE = 500
MOST_KEYS = 40
TOKEN_BYTES = 32

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_KEY = re.compile(r"[a-z_]{1,32}")
_VALUE = re.compile(r"[^\x00-\x1f\x7f]{0,200}")
_SHOWN = (
    "id", "kind", "status", "model", "dataset", "params", "progress", "queue_position", "attempt",
    "created", "started", "finished", "seconds", "heartbeat_age_s",
    "imported", "published",
)  # fmt: skip


@dataclass(frozen=True)
class Opened:
    """What a valid link leads to: one run, and the stored result if there is one."""

    share: ShareRow
    run: dict[str, Any]
    result: str | None

    def seen(self, result: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a result as far as this link may show it."""
        return result if self.share.texts else without_texts(result)


class Shares:
    """Every share link; `now` is the clock of the server."""

    def __init__(self, state: State, views: RunViews, now: Callable[[], str] = utc_now) -> None:
        self._state = state
        self._views = views
        self._now = now

    def create(self, body: Mapping[str, Json], visitor: Visitor) -> tuple[ShareRow, str]:
        """Make the link that `body` asks for; return its row and its token, which is kept nowhere.

        Raises
        ------
        LinearScopeError
            For the first thing that is wrong or unknown.
        """
        check_fields(
            body,
            required={"run": str},
            optional={
                "mode": str, "days": object, "view": dict, "note": str, "lang": str,
                "include_texts": bool,
            },
        )  # fmt: skip
        run = self._run(str(body["run"]))
        mode = choice("mode", body.get("mode") or MODES[0], MODES)
        if mode == "frozen" and (run.status is not RunStatus.FINISHED or run.result is None):
            raise RunNotFinishedError(
                f"the run is {run.status}, so it has no result to freeze",
                next_step='Wait until it is finished, or share it with "mode": "live".',
                run_status=str(run.status),
            )
        days = DAYS if body.get("days") is None else body["days"]
        texts = body.get("include_texts") is True
        created = self._now()
        token = secrets.token_urlsafe(TOKEN_BYTES)
        share = NewShare(
            id=secrets.token_hex(8),
            token_hash=_token_hash(token),
            run_id=run.id,
            mode=mode,
            result=run.result if mode == "frozen" else None,
            frozen=self._view_of(run, texts=texts) if mode == "frozen" else None,
            view=_view(body.get("view")),
            lang=choice("lang", body["lang"], LANGUAGES) if body.get("lang") else None,
            texts=texts,
            note=_note(body.get("note")),
            owner=visitor.name,
            created=created,
            expires=later(created, days=whole_number("days", days, low=1, high=MOST_DAYS)),
        )
        row = self._state.add_share(share)
        if row is None:
            raise RunNotFoundError(run.id)
        return row, token

    def list(self, visitor: Visitor, run_id: str | None) -> list[ShareRow]:
        """Return the links that a visitor may end, newest first: one's own, an admin all."""
        if run_id is not None:
            self._run(run_id)
        owner = None if visitor.role.includes(Role.ADMIN) else visitor.name
        return self._state.list_shares(run_id=run_id, owner=owner)

    def revoke(self, id: str, visitor: Visitor) -> None:
        """End a link at once and for good.

        Raises
        ------
        ShareNotFoundError
            If there is none, or somebody else made it.
        """
        share = self._state.get_share(id)
        if share is None or not (share.owner == visitor.name or visitor.role.includes(Role.ADMIN)):
            raise ShareNotFoundError
        self._state.revoke_share(id, self._now())

    def open(self, token: str) -> Opened:
        """Return what the link shows now.

        Raises
        ------
        ShareNotFoundError
            If there never was such a link.
        ShareEndedError
            If it was withdrawn or has expired, or its run is gone.
        """
        known = _TOKEN.fullmatch(token) is not None
        share = self._state.find_share(_token_hash(token)) if known else None
        if share is None:
            raise ShareNotFoundError
        if share.revoked is not None:
            raise ShareEndedError(expired=False)
        if share.expires <= self._now():
            raise ShareEndedError(expired=True)
        if share.frozen is not None:
            return Opened(share, shown_run(share.frozen, texts=share.texts), share.result)
        run = self._state.get_run(share.run_id)
        if run is None:
            raise ShareEndedError(expired=False)
        view = shown_run(self._view_of(run, texts=share.texts), texts=share.texts)
        return Opened(share, view, run.result if run.status is RunStatus.FINISHED else None)

    def _view_of(self, run: RunRow, *, texts: bool) -> dict[str, Any]:
        return self._views.one(run) if texts else self._views.many([run])[0]

    def count_opening(self, share: ShareRow) -> None:
        """Count that a person opened the page of a link."""
        self._state.share_opened(share.id, self._now())

    def share_view(self, share: ShareRow) -> dict[str, Any]:
        """Return a link as its maker sees it; the address itself is told only once."""
        ended = "expired" if share.expires <= self._now() else "open"
        return {
            "id": share.id,
            "run": share.run_id,
            "mode": share.mode,
            "state": "revoked" if share.revoked else ended,
            "view": share.view,
            "lang": share.lang,
            "include_texts": share.texts,
            "note": share.note,
            "owner": share.owner,
            "created": share.created,
            "expires": share.expires,
            "revoked": share.revoked,
            "last_opened": share.last_opened,
            "opened": share.opened,
        }

    def _run(self, id: str) -> RunRow:
        run = self._state.get_run(id)
        if run is None:
            raise RunNotFoundError(id)
        return run


def shown_run(view: Mapping[str, Any], *, texts: bool) -> dict[str, Any]:
    """Return a run as a reader of a link sees it: no addresses, and of an error its code alone."""
    shown = {key: view.get(key) for key in _SHOWN}
    if not texts:
        shown["params"] = without_texts(view["params"])
    if view.get("imported"):
        shown["imported"] = {**view["imported"], "by": None}  # who works here is no reader's matter
    error = view.get("error")
    # Its sentence may name files of the machine.
    shown["error"] = {"code": error.get("code", "error")} if error else None
    return shown


def link(base: str, token: str, lang: str | None) -> str:
    """Return the whole address; a language chosen for the reader stands in it."""
    return f"{base}/s/{token}" + (f"?lang={lang}" if lang else "")


def _token_hash(token: str) -> str:
    return sha256_hex(token.encode())


def _view(value: Json) -> dict[str, str]:
    view = value or {}
    assert isinstance(view, Mapping)
    for key, text in view.items():
        fits = _KEY.fullmatch(key) and isinstance(text, str) and _VALUE.fullmatch(text)
        if not fits or len(view) > MOST_KEYS:
            raise InvalidParameterError(
                "view", wanted="the keys and short texts of a page's address", got=key
            )
    return {key: str(text) for key, text in view.items()}


def _note(value: Json) -> str:
    note = str(value or "").strip()
    if len(note) > LONGEST_NOTE:
        raise InvalidParameterError(
            "note", wanted=f"at most {LONGEST_NOTE} characters", got=f"{len(note)} characters"
        )
    return note
