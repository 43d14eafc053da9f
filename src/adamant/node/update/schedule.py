"""When a machine looks for a release, and when it may reboot for one. Pure: the clock and the zone come in.

Moments are seconds since the Unix epoch, spans are seconds. A machine's `seed` is its place in waves (release.index,
SEEDS): it puts each machine of a fleet at another moment, the same one each time.
"""

import math
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from adamant.core import limits
from adamant.model.machine.document import Window
from adamant.model.machine.measures import seconds_of
from adamant.release.index import SEEDS

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 86400


class Opening(NamedTuple):
    """One time that a window is open: from `begin` until just before `end`."""

    begin: float
    end: float


def interval(check: str) -> float:
    """The span between two looks, from `update.check`; never shorter than a repository should bear."""
    return max(float(seconds_of(check)), limits.UPDATE_CHECK_SECONDS)


def backoff(failures: int, most: float) -> float:
    """How long to wait after so many failures in a row, of which there is at least one: doubled each time."""
    return min(limits.UPDATE_RETRY_SECONDS * 2.0 ** min(failures - 1, 32), most)


def next_look(last: float, failures: int, every: float, seed: int, now: float) -> float:
    """When to look again, after a look at `last` (0: there was none) that was the last of so many failures in a row.

    Looks lie `every` apart, at the same moments whatever was between them; a failed one is tried again sooner. A look
    that was never made, or lies in the future since the clock was wrong, is due now.
    """
    if not 0 < last <= now:
        return now
    if failures:
        return last + backoff(failures, every)
    offset = every * seed / SEEDS
    return offset + every * (math.floor((last - offset) / every) + 1)


def quiet(every: float, seed: int) -> float:
    """How long after its start, or another repository in its config, a machine waits before it looks.

    A fleet that gets its power back, or a new config, does not ask all at once.
    """
    return min(every, limits.UPDATE_SPREAD_SECONDS) * seed / SEEDS


def opening(window: Window, zone: tzinfo, now: float) -> Opening:
    """The time that the window is open at `now`, or else the next one.

    It begins by the clock on the wall; one that summer time skips is the moment as long after the skip. Whole days of
    its length are days of the calendar, and the rest of it is time that passes: a window of 24 hours ends where that of
    the next day begins, also on a day of 23 or 25 hours.
    """
    days, rest = divmod(seconds_of(window.length), _DAY)
    if days >= len(_DAYS):  # it is open again before it has closed
        days, rest = len(_DAYS), 0
    hour, minute = map(int, window.start.split(":"))
    today = datetime.fromtimestamp(now, zone).replace(hour=hour, minute=minute, second=0, microsecond=0, tzinfo=None)
    found = []
    for distance in range(-days - 2, len(_DAYS) + 3):
        begin = today + timedelta(days=distance)
        if not window.days or _DAYS[begin.weekday()] in window.days:
            end = _moment(begin + timedelta(days=days), zone) + rest
            found.append(Opening(_moment(begin, zone), end))
    return next(one for one in found if one.end > now)


def reboot_at(window: Window, zone: tzinfo, seed: int, now: float) -> float:
    """When a machine for which a release waits since before `now` reboots: `now`, or a moment after that.

    It is inside the window, a while after its begin, for each machine another.
    """
    found = opening(window, zone, now)
    spread = min((found.end - found.begin) / 4, limits.UPDATE_SPREAD_SECONDS)
    return max(now, found.begin + spread * seed / SEEDS)


def _moment(wall: datetime, zone: tzinfo) -> float:
    """The moment of a time on the wall; of two, the first."""
    return wall.replace(tzinfo=zone).astimezone(UTC).timestamp()
