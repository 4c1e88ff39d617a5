"""What the bare model server answers is written in the model's name, so one process plays every measurement."""

from typing import Literal

from msgspec import Struct

Pace = Literal["turn", "burst"]


class Script(Struct, frozen=True, kw_only=True):
    """An answer: so many chunks of one token, the first after a delay, and `every_ms` another.

    `turn` writes each chunk on a turn of the event loop of its own, as a server whose tokens come from elsewhere must;
    `burst` writes them one after the other as fast as the socket takes them, which no model does.
    """

    tokens: int = 1
    pace: Pace = "turn"
    delay_ms: int = 0
    every_ms: int = 0
    context: int = 1_000_000

    @property
    def name(self) -> str:
        return f"bench-{self.pace}-{self.tokens}-{self.delay_ms}-{self.every_ms}-{self.context}"

    @classmethod
    def of(cls, name: str) -> "Script":
        _, pace, tokens, delay_ms, every_ms, context = name.split("-")
        return cls(
            tokens=int(tokens),
            pace="burst" if pace == "burst" else "turn",
            delay_ms=int(delay_ms),
            every_ms=int(every_ms),
            context=int(context),
        )
