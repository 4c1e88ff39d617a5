"""What must hold inside an answer and between answers, whatever the recording says."""

from compat_tests.comparison.context import Context
from compat_tests.exchange import Answer
from compat_tests.result import Difference


class Relations:
    """Of one recording on one server, in the order of its answers."""

    def look(self, ours: Answer, when: Context) -> list[Difference]:
        return []
