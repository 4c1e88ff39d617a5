"""docs/file-search.md keeps its word: its example is searched and cited, and its limits are those of the code."""

import re
from pathlib import Path
from typing import Any

import msgspec
import openai
import pytest

from config.settings import RetrievalSettings
from proxy.retrieval import documents, ole, parsing, pdf, sheets, texts, working
from proxy.retrieval.formats import SUPPORTED
from proxy.retrieval.vectors import MOST_CHUNKS
from proxy.runs import searching
from proxy.tools.file_search import WAITING_SECONDS
from tests.embeddings import embeddings
from tests.processes import ROOT, model_server, serving

PAGE = (ROOT / "docs/file-search.md").read_text(encoding="utf-8")
DEPRECATED = "ignore:(The Assistants API is deprecated in favor of the Responses API|deprecated)$:DeprecationWarning"


@pytest.mark.filterwarnings(DEPRECATED)
def test_the_example_is_searched_and_cited(tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    with (
        model_server() as upstream,
        serving(tmp_path / "data", upstream) as server,
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="unused", max_retries=0) as client,
    ):
        names: dict[str, Any] = {"client": client}
        exec(example, names)
        message: Any = {"role": "user", "content": "Please search for office."}
        run = client.beta.threads.create_and_run_poll(
            assistant_id=names["assistant"].id, thread={"messages": [message]}, poll_interval_ms=20
        )
        assert run.status == "completed"
        answer = client.beta.threads.messages.list(run.thread_id).data[0]
        (part,) = answer.content
        assert part.type == "text"
        assert part.text.annotations[0].text == "【4:0†handbook.txt】"


@pytest.mark.filterwarnings(DEPRECATED)
async def test_a_passage_is_found_by_its_meaning(tmp_path: Path) -> None:
    """By a search of the store and by a run, in a server that was told where the embeddings are."""
    async with embeddings() as server:
        environ = {
            "UNDERSTUDY_RETRIEVAL__EMBEDDINGS_MODEL": "words",
            "UNDERSTUDY_RETRIEVAL__EMBEDDINGS_URL": server.url,
        }
        with model_server() as upstream, serving(tmp_path / "data", upstream, environ=environ) as ours:
            async with openai.AsyncOpenAI(base_url=f"{ours.url}/v1", api_key="unused", max_retries=0) as client:
                stores = client.vector_stores
                store = await stores.create()
                file = ("garage.txt", b"An automobile needs oil.")
                read = await stores.files.upload_and_poll(vector_store_id=store.id, file=file, poll_interval_ms=50)
                assert read.status == "completed"
                found = await stores.search(store.id, query="vehicle")
                assert [each.filename for each in found.data] == ["garage.txt"]
                resources: Any = {"file_search": {"vector_store_ids": [store.id]}}
                assistant = await client.beta.assistants.create(
                    model="tiny", tools=[{"type": "file_search"}], tool_resources=resources
                )
                message: Any = {"role": "user", "content": "Please search for car."}
                run = await client.beta.threads.create_and_run_poll(
                    assistant_id=assistant.id, thread={"messages": [message]}, poll_interval_ms=20
                )
                answer = (await client.beta.threads.messages.list(run.thread_id)).data[0]
                (part,) = answer.content
                assert part.type == "text"
                assert part.text.annotations[0].text == "【4:0†garage.txt】"
        assert server.asked == [["An automobile needs oil."], ["vehicle"], ["car"]]
        assert any("by meaning with words, at" in line for line in ours.said)


@pytest.mark.parametrize(
    ("row", "limit"),
    [
        ("Results of a search", searching.DEFAULT_RESULTS),
        ("Tokens of all results of a turn", f"{searching.MOST_TOKENS:,}"),
        ("Queries of a search", searching.MOST_QUERIES),
        ("Turns of a run that search", searching.MOST_ROUNDS),
        ("Files that are still being read", int(WAITING_SECONDS)),
        ("Size of a text, `.html`, or the text in a `.doc`", ole.MOST_BYTES >> 20),
        ("Size of a text, `.html`, or the text in a `.doc`", texts.MOST_BYTES >> 20),
        ("Size of a `.docx`, `.pptx` or `.xlsx`, unpacked", documents.MOST_BYTES >> 20),
        ("Size of a `.docx`, `.pptx` or `.xlsx`, unpacked", f"{documents.MOST_ENTRIES:,}"),
        ("Pages of a PDF", f"{pdf.MOST_PAGES:,}"),
        ("Rows of a sheet", f"{sheets.MOST_ROWS:,}"),
        ("Cells of an `.xlsx`, with empty ones before others in their row", f"{sheets.MOST_CELLS:,}"),
        ("Characters of a document", f"{parsing.MOST_CHARACTERS:,}"),
        ("Tokens of a file", f"{RetrievalSettings().max_file_tokens:,}"),
        ("Time until there is something to save", RetrievalSettings().file_timeout_seconds),
        ("Memory of the process that reads", working.MOST_MEMORY >> 30),
    ],
)
def test_limits(row: str, limit: object) -> None:
    (told,) = re.findall(rf"^\| {re.escape(row)} \| (.*) \|$", PAGE, re.MULTILINE)
    assert re.search(rf"\b{limit}\b", told)


def test_files_that_are_read() -> None:
    (told,) = re.findall(r"^By the end of their name: (.*)\.$", PAGE, re.MULTILINE)
    assert told.split() == [f"`{extension}`" for extension in sorted(SUPPORTED)]


def test_how_it_searches() -> None:
    assert f"more than {MOST_CHUNKS:,} passages" in PAGE
    (settings,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    given = msgspec.toml.decode(settings, type=dict[str, RetrievalSettings])
    assert given["retrieval"].embeddings_model == "bge-m3"
