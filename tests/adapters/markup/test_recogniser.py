"""What is no call is text, letter for letter, and as early as it can be known."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.chat import Chunk, FunctionSpec
from adapters.markup.forms import CLOSERS
from adapters.markup.offered import Offered
from adapters.markup.recogniser import Recogniser
from tests.adapters.markup.reading import PARIS, ROME, TOOLS, in_pieces, read, read_anyhow
from tests.adapters.markup.test_forms import BARE, MARKED

ALL = {**MARKED, **BARE}

NO_CALLS = [
    "Hello there.",
    "  \n",
    "if a < b and c[0] < d: print([1, 2])",
    "<p>Use <tool_calls> or <tool_call> for it</p>",
    "<tool_call>",
    "[TOOL_CALLS]",
    "<function=",
    "<function=get_weather>",
    "<function=get_weather_now>{}</function>",
    "<function=get_weather>Paris</function>",
    "<function=get_weather><parameter=city",
    "<function=get_weather><parameter=city>Par",
    "<function=get_weather><parameter=a\nb>1</parameter></function>",
    "<|python_tag|>print('hello')",
    "[TOOL_CALLS]get_weather",
    "[TOOL_CALLS]get_weather[1]",
    '[TOOL_CALLS]forecast{"city": "Paris"}',
    '<tool_call>\n{"name{"name{"name{""}}\n</tool_call>',
    '<tool_call>{"name": "forecast", "arguments": {"city": "Paris"}}</tool_call>',
    '<tool_call>{"name": "get_weather", "arguments": "Paris"}</tool_call>',
    '<tool_call>{"name": "get_weather", "arguments": ["Paris"]}</tool_call>',
    '<tool_call>{"name": "get_weather", "arguments": Infinity}</tool_call>',
    '<tool_call>{"name": "get_weather", "arguments": {"city": "Par',
    '<tool_call>{"name": "get_weather", "arguments": {"city": \'Paris\'}}</tool_call>',
    '<tool_call>{"name": "get_weather", "arguments": {"city": 01}}</tool_call>',
    '<tool_call>{"name": "get_weather", "arguments": {"city": "\\ud800"}}</tool_call>',
    '<tool_call>{"name": "get_weather", "arguments": {"city": "Paris"}]</tool_call>',
    '<tool_call>{"name": "get_weather", "arguments": {"city" "Paris"}}</tool_call>',
    '<tool_call>{"name": "get_weather" "arguments": {}}</tool_call>',
    '<tool_call>{"name": "get_weather", "arguments": [1, 2}}</tool_call>',
    '<tool_call>{"name": null}</tool_call>',
    "<tool_call>{}</tool_call>",
    "<tool_call>[]</tool_call>",
    '<tool_call>[{"name": "get_time"}; {"name": "get_time"}]</tool_call>',
    '[{"name": "get_weather", "arguments": {"city": "Paris"}}, {"name": "forecast", "arguments": {}}]',
    '{"name": "get_weather"}',
    '{"name": "get_weather", "parameters": null}',
    '{"name": "get_weather", "parameters": {}, "source": "a form"}',
    '{"name": "Paris", "parameters": {}}',
    '{"kind": "a", "name": "get_weather", "arguments": {}}',
    "{}",
    "[]",
    "[1, 2, 3]",
    "[get_weather](https://example.com)",
    "[get_weather]",
    "[get_weathers()]",
    '[get_weather("Paris")]',
    "[get_weather(**{'city': 'Paris'})]",
    "[get_weather(city=open('/etc/passwd').read())]",
    "[get_weather(city=f'{1}')]",
    "[get_weather(city=b'Paris')]",
    "[get_weather(city=1j)]",
    "[get_weather(city={1: 2})]",
    "[get_weather(city={**{}})]",
    "[get_weather(city=2 ** 99)]",
    "[get_weather(city='Paris'])",
    "[get_weather(city='Paris') get_time()]",
    "[get_weather(city='a\nb')]",
    "[get_weather(city=1 # '\n) + get_time(zone='2')]",
    "[get_weather(city=\0)]",
    "[get_weather(city='\\ud800')]",
    "[get_weather(city=" + "(" * 300 + ")" * 300 + ")]",
    "{" * 2000,
    '{"function": ' * 2000,
    '<tool_call>{"function": {"function": {"name": "get_time", "arguments": {}}}}</tool_call>',
]


@pytest.mark.parametrize("text", NO_CALLS, ids=lambda text: text[:60])
def test_what_is_no_call_is_text(text: str) -> None:
    assert read_anyhow(text) == (text, [])


@pytest.mark.parametrize("text", [text for text in NO_CALLS if not text.startswith(("<", "["))], ids=lambda t: t[:60])
def test_cut_off_it_is_text_too(text: str) -> None:
    if '"name": "get_weather"' not in text:
        assert read_anyhow(text, cut=True) == (text, [])


def test_deep_json_is_text_and_nothing_worse() -> None:
    deep = '<tool_call>{"name": "get_weather", "arguments": ' + '{"a":' * 20_000 + "1" + "}" * 20_001
    assert read(in_pieces(deep, 50)) == (deep, [])


@pytest.mark.parametrize(
    ("beginning", "end"),
    [("<tool_call>[get_time(", "}"), ("<function=get_time><parameter=zone>", "<parameter=\n"), ("<tool_call>", "")],
)
@pytest.mark.parametrize("size", [7, 10**6])
def test_text_that_fails_at_the_end_of_all_from_each_of_its_beginnings(beginning: str, end: str, size: int) -> None:
    """It takes a moment, not hours; and what is far too much to be a call is not looked for any more."""
    text = beginning * 5_000 + end + MARKED["hermes"][0]
    left, calls = read(in_pieces(text, size), bare=False)
    assert (left, calls) in [(text, []), (text.removesuffix(MARKED["hermes"][0]), [PARIS])]
    assert bool(calls) == (end == "")


def test_a_call_behind_one_that_is_broken() -> None:
    broken = '<tool_call>{"name": "get_weather", "arguments": {"city": "Par}}</tool_call>\n'
    markup, calls = MARKED["hermes"]
    assert read_anyhow(broken + markup) == (broken, calls)
    assert read_anyhow(f"<tool_call>{markup}") == ("<tool_call>", calls)
    assert read_anyhow(f"<{markup}") == ("<", calls)


def test_forms_may_be_mixed() -> None:
    hermes, mistral, llama = MARKED["hermes"][0], MARKED["mistral 11"][0], MARKED["llama 3, marked"][0]
    assert read_anyhow(f"{hermes}\n{mistral} {llama}") == ("", [PARIS, PARIS, ROME, PARIS])
    assert read_anyhow(f"{BARE['llama 3'][0]}\n{hermes}") == ("", [PARIS, PARIS])
    assert read_anyhow(f"{BARE['llama 3'][0]}; and so on") == ("; and so on", [PARIS])


@pytest.mark.parametrize(
    ("before", "held"),
    [
        ("", "<tool_b"),
        ("a ", "<toolb"),
        ("<", "<b"),
        ("", "[TOOLS"),
        ("x = y", "[1"),
        ("", "[l"),
        ("", "[get_weak"),
        ("", "[get_weather]"),
        ("", '{"an'),
        ("\n", '{"name": "A'),
        ("", '{"name": "get_weathers'),
        ("", '{"name": 5'),
        ("", "{1"),
        ("", "<tool_call>x"),
        ("<tool_call>x", "<tool_call>x"),
        ("", "<tool_call>\n\n{'"),
        ("", '<tool_call>{"name": "f'),
        ("", '<tool_call>{"a": +'),
        ("", '<tool_call>{"a": ni'),
        ("", '<tool_call>{"a": "b" :'),
        ("", "<function=f"),
        ("", "<|python_tag|>i"),
    ],
)
def test_text_is_held_back_until_it_can_be_nothing_but_text(before: str, held: str) -> None:
    recogniser = Recogniser(Offered(TOOLS), bare=True)
    out = text_of(recogniser.feed(before)) if before else ""
    for char in held[:-1]:
        out += text_of(recogniser.feed(char))
        assert out == before
    assert text_of(recogniser.feed(held[-1])) == held


def text_of(chunks: list[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


def test_plain_text_is_given_back_as_it_came() -> None:
    recogniser = Recogniser(Offered(TOOLS), bare=False)
    for piece in ("Hello", " there", "\n\n", '{"a": 1}'):
        assert recogniser.passes(piece)
        (chunk,) = recogniser.feed(piece)
        assert chunk.text == piece
    assert not recogniser.passes("a <")
    assert not recogniser.passes("x[0]")


def test_calls_are_numbered_by_whoever_knows_of_others() -> None:
    numbers = iter([4, 7])
    recogniser = Recogniser(Offered(TOOLS), bare=False, new_index=lambda: next(numbers))
    chunks = recogniser.feed(MARKED["hermes, several"][0])
    assert [fragment.index for chunk in chunks for fragment in chunk.tool_calls] == [4, 7]


TEXTS = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from(
            [*CLOSERS, "</tool_call>", "</function>", "<parameter=x>", "</parameter>", "[ARGS]", "\n", " "]
        ),
        st.sampled_from(
            ['{"name": "', '", "arguments": {', "}", "]", "[", "(", ")", "=", '"', "'", "\\", ",", ";", ":"]
        ),
    ),
    max_size=12,
).map("".join)
WITH_NAMES = st.lists(
    st.one_of(
        TEXTS, st.sampled_from([tool.name for tool in TOOLS]), st.sampled_from([case[0] for case in ALL.values()])
    ),
    max_size=5,
).map("".join)


def cut_at_random(data: st.DataObject, text: str) -> list[str]:
    ends = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    return [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True)]


@settings(max_examples=200)
@given(text=TEXTS, bare=st.booleans(), data=st.data())
def test_without_the_name_of_a_function_all_is_text(text: str, bare: bool, data: st.DataObject) -> None:
    assert read(cut_at_random(data, text), bare=bare) == (text, [])


@settings(max_examples=200)
@given(text=WITH_NAMES, bare=st.booleans(), cut=st.booleans(), data=st.data())
def test_pieces_make_no_difference(text: str, bare: bool, cut: bool, data: st.DataObject) -> None:
    left, calls = read(cut_at_random(data, text), bare=bare, cut=cut)
    assert (left, calls) == read(text, bare=bare, cut=cut)
    for name, arguments in calls:
        assert name in {tool.name for tool in TOOLS}
        assert isinstance(msgspec.json.decode(arguments), dict)
    letters = iter(text)
    assert all(letter in letters for letter in left)  # nothing is added, and nothing changes places


@settings(max_examples=100)
@given(
    arguments=st.dictionaries(
        st.text(max_size=5),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(2**63), 2**63)
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
            max_leaves=6,
        ),
        max_size=3,
    ),
    data=st.data(),
)
def test_any_arguments_come_through_unchanged(arguments: dict[str, object], data: st.DataObject) -> None:
    encoded = msgspec.json.encode(arguments).decode()
    body = f'{{"name": "get_weather", "arguments": {encoded}}}'
    form = data.draw(
        st.sampled_from([f"<tool_call>\n{body}\n</tool_call>", body, f"[{body}]", f"[TOOL_CALLS]get_weather{encoded}"])
    )
    assert read(cut_at_random(data, form)) == ("", [("get_weather", encoded)])


def test_a_call_of_a_function_that_was_not_offered_is_text() -> None:
    recogniser = Recogniser(Offered((FunctionSpec(name="f", parameters={}),)), bare=True)
    text = MARKED["hermes"][0]
    assert text_of([*recogniser.feed(text), *recogniser.end(cut=False)]) == text
