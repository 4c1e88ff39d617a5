"""A measured number with its spread, and the number that it was to reach."""

import statistics
from collections.abc import Sequence

from msgspec import Struct


class Row(Struct, frozen=True, kw_only=True):
    measurement: str
    name: str
    value: float
    """The median of the samples."""
    unit: str
    low: float
    """The first quartile."""
    high: float
    """The third quartile."""
    samples: int
    target: str | None = None
    met: bool | None = None

    def line(self) -> str:
        spread = "" if self.samples == 1 else f"{_shown(self.low)} … {_shown(self.high)}"
        verdict = "" if self.target is None else f"{self.target}: {'met' if self.met else 'MISSED'}"
        value = f"{_shown(self.value)} {self.unit:<2}"
        return f"{self.measurement:<12} {self.name:<76} {value:>14}  {spread:>19} {self.samples:>5}  {verdict}".rstrip()


HEADING = f"{'':<12} {'':<76} {'median':>14}  {'quartiles':>19} {'of':>5}  target"


def row(
    measurement: str,
    name: str,
    samples: Sequence[float],
    unit: str,
    *,
    below: float | None = None,
    at_least: float | None = None,
) -> Row:
    """The median of samples, judged against at most one of the two bounds."""
    value = statistics.median(samples)
    low, _, high = statistics.quantiles(samples, n=4, method="inclusive") if len(samples) > 1 else (value, value, value)
    target, met = None, None
    if below is not None:
        target, met = f"at most {below:g} {unit}".rstrip(), value <= below
    elif at_least is not None:
        target, met = f"at least {at_least:g} {unit}".rstrip(), value >= at_least
    return Row(
        measurement=measurement,
        name=name,
        value=value,
        unit=unit,
        low=low,
        high=high,
        samples=len(samples),
        target=target,
        met=met,
    )


def _shown(number: float) -> str:
    magnitude = abs(number)
    return f"{number:,.0f}" if magnitude >= 1000 else f"{number:.1f}" if magnitude >= 100 else f"{number:.2f}"
