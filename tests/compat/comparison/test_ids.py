"""The map of ids: learnt where they stand, translated everywhere, and contradictions told."""

import pytest

from compat_tests.comparison.ids import Ids
from tests.compat.comparison.builders import a_message, a_run, a_step, an_id, renamed

THEIRS, OURS = an_id("thread", "a"), an_id("thread", "Z")


def learnt(*pairs: tuple[str, str]) -> Ids:
    ids = Ids()
    for pair in pairs:
        assert ids.meet(*pair) is None
    return ids


def test_ids_are_learnt_wherever_they_stand() -> None:
    ids = Ids()
    ids.learn([a_message(), {"file_ids": [an_id("file", "a")]}], [renamed(a_message()), {"file_ids": ["file-Z"]}])
    ids.learn(a_step(), renamed(a_step()))
    assert ids.conflicts == []
    assert ids.live(an_id("msg", "a")) == an_id("msg", "A")
    assert ids.live(an_id("msg", "b")) == an_id("msg", "B")
    assert ids.live(an_id("file", "a")) == "file-Z"
    assert ids.recorded(an_id("run", "A")) == an_id("run", "a")
    assert ids.live(an_id("asst", "a")) == an_id("asst", "A")
    assert ids.live("nobody") is None


def test_translation_is_everywhere() -> None:
    ids = learnt((THEIRS, OURS), (an_id("file", "a"), an_id("file", "Z")))
    body = {"thread_id": THEIRS, "text": f"See {THEIRS}, and {an_id('file', 'a')}.txt", "n": 1, "deep": [[THEIRS]]}
    assert ids.translate(body) == {
        "thread_id": OURS,
        "text": f"See {OURS}, and {an_id('file', 'Z')}.txt",
        "n": 1,
        "deep": [[OURS]],
    }
    assert ids.translate(f"/v1/threads/{THEIRS}/runs") == f"/v1/threads/{OURS}/runs"
    assert ids.translate((("after", THEIRS),)) == (("after", OURS),)
    assert ids.translate(an_id("run", "a")) == an_id("run", "a")


def test_an_id_that_is_part_of_a_longer_one_is_not_it() -> None:
    ids = learnt((THEIRS, OURS))
    assert ids.translate(f"{THEIRS}a") == f"{THEIRS}a"
    assert ids.translate(f"x{THEIRS}") == f"x{THEIRS}"


def test_one_recorded_id_is_one_live_id() -> None:
    ids = learnt((THEIRS, OURS))
    assert ids.meet(THEIRS, OURS) is None
    assert ids.meet(THEIRS, an_id("thread", "Y")) == "another object than before"
    assert ids.meet(an_id("thread", "b"), OURS) == "the same object as another one before"
    assert ids.live(THEIRS) == OURS


def test_contradictions_are_told_with_their_place_and_without_ids() -> None:
    ids = learnt((THEIRS, OURS))
    ids.learn({"deep": [{"thread_id": THEIRS}]}, {"deep": [{"thread_id": an_id("thread", "Y")}]})
    assert ids.conflicts == ["body.deep[0].thread_id: another object than before"]


def test_masked_ids_are_ids() -> None:
    live = an_id("asst", "Z")
    ids = learnt(("asst_abc", live))
    assert ids.translate("/v1/assistants/asst_abc") == f"/v1/assistants/{live}"
    assert (
        ids.translate("No assistant found with id 'asst_abc'.") == f"No assistant found with id '{an_id('asst', 'Z')}'."
    )


def test_one_masked_id_for_everything() -> None:
    run, assistant = an_id("run", "Z"), an_id("asst", "Z")
    ids = Ids()
    masked = a_run() | {"id": "sanitized", "thread_id": "sanitized", "assistant_id": "sanitized"}
    ids.learn(masked, a_run() | {"id": run, "thread_id": OURS, "assistant_id": assistant})
    assert ids.conflicts == []
    assert ids.translate("/v1/threads/sanitized/runs/sanitized") == f"/v1/threads/{OURS}/runs/{run}"
    assert ids.translate({"thread_id": "sanitized", "assistant_id": "sanitized"}) == {
        "thread_id": OURS,
        "assistant_id": assistant,
    }
    assert ids.translate({"id": "sanitized", "object": "thread.run"}) == {"id": run, "object": "thread.run"}
    assert ids.translate("A word that is sanitized.") == "A word that is sanitized."


def test_of_a_masked_id_the_latest_of_its_kind_is_meant() -> None:
    ids = learnt(("msg_x", an_id("msg", "Y")), ("msg_x", an_id("msg", "Z")))
    assert ids.live("msg_x", "msg") == an_id("msg", "Z")


@pytest.mark.parametrize("name", ["vsfb_ibj_" + "a" * 32, "upload_" + "b" * 32, "part_" + "c" * 32, "vs_" + "d" * 32])
def test_every_form_of_the_real_service_is_one_to_one(name: str) -> None:
    ids = learnt((name, "one"))
    assert ids.meet(name, "two") is not None
