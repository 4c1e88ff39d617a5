"""Which differences are known, and why."""

from collections.abc import Iterable

from compat_tests.comparison.context import Context
from compat_tests.result import Difference


class Accepted:
    """Of one session: it counts what it was asked about."""

    def judge(self, found: Iterable[Difference], when: Context) -> list[Difference]:
        """The differences with their reasons; without those that are changes of the real service itself."""
        return list(found)
