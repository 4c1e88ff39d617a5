"""What a recogniser makes of a text, however the text is cut into pieces."""

from collections.abc import Iterable

from adapters.chat import FunctionSpec
from adapters.markup.offered import Offered
from adapters.markup.recogniser import Recogniser

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = (
    FunctionSpec(name="get_weather", parameters=CITY),
    FunctionSpec(name="get_time", parameters={"type": "object", "properties": {"zone": {"type": "string"}}}),
    FunctionSpec(
        name="book",
        parameters={
            "type": "object",
            "properties": {
                "nights": {"type": "integer"},
                "sea": {"type": "boolean"},
                "guests": {"type": "array", "items": {"type": "string"}},
                "note": {"type": ["string", "null"]},
                "price": {"anyOf": [{"type": "number"}, {"type": "null"}]},
                "class": {"enum": ["1", "2"]},
                "extras": {},
            },
        },
    ),
    FunctionSpec(name="get-odd_name2", parameters={}),
)
PARIS = ("get_weather", '{"city": "Paris"}')
ROME = ("get_weather", '{"city": "Rome"}')

Read = tuple[str, list[tuple[str, str]]]


def read(pieces: str | Iterable[str], *, bare: bool = True, cut: bool = False) -> Read:
    """The text that is left, and the calls. Checks what holds for all answers."""
    recogniser = Recogniser(Offered(TOOLS), bare=bare)
    chunks = []
    for piece in [pieces] if isinstance(pieces, str) else pieces:
        if recogniser.passes(piece):
            fed = recogniser.feed(piece)
            assert "".join(chunk.text for chunk in fed) == piece
            assert not any(chunk.tool_calls for chunk in fed)
        else:
            fed = recogniser.feed(piece)
        chunks += fed
    chunks += recogniser.end(cut=cut)
    fragments = [fragment for chunk in chunks for fragment in chunk.tool_calls]
    assert [fragment.index for fragment in fragments] == list(range(len(fragments)))
    assert {fragment.id for fragment in fragments} <= {None}
    assert recogniser.found == bool(fragments)
    assert all(bool(chunk.text) != bool(chunk.tool_calls) for chunk in chunks)
    calls = [(fragment.name or "", fragment.arguments) for fragment in fragments]
    return "".join(chunk.text for chunk in chunks), calls


def in_pieces(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def read_anyhow(text: str, *, bare: bool = True, cut: bool = False) -> Read:
    """The same, and that pieces of one and more characters make no difference."""
    whole = read(text, bare=bare, cut=cut)
    for size in (1, 2, 3, 5, 11):
        assert read(in_pieces(text, size), bare=bare, cut=cut) == whole
    return whole
