"""Every exception LinearScope raises on purpose.

::

    LinearScopeError                 code, message, next step, data
    |- InvalidRequestError           the request itself is wrong (HTTP 422)
    |  |- InvalidParameterError        a value outside its range, with the range
    |  |- UnknownParameterError        a name nobody knows, with the known names
    |  |- InvalidPlanError             a plan that cannot be carried out on the model
    |  |- MalformedJSONError           text that is not strict JSON
    |  |- InvalidResultError           a file that is no result
    |  |- InvalidBundleError           a bundle of a run that was damaged or changed
    |  |- OtherVersionError            a result of another version's shape or numbers
    |  `- NotYetError                  a feature of the contract that is not built yet
    |- UnknownInputError             no such model or dataset (404)
    |  `- HubUnreachableError          neither the hub nor the local cache has it now (503)
    |- UnknownRunError               no such run (404)
    |- ConflictError                 it cannot be done in the present state (409)
    |- PathNotAllowedError           a path outside the configured folders (403)
    |- RejectedInputError            a model or dataset that cannot be used, with reasons (422)
    |- HealedMismatchError           healed weights of another model or plan, or none (422)
    |- InputChangedError             files differ from those that were registered (409)
    |- OutdatedRequestError          asked for with numbers that an older version computed (409)
    |- MeasurementError              the numbers themselves are wrong; names the block
    |  |- DegenerateStatesError        a state without variance
    |  |- NonFiniteStatesError         NaN or infinity in a state
    |  |- ScoreOutOfRangeError         a score no correct computation can give
    |  `- NotProvenError               an export that does not compute what the plan computes
    |- TooFewTokensError             not enough text to measure on
    |- OutOfDeviceMemoryError        even a batch of one window does not fit
    |- CorruptObjectError            stored bytes do not match their digest
    |- DiskFullError                 no room for what must be written
    |- QuotaExceededError            more bytes than may be kept (507)
    |- EndpointError                 a running server that cannot be measured (502)
    |- MissingPackageError           a package that this needs and this machine has not
    `- RunCancelledError             somebody asked the run to stop

Each carries a stable ``code`` (used by the page and the API), one sentence that says what was
wanted and what came, a next step, and the same facts as data.
"""

from typing import ClassVar

Data = dict[str, object]


class LinearScopeError(Exception):
    """Base of the tree: a sentence for people, a code and data for programs."""

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, next_step: str = "", **data: object) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.data: Data = data

    def as_json(self) -> Data:
        """Return the error as plain values, the shape stored with a failed run."""
        return {
            "code": self.code,
            "message": self.message,
            "next_step": self.next_step,
            "retryable": self.retryable,
            "data": self.data,
        }


def error_from_json(value: Data) -> LinearScopeError:
    """Return the error that `as_json` of another process describes, of its own class."""
    error = LinearScopeError.__new__(_class_of(str(value["code"]), LinearScopeError))
    data = value.get("data")
    LinearScopeError.__init__(
        error,
        str(value["message"]),
        next_step=str(value.get("next_step", "")),
        **(data if isinstance(data, dict) else {}),
    )
    return error


def _class_of(code: str, root: type[LinearScopeError]) -> type[LinearScopeError]:
    for kind in root.__subclasses__():
        if kind.code == code:
            return kind
        found = _class_of(code, kind)
        if found is not root and found.code == code:
            return found
    return LinearScopeError


class InvalidRequestError(LinearScopeError):
    """The request cannot mean anything valid."""

    code = "invalid_request"


class InvalidParameterError(InvalidRequestError):
    """A parameter outside its range: names the parameter, what was wanted and what came."""

    code = "invalid_parameter"

    def __init__(self, name: str, *, wanted: str, got: object, next_step: str = "") -> None:
        shown = repr(got) if len(repr(got)) <= 80 else repr(got)[:77] + "..."
        super().__init__(
            f"{name}: wanted {wanted}, got {shown}",
            next_step=next_step or f"Give {name} as {wanted}.",
            parameter=name,
            wanted=wanted,
            got=shown,
        )


class UnknownParameterError(InvalidRequestError):
    """A parameter name that the kind does not have."""

    code = "unknown_parameter"

    def __init__(self, name: str, *, known: list[str]) -> None:
        super().__init__(
            f"unknown parameter {name[:80]!r}",
            next_step=f"Use one of: {', '.join(known)}.",
            parameter=name[:80],
            known=known,
        )


