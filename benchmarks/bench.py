"""What every row gets: both sides, the lock that both build, how many rounds, and somebody to tell."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from adamant.kernel.artifact import Kernel
from adamant.model.lock import Lock
from benchmarks.adamant import Adamant
from benchmarks.measure import Series, seconds
from benchmarks.mkosi import Mkosi


@dataclass(frozen=True, slots=True)
class Work:
    """What one side does in a round: `before` is not timed, `do` is."""

    do: Callable[[], object]
    before: Callable[[], object] = lambda: None

    def time(self) -> float:
        """Seconds of one round."""
        self.before()
        return seconds(self.do)


@dataclass(frozen=True, slots=True)
class Bench:
    """One run of the benchmark. `mkosi` is None when only our side is measured; `scratch` is emptied by each user.

    `kernel` is a kernel of one's own, for the rows of kernels and for the sealed posture; `configs` are those of other
    kernels, whose hardening is counted beside.
    """

    adamant: Adamant
    mkosi: Mkosi | None
    lock: Lock
    rounds: int
    scratch: Path
    say: Callable[[str], None]
    kernel: Kernel | None = None
    configs: tuple[Path, ...] = ()

    def alternate(self, what: str, ours: Work, theirs: Callable[[Mkosi], Work]) -> tuple[Series, Series | None]:
        """Seconds of both sides, in turn, so that a busy moment of the machine hits both."""
        rival = None if self.mkosi is None else theirs(self.mkosi)
        our_samples, their_samples = [], []
        for number in range(1, self.rounds + 1):
            our_samples.append(ours.time())
            self.say(f"{what}: round {number} of {self.rounds}: adamant {our_samples[-1]:.2f} s")
            if rival is not None:
                their_samples.append(rival.time())
                self.say(f"{what}: round {number} of {self.rounds}: mkosi {their_samples[-1]:.2f} s")
        return Series(tuple(our_samples)), Series(tuple(their_samples)) if their_samples else None
