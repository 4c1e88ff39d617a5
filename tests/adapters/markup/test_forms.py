"""How families of models write calls, one of each, cut into pieces of every size."""

import pytest

from tests.adapters.markup.reading import PARIS, ROME, read, read_anyhow

TIME = ("get_time", '{"zone": "UTC"}')

MARKED = {
    "hermes": ('<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>', [PARIS]),
    "hermes, several": (
        '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>\n \n'
        '<tool_call>{"name": "get_weather", "arguments": {"city": "Rome"}}</tool_call>\n',
        [PARIS, ROME],
    ),
    "hermes, arguments first": (
        '<tool_call>{"arguments": {"city": "Paris"}, "name": "get_weather"}</tool_call>',
        [PARIS],
    ),
    "hermes, no end": ('<tool_call>{"name": "get_weather", "arguments": {"city": "Paris"}}', [PARIS]),
    "hermes, half an end": ('<tool_call>{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool', [PARIS]),
    "hermes, two in one": (
        '<tool_call>{"name": "get_weather", "arguments": {"city": "Paris"}}\n'
        '{"name": "get_weather", "arguments": {"city": "Rome"}}</tool_call>',
        [PARIS, ROME],
    ),
    "granite 3": ('<tool_call>[{"name": "get_weather", "arguments": {"city": "Paris"}}]', [PARIS]),
    "phi 4": (
        '<|tool_call|>[{"name": "get_weather", "arguments": {"city": "Paris"}}, '
        '{"name": "get_time", "arguments": {"zone": "UTC"}}]<|/tool_call|>',
        [PARIS, TIME],
    ),
    "arguments in a string": (
        r'<tool_call>{"name": "get_weather", "arguments": "{\"city\": \"Paris\"}"}</tool_call>',
        [PARIS],
    ),
    "no arguments": ('<tool_call>{"name": "get_time"}</tool_call>', [("get_time", "{}")]),
    "null for arguments": ('<tool_call>{"name": "get_time", "arguments": null}</tool_call>', [("get_time", "{}")]),
    "further keys": (
        '<tool_call>{"id": 7, "x": [{"a": [1, -2.5e3, true, null]}, []], "name": "get_time", "arguments": {}}',
        [("get_time", "{}")],
    ),
    "as the API writes it": (
        '<tool_call>{"type": "function", "function": {"name": "get_weather", "arguments": {"city": "Paris"}}}',
        [PARIS],
    ),
    "the name as the function": (
        '<tool_call>{"function": "get_weather", "parameters": {"city": "Paris"}}</tool_call>',
        [PARIS],
    ),
    "lines in a string": (
        '<tool_call>{"name": "get_weather", "arguments": {"city": "St.\n\tJohn"}}</tool_call>',
        [("get_weather", r'{"city": "St.\u000a\u0009John"}')],
    ),
    "brackets, quotes and markers in a string": (
        r'<tool_call>{"name": "get_weather", "arguments": {"city": "}]\"</tool_call><tool_call>{\\"}}</tool_call>',
        [("get_weather", r'{"city": "}]\"</tool_call><tool_call>{\\"}')],
    ),
    "qwen3-coder": (
        "<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n</function>\n</tool_call>",
        [("get_weather", '{"city":"Paris"}')],
    ),
    "qwen3-coder, types": (
        "<tool_call>\n<function=book>\n<parameter=nights>\n3\n</parameter>\n<parameter=sea>\nTrue\n</parameter>\n"
        '<parameter=guests>\n["Ann", "Bo"]\n</parameter>\n<parameter=note>\nnull\n</parameter>\n'
        "<parameter=price>\n12.5\n</parameter>\n<parameter=class>\n2\n</parameter>\n<parameter=extras>\n3\n"
        "</parameter>\n<parameter=unknown>\n\n <b>two\nlines</b>\n\n</parameter>\n</function>\n</tool_call>",
        [
            (
                "book",
                '{"nights":3,"sea":true,"guests":["Ann","Bo"],"note":null,"price":12.5,"class":"2","extras":"3",'
                '"unknown":"\\n <b>two\\nlines</b>\\n"}',
            )
        ],
    ),
    "qwen3-coder, a value of another type": (
        "<function=book><parameter=nights>a few</parameter></function>",
        [("book", '{"nights":"a few"}')],
    ),
    "qwen3-coder, tags forgotten": (
        "<function=book>\n<parameter=nights>\n3\n<parameter=sea>\nfalse\n</function>\n</tool_call>",
        [("book", '{"nights":3,"sea":false}')],
    ),
    "qwen3-coder, no end": (
        "<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n",
        [("get_weather", '{"city":"Paris"}')],
    ),
    "qwen3-coder, two": (
        "<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n</function>\n"
        "<function=get_time>\n</function>\n</tool_call>",
        [("get_weather", '{"city":"Paris"}'), ("get_time", "{}")],
    ),
    "qwen3-coder, tags in a value": (
        "<function=get_weather><parameter=city><</p></param></parameter></function>",
        [("get_weather", '{"city":"<</p></param>"}')],
    ),
    "llama 3.1, a function of one's own": ('<function=get_weather>{"city": "Paris"}</function>', [PARIS]),
    "llama 3, marked": ('<|python_tag|>{"name": "get_weather", "parameters": {"city": "Paris"}}<|eom_id|>', [PARIS]),
    "llama 3, several": (
        '<|python_tag|>{"name": "get_weather", "parameters": {"city": "Paris"}}; '
        '{"name": "get_weather", "parameters": {"city": "Rome"}}\n{"name": "get_time", "parameters": {}}',
        [PARIS, ROME, ("get_time", "{}")],
    ),
    "llama 4": ('<|python_start|>[get_weather(city="Paris")]<|python_end|>', [("get_weather", '{"city":"Paris"}')]),
    "lfm 2": (
        '<|tool_call_start|>[get_weather(city="Paris")]<|tool_call_end|>',
        [("get_weather", '{"city":"Paris"}')],
    ),
    "mistral": ('[TOOL_CALLS] [{"name": "get_weather", "arguments": {"city": "Paris"}}]', [PARIS]),
    "mistral, several": (
        '[TOOL_CALLS][{"name":"get_weather","arguments":{"city": "Paris"}},'
        '{"name":"get_weather","arguments":{"city": "Rome"}}]',
        [PARIS, ROME],
    ),
    "mistral 11": ('[TOOL_CALLS]get_weather{"city": "Paris"}[TOOL_CALLS]get_weather{"city": "Rome"}', [PARIS, ROME]),
    "mistral 13": ('[TOOL_CALLS]get_weather[ARGS]{"city": "Paris"}', [PARIS]),
    "mistral 12": ('[TOOL_CALLS]get_weather[CALL_ID]a1b2[ARGS]{"city": "Paris"}', [PARIS]),
}

