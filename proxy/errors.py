"""What the API answers when it refuses: one tree, with status, type, code and param.

APIError
 ├─ InvalidRequest        400  invalid_request_error
 │   ├─ ThreadIsBusy      400  (never 409: the official clients would try again by themselves)
 │   ├─ NotAuthorized     401
 │   ├─ Forbidden         403
 │   ├─ NotFound          404
 │   ├─ MethodNotAllowed  405
 │   ├─ TooLarge          413
 │   └─ NoSuchRange       416
 └─ ServerFault           500  server_error
     ├─ BadGateway        502
     ├─ Overloaded        503
     ├─ GatewayTimedOut   504
     └─ OutOfSpace        507  (with `x-should-retry: false`, which the official clients heed)

Anyone may raise these; only `proxy.api` turns them into JSON. Retried statuses (408, 409, 429, 5xx) are never
used for a failure that a retry cannot mend: the official clients retry them without asking.
"""

from typing import ClassVar


class APIError(Exception):
    """An answer with an error body. `message` is read, and matched, by clients."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code


class InvalidRequest(APIError):
    status = 400
    type = "invalid_request_error"


class ThreadIsBusy(InvalidRequest):
    """The thread is locked by its active run."""

    def __init__(self, message: str, *, run_id: str) -> None:
        super().__init__(message)
        self.run_id = run_id


class NotAuthorized(InvalidRequest):
    status = 401


class Forbidden(InvalidRequest):
    status = 403


class NotFound(InvalidRequest):
    status = 404


class MethodNotAllowed(InvalidRequest):
    status = 405


class TooLarge(InvalidRequest):
    status = 413


class NoSuchRange(InvalidRequest):
    status = 416


class ServerFault(APIError):
    pass


class BadGateway(ServerFault):
    status = 502


class Overloaded(ServerFault):
    status = 503


class GatewayTimedOut(ServerFault):
    status = 504


class OutOfSpace(ServerFault):
    """The disk is full, and remains so until somebody does something about it."""

    status = 507


def not_found(what: str, id: str) -> NotFound:
    """`No thread found with id 'thread_x'.`: the literal that clients match."""
    return NotFound(f"No {what} found with id '{id}'.")
