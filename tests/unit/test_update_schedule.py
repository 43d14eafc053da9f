"""When a machine looks for a release and may reboot: over a fleet, midnight, the week and summer time."""

import io
import struct
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.core import limits
from adamant.model.machine.document import Window
from adamant.node.update import schedule
from adamant.release.index import SEEDS

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def zone(rule: str) -> ZoneInfo:
    """The zone of a rule as in POSIX, TZ (tzfile(5), version 2, with nothing but a footer)."""
    head = struct.pack(">4sc15x6l", b"TZif", b"2", 0, 0, 0, 0, 1, 4) + struct.pack(">lbb4s", 0, 0, 0, b"UTC\0")
    return ZoneInfo.from_file(io.BytesIO(head + head + f"\n{rule}\n".encode()))


BERLIN = zone("CET-1CEST,M3.5.0,M10.5.0/3")
ZONES = (zone("UTC0"), BERLIN, zone("EST5EDT,M3.2.0,M11.1.0"), zone("<+1245>-12:45<+1345>,M9.5.0/2:45,M4.1.0/3:45"))


def at(text: str, where: ZoneInfo = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=where).timestamp()


def test_the_zones_of_these_tests_have_summer_time() -> None:
    assert datetime(2026, 7, 1, 12, tzinfo=BERLIN).astimezone(UTC).hour == 10
    assert datetime(2026, 1, 1, 12, tzinfo=BERLIN).astimezone(UTC).hour == 11


# Looks


moments = st.floats(1e9, 4e9)
spans = st.floats(limits.UPDATE_CHECK_SECONDS, 30 * DAY)
seeds = st.integers(0, SEEDS - 1)


@given(moments, spans, seeds, st.floats(0, DAY))
def test_the_next_look_is_at_most_one_interval_after_the_last_one(
    last: float, every: float, seed: int, passed: float
) -> None:
    found = schedule.next_look(last, 0, every, seed, last + passed)
    assert last < found + 1e-3
    assert found <= last + every + 1e-3


@given(moments, spans, seeds)
def test_looks_keep_their_place_whenever_the_one_before_was(last: float, every: float, seed: int) -> None:
    one = schedule.next_look(last, 0, every, seed, last)
    late = one + every * 0.4  # the machine was off
    two = schedule.next_look(late, 0, every, seed, late)
    assert two - one == pytest.approx(every, abs=1e-3)


def test_machines_of_a_fleet_look_at_moments_that_are_spread_over_the_interval() -> None:
    found = [schedule.next_look(1e9, 0, 6 * HOUR, seed, 1e9) - 1e9 for seed in range(0, SEEDS, SEEDS // 6)]
    assert max(found) - min(found) > 4 * HOUR


def test_without_a_look_before_it_is_due() -> None:
    assert schedule.next_look(0.0, 0, HOUR, 5, 1e9) == 1e9


def test_a_look_in_the_future_was_by_a_wrong_clock() -> None:
    assert schedule.next_look(2e9, 0, HOUR, 5, 1e9) == 1e9


def test_failed_looks_are_tried_again_ever_later_and_at_last_as_often_as_others() -> None:
    found = [schedule.next_look(1e9, failures, 6 * HOUR, 7, 1e9) - 1e9 for failures in range(1, 12)]
    assert found[:4] == [60, 120, 240, 480]
    assert found[-1] == 6 * HOUR


@given(st.integers(1, 10**9), spans)
def test_backoff_never_passes_its_cap(failures: int, most: float) -> None:
    assert 0 < schedule.backoff(failures, most) <= most
    assert schedule.backoff(failures, most) <= schedule.backoff(failures + 1, most)


def test_an_interval_has_a_floor() -> None:
    assert schedule.interval("1s") == limits.UPDATE_CHECK_SECONDS
    assert schedule.interval("2h") == 2 * HOUR


@given(spans, seeds)
def test_the_quiet_after_a_start_is_short(every: float, seed: int) -> None:
    assert 0 <= schedule.quiet(every, seed) <= min(every, limits.UPDATE_SPREAD_SECONDS)


# The window


def opens(window: Window, now: float, where: ZoneInfo = BERLIN) -> float:
    return max(now, schedule.opening(window, where, now).begin)


@given(moments, st.sampled_from(ZONES))
def test_without_a_window_it_is_always_open(now: float, where: ZoneInfo) -> None:
    assert opens(Window(), now, where) == now


@given(moments, st.sampled_from(ZONES), st.sampled_from(_DAYS), st.integers(7, 9999))
def test_a_window_of_a_week_is_always_open(now: float, where: ZoneInfo, day: str, days: int) -> None:
    assert opens(Window(days=(day,), length=f"{days}d"), now, where) == now


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ("2026-11-28T21:59", "2026-11-28T22:00"),
        ("2026-11-28T22:00", "2026-11-28T22:00"),
        ("2026-11-28T23:59", "2026-11-28T23:59"),
        ("2026-11-29T03:59", "2026-11-29T03:59"),
        ("2026-11-29T04:00", "2026-11-29T22:00"),
    ],
)
def test_a_window_goes_over_midnight(now: str, then: str) -> None:
    assert opens(Window(start="22:00", length="6h"), at(now)) == at(then)


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ("2026-11-28T12:00", "2026-11-29T20:00"),  # saturday
        ("2026-11-29T20:00", "2026-11-29T20:00"),
        ("2026-11-30T03:00", "2026-11-30T03:00"),  # monday, of sunday's window
        ("2026-11-30T04:00", "2026-12-06T20:00"),
    ],
)
def test_a_window_goes_over_the_week(now: str, then: str) -> None:
    assert opens(Window(days=("sun",), start="20:00", length="8h"), at(now)) == at(then)


