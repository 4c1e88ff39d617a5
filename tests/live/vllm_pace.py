"""A plugin for vLLM, in its own environment only: it lets other threads run after each step of the engine.

With a real model the interpreter is free while the model computes, some 10 ms for each token. The tiny model takes one
millisecond, in pieces so short that on a busy machine the engine's other threads never get hold of the interpreter: an
answer of 2,000 tokens then leaves in one burst at its end, and a cancellation is not heard until then. `servers.py`
installs this as an entry point of the group `vllm.general_plugins`.
"""

import sys
import time
from typing import Any

PAUSE_SECONDS = 0.002


def register() -> None:
    core = sys.modules.get("vllm.v1.engine.core")
    if core is None or hasattr(core, "paced_by_understudy"):  # another process of vLLM's, or called twice
        return
    core.paced_by_understudy = True  # type: ignore[attr-defined]
    step = core.EngineCoreProc._process_engine_step

    def paced_step(engine: Any) -> bool:
        executed: bool = step(engine)
        time.sleep(PAUSE_SECONDS)
        return executed

    core.EngineCoreProc._process_engine_step = paced_step
