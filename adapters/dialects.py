"""Every dialect, by the name that settings give it."""

from collections.abc import Mapping
from typing import Final

from adapters.dialect import Dialect
from adapters.generic import GENERIC, LM_STUDIO
from adapters.llamacpp import LLAMACPP
from adapters.ollama import OLLAMA
from adapters.sglang import SGLANG
from adapters.vllm import VLLM

DIALECTS: Final[Mapping[str, Dialect]] = {
    dialect.name: dialect for dialect in (GENERIC, SGLANG, VLLM, LLAMACPP, OLLAMA)
}

USUAL_PORTS: Final[Mapping[int, Dialect]] = {
    dialect.launch_port: dialect for dialect in (SGLANG, VLLM, LLAMACPP, OLLAMA, LM_STUDIO) if dialect.launch_port
}
"""Where each server listens if nobody says otherwise, in the order in which we look."""
