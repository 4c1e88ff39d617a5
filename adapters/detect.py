"""Finds out which model server answers at an address, and which ones run on this machine. Only cheap GETs."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import aiohttp
import msgspec
from msgspec import Struct

from adapters.client import root_of
from adapters.dialect import Dialect
from adapters.dialects import DIALECTS, USUAL_PORTS
from adapters.generic import LM_STUDIO

PROBE_SECONDS: Final = 2.0
LOCAL_PROBE_SECONDS: Final = 0.5
OUR_NAME: Final = "understudy"


class Found(Struct, frozen=True, kw_only=True):
    """A model server, by what it answered."""

    url: str
    dialect: Dialect
    version: str | None = None

    @property
    def title(self) -> str:
        return f"{self.dialect.title} {self.version}" if self.version else self.dialect.title


async def identify(url: str, *, api_key: str | None = None, timeout_seconds: float = PROBE_SECONDS) -> Found | None:
    """Which server this is; None when nothing answers there that lists models, or when it is one of ours."""
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    timeout = aiohttp.ClientTimeout(total=timeout_seconds)
    async with aiohttp.ClientSession(timeout=timeout, headers=headers, cookie_jar=aiohttp.DummyCookieJar()) as session:
        return await _identify(session, root_of(url))


async def on_this_machine(
    *, ports: Sequence[int] = tuple(USUAL_PORTS), timeout_seconds: float = LOCAL_PROBE_SECONDS
) -> list[Found]:
    """The model servers at the ports where they usually are, in the order of `ports`."""
    found = await asyncio.gather(
        *(identify(f"http://127.0.0.1:{port}", timeout_seconds=timeout_seconds) for port in ports)
    )
    return [each for each in found if each is not None]


async def _identify(session: aiohttp.ClientSession, root: str) -> Found | None:
    models = await _ask(session, f"{root}/v1/models")
    # One after another would add up their silences on servers that drop what they do not know.
    info, old_info, version, props, ollama, studio = await asyncio.gather(
        *(
            _ask(session, root + path)
            for path in ("/model_info", "/get_model_info", "/version", "/props", "/api/version", "/api/v0/models")
        )
    )
    owners = {model.get("owned_by") for model in _listed(models)}

    def found(dialect: Dialect, version: object = None) -> Found:
        return Found(url=root, dialect=dialect, version=version if isinstance(version, str) else None)

    # By what only that server answers (0.5.23, 0.32.0, 0c1e57098; recordings get_*). SGLang before Ollama, whose /api
    # addresses it speaks too.
    if "model_path" in info or "model_path" in old_info:
        return found(DIALECTS["sglang"], info.get("version"))
    if "default_generation_settings" in props:
        return found(DIALECTS["llamacpp"], props.get("build_info"))
    if "vllm" in owners and isinstance(version.get("version"), str):
        return found(DIALECTS["vllm"], version["version"])
    if isinstance(ollama.get("version"), str) and models:
        return found(DIALECTS["ollama"], ollama["version"])
    if any("max_context_length" in model for model in _listed(studio)):
        return found(LM_STUDIO)
    # /health comes last, since SGLang runs a token of its model for it. Ours passes on what the servers behind it
    # say of their models, and so must not be taken for one of them.
    if not models or (await _ask(session, f"{root}/health")).get("service") == OUR_NAME:
        return None
    behind_a_proxy = next((DIALECTS[name] for name in ("vllm", "sglang", "llamacpp") if name in owners), None)
    return found(behind_a_proxy or DIALECTS["generic"])


async def _ask(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    """The JSON object of a 200; empty for everything else."""
    try:
        async with session.get(url, allow_redirects=False) as response:
            answer = msgspec.json.decode(await response.read()) if response.status == 200 else None
    except (aiohttp.ClientError, aiohttp.http_exceptions.HttpProcessingError, OSError, msgspec.DecodeError, ValueError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _listed(answer: dict[str, Any]) -> list[dict[str, Any]]:
    data = answer.get("data")
    return [model for model in data if isinstance(model, dict)] if isinstance(data, list) else []
