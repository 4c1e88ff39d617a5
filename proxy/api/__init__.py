"""The HTTP face: the one handler for every path of the API, and what stands around it.

In the order of the real service: route and method, key, beta header, then what the endpoint checks.
"""

from aiohttp import web

from proxy.api import azure
from proxy.api.authorization import Authorization
from proxy.api.endpoint import Endpoint
from proxy.api.health import add_health
from proxy.api.middleware import add_headers, errors_to_json
from proxy.api.passthrough import is_for_model_servers, pass_through
from proxy.api.routes import NEEDS_BETA, TABLE, Routes, parts_of
from proxy.api.versions import Version, version_of
from proxy.errors import MethodNotAllowed, NotFound
from proxy.services import Services
from proxy.tasks import TaskGroup

__all__ = ["http_face"]


def http_face(services: Services) -> web.Application:
    """The application. Whoever made the services closes them, after it has ended."""
    settings = services.settings.server
    app = web.Application(middlewares=[errors_to_json], client_max_size=settings.max_body_megabytes * 1024 * 1024)
    app.on_response_prepare.append(add_headers)
    tasks = TaskGroup()
    routes = Routes((method, path, Endpoint(operation, tasks)) for method, path, operation in TABLE)
    authorization = Authorization(services)

    async def answer(request: web.Request) -> web.StreamResponse:
        path = request.rel_url.raw_path
        parts, deployment = azure.plain(parts_of(request.path))
        match = routes.match(parts)
        if match is None:
            if not is_for_model_servers(path, parts):
                raise _unknown_url(request.method, path)
            await authorization.project_of(request.headers)
            return await pass_through(request, services, parts, deployment)
        endpoint = match.target(request.method)
        if endpoint is None:
            raise _method_not_allowed(request.method, path)
        project = await authorization.project_of(request.headers)
        version: Version = version_of(request, strict=settings.strict) if parts[0] in NEEDS_BETA else 2
        return await endpoint(request, services, project=project, ids=match.ids, version=version)

    async def finish(app: web.Application) -> None:
        await tasks.wait(settings.shutdown_seconds)
        await tasks.cancel()

    app.on_cleanup.append(finish)
    add_health(app, services)
    app.router.add_route("*", "/{path:.*}", answer)
    return app


def _unknown_url(method: str, path: str) -> NotFound:
    return NotFound(
        f"Unknown request URL: {method} {path}. Please check the URL for typos, or see the docs at "
        "https://platform.openai.com/docs/api-reference/.",
        code="unknown_url",
    )


def _method_not_allowed(method: str, path: str) -> MethodNotAllowed:
    return MethodNotAllowed(
        f"Not allowed to {method} on {path} (HINT: Perhaps you meant to use a different HTTP method?)",
        code="method_not_supported",
    )
