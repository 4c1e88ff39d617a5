"""What model servers do to us, by kind. Raised by adapters only; aiohttp's exceptions do not leave this package.

UpstreamError
 ├─ Unreachable       no connection, or it broke before an answer began
 ├─ TimedOut          connected, then silence
 ├─ RateLimited       429, 503 and their like: try later
 ├─ Refused           a 4xx: the request itself was not liked
 │   ├─ ContextTooLong    the prompt does not fit the model
 │   ├─ CannotCall        tools were offered, and the model or its server knows none
 │   ├─ CannotSee         the prompt holds an image, and the model is blind
 │   ├─ QuotaExhausted    a hosted server wants money first: no use to try again
 │   └─ UnknownModel      no such model there
 ├─ Broken            a 5xx, or an error inside a stream
 ├─ SpokeNonsense     an answer that is not chat completions, or one cut off in the middle
 └─ Unfaithful        whole answers that were not what was asked for, also when it was asked for again
"""


class UpstreamError(Exception):
    """A model server failed us. `status` is its HTTP status where there was one."""

    def __init__(self, message: str, *, status: int | None = None, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.retry_after_seconds = retry_after_seconds


class Unreachable(UpstreamError):
    pass


class TimedOut(UpstreamError):
    pass


class RateLimited(UpstreamError):
    pass


class Refused(UpstreamError):
    pass


class ContextTooLong(Refused):
    pass


class CannotCall(Refused):
    pass


class CannotSee(Refused):
    pass


class QuotaExhausted(Refused):
    pass


class UnknownModel(Refused):
    pass


class Broken(UpstreamError):
    pass


class SpokeNonsense(UpstreamError):
    pass


class Unfaithful(UpstreamError):
    pass
