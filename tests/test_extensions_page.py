"""docs/extensions.md keeps its word: its example goes on with a stream that broke, against a server of its own."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from openai import OpenAI

from tests.processes import ROOT, model_server, serving

PAGE = (ROOT / "docs/extensions.md").read_text(encoding="utf-8")


def example() -> Callable[..., Iterator[Any]]:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(block, names)
    follow: Callable[..., Iterator[Any]] = names["follow"]
    return follow


def test_the_example_goes_on_where_the_stream_broke(tmp_path: Path) -> None:
    follow = example()
    with model_server("--delay-ms", "2") as upstream, serving(tmp_path / "data", upstream) as server:
        client = OpenAI(base_url=f"{server.url}/v1", api_key="unused", max_retries=0)
        words = " ".join(f"word{number}" for number in range(40))
        with client:
            assistant = client.post("/assistants", body={"model": "tiny"}, cast_to=dict[str, Any])
            said = {"role": "user", "content": words}
            thread = client.post("/threads", body={"messages": [said]}, cast_to=dict[str, Any])
            path = f"/threads/{thread['id']}/runs"
            run = client.post(path, body={"assistant_id": assistant["id"]}, cast_to=dict[str, Any])

            events = []
            broken = follow(client, thread["id"], run["id"])
            while len(events) < 12:
                events.append(next(broken))
            broken.close()
            events += follow(client, thread["id"], run["id"], received=len(events))

            kinds = [event.event for event in events]
            assert kinds[0] == "thread.run.created"
            assert kinds[-1] == "thread.run.completed"
            deltas = [
                event.data.delta.content[0].text.value for event in events if event.event == "thread.message.delta"
            ]
            assert "".join(deltas) == words
            assert [event.event for event in follow(client, thread["id"], run["id"])] == kinds
            assert list(follow(client, thread["id"], run["id"], received=len(events))) == []
