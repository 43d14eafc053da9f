"""What a row of the benchmark says: figures of both sides, the aim, and whether it is met."""

from dataclasses import dataclass, field
from enum import StrEnum

from benchmarks.measure import Series


class Unit(StrEnum):
    """What a figure counts."""

    SECONDS = "s"
    BYTES = "B"
    COUNT = "count"
    TRUTH = "yes/no"


@dataclass(frozen=True, slots=True)
class Aim:
    """What must be reached: `text` says it; `below` bounds our median, `ratio` is rival over ours at least."""

    text: str
    below: float | None = None
    ratio: float | None = None
    least: float | None = None

    def met(self, ours: float, ratio: float | None) -> bool | None:
        """Whether the aim is reached; None when it takes a rival that did not run."""
        if self.below is not None and ours >= self.below:
            return False
        if self.least is not None and ours < self.least:
            return False
        if self.ratio is None:
            return True
        return None if ratio is None else ratio >= self.ratio


@dataclass(frozen=True, slots=True)
class Table:
    """More than one figure: what went where, or the slowest of something."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Result:
    """One row. `rival` is None when there is none, or it did not run; `rival_name` says what it is."""

    row: str
    title: str
    unit: Unit
    ours: Series
    aim: Aim
    rival: Series | None = None
    rival_name: str = ""
    notes: tuple[str, ...] = ()
    tables: tuple[Table, ...] = field(default=())

    @property
    def ratio(self) -> float | None:
        """Rival over ours, of the medians: above 1 is in our favour. Counts and truths have none."""
        if self.rival is None or self.unit in {Unit.COUNT, Unit.TRUTH} or self.ours.median == 0:
            return None
        return self.rival.median / self.ours.median

    @property
    def met(self) -> bool | None:
        """Whether the aim is reached; None when it takes a rival that did not run."""
        return self.aim.met(self.ours.median, self.ratio)


def megabytes(size: float) -> str:
    """A size in words: 1 MB is a million bytes."""
    return f"{size / 1e6:.1f} MB"
