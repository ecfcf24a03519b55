"""What the web process refuses on its own, beside the errors of `linearity.errors`.

::

    LinearScopeError
    |- RunNotFoundError            no run has this id (404)
    |- RunNotFinishedError         the run has no result yet (404)
    |- FilesNotHereError           files of a run that are not kept here (404)
    |- NotReadyError               an input is still being inspected (409)
    |- QuarantinedError            the run killed its worker three times (409)
    |- AlreadyFinishedError        nothing left to cancel (409)
    |- BuiltinProtectedError       built-in inputs stay (409)
    |- DoesNotFitError             the run needs more than this machine has (422)
    |- TooLargeError               a request body over the limit (413)
    |- HeadersTooLargeError        request headers over the limit (431)
    |- AddressTooLongError         an address over the limit (414)
    |- UnsupportedMediaTypeError   a body that is not plain JSON (415)
    |- UnsupportedFileError        a file of a kind that is never read (415)
    |- UnknownUploadError          no file is being received at this address (404)
    |- UploadConflictError         bytes that do not follow on those that are here (409)
    |- UploadExpiredError          an upload that was given up (410)
    |- ChecksumMismatchError       bytes that are not those that were sent (460)
    |- UploadProtocolError         a request that tus 1.0 does not allow (400)
    |- HostNotAllowedError         a Host header nobody configured (400)
    |- CrossSiteRefusedError       another site's page tried to act (403)
    |- ShareNotFoundError          no share link has this address (404)
    |- ShareEndedError             the share link was withdrawn or has expired (410)
    |- TooManyGuessesError         too many wrong share links from one client (429)
    |- TooManyRequestsError        too many changes from one visitor (429)
    |- UnauthorisedError           no token, or a wrong one (401)
    |- ForbiddenError              the visitor's role is too small, or it is another's (403)
    |- TooManyWrongTokensError     too many wrong tokens from one address (429)
    |- UnknownTokenError           no access token has this id (404)
    `- BusyError                   too many open connections of one sort (503)
"""

from linearity.errors import LinearScopeError


class RunNotFoundError(LinearScopeError):
    """No run has this id."""

    code = "run_not_found"

    def __init__(self, run_id: str) -> None:
        super().__init__(
            f"there is no run {run_id[:40]!r}",
            next_step="Look at GET /api/v1/runs, or start it with POST /api/v1/runs.",
        )


class RunNotFinishedError(LinearScopeError):
    """The run exists and has no result to show yet."""

    code = "run_not_finished"


class FilesNotHereError(LinearScopeError):
    """Files that a run made, and that are not on this server."""

    code = "files_not_here"


class NotReadyError(LinearScopeError):
    """A model or dataset is still being received or inspected."""

    code = "not_ready"
    retryable = True


class QuarantinedError(LinearScopeError):
    """The run killed its worker too often to be tried again unasked."""

    code = "quarantined"


class AlreadyFinishedError(LinearScopeError):
    """The run is over, so there is nothing to cancel."""

    code = "already_finished"


class BuiltinProtectedError(LinearScopeError):
    """A built-in model or dataset, which is not deleted."""

    code = "builtin_protected"


class DoesNotFitError(LinearScopeError):
    """The run needs more memory than the machine has."""

    code = "does_not_fit"


class TooLargeError(LinearScopeError):
    """A request body over the limit."""

    code = "too_large"


class HeadersTooLargeError(LinearScopeError):
    """Request headers over the limit."""

    code = "headers_too_large"


class AddressTooLongError(LinearScopeError):
    """An address over the limit."""

    code = "address_too_long"


class UnsupportedMediaTypeError(LinearScopeError):
    """A body that is not uncompressed application/json."""

    code = "unsupported_media_type"


class UnsupportedFileError(LinearScopeError):
    """A file of a kind that is never read: pickle, archive, another format, code."""

    code = "unsupported_file"


class UnknownUploadError(LinearScopeError):
    """No file is being received at this address, or it is somebody else's."""

    code = "unknown_upload"

    def __init__(self) -> None:
        super().__init__(
            "no file is being received at this address",
            next_step="Declare the upload again; a known one answers with its addresses.",
        )


class UploadConflictError(LinearScopeError):
    """Bytes that do not follow on those that are here already."""

    code = "upload_conflict"
    retryable = True


class UploadExpiredError(LinearScopeError):
    """An upload that was given up because no byte came for days."""

    code = "upload_expired"


class ChecksumMismatchError(LinearScopeError):
    """Bytes that arrived are not those that were sent; they were discarded."""

    code = "checksum_mismatch"
    retryable = True


class UploadProtocolError(LinearScopeError):
    """A request that tus 1.0 does not allow."""

    code = "upload_protocol"


class HostNotAllowedError(LinearScopeError):
    """A Host header that this server does not answer to."""

    code = "host_not_allowed"


class CrossSiteRefusedError(LinearScopeError):
    """A browser sent an unsafe request on behalf of another site."""

    code = "cross_site_refused"


class ShareNotFoundError(LinearScopeError):
    """No share link has this address; the address is not repeated, it may be nearly right."""

    code = "share_not_found"

    def __init__(self) -> None:
        super().__init__(
            "there is no share link at this address",
            next_step="Copy the whole link again, or ask whoever sent it.",
        )


class ShareEndedError(LinearScopeError):
    """A share link that was there and is no more."""

    code = "share_ended"

    def __init__(self, *, expired: bool) -> None:
        super().__init__(
            "this share link has expired" if expired else "this share link was withdrawn",
            next_step="Ask whoever sent it for a new one.",
            reason="expired" if expired else "withdrawn",
        )


class TooManyGuessesError(LinearScopeError):
    """Too many addresses of share links that do not exist, from one client."""

    code = "too_many_guesses"
    retryable = True

    def __init__(self, *, retry_after: int) -> None:
        super().__init__(
            "too many share links that do not exist were asked for",
            next_step=f"Wait {retry_after} seconds.",
            retry_after=retry_after,
        )


class TooManyRequestsError(LinearScopeError):
    """Too many requests that change something, from one visitor within a minute."""

    code = "too_many_requests"
    retryable = True

    def __init__(self, *, limit: int, retry_after: int) -> None:
        super().__init__(
            f"more than {limit:,} requests that change something came within a minute",
            next_step=f"Wait {retry_after} seconds.",
            limit=limit,
            retry_after=retry_after,
        )


class UnauthorisedError(LinearScopeError):
    """No access token, or a wrong one."""

    code = "unauthorised"


class ForbiddenError(LinearScopeError):
    """The visitor is known and may not do this."""

    code = "forbidden"


class TooManyWrongTokensError(LinearScopeError):
    """Too many wrong tokens from one address within a minute."""

    code = "too_many_wrong_tokens"
    retryable = True

    def __init__(self, *, retry_after: int) -> None:
        super().__init__(
            "too many wrong tokens came from this address",
            next_step=f"Wait {retry_after} seconds, then try again with the right one.",
            retry_after=retry_after,
        )


class UnknownTokenError(LinearScopeError):
    """No access token has this id."""

    code = "unknown_token"


class BusyError(LinearScopeError):
    """A limit on simultaneous use is reached."""

    code = "busy"
    retryable = True
