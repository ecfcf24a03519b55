"""Whether there is room for what a run will keep: told before it is queued."""

from backend.submissions import Question
from linearity.adapters.settings import Settings
from linearity.adapters.state import RunRow, State
from linearity.adapters.state_quotas import UploadLimits
from linearity.contracts.costs import TRAINED_COPIES
from linearity.contracts.estimate import estimate
from linearity.contracts.inputs import ModelRecord
from linearity.contracts.runs import RunRequest

KEPT_SHARES = {"export": 0.5, "heal": 1 / (TRAINED_COPIES + 1)}
"""Of what a run writes, the part that stays: the rest is written again, or a checkpoint."""


def limits_of(settings: Settings) -> UploadLimits:
    """Return how much may be kept on this server."""
    return UploadLimits(total=settings.upload_limit, owner=settings.upload_user_limit)


def check_kept(question: Question, *, owner: str, state: State, limits: UploadLimits) -> None:
    """Refuse a run whose files would be more than may be kept, open ones of its owner counted.

    Raises
    ------
    QuotaExceededError
    """
    request = question.request
    if request.kind not in KEPT_SHARES or limits == UploadLimits():
        return
    if state.get_run(request.run_id) is not None:
        return  # it has its room already, or its last attempt had
    waiting = [run for run in state.open_runs() if run.owner == owner and run.kind in KEPT_SHARES]
    wanted = int(KEPT_SHARES[request.kind] * question.estimate.disk_bytes)
    wanted += sum(_kept_by(run, state) for run in waiting)
    state.check_quota(owner, wanted, limits)


def _kept_by(run: RunRow, state: State) -> int:
    row = state.get_input("model", run.model_id)
    if row is None or row.record is None:
        return 0
    record = ModelRecord.from_json(row.record)
    written = estimate(RunRequest(**run.request), record, flops_per_second=None).disk_bytes
    return int(KEPT_SHARES[run.kind] * written)