class InvalidPlanError(InvalidRequestError):
    """A plan that is no plan, or that this model cannot carry out."""

    code = "invalid_plan"


class MalformedJSONError(InvalidRequestError):
    """Text that strict JSON does not allow: NaN, duplicate keys, lone surrogates, depth."""

    code = "malformed_json"


class InvalidResultError(InvalidRequestError):
    """A file that is no result: not of the shape of its kind, or contradicting itself."""

    code = "invalid_result"


class InvalidBundleError(InvalidRequestError):
    """A bundle of a run that is none, was damaged or changed, or contradicts itself."""

    code = "invalid_bundle"


class OtherVersionError(InvalidRequestError):
    """A result whose shape or numbers are those of another version."""

    code = "other_version"


class NotYetError(InvalidRequestError):
    """The contract names it, this version does not compute it yet."""

    code = "not_yet"


class UnknownInputError(LinearScopeError):
    """A model or dataset that is not registered here and cannot be found."""

    code = "unknown_input"


class HubUnreachableError(UnknownInputError):
    """The hub does not answer, and what was asked for is not in the local cache."""

    code = "hub_unreachable"
    retryable = True


class UnknownRunError(LinearScopeError):
    """A run id that the state database does not hold."""

    code = "unknown_run"


class ConflictError(LinearScopeError):
    """What was asked for cannot be done in the present state of the thing."""

    code = "conflict"


class PathNotAllowedError(LinearScopeError):
    """A local path that lies outside the configured folders."""

    code = "path_not_allowed"


class RejectedInputError(LinearScopeError):
    """A model or dataset that was found but cannot be used.

    ``data["reasons"]`` is a list of ``{code, message}``.
    """

    code = "rejected_input"

    def __init__(self, message: str, *, reason: str, next_step: str = "", **data: object) -> None:
        super().__init__(message, next_step=next_step, reason=reason, **data)


class HealedMismatchError(LinearScopeError):
    """Healed weights that are none, or those of another model, plan or fitting."""

    code = "healed_mismatch"


class InputChangedError(LinearScopeError):
    """The files of a registered input are not the ones that were registered."""

    code = "input_changed"


class OutdatedRequestError(LinearScopeError):
    """A run that waited through an update which changed its numbers or the shape of its result."""

    code = "outdated_request"


class MeasurementError(LinearScopeError):
    """A number that cannot be right; never shown, always an error that names the block."""

    code = "measurement"


class DegenerateStatesError(MeasurementError):
    """All tokens have the same state, so there is no variance to explain."""

    code = "degenerate_states"


class NonFiniteStatesError(MeasurementError):
    """A state holds NaN or infinity."""

    code = "non_finite_states"


class ScoreOutOfRangeError(MeasurementError):
    """A score outside the range that its definition allows."""

    code = "score_out_of_range"


class NotProvenError(MeasurementError):
    """An export that a fresh process could not load, or that computes something else."""

    code = "not_proven"


class TooFewTokensError(LinearScopeError):
    """The dataset does not hold enough text for the measurement."""

    code = "too_few_tokens"


class OutOfDeviceMemoryError(LinearScopeError):
    """The device cannot hold even the smallest batch."""

    code = "out_of_memory"


class CorruptObjectError(LinearScopeError):
    """Stored bytes that do not match the digest they are filed under."""

    code = "corrupt_object"
    retryable = True


class DiskFullError(LinearScopeError):
    """No room left in the data folder."""

    code = "disk_full"
    retryable = True


class EndpointError(LinearScopeError):
    """A running server that does not answer as an OpenAI-compatible one does.

    ``data["side"]`` is "dense" or "changed", ``data["failure"]`` why.
    """

    code = "endpoint_failed"


class MissingPackageError(LinearScopeError):
    """A package that only some machines need is not installed here."""

    code = "missing_package"

    def __init__(self, package: str) -> None:
        super().__init__(
            f"the package {package} is not installed",
            next_step=f"Run: pip install {package}",
            package=package,
        )


class QuotaExceededError(LinearScopeError):
    """More uploaded bytes than one owner, or all together, may keep."""

    code = "quota_exceeded"


class RunCancelledError(LinearScopeError):
    """The run was cancelled; what had been computed is discarded."""

    code = "cancelled"
