"""What came of each case and recording, played once in a session, by whichever test asks first."""

from compat_tests.case import NamedCase
from compat_tests.comparison.accepted import Accepted
from compat_tests.exchange import Recording
from compat_tests.playing import play
from compat_tests.replay import replay
from compat_tests.result import Result
from compat_tests.schemas import open_schemas
from compat_tests.target import Servers


class Results:
    """On our server, every answer checked against the client's types as well."""

    def __init__(self, servers: Servers) -> None:
        self.accepted = Accepted()
        """Which facts were used by the recordings that have been replayed."""
        self._servers = servers
        self._schemas = open_schemas()
        self._results: dict[str, Result] = {}

    async def of_case(self, case: NamedCase) -> Result:
        name = f"case {case.resource}/{case.slug}"
        if name not in self._results:
            self._results[name] = await play(case, await self._servers.of(case.case.needs), self._schemas)
        return self._results[name]

    async def of_recording(self, recording: Recording) -> Result:
        name = f"recording {recording.name}"
        if name not in self._results:
            target = await self._servers.of(())
            self._results[name] = await replay(recording, target, self._schemas, self.accepted)
        return self._results[name]
