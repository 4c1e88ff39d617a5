"""The table of clients: which program drives which library, in which environment; and those that are not in it."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.processes import ROOT

ENVIRONMENTS: Final = ROOT / ".venv-clients"
LOCKS: Final = ROOT / "requirements" / "clients"
PACKAGES: Final = ROOT / "tests" / "node"
"""With a lock of its own: what is for Node."""


@dataclass(frozen=True, kw_only=True)
class Client:
    label: str
    """What its users call it. Its row in the documentation adds what the driver says of versions."""
    command: tuple[str, ...]
    """Takes the server's address, a key, and a key of another project, before `arguments`."""
    needs: Path
    """What there is once its environment has been installed."""
    lock: Path
    arguments: tuple[str, ...] = ()
    is_quick: bool = False
    """Whether `make test` asks it too."""


def _python(
    driver: str, label: str, *arguments: str, python: Path | None = None, lock: str = "", quick: bool = False
) -> Client:
    interpreter = python or ENVIRONMENTS / lock / "bin" / "python"
    return Client(
        label=label,
        command=(str(interpreter), "-m", f"tests.clients.drivers.{driver}"),
        needs=interpreter,
        lock=ROOT / "requirements" / f"{lock}.txt" if python else LOCKS / f"{lock}.txt",
        arguments=arguments,
        is_quick=quick,
    )


def _node(
    driver: str, label: str, *arguments: str, packages: Path = PACKAGES, needs: str = "openai", quick: bool = False
) -> Client:
    return Client(
        label=label,
        command=("node", str(ROOT / "tests/clients/drivers" / f"{driver}.mjs")),
        needs=packages / "node_modules" / needs,
        lock=packages / "package-lock.json",
        arguments=(str(packages), *arguments),
        is_quick=quick,
    )


def _official(
    name: str, label: str, *, python: Path | None = None, lock: str, quick: bool = False
) -> dict[str, Client]:
    """One environment, asked as a client of OpenAI and as one of Azure."""
    return {
        name: _python("openai_python", f"openai for Python, {label}", python=python, lock=lock, quick=quick),
        f"azure-{name}": _python(
            "openai_python", f"AzureOpenAI for Python, {label}", "azure", python=python, lock=lock, quick=quick
        ),
    }


def _official_node(name: str, package: str, *, quick: bool = False) -> dict[str, Client]:
    number = name.removeprefix("node")
    return {
        name: _node("openai_node", f"openai for Node, version {number}", package, needs=package, quick=quick),
        f"azure-{name}": _node(
            "openai_node", f"AzureOpenAI for Node, version {number}", package, "azure", needs=package
        ),
    }


_FIRST: Final = ROOT / ".venv-openai1" / "bin" / "python"

CLIENTS: Final[dict[str, Client]] = {
    **_official("openai1.37", "early version 1 (Keep's)", lock="openai1_37", quick=True),
    **_official("openai1", "version 1", python=_FIRST, lock="openai1", quick=True),
    **_official("openai2", "version 2", lock="openai2"),
    **_official("openai3", "version 3", python=Path(sys.executable), lock="test", quick=True),
    **_official_node("node4", "openai4"),
    **_official_node("node5", "openai5"),
    **_official_node("node6", "openai", quick=True),
    "azure-agents": _python("azure_agents", "Azure AI Agents (AgentsClient)", lock="azure_agents"),
    "langchain": _python("langchain_python", "LangChain (OpenAIAssistantRunnable, V2)", lock="langchain"),
    "langchain-node": _node(
        "langchain_node",
        "LangChain for Node (OpenAIAssistantRunnable)",
        packages=PACKAGES / "langchain",
        needs="langchain",
    ),
    "llama-index": _python("llama_index_agent", "LlamaIndex (OpenAIAssistantAgent)", lock="llama_index"),
    "autogen": _python("autogen_gpt_assistant", "AutoGen 0.2 (GPTAssistantAgent)", lock="autogen"),
    "autogen-ext": _python("autogen_ext_agent", "AutoGen 0.7 (OpenAIAssistantAgent)", lock="autogen_ext"),
    "semantic-kernel": _python(
        "semantic_kernel_agent", "Semantic Kernel (OpenAIAssistantAgent)", lock="semantic_kernel"
    ),
    "agency-swarm": _python("agency_swarm_agency", "agency-swarm (Agency)", lock="agency_swarm"),
    "marvin": _python("marvin_assistant", "Marvin 2 (Assistant)", lock="marvin"),
    "griptape": _python("griptape_assistant", "Griptape (OpenAiAssistantDriver)", lock="griptape"),
    "litellm": _python("litellm_assistants", "LiteLLM (assistants)", lock="litellm"),
}

LEFT_OUT: Final = {
    "openai for Node, version 7": "needs Node 22.",
    "Langroid 0.58 (OpenAIAssistant)": (
        "takes a minute and a half and 600 MB to install; later releases have no assistants. "
        "It asks for the list of models when it starts, which is served."
    ),
    "Phidata 2.7 (OpenAIAssistant)": "reads `file_ids`, which only objects of version 1 of the API had.",
    "Azure AI Agents for Node (@azure/ai-agents)": (
        "sends its credentials over TLS only: put a TLS proxy in front. Its requests are those of the Python client."
    ),
    "@azure/openai-assistants": "never left version 1 of the API.",
    "AG2": "up to 0.9 has the GPTAssistantAgent of AutoGen 0.2, which is in the table; later releases have none.",
}


def missing(client: Client) -> str | None:
    """Why it cannot be asked here, if it cannot."""
    if client.command[0] == "node" and shutil.which("node") is None:
        return "no node"
    return None if client.needs.exists() else "no environment: `make test-clients` sets it up"


def chosen(given: str) -> list[str]:
    """`quick`, `all`, or names with commas between them."""
    if given in {"quick", "all"}:
        return [name for name, client in CLIENTS.items() if client.is_quick or given == "all"]
    names = given.split(",")
    if unknown := set(names) - set(CLIENTS):
        raise ValueError(f"no clients: {', '.join(sorted(unknown))}. There are: {', '.join(CLIENTS)}")
    return names
