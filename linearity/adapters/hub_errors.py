"""What the hub's client raises, in words of our own: gated, missing, unreachable."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from linearity.errors import (
    DiskFullError,
    HubUnreachableError,
    LinearScopeError,
    UnknownInputError,
)


@contextmanager
def hub_errors(reference: str, *, what: str = "model") -> Iterator[None]:
    """Turn every failure of the hub inside the block into one of `linearity.errors`.

    Parameters
    ----------
    reference : str
        ``owner/name`` or ``owner/name@revision``, for the message.
    what : str
        "model" or "dataset".

    Raises
    ------
    UnknownInputError
        With ``reason`` "gated" or "not_on_hub".
    HubUnreachableError
        If the hub does not answer, answers with a failure of its own, or may not be asked.
    DiskFullError
    """
    try:
        yield
    except Exception as error:
        ours = _translate(error, reference, what)
        if ours is None:
            raise
        raise ours from error


def gated(reference: str, what: str = "model") -> UnknownInputError:
    """Return the error for what its owner gives only to those who accepted a licence."""
    return UnknownInputError(
        f"the {what} {reference} is gated: its owner asks readers to accept a licence first",
        next_step=f"Accept it on the {what}'s page, set HF_TOKEN for the server and its workers, "
        "try again.",
        reason="gated",
    )


def not_on_hub(reference: str, what: str = "model") -> UnknownInputError:
    """Return the error for what the hub does not have, or does not show to this server."""
    return UnknownInputError(
        f"the hub has no {what} {reference}",
        next_step=f"Check the spelling (owner/name) and the revision; a private {what} needs "
        "HF_TOKEN.",
        reason="not_on_hub",
    )


def unreachable(reference: str) -> HubUnreachableError:
    """Return the error for a hub that does not answer while nothing is in the cache."""
    return HubUnreachableError(
        f"the hub cannot be reached and {reference} is not in the local cache",
        next_step="Connect this machine to the hub, or give a local folder.",
        reason="hub_unreachable",
    )


def _translate(error: Exception, reference: str, what: str) -> LinearScopeError | None:
    """Return our own error for one of the hub's client, None for any other."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, GatedRepoError):
        return gated(reference, what)
    if isinstance(error, RepositoryNotFoundError | RevisionNotFoundError | HFValidationError):
        return not_on_hub(reference, what)
    if isinstance(error, HfHubHTTPError):
        return _by_status(error, reference, what)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return DiskFullError(
            f"the disk filled up while {reference} was fetched",
            next_step="Free space or move HF_HUB_CACHE to a larger disk, then try again.",
        )
    # Offline mode; or something answers that is no hub, a login page for example.
    is_no_answer = isinstance(error, OSError | ValueError) or _is_of_connection(error)
    return unreachable(reference) if is_no_answer else None


def _by_status(error: Exception, reference: str, what: str) -> UnknownInputError:
    status = getattr(getattr(error, "response", None), "status_code", 0)
    if status == 403:
        return gated(reference, what)
    if status in (400, 401, 404):
        return not_on_hub(reference, what)
    return unreachable(reference)


def _is_of_connection(error: Exception) -> bool:
    """Whether the HTTP library of the hub's client raised it; which one depends on its version."""
    return type(error).__module__.partition(".")[0] in ("httpx", "httpx2", "httpcore", "httpcore2")
