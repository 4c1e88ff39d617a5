"""An assistant as a runnable of LangChain, which calls tools of LangChain's, and goes on with its thread.

    pip install "langchain<1" "openai<2"
    export OPENAI_BASE_URL=http://127.0.0.1:8020/v1 OPENAI_API_KEY=unused
    python examples/langchain_assistant.py "What is the weather in Paris and Rome?"

In LangChain 1 the package `langchain_classic` has what `langchain` has here. `OpenAIAssistantV2Runnable` of
langchain-community is used in the same way, and takes `tool_resources` as well.
"""

import argparse
import warnings

from langchain.agents import AgentExecutor
from langchain.agents.openai_assistant import OpenAIAssistantRunnable
from langchain_core.tools import tool

warnings.simplefilter("ignore", DeprecationWarning)  # the client says it of all that this is for

WEATHER = {"Oslo": "-3 °C and snow", "Paris": "14 °C and rain", "Rome": "22 °C and sunshine"}


@tool
def get_weather(city: str) -> str:
    """The weather in a city right now."""
    print(f"[get_weather {city}]")
    return WEATHER.get(city, "unknown")


def main() -> None:
    parser = argparse.ArgumentParser(description="Ask about the weather.")
    parser.add_argument("question")
    parser.add_argument("--model", default="gpt-4o")
    arguments = parser.parse_args()

    assistant = OpenAIAssistantRunnable.create_assistant(
        name="Weather",
        instructions="You report the weather.",
        tools=[get_weather],
        model=arguments.model,
        as_agent=True,
        check_every_ms=250,
    )
    # The executor calls the tools that the run asks for, and hands in what they return, until there is an answer.
    agent = AgentExecutor(agent=assistant, tools=[get_weather])
    first = agent.invoke({"content": arguments.question})
    print(first["output"])
    second = agent.invoke({"content": "Which of them is warmer?", "thread_id": first["thread_id"]})
    print(second["output"])


if __name__ == "__main__":
    main()
