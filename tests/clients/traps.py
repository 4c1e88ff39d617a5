"""What breaks clients on a server that is not quite compatible, and the tests that hold each of it.

Read off the sources and the requests of the official clients and of frameworks on top of them; most hurtful first.
Scenarios are played by every client of the matrix that can.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Trap:
    what: str
    tests: tuple[str, ...] = ()
    """`file::function`, or a case of the conformance suite."""
    scenarios: tuple[str, ...] = ()


TRAPS: Final = {
    1: Trap(
        what="The answer to submitted outputs still says requires_action: loops that re-read at once submit twice.",
        tests=("tests/sdk/test_runs.py::test_the_answer_to_outputs_is_the_run_that_goes_on",),
        scenarios=("tools_polled",),
    ),
    2: Trap(
        what="A run is completed before its message and step can be listed, or messages of one second are shuffled.",
        tests=(
            "tests/store/test_paging.py::test_what_was_created_in_one_second_keeps_its_order",
            "tests/sdk/test_objects.py::test_paging_through",
        ),
        scenarios=("chat", "poll_helpers", "paging"),
    ),
    3: Trap(
        what="Null is refused where a field may be left out, or does not clear it; tools [] and absent are the same.",
        tests=(
            "tests/operations/test_assistants.py::test_null_is_the_same_as_absent",
            "tests/operations/test_assistants.py::test_an_update_clears_what_is_null",
            "compat_tests/cases/runs/nulls-are-as-if-left-out.json",
            "compat_tests/cases/tools/no-tools-of-its-own.json",
        ),
        scenarios=("nulls",),
    ),
    4: Trap(
        what="An error has other words, another status or another shape; an id has other characters than letters.",
        tests=(
            "tests/sdk/test_errors.py::test_a_locked_thread",
            "tests/sdk/test_errors.py::test_outputs_that_do_not_fit",
            "tests/sdk/test_errors.py::test_what_is_not_there",
        ),
        scenarios=("errors", "chat"),
    ),
    5: Trap(
        what="Events of a stream come in another order, without what clients assert, or stop without an end.",
        tests=(
            "tests/streams/test_frames.py::test_every_frame",
            "tests/streams/test_node_client.py::test_the_assistant_stream",
            "tests/sdk/test_sequences.py::test_function_calls_and_their_outputs",
        ),
        scenarios=("stream", "tools_streamed", "create_and_run"),
    ),
    6: Trap(
        what="A request without OpenAI-Beta, or with that of version 1, is refused.",
        tests=(
            "tests/api/test_versions.py::test_no_header_at_all",
            "tests/api/test_versions.py::test_the_header",
            "tests/api/test_versions.py::test_an_assistant",
        ),
    ),
    7: Trap(
        what="A key in another header, an empty organization, or an api-version in the query is not understood.",
        tests=(
            "tests/api/test_authorization.py::test_where_a_key_may_be",
            "tests/api/test_azure.py::test_an_operation",
        ),
        scenarios=("keys", "base_urls"),
    ),
    8: Trap(
        what="Pages have another size or order, the page after the last is an error, unknown parameters are refused.",
        tests=(
            "tests/sdk/test_objects.py::test_pages",
            "tests/store/test_paging.py::test_an_empty_list",
            "tests/store/test_paging.py::test_the_parameters_have_the_defaults_of_the_api",
            "compat_tests/cases/lists/unknown-query.json",
        ),
        scenarios=("paging",),
    ),
    9: Trap(
        what="A POST without a body, or with a length of 0 and the type of JSON, fails; unknown fields make a fault.",
        tests=(
            "tests/sdk/test_sequences.py::test_empty_bodies",
            "tests/api/test_decoding.py::test_a_body_may_be_empty_where_nothing_is_required",
            "compat_tests/cases/errors/unknown-parameters.json",
        ),
        scenarios=("cancel",),
    ),
    10: Trap(
        what="Settings of a run reach a model server that refuses them as they are.",
        tests=(
            "tests/adapters/test_dialect.py::test_only_what_was_set_is_sent",
            "tests/adapters/test_dialect.py::test_no_field_is_ever_null_or_empty",
            "tests/runs/test_prompt.py::test_a_choice_without_functions_is_not_sent",
            "compat_tests/cases/runs/defaults-do-not-reach-the-model.json",
        ),
    ),
    11: Trap(
        what="A function's name with a hyphen is refused, or what was fetched when it is sent back.",
        tests=(
            "tests/operations/test_assistants.py::test_tools_are_answered_in_full_and_accepted_again",
            "compat_tests/cases/tools/tools-come-back.json",
        ),
        scenarios=("nulls", "tools_polled"),
    ),
    12: Trap(
        what="Parallel calls are in steps of their own, or their outputs must come in order.",
        tests=(
            "tests/runs/test_outputs.py::test_exactly_the_waiting_ids_in_any_order_match",
            "tests/runs/test_prompt.py::test_this_runs_rounds_follow_in_the_order_of_the_calls",
            "compat_tests/cases/tools/several-calls-at-once.json",
        ),
        scenarios=("tools_polled", "tools_streamed"),
    ),
    13: Trap(
        what="Usage is there too early or never, and times are no integers.",
        tests=(
            "tests/sdk/test_runs.py::test_steps_and_their_usage",
            "compat_tests/cases/runs/usage-comes-with-the-end.json",
        ),
        scenarios=("chat", "poll_helpers"),
    ),
    14: Trap(
        what="Helpers that fill vector stores wait for ever; attachments without a store, or for a tool that does not "
        "run here, are refused.",
        tests=(
            "tests/operations/test_vector_stores.py::test_the_first_attachment_makes_a_store_and_the_next_use_it",
            "tests/operations/test_hosted.py::test_attachments_are_kept_with_their_tools",
            "tests/api/test_middleware.py::test_poll_helpers_are_told_when_to_ask_again",
        ),
        scenarios=("files",),
    ),
    15: Trap(
        what="A cancelled run goes on, or holds its thread; so does one whose client hung up.",
        tests=(
            "tests/sdk/test_runs.py::test_cancel_while_it_is_streamed",
            "tests/sdk/test_runs.py::test_a_client_that_leaves_its_stream",
        ),
        scenarios=("cancel", "leaving"),
    ),
    16: Trap(
        what="An answer has no x-request-id, a stream has another type or is held back.",
        tests=(
            "tests/sdk/test_errors.py::test_headers_of_an_answer",
            "tests/api/test_middleware.py::test_every_answer_has_the_headers_of_the_real_service",
        ),
    ),
    17: Trap(
        what="The address is that of the whole process: other requests go there too, and it may lack /v1.",
        tests=(
            "tests/sdk/test_errors.py::test_base_addresses",
            "tests/sdk/test_objects.py::test_the_models",
            "tests/api/test_passthrough.py::test_a_request_goes_on_as_it_came",
        ),
        scenarios=("base_urls", "passthrough"),
    ),
}
