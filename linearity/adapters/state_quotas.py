"""How many bytes somebody keeps on a server: what they uploaded, and what their runs made."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from linearity.adapters.database import Transactions
from linearity.adapters.tables import inputs, runs, uploads
from linearity.contracts.runs import InputState
from linearity.errors import QuotaExceededError


@dataclass(frozen=True)
class UploadLimits:
    """How many bytes all may keep together, and one owner; None is no limit."""

    total: int | None = None
    owner: int | None = None


class QuotaStates(Transactions):
    """Asking whether there is room before something is begun."""

    def check_quota(self, owner: str, wanted: int, limits: UploadLimits) -> None:
        """Refuse what would be more than may be kept.

        Raises
        ------
        QuotaExceededError
        """
        with self._read() as connection:
            check_quota(connection, owner, wanted, limits)


def check_quota(connection: Connection, owner: str, wanted: int, limits: UploadLimits) -> None:
    """Refuse `wanted` bytes of `owner` beside what is kept already.

    Raises
    ------
    QuotaExceededError
    """
    for limit, whom, whose, setting in (
        (limits.owner, owner, "you", "LINEARSCOPE_UPLOAD_USER_LIMIT"),
        (limits.total, None, "all", "LINEARSCOPE_UPLOAD_LIMIT"),
    ):
        used = 0 if limit is None else _uploaded(connection, whom) + _made(connection, whom)
        if limit is not None and used + wanted > limit:
            raise QuotaExceededError(
                f"{whose} may keep {limit:,} bytes in uploads and files of runs; {used:,} are "
                f"taken and this needs {wanted:,}",
                next_step="Remove an upload, an export or a healing that is no longer needed, or "
                f"ask the operator to raise {setting}.",
                limit=limit,
                actual=used + wanted,
                used=used,
            )


def _uploaded(connection: Connection, owner: str | None) -> int:
    given_up = sa.select(inputs.c.id).where(
        inputs.c.kind == uploads.c.kind,
        inputs.c.id == uploads.c.input,
        inputs.c.state == InputState.REJECTED,
    )
    nothing_kept = sa.and_(uploads.c.sha256.is_(None), sa.exists(given_up))
    wanted = sa.select(sa.func.coalesce(sa.func.sum(uploads.c.size), 0)).where(~nothing_kept)
    if owner is not None:
        wanted = wanted.where(uploads.c.owner == owner)
    return int(connection.execute(wanted).scalar_one())


def _made(connection: Connection, owner: str | None) -> int:
    wanted = sa.select(runs.c.objects).where(runs.c.objects.is_not(None))
    if owner is not None:
        wanted = wanted.where(runs.c.owner == owner)
    kept = connection.execute(wanted).scalars()
    return sum(int(item["bytes"]) for objects in kept for item in objects or ())
