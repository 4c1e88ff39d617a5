"""What a server refused once is not sent again, for a while."""

from adapters.efforts import SCALE
from adapters.learnt import REMEMBERED_SECONDS, Learnt


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_nothing_is_known_at_first() -> None:
    learnt = Learnt("http://x")
    assert learnt.takes_format("tiny", "json_schema")
    assert learnt.efforts("tiny", SCALE) == SCALE


def test_a_format_is_refused_by_model_and_type_for_a_while() -> None:
    clock = Clock()
    learnt = Learnt("http://x", now=clock)
    learnt.refuses_format("tiny", "json_object", "no")
    assert not learnt.takes_format("tiny", "json_object")
    assert learnt.takes_format("tiny", "json_schema")
    assert learnt.takes_format("other", "json_object")
    clock.now += REMEMBERED_SECONDS
    assert learnt.takes_format("tiny", "json_object")


def test_efforts_are_known_by_model_for_a_while() -> None:
    clock = Clock()
    learnt = Learnt("http://x", now=clock)
    learnt.takes_efforts("tiny", ("low",), "no")
    learnt.takes_efforts("dull", (), "no")
    assert learnt.efforts("tiny", SCALE) == ("low",)
    assert learnt.efforts("dull", SCALE) == ()
    assert learnt.efforts("other", SCALE) == SCALE
    clock.now += REMEMBERED_SECONDS
    assert learnt.efforts("tiny", SCALE) == SCALE
