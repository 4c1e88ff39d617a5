"""Chat-completions servers, made to speak one vocabulary. Nothing here knows the Assistants API.

chat, upstream, errors     the vocabulary, the seam, what can go wrong
sse, wire, reading         bytes -> events -> Structs -> Chunks
dialect, generic, vllm, …  the facts in which servers differ
client, server, failures   HTTP, and one server over it
faithful, imitation, …     what a server lacks: asking otherwise, looking at the answer, asking again
member, routed, upstreams  the servers of the settings; model name -> server; failover
demo, detect, launch       a built-in model; what runs here; starting one
forward, doctor            requests passed through untouched; what a server can do
"""

from collections.abc import Sequence
from time import monotonic

from msgspec.structs import replace

from adapters.detect import on_this_machine
from adapters.dialects import USUAL_PORTS
from adapters.forward import Forwarded
from adapters.launch import start_server
from adapters.member import Member
from adapters.upstream import Model, Upstream
from adapters.upstreams import Route, ServerHealth, Upstreams
from config.settings import Settings, UpstreamSettings

__all__ = ["Forwarded", "Model", "Route", "ServerHealth", "Upstream", "Upstreams", "open_upstreams"]


async def open_upstreams(settings: Settings, *, local_ports: Sequence[int] = tuple(USUAL_PORTS)) -> Upstreams:
    """Start the server to launch, if any, and ask all for their models. Servers that are down are found when they come.

    Without any in the settings: those that run on this machine, at `local_ports`, or else the built-in demo model.
    Raises `adapters.launch.LaunchFailed`.
    """
    launched = await start_server(settings.launch) if settings.launch.server is not None else None
    wanted = list(settings.upstreams)
    if launched is not None:
        wanted.insert(0, replace(launched.settings, max_concurrent=settings.launch.max_concurrent))
    if not wanted:
        wanted = [UpstreamSettings(url=found.url) for found in await on_this_machine(ports=local_ports)]
    if not wanted:
        wanted = [UpstreamSettings(url="http://demo", dialect="demo")]
    upstreams = Upstreams([Member(each, now=monotonic) for each in wanted], settings.models, launched=launched)
    try:
        await upstreams.refresh()
    except BaseException:
        await upstreams.aclose()
        raise
    return upstreams