BARE = {
    "llama 3": ('{"name": "get_weather", "parameters": {"city": "Paris"}}', [PARIS]),
    "llama 3, several without": (
        '\n{"name": "get_weather", "parameters": {"city": "Paris"}}; '
        '{"type": "function", "name": "get_weather", "parameters": {"city": "Rome"}}',
        [PARIS, ROME],
    ),
    "in lines": ('{\n  "name": "get_weather",\n  "arguments": {"city": "Paris"}\n}\n', [PARIS]),
    "mistral without its marker": ('[{"name": "get_weather", "arguments": {"city": "Paris"}}]', [PARIS]),
    "pythonic": ('[get_weather(city="Paris")]', [("get_weather", '{"city":"Paris"}')]),
    "pythonic, several": (
        "[get_weather(city='Paris'), get_time(), get-odd_name2(x=1) ,]",
        [("get_weather", '{"city":"Paris"}'), ("get_time", "{}"), ("get-odd_name2", '{"x":1}')],
    ),
    "pythonic, every literal": (
        """ [book(nights=-3, sea=True, guests=["A)]}", 'B"(', "", '''it's''', "a\\"b"], note=None, """
        """price=(1.5, 2), extras={"a": {"b": false}, 'c': null, "d": true})]""",
        [
            (
                "book",
                '{"nights":-3,"sea":true,"guests":["A)]}","B\\"(","","it\'s","a\\"b"],"note":null,'
                '"price":[1.5,2],"extras":{"a":{"b":false},"c":null,"d":true}}',
            )
        ],
    ),
}


@pytest.mark.parametrize("form", MARKED)
@pytest.mark.parametrize("bare", [True, False])
def test_with_a_marker(form: str, bare: bool) -> None:
    markup, calls = MARKED[form]
    assert read_anyhow(markup, bare=bare) == ("", calls)


@pytest.mark.parametrize("form", BARE)
def test_without_one(form: str) -> None:
    markup, calls = BARE[form]
    text, found = read_anyhow(markup)
    assert (text.strip(), found) == ("", calls)


@pytest.mark.parametrize("form", BARE)
def test_without_one_where_the_server_has_a_parser(form: str) -> None:
    markup, _ = BARE[form]
    assert read_anyhow(markup, bare=False) == (markup, [])


@pytest.mark.parametrize("form", BARE)
def test_without_one_behind_text(form: str) -> None:
    markup, _ = BARE[form]
    assert read_anyhow(f"Look: {markup}") == (f"Look: {markup}", [])


@pytest.mark.parametrize("form", MARKED)
def test_between_texts(form: str) -> None:
    markup, calls = MARKED[form]
    if form in {"hermes, half an end", "qwen3-coder, no end"}:  # an end of the answer, or none
        return
    assert read_anyhow(f"Well, let me < see [1].\n\n{markup.strip()}\n Done <b>.") == (
        "Well, let me < see [1].\n\n\n Done <b>.",
        calls,
    )


@pytest.mark.parametrize(("form", "size"), [(form, size) for form in MARKED | BARE for size in (1, 1000)])
def test_cut_off_anywhere_it_is_no_text(form: str, size: int) -> None:
    """Whole calls stay; of the one that is cut, nothing does. What is too short to be told from text is text."""
    markup, calls = (MARKED | BARE)[form]
    for end in range(1, len(markup)):
        begun = markup[:end]
        text, found = read([begun[at : at + size] for at in range(0, end, size)], cut=True)
        assert found == calls[: len(found)]
        if form in MARKED:
            assert text in {"", begun[:1]}
        else:
            assert text.isspace() or text == "" or not found
            assert "(" not in text
            assert all(f'"{name}"' not in text for name, _ in calls)
