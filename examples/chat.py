"""Chat with an assistant in the terminal: answers as they are written, and threads that can be gone on with.

    export OPENAI_BASE_URL=http://127.0.0.1:8020/v1 OPENAI_API_KEY=unused
    python examples/chat.py
    python examples/chat.py --thread thread_...

Ctrl-C stops an answer; an empty line ends the chat.
"""

import argparse
import warnings

from openai import APIError, OpenAI
from openai.types.beta.threads import Message

warnings.simplefilter("ignore", DeprecationWarning)  # the client says it of all that this is for

client = OpenAI()


def main() -> None:
    parser = argparse.ArgumentParser(description="Chat with an assistant.")
    parser.add_argument("--thread", help="go on with this thread")
    parser.add_argument("--model", default="gpt-4o")
    arguments = parser.parse_args()

    if arguments.thread is None:
        assistant = client.beta.assistants.create(
            model=arguments.model, name="Chat", instructions="You are a helpful assistant. Be brief."
        )
        # The thread remembers whom it is with, so its id is all that one has to keep.
        thread = client.beta.threads.create(metadata={"assistant_id": assistant.id})
    else:
        thread = client.beta.threads.retrieve(arguments.thread)
        for message in client.beta.threads.messages.list(thread.id, order="asc"):  # asks for page after page
            print(f"{'>' if message.role == 'user' else '<'} {text_of(message)}")
    assistant_id = (thread.metadata or {})["assistant_id"]

    print(f"To go on with this chat: --thread {thread.id}")
    while said := asked():
        try:
            answer(thread.id, assistant_id, said)
        except APIError as error:
            print(f"[{error.message}]")


def asked() -> str:
    try:
        return input("> ").strip()
    except (EOFError, KeyboardInterrupt):
        return ""


def answer(thread_id: str, assistant_id: str, said: str) -> None:
    """Say something, and print the answer while it comes."""
    print("< ", end="", flush=True)
    with client.beta.threads.runs.stream(
        thread_id=thread_id,
        assistant_id=assistant_id,
        additional_messages=[{"role": "user", "content": said}],
    ) as stream:
        try:
            for text in stream.text_deltas:
                print(text, end="", flush=True)
            stopped = False
        except KeyboardInterrupt:
            stopped = True
    print()
    run = stream.current_run
    if run is not None and stopped:  # who only stops listening does not stop the run
        run = client.beta.threads.runs.cancel(run.id, thread_id=thread_id)
        run = client.beta.threads.runs.poll(run.id, thread_id=thread_id)
    if run is not None and run.status != "completed":
        print(f"[{run.status}{': ' + run.last_error.message if run.last_error else ''}]")


def text_of(message: Message) -> str:
    return "".join(part.text.value for part in message.content if part.type == "text")


if __name__ == "__main__":
    main()
