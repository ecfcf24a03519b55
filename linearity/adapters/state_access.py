"""What the state database says about who may come in: tokens and the sessions begun with them.

Only hashes are kept. Whoever reads the database cannot sign in with what it holds, and looking a
secret up by its hash takes the same time however much of it was guessed right.
"""

import secrets
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from linearity.adapters.clock import utc_before, utc_now
from linearity.adapters.database import Transactions
from linearity.adapters.tables import access_tokens, sessions
from linearity.contracts.canonical import sha256_hex

TOKEN_PREFIX = "lsc_"
"""Tells programs that look for leaked secrets what they have found."""

TOUCH_SECONDS = 60.0
"""How exactly the last use of a token is known."""


@dataclass(frozen=True)
class AccessRow:
    """A token as far as it is known here: everything but the token itself."""

    id: str
    name: str
    role: str
    created: str
    expires: str | None
    last_used: str | None
    revoked: str | None

    @property
    def is_open(self) -> bool:
        """Whether somebody may still come in with it."""
        return self.revoked is None and (self.expires is None or self.expires > utc_now())


class AccessStates(Transactions):
    """Making, finding and revoking tokens; beginning and ending sessions."""

    def add_token(
        self, name: str, role: str, *, seconds: float | None = None
    ) -> tuple[AccessRow, str]:
        """Make a token and return its row and the token, which nobody can read again."""
        token = _new_token()
        with self._write() as connection:
            return _insert_token(connection, token, name, role, seconds), token

    def add_first_token(self, name: str, role: str) -> str | None:
        """Make the first token there ever was and return it; None if there was one before.

        Of several processes that start at once only one makes it.
        """
        token = _new_token()
        with self._write() as connection:
            if connection.execute(sa.select(access_tokens.c.id)).first() is not None:
                return None
            _insert_token(connection, token, name, role, None)
        return token

    def find_token(self, token_hash: str) -> AccessRow | None:
        """Return the token with this hash if somebody may still come in with it."""
        wanted = _tokens().where(access_tokens.c.token_hash == token_hash)
        with self._read() as connection:
            row = _row(connection.execute(wanted).first())
        return row if row is not None and row.is_open else None

    def touch_token(self, row: AccessRow) -> None:
        """Remember that a token was used, at most once a minute."""
        if row.last_used is not None and row.last_used > utc_before(TOUCH_SECONDS):
            return
        change = access_tokens.update().where(access_tokens.c.id == row.id)
        with self._write() as connection:
            connection.execute(change.values(last_used=utc_now()))

    def list_tokens(self) -> list[AccessRow]:
        """Return every token that was ever made, oldest first."""
        order = (access_tokens.c.created, access_tokens.c.id)
        with self._read() as connection:
            found = connection.execute(_tokens().order_by(*order)).all()
        return [row for item in found if (row := _row(item)) is not None]

    def revoke_token(self, id: str) -> AccessRow | None:
        """Let nobody in with this token any more, nor with a session of it; None if unknown."""
        one = access_tokens.c.id == id
        with self._write() as connection:
            found = connection.execute(sa.select(access_tokens.c.token_hash).where(one)).first()
            if found is None:
                return None
            unrevoked = access_tokens.update().where(one, access_tokens.c.revoked.is_(None))
            connection.execute(unrevoked.values(revoked=utc_now()))
            begun = sessions.c.token_hash == found.token_hash
            connection.execute(sessions.delete().where(begun))
            return _row(connection.execute(_tokens().where(one)).first())

    def begin_session(self, token_hash: str, *, seconds: float) -> str:
        """Begin a session and return the secret that its cookie holds."""
        secret = secrets.token_urlsafe(32)
        with self._write() as connection:
            connection.execute(sessions.delete().where(sessions.c.expires < utc_now()))
            connection.execute(
                sessions.insert().values(
                    session_hash=sha256_hex(secret.encode()),
                    token_hash=token_hash,
                    expires=utc_before(-seconds),
                )
            )
        return secret

    def find_session(self, secret: str) -> str | None:
        """Return the hash of the token that a session was begun with; None if it is over."""
        wanted = sa.select(sessions.c.token_hash).where(
            sessions.c.session_hash == sha256_hex(secret.encode(errors="replace")),
            sessions.c.expires > utc_now(),
        )
        with self._read() as connection:
            return connection.execute(wanted).scalar_one_or_none()

    def end_session(self, secret: str) -> None:
        """End a session; an unknown one is over already."""
        over = sessions.c.session_hash == sha256_hex(secret.encode(errors="replace"))
        with self._write() as connection:
            connection.execute(sessions.delete().where(over))


def _new_token() -> str:
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def _insert_token(
    connection: Connection, token: str, name: str, role: str, seconds: float | None
) -> AccessRow:
    values: dict[str, Any] = {
        "id": secrets.token_hex(8),
        "name": name,
        "role": role,
        "created": utc_now(),
        "expires": None if seconds is None else utc_before(-seconds),
    }
    hashed = sha256_hex(token.encode())
    connection.execute(access_tokens.insert().values(**values, token_hash=hashed))
    return AccessRow(**values, last_used=None, revoked=None)


def _tokens() -> sa.Select[Any]:
    return sa.select(*(c for c in access_tokens.c if c is not access_tokens.c.token_hash))


def _row(row: sa.Row[Any] | None) -> AccessRow | None:
    return None if row is None else AccessRow(**row._mapping)
