"""The state database: the truth about models, datasets, runs and their attempts.

Every change is one short write transaction that compares before it sets, so that any number of
processes may use the database and a worker that was given up for dead cannot write any more. The
attempt number is the fence: whoever holds an old number is refused.
"""

from linearity.adapters.database import (
    MAXIMUM_DEATHS,
    AttemptRow,
    InputRow,
    Pulse,
    RunRow,
    open_engine,
)
from linearity.adapters.state_access import AccessRow, AccessStates
from linearity.adapters.state_inputs import InputStates
from linearity.adapters.state_quotas import QuotaStates
from linearity.adapters.state_removals import RemovalStates
from linearity.adapters.state_runs import RunStates, Submission
from linearity.adapters.state_shards import ShardRow, ShardStates
from linearity.adapters.state_shares import NewShare, ShareRow, ShareStates
from linearity.adapters.state_uploads import UploadStates
from linearity.contracts.uploads import UploadRow

__all__ = [
    "MAXIMUM_DEATHS",
    "AccessRow",
    "AttemptRow",
    "InputRow",
    "NewShare",
    "Pulse",
    "RunRow",
    "ShardRow",
    "ShareRow",
    "State",
    "Submission",
    "UploadRow",
]


class State(
    InputStates,
    RunStates,
    ShardStates,
    ShareStates,
    UploadStates,
    QuotaStates,
    AccessStates,
    RemovalStates,
):
    """The state database at `url`; safe for many threads and many processes, not across a fork."""

    def __init__(self, url: str) -> None:
        super().__init__(open_engine(url))

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def check(self) -> None:
        """Raise unless the database can be written."""
        with self._write() as connection:
            connection.exec_driver_sql("PRAGMA user_version").scalar_one()
