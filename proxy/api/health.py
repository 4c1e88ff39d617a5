"""Health, for people and for those who start and stop servers. No key is needed.

`/health` says everything; `/health/live` that the process answers; `/health/ready` whether it can do its work.
"""

from aiohttp import web

from proxy.api.answers import answer_json
from proxy.operations.health import HealthCheck
from proxy.services import Services


def add_health(app: web.Application, services: Services) -> None:
    check = HealthCheck(services)

    async def health(request: web.Request) -> web.Response:
        found = await check.health()
        return answer_json(found, status=503 if found.status == "down" else 200)

    async def live(request: web.Request) -> web.Response:
        return answer_json({"status": "ok"})

    async def ready(request: web.Request) -> web.Response:
        """Without the model servers: restarting this process would not bring them back."""
        database = await check.database()
        return answer_json(database, status=200 if database.status == "ok" else 503)

    app.router.add_get("/health", health)
    app.router.add_get("/health/live", live)
    app.router.add_get("/health/ready", ready)
