"""How far a build is: lines that make prints, counted against those of a build that is known.

kbuild prints a line for each file that it makes (`  CC      fs/ext4/inode.o`, `  LD [M]  net/bridge/bridge.ko`). Pure.
"""

import re
from collections import deque
from dataclasses import dataclass, field

from adamant.core import limits
from adamant.model.arch import Arch

KNOWN: dict[Arch, int] = {Arch.AMD64: 4957, Arch.ARM64: 4699}
"""The lines of a build of Adamant's own config, for a computer that has built none yet."""

_MADE = re.compile(r"^  ([A-Z][A-Z0-9_-]*)(?: \[M\])? +(\S+)")
_FIRST = 50
"""Lines before the speed says anything."""


@dataclass(slots=True)
class Progress:
    """The state of one build. `total` is the number of lines that are expected."""

    total: int
    done: int = 0
    last: str = ""
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=limits.KERNEL_LOG_LINES))

    def feed(self, line: str) -> bool:
        """Take one line; whether something was made."""
        found = _MADE.match(line)
        if found is None:
            self.tail.append(line)
            return False
        self.done += 1
        self.last = found[2]
        return True

    def left(self, seconds: float) -> float | None:
        """Seconds until the end, when `seconds` have gone by; None while nobody can say."""
        if self.done < _FIRST or seconds <= 0:
            return None
        return max(0.0, (self.total - self.done) * seconds / self.done)

    def say(self, seconds: float) -> str:
        """A few words on it: what is at hand, and how long it will take."""
        left = self.left(seconds)
        if left is None:
            return self.last
        minutes = round(left / 60)
        return f"{'about ' + str(minutes) + ' min left' if minutes else 'nearly done'}: {self.last}"
