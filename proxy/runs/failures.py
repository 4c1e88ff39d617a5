"""From what a model server did to us to the run's `last_error`: one table, complete over the error tree."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from adapters.errors import (
    Broken,
    CannotCall,
    CannotSee,
    ContextTooLong,
    QuotaExhausted,
    RateLimited,
    Refused,
    SpokeNonsense,
    TimedOut,
    Unfaithful,
    UnknownModel,
    Unreachable,
    UpstreamError,
)
from proxy.schema.runs import LastError

Code = Literal["server_error", "rate_limit_exceeded", "invalid_prompt"]

# The first sentence of every server_error is the literal that the real service showed, and that clients match.
SORRY: Final = "Sorry, something went wrong."

FAILURES: Final[Mapping[type[UpstreamError], tuple[Code, str]]] = {
    Unreachable: ("server_error", f"{SORRY} The model server could not be reached."),
    TimedOut: ("server_error", f"{SORRY} The model server did not answer in time."),
    RateLimited: ("rate_limit_exceeded", "Rate limit reached for {model}: the model server asks to try again later."),
    ContextTooLong: ("invalid_prompt", "The prompt is longer than the context of {model}. {said}"),
    CannotCall: ("server_error", f"{SORRY} The model {{model}} cannot call tools as it is served: {{said}}"),
    CannotSee: (
        "invalid_prompt",
        "The model {model} cannot see images, and there is one in {images}. Choose a model that sees, or delete the "
        "message and say in words what the image shows.",
    ),
    QuotaExhausted: (
        "rate_limit_exceeded",
        "You exceeded your current quota, please check your plan and billing details. For more information on this "
        "error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
    ),
    UnknownModel: ("server_error", f"{SORRY} No model server has the model {{model}}."),
    Refused: ("server_error", f"{SORRY} The model server refused the request: {{said}}"),
    Broken: ("server_error", f"{SORRY} The model server failed: {{said}}"),
    SpokeNonsense: ("server_error", f"{SORRY} The model server's answer was cut off or could not be understood."),
    Unfaithful: ("server_error", f"{SORRY} The model {{model}} did not answer as it was asked to: {{said}}"),
}


def last_error(failure: UpstreamError, *, model: str, images: Sequence[str] = ()) -> LastError:
    """`images` are the ids of the messages that images were sent from."""
    for kind in type(failure).__mro__:
        if kind in FAILURES:
            code, words = FAILURES[kind]
            said = _first_line(failure.message)
            return LastError(code=code, message=words.format(model=model, said=said, images=_places(images)))
    return internal_error()


def internal_error() -> LastError:
    """A fault of ours; the log has the rest."""
    return LastError(code="server_error", message=SORRY)


def endless_search() -> LastError:
    return LastError(code="server_error", message=f"{SORRY} The model searched again and again, and did not answer.")


def failed_search(failure: Exception) -> LastError:
    """A vector store whose time is over is said in the words of the real service."""
    words = f"{SORRY} The model server failed." if isinstance(failure, UpstreamError) else str(failure)
    return LastError(code="server_error", message=words)


def for_step(error: LastError) -> LastError:
    """Steps know two codes only."""
    if error.code == "invalid_prompt":
        return LastError(code="server_error", message=error.message)
    return error


def _places(ids: Sequence[str]) -> str:
    match ids:
        case []:
            return "the prompt"
        case [id]:
            return f"message {id}"
        case [*most, last] if len(ids) <= 5:
            return f"each of the messages {', '.join(most)} and {last}"
        case _:
            return f"each of {len(ids)} messages, the last of them {ids[-1]}"


def _first_line(text: str) -> str:
    """Enough of a server's words to act on; the rest, which may show its files, is in the log."""
    line = text.strip().partition("\n")[0]
    return line if len(line) <= 300 else f"{line[:300]}…"
