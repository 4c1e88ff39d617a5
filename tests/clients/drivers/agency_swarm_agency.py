"""agency-swarm's `Agency`, which reads the service's error messages, and cancels runs that are in its way."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
from agency_swarm import Agency, Agent, BaseTool
from agency_swarm.tools import CodeInterpreter, FileSearch
from agency_swarm.util.oai import get_openai_client, set_openai_client
from agency_swarm.util.streaming import AgencyEventHandler
from pydantic import Field

from tests.clients.driver import BRIEF, LONG, RESULT, TWO_CITIES, Driver, raises, until, weather_in

driver = Driver("agency-swarm", "openai")
client = get_openai_client()
runs = client.beta.threads.runs
asked: list[str] = []
sleep = time.sleep
time.sleep = lambda seconds: sleep(seconds / 25)  # it sleeps for half seconds, and where a thread was busy for longer


class get_weather(BaseTool):  # by this name the function is called
    """Tell the weather of a city."""

    city: str = Field(description="which one")

    def run(self) -> str:
        asked.append(self.city)
        return weather_in(self.city)


def an_agent(**given: Any) -> Any:
    return Agent(
        **{"name": "Echo", "description": "Says it again.", "instructions": "Repeat.", "model": "tiny"}
        | {"temperature": 0.3, **given}
    )


def an_agency(**given: Any) -> Any:
    return Agency([an_agent(**given)], temperature=0.3)


@driver.scenario
def chat() -> None:
    agency = an_agency()
    for said in ("Hello", "And now?"):
        assert agency.get_completion(said) == said
    # It finds the assistant of its settings again, and finds it unchanged.
    again = an_agent()
    again.add_shared_instructions("")
    again.init_oai()
    stored = client.beta.assistants.retrieve(agency.main_recipients[0].id)
    assert (again.id, again._check_parameters(stored.model_dump())) == (stored.id, True)


@driver.scenario
def stream() -> None:
    class Handler(AgencyEventHandler):
        text = ""

        def on_text_delta(self, delta: Any, snapshot: Any) -> None:
            Handler.text += delta.value or ""

        @classmethod
        def on_all_streams_end(cls) -> None:
            cls.text += "."

    answer = an_agency().get_completion_stream("Say these words one by one", Handler)
    assert (answer, Handler.text) == ("Say these words one by one", "Say these words one by one.")


@driver.scenario
def tools_polled() -> None:
    asked.clear()
    assert an_agency(name="Forecaster", tools=[get_weather]).get_completion(TWO_CITIES) == RESULT
    assert sorted(asked) == ["Oslo", "Paris", "Rome"]


@driver.scenario
def tools_streamed() -> None:
    class Handler(AgencyEventHandler):
        done: list[str] = []

        def on_tool_call_done(self, tool_call: Any) -> None:
            Handler.done.append(tool_call.function.arguments)

        @classmethod
        def on_all_streams_end(cls) -> None:
            pass

    asked.clear()
    assert an_agency(name="Forecaster", tools=[get_weather]).get_completion_stream(TWO_CITIES, Handler) == RESULT
    assert sorted(asked) == ["Oslo", "Paris", "Rome"]
    assert len(Handler.done) == 3


@driver.scenario
def cancel() -> None:
    agency = an_agency(name="Slow", model="slow")
    assert agency.get_completion("Hello") == "Hello"
    thread = agency.main_thread
    client.beta.threads.messages.create(thread.id, role="user", content=LONG)
    run = runs.create(thread.id, assistant_id=agency.main_recipients[0].id)
    # A run that it did not begin is in its way: it learns of it from the error, cancels it, and goes on.
    thread._ensure_no_active_run = lambda action="wait": None
    assert agency.get_completion("Something else") == "Something else"
    assert runs.retrieve(run.id, thread_id=thread.id).status == "cancelled"


@driver.scenario
def leaving() -> None:
    class Leaves(AgencyEventHandler):
        def on_text_delta(self, delta: Any, snapshot: Any) -> None:
            raise ConnectionAbortedError

        @classmethod
        def on_all_streams_end(cls) -> None:
            pass

    agency = an_agency(name="Slow", model="slow")
    with raises(ConnectionAbortedError):
        agency.get_completion_stream(BRIEF, Leaves)
    (run,) = runs.list(agency.main_thread.id)
    until(lambda: runs.retrieve(run.id, thread_id=run.thread_id).status == "completed")
    assert agency.get_completion("I am back") == "I am back"


@driver.scenario
def errors() -> None:
    # It reads in the error that something went wrong, and begins again; after the ninth time, it says so to the model.
    agency = an_agency()
    assert agency.get_completion("break off") == "Continue."
    statuses = [run.status for run in runs.list(agency.main_thread.id, order="asc")]
    assert statuses == [*["failed"] * 10, "completed"]


@driver.scenario
def nulls() -> None:
    absent: dict[str, Any] = {"temperature": None, "top_p": None, "tool_resources": None, "response_format": None}
    assert an_agency(name="Nobody", max_prompt_tokens=None, **absent).get_completion("Hello") == "Hello"


@driver.scenario
def files() -> None:
    place = Path("knowledge")
    place.mkdir()
    (place / "runbook.txt").write_text("Restart it.", encoding="utf-8")
    (place / "table.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    # It uploads what is in the folder, writes the files' ids into their names, and knows them by these afterwards.
    agency = an_agency(name="Librarian", files_folder=str(place.resolve()), tools=[FileSearch, CodeInterpreter])
    (agent,) = agency.main_recipients
    resources = client.beta.assistants.retrieve(agent.id).tool_resources
    (store_id,) = resources.file_search.vector_store_ids
    until(lambda: client.vector_stores.retrieve(store_id).file_counts.completed == 1)
    assert len(resources.code_interpreter.file_ids) == 1
    known = {file.stem.rpartition("_")[2] for file in place.iterdir()}
    again = an_agent(name="Librarian", files_folder=str(place.resolve()), tools=[FileSearch, CodeInterpreter])
    assert {file.stem.rpartition("_")[2] for file in place.iterdir()} == known
    assert again.tool_resources["code_interpreter"]["file_ids"] == resources.code_interpreter.file_ids
    (file_id,) = known - set(resources.code_interpreter.file_ids)
    assert agency.get_completion("Hello", message_files=[file_id]) == "Hello"


@driver.scenario
def base_urls() -> None:
    for path in ("", "/", "/v1", "/v1/"):
        set_openai_client(openai.OpenAI(base_url=driver.url + path, max_retries=0))
        assert an_agency().get_completion("Hello") == "Hello"
    set_openai_client(client)


@driver.scenario
def keys() -> None:
    set_openai_client(openai.OpenAI(api_key="sk-wrong-0123456789", max_retries=0))
    with raises(openai.AuthenticationError):
        an_agency(name="Nobody knows")
    set_openai_client(client)


@driver.scenario
def parallel() -> None:
    agencies = [an_agency() for _ in range(5)]
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda number: agencies[number].get_completion(f"thread {number}"), range(5)))
    assert answers == [f"thread {number}" for number in range(5)]


driver.cannot("It waits in a loop of its own, which the other scenarios show.", "poll_helpers")
driver.cannot("It makes thread, message and run one by one.", "create_and_run")
driver.cannot("It reads the last message only.", "paging")
driver.cannot("It does everything by assistants.", "passthrough")
driver.run()
client.close()
