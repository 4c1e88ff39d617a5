"""Function calls of a model, answered as the step's `functions:` say; what fails is told to it as `{"error": …}`.

functions:
  get_owner: {values: {checkout: team-pay}, argument: service, otherwise: nobody}     # looked up
  get_runbook: {value: "{{ steps.runbook.results }}"}                                 # always the same
  get_deploys: {http: {url: "http://cmdb/services/{service}/deploys"}}                # asked for
  approve: {workflow: true}                                                           # left to a later step
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
from keep.exceptions.provider_exception import ProviderException

from .api import Deadline, Log, trust

AT_ONCE = 8
HTTP_SECONDS = 10.0
LONGEST_OUTPUT = 20_000
"""Characters of an HTTP answer that the model is shown."""
NAME = re.compile(r"\{(\w+)\}")
WITHOUT_BODY = {"GET", "HEAD", "DELETE"}

Answer = Callable[[dict[str, Any]], Any]


class Refused(Exception):
    """Why a call has no answer, in words for the model."""


@dataclass(frozen=True)
class Functions:
    answers: Mapping[str, Answer]
    left: frozenset[str]
    """Those that a later step of the workflow answers."""

    def leaves(self, calls: list[dict[str, Any]]) -> bool:
        """Whether these calls are for the workflow: it wants one of them, or the step knows nothing of functions."""
        return not (self.answers or self.left) or any(call["function"]["name"] in self.left for call in calls)

    def outputs(self, calls: list[dict[str, Any]], deadline: Deadline, log: Log) -> list[dict[str, str]]:
        """One output for each call, in their order, asked for side by side."""
        with ThreadPoolExecutor(max_workers=min(AT_ONCE, len(calls))) as pool:
            return list(pool.map(lambda call: self._output(call, deadline, log), calls))

    def _output(self, call: dict[str, Any], deadline: Deadline, log: Log) -> dict[str, str]:
        name, given = call["function"]["name"], call["function"]["arguments"]
        try:
            if name not in self.answers:
                raise Refused(f"there is no function {name!r}; there are {sorted(self.answers)}")
            if deadline.left == 0:
                raise Refused("there was no time left to call it")
            output = as_output(self.answers[name](_arguments(given)))
        except Refused as refused:
            output = as_output({"error": str(refused)})
        except Exception as error:  # whatever it is, the model is waiting for an answer
            log.exception("function %s broke", name)
            output = as_output({"error": f"{type(error).__name__}: {error}"})
        log.info("function %s was called and answered", name)
        log.debug("%s(%s) -> %s", name, given, output[:200])
        return {"tool_call_id": call["id"], "output": output}


def as_output(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def functions_of(mapping: Mapping[str, Any]) -> Functions:
    """Raises `ProviderException` for one that cannot be meant, before anything is asked."""
    answers: dict[str, Answer] = {}
    left = set()
    for name, given in mapping.items():
        match given:
            case {"value": value, **rest} if not rest:
                answers[name] = _always(value)
            case {"values": dict() as values, **rest} if rest.keys() <= {"argument", "otherwise"}:
                answers[name] = _looked_up(values, rest)
            case {"http": dict(request), **rest} if not rest:
                answers[name] = _asked(name, request)
            case {"http": str(url), **rest} if not rest:
                answers[name] = _asked(name, {"url": url})
            case {"workflow": True | "true" | "True", **rest} if not rest:
                left.add(name)
            case _:
                raise ProviderException(
                    f"functions.{name} should have one of value, values (and argument, otherwise), http, workflow: true"
                )
    return Functions(answers, frozenset(left))


def given_outputs(
    calls: list[dict[str, Any]], given: Any, functions: Functions, deadline: Deadline, log: Log
) -> list[dict[str, str]]:
    """Outputs that a workflow provides, by id or name of the call; `functions` answer the others."""
    if isinstance(given, list):
        given = {each.get("tool_call_id"): each.get("output") for each in given}
    known = {call["id"] for call in calls} | {call["function"]["name"] for call in calls}
    if strangers := given.keys() - known:
        raise ProviderException(
            f"tool_outputs has {sorted(map(str, strangers))}, but the run waits for {sorted(known)}"
        )
    outputs: dict[str, str] = {}
    others = []
    for call in calls:
        for key in (call["id"], call["function"]["name"]):
            if key in given:
                outputs[call["id"]] = as_output(given[key])
                break
        else:
            others.append(call)
    if others:
        outputs |= {each["tool_call_id"]: each["output"] for each in functions.outputs(others, deadline, log)}
    return [{"tool_call_id": call["id"], "output": outputs[call["id"]]} for call in calls]


def _arguments(given: str) -> dict[str, Any]:
    try:
        arguments = json.loads(given or "{}")
    except ValueError as error:
        raise Refused(f"the arguments are not JSON: {error}") from None
    if not isinstance(arguments, dict):
        raise Refused("the arguments are not a JSON object")
    return arguments


def _always(value: Any) -> Answer:
    return lambda arguments: value


def _looked_up(values: Mapping[Any, Any], rest: Mapping[Any, Any]) -> Answer:
    by_text = {str(key): value for key, value in values.items()}

    def answer(arguments: dict[str, Any]) -> Any:
        if "argument" in rest:
            key = str(_argument(arguments, rest["argument"]))
        elif len(arguments) == 1:
            (key,) = map(str, arguments.values())
        else:
            raise Refused(f"one argument was expected, not {sorted(arguments)}")
        if key in by_text:
            return by_text[key]
        if "otherwise" in rest:
            return rest["otherwise"]
        raise Refused(f"nothing is known of {key!r}")

    return answer


def _argument(arguments: dict[str, Any], name: str) -> Any:
    if name not in arguments:
        raise Refused(f"the argument {name!r} is missing")
    return arguments[name]


def _asked(name: str, request: dict[str, Any]) -> Answer:
    unknown = request.keys() - {"url", "method", "headers", "query", "json", "timeout"}
    url = request.get("url", "")
    if unknown or not re.match(r"https?://[^/{}]+(/|$)", url):
        problem = f"does not know {sorted(unknown)}" if unknown else "needs a url whose host is written out"
        raise ProviderException(f"functions.{name}.http {problem}")
    method = str(request.get("method", "GET")).upper()

    def answer(arguments: dict[str, Any]) -> Any:
        rest = {key: value for key, value in arguments.items() if key not in NAME.findall(url)}
        parts = request.keys() & {"headers", "query", "json"}
        filled: dict[str, Any] = {part: _filled(request[part], arguments) for part in parts}
        if method in WITHOUT_BODY:
            filled.setdefault("query", rest)
        else:
            filled.setdefault("json", rest)
        target = NAME.sub(lambda found: _part(_argument(arguments, found[1])), url)
        return _fetched(method, target, filled, float(request.get("timeout", HTTP_SECONDS)))

    return answer


def _part(value: Any) -> str:
    """One part of a path: what a model says leads to nowhere else."""
    said = value if isinstance(value, str) else json.dumps(value)
    if said in {"", ".", ".."}:
        raise Refused(f"{said!r} is no value for a part of an address")
    return quote(said, safe="")


def _filled(template: Any, arguments: dict[str, Any]) -> Any:
    match template:
        case dict():
            return {key: _filled(value, arguments) for key, value in template.items()}
        case list():
            return [_filled(value, arguments) for value in template]
        case str():
            if whole := NAME.fullmatch(template):  # it keeps its type
                return _argument(arguments, whole[1])
            return NAME.sub(lambda found: as_output(_argument(arguments, found[1])), template)
        case _:
            return template


def _fetched(method: str, url: str, filled: dict[str, Any], seconds: float) -> Any:
    headers = {key: as_output(value) for key, value in filled.get("headers", {}).items()}
    query = {key: as_output(value) for key, value in filled.get("query", {}).items()}
    asking: dict[str, Any] = {"headers": headers, "timeout": seconds, "verify": trust()}
    if query:
        asking["params"] = query
    if "json" in filled:
        asking["json"] = filled["json"]
    try:
        with httpx.stream(method, url, **asking) as response:
            said = _beginning(response, seconds)
    except httpx.TimeoutException:
        raise Refused(f"{method} {url} took longer than {seconds:g} seconds") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Refused(f"{method} {url}: {error or type(error).__name__}") from None
    if response.is_success:
        return said
    return {"error": f"HTTP {response.status_code}", "body": said[:2000]}


def _beginning(response: httpx.Response, seconds: float) -> str:
    """No more of it than the model is shown, whatever its length. Raises `httpx.ReadTimeout` for one that drips."""
    end = time.monotonic() + seconds
    said = ""
    for piece in response.iter_text():
        said += piece
        if time.monotonic() > end:
            raise httpx.ReadTimeout("the answer does not end")
        if len(said) > LONGEST_OUTPUT:
            return f"{said[:LONGEST_OUTPUT]}\n… (cut off here)"
    return said
