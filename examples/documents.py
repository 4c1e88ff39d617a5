"""Answer from documents, and say which ones.

    export OPENAI_BASE_URL=http://127.0.0.1:8020/v1 OPENAI_API_KEY=unused
    python examples/documents.py "What do the files say of a full disk?" docs/operating.md docs/keys.md

The documents are uploaded and searched by the server, and deleted from it in the end.
"""

import argparse
import warnings
from contextlib import ExitStack
from pathlib import Path

from openai import AssistantEventHandler, OpenAI
from openai.types.beta.threads import Text, TextDelta
from typing_extensions import override

warnings.simplefilter("ignore", DeprecationWarning)  # the client says it of all that this is for

client = OpenAI()


class Printer(AssistantEventHandler):
    """Prints the answer while it comes, with a number for each document that it cites, and in the end their names."""

    def __init__(self) -> None:
        super().__init__()
        self.cited: list[str] = []

    @override
    def on_text_delta(self, delta: TextDelta, snapshot: Text) -> None:
        said = delta.value or ""
        for annotation in delta.annotations or []:
            # A citation's text is a mark in the answer, such as 【4:0†operating.md】.
            if annotation.type == "file_citation" and annotation.file_citation and annotation.text:
                said = said.replace(annotation.text, f"[{self.number_of(annotation.file_citation.file_id)}]")
        print(said, end="", flush=True)

    def number_of(self, file_id: str | None) -> int:
        assert file_id is not None
        if file_id not in self.cited:
            self.cited.append(file_id)
        return self.cited.index(file_id) + 1

    @override
    def on_text_done(self, text: Text) -> None:
        print()
        for number, file_id in enumerate(self.cited, start=1):
            print(f"[{number}] {client.files.retrieve(file_id).filename}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Ask about documents.")
    parser.add_argument("question")
    parser.add_argument("document", nargs="+", type=Path)
    parser.add_argument("--model", default="gpt-4o")
    arguments = parser.parse_args()

    store = client.vector_stores.create(name="documents")
    try:
        with ExitStack() as opened:
            documents = [opened.enter_context(path.open("rb")) for path in arguments.document]
            client.vector_stores.file_batches.upload_and_poll(store.id, files=documents)
        ask(arguments.question, arguments.model, store.id)
    finally:
        for file in client.vector_stores.files.list(store.id):
            client.files.delete(file.id)
        client.vector_stores.delete(store.id)


def ask(question: str, model: str, store_id: str) -> None:
    for file in client.vector_stores.files.list(store_id, filter="failed"):
        why = file.last_error.message if file.last_error else "nobody knows why"
        print(f"[{client.files.retrieve(file.id).filename} cannot be searched: {why}]")
    assistant = client.beta.assistants.create(
        model=model,
        instructions="Answer from the files, and cite them.",
        tools=[{"type": "file_search"}],
        tool_resources={"file_search": {"vector_store_ids": [store_id]}},
    )
    thread = client.beta.threads.create(messages=[{"role": "user", "content": question}])
    with client.beta.threads.runs.stream(
        thread_id=thread.id, assistant_id=assistant.id, event_handler=Printer()
    ) as stream:
        run = stream.get_final_run()
    client.beta.assistants.delete(assistant.id)  # its vector store goes as well
    if run.status != "completed":
        print(f"[{run.status}: {run.last_error.message if run.last_error else run.incomplete_details}]")


if __name__ == "__main__":
    main()
