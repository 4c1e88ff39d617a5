"""The HTML report: one file that needs nothing, in which nothing that came is anything but text."""

import re
from collections import Counter
from html.parser import HTMLParser

import pytest

from compat_tests.report import html
from tests.compat.report.reports import COUNTS, EMPTY, EVIL, REPORT, a_report, a_result, asked

VOID = {"meta", "input"}


class Page(HTMLParser):
    """What a browser would make of it: elements that are closed as they were opened, and the text in them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, *each) for each in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def classes(self, tag: str) -> Counter[str]:
        found = [value or "" for name, key, value in self.attributes if name == tag and key == "class"]
        return Counter(each for value in found for each in value.split())


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(html.rendered(REPORT))


def test_what_came_is_text(page: Page) -> None:
    assert page.tags["script"] == 0
    assert page.text.count('<script>alert("x")</script>&amp;') >= 10
    # as JSON, in a body
    assert 'alert(\\"x\\")' in page.text


def test_it_needs_nothing_else(page: Page) -> None:
    assert page.tags.keys() & {"script", "link", "img", "iframe", "object", "embed", "form", "base"} == set()
    assert [(key, value) for _, key, value in page.attributes if key in {"src", "onclick", "onload", "style"}] == []
    links = [value or "" for _, key, value in page.attributes if key == "href"]
    assert links
    assert all(link.startswith("#") for link in links)
    style = html.rendered(REPORT).partition("<style>")[2].partition("</style>")[0]
    assert not re.search(r"url\(|@import|https?:", style)
    assert "prefers-color-scheme: dark" in style


def test_counts(page: Page) -> None:
    results = page.classes("details")
    assert {outcome: results[outcome] for outcome in COUNTS} == COUNTS
    labels = [f"{number} {outcome}" for outcome, number in COUNTS.items()]
    for label in labels:
        assert label in page.text
    boxes = {value for tag, key, value in page.attributes if tag == "input" and key == "id"}
    assert boxes == {f"show-{outcome}" for outcome in COUNTS}


def test_differences_are_rows(page: Page) -> None:
    rows = page.classes("tr")
    assert rows["failed"] == 2
    assert rows["accepted"] == rows["why"] == 2
    assert "body.name" in page.text
    assert page.text.count("Nobody counts here.") == 3, "with each difference, and in the sum"
    assert "It was otherwise then." in page.text


def test_every_link_leads_somewhere(page: Page) -> None:
    places = {value for _, key, value in page.attributes if key == "id"}
    assert {(value or "")[1:] for _, key, value in page.attributes if key == "href"} <= places


def test_nothing_came() -> None:
    page = Page(html.rendered(EMPTY))
    assert "Interrupted after 0 of 3." in page.text
    assert "Conformance: nothing" in page.text


def test_what_is_long_is_shortened() -> None:
    long = "word " * 10_000
    right = html.rendered(a_report(a_result("threads/long", "passed", asked=(asked(body={"text": long}),))))
    assert len(right) < 20_000
    assert "characters more" in right


def test_bytes_and_what_was_not_recorded_are_words(page: Page) -> None:
    assert "200 bytes: b'\\x00\\xff" in page.text
    assert "(a body that was not recorded)" in page.text
    assert "no answer" in page.text
    assert EVIL in page.text