def test_a_start_that_summer_time_skips_comes_after_the_skip() -> None:
    window = Window(days=("sun",), start="02:30", length="30m")
    found = schedule.opening(window, BERLIN, at("2026-03-29T00:00"))
    assert found.begin == at("2026-03-29T03:30")
    assert found.end - found.begin == 30 * MINUTE


def test_a_start_that_comes_twice_counts_once() -> None:
    window = Window(days=("sun",), start="02:30", length="30m")
    found = schedule.opening(window, BERLIN, at("2026-10-25T00:00"))
    assert found.begin == at("2026-10-25T02:30")
    assert schedule.opening(window, BERLIN, found.end).begin == at("2026-11-01T02:30")


@given(
    moments,
    st.sampled_from(ZONES),
    st.sets(st.sampled_from(_DAYS)),
    st.integers(0, 24 * 60 - 1),
    st.integers(1, 6 * 24 * 60),
)
def test_it_is_open_when_a_clock_on_the_wall_says_so(
    now: float, where: ZoneInfo, days: set[str], start: int, length: int
) -> None:
    """Against a clock that is followed minute by minute, away from days on which clocks are set."""
    window = Window(tuple(sorted(days)), f"{start // 60:02}:{start % 60:02}", f"{length}m")
    wall = datetime.fromtimestamp(now, where)
    offsets = {datetime.fromtimestamp(now + days * DAY, where).utcoffset() for days in range(-8, 9)}
    if len(offsets) > 1:
        return
    minute = wall.weekday() * 24 * 60 + wall.hour * 60 + wall.minute
    week = 7 * 24 * 60
    begins = [i * 24 * 60 + start for i, day in enumerate(_DAYS) if not days or day in days]
    expected = any((minute - begin) % week < length for begin in begins)
    found = schedule.opening(window, where, now)
    assert (found.begin <= now) is expected
    assert found.begin < found.end
    assert now < found.end
    if not expected:
        wait = min((begin - minute) % week for begin in begins)
        assert found.begin == pytest.approx(now - now % 60 + wait * 60, abs=1e-3)


@given(moments, st.sampled_from(ZONES), st.sampled_from(["02:00", "02:30", "03:00", "23:30"]))
def test_windows_of_whole_days_leave_no_gap(now: float, where: ZoneInfo, start: str) -> None:
    found = schedule.opening(Window(start=start), where, now)
    assert found.begin <= now < found.end
    assert schedule.opening(Window(start=start), where, found.end).begin <= found.end


@given(moments, st.sampled_from(ZONES), seeds, st.sampled_from(["1m", "10m", "2h", "24h"]))
def test_a_reboot_is_inside_the_window_and_early_in_it(now: float, where: ZoneInfo, seed: int, length: str) -> None:
    window = Window(days=("wed",), start="03:00", length=length)
    found = schedule.opening(window, where, now)
    when = schedule.reboot_at(window, where, seed, now)
    assert max(found.begin, now) <= when < found.end
    assert when <= max(now, found.begin + limits.UPDATE_SPREAD_SECONDS)
