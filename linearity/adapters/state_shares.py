"""What the state database says about share links: the table `shares`.

A link is found by the sha256 of its token; the token itself is nowhere. Expiry is compared by the
caller, with the clock of the server. A link that has ended stays, so that it can say so.
"""

from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from linearity.adapters.database import Transactions
from linearity.adapters.tables import runs, shares

MOST_LISTED = 500


@dataclass(frozen=True)
class NewShare:
    """What is decided when a link is made.

    Parameters
    ----------
    id, token_hash : str
        What it is called, and the sha256 of the secret in its address.
    run_id : str
    mode : str
        ``live`` shows the run's current result, ``frozen`` the one named by `result`.
    result, frozen : str or None, dict or None
        Digest of the frozen result, and how the run stood at that moment.
    view : dict
        Which part of the result is on the screen, as the page spells it in its address.
    lang : str or None
        Language chosen for the reader.
    texts : bool
        Whether texts of prompts and answers may be seen.
    note, owner, created, expires : str
    """

    id: str
    token_hash: str
    run_id: str
    mode: str
    result: str | None
    frozen: dict[str, Any] | None
    view: dict[str, str]
    lang: str | None
    texts: bool
    note: str
    owner: str
    created: str
    expires: str


@dataclass(frozen=True)
class ShareRow(NewShare):
    """A link, with what has become of it."""

    revoked: str | None
    last_opened: str | None
    opened: int


class ShareStates(Transactions):
    """Making, finding and ending share links."""

    def add_share(self, share: NewShare) -> ShareRow | None:
        """Make a link; None if its run is gone, maybe just now."""
        with self._write() as connection:
            run = sa.select(runs.c.id).where(runs.c.id == share.run_id)
            if connection.execute(run).first() is None:
                return None
            connection.execute(shares.insert().values(**asdict(share)))
        return ShareRow(**asdict(share), revoked=None, last_opened=None, opened=0)

    def find_share(self, token_hash: str) -> ShareRow | None:
        """Return the link whose token has this sha256, ended or not."""
        return next(iter(self._shares(shares.c.token_hash == token_hash)), None)

    def get_share(self, id: str) -> ShareRow | None:
        """Return the link of this id, ended or not."""
        return next(iter(self._shares(shares.c.id == id)), None)

    def list_shares(self, *, run_id: str | None = None, owner: str | None = None) -> list[ShareRow]:
        """Return links, newest first, of a run and of an owner if these are named."""
        wanted = [
            column == value
            for column, value in ((shares.c.run_id, run_id), (shares.c.owner, owner))
            if value is not None
        ]
        return self._shares(*wanted)

    def revoke_share(self, id: str, moment: str) -> None:
        """End a link; one that was ended before keeps its moment."""
        still_open = shares.update().where(shares.c.id == id, shares.c.revoked.is_(None))
        with self._write() as connection:
            connection.execute(still_open.values(revoked=moment))

    def share_opened(self, id: str, moment: str) -> None:
        """Count that somebody opened the link's page."""
        with self._write() as connection:
            connection.execute(
                shares.update()
                .where(shares.c.id == id)
                .values(last_opened=moment, opened=shares.c.opened + 1)
            )

    def _shares(self, *wanted: sa.ColumnElement[bool]) -> list[ShareRow]:
        newest = shares.c.created.desc(), shares.c.id
        query = sa.select(shares).where(*wanted).order_by(*newest).limit(MOST_LISTED)
        with self._read() as connection:
            return [ShareRow(**row._mapping) for row in connection.execute(query)]
