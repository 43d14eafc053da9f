"""Times that a person writes: how long ago, a date, a date and a time of day; and how long a trial is to be."""

import datetime
import time

import click
import pytest

from adamant.cli.node import logs
from adamant.cli.options import Duration
from adamant.model.errors import InputError

NOW = 1_800_000_000
SECOND = 1_000_000


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: float(NOW))


def _usec(text: str | None) -> int:
    command = click.Command("x")
    return logs._time(click.Context(command), click.Option(["--since"]), text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("15m", 900), ("2h", 7200), ("1d", 86400), ("007m", 420), ("0s", 0)]
)
def test_a_span_counts_back_from_now(text: str, seconds: int) -> None:
    assert _usec(text) == (NOW - seconds) * SECOND


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2026-11-28", (2026, 11, 28)),
        ("2026-11-28 09:30", (2026, 11, 28, 9, 30)),
        ("2026-11-28 09:30:15", (2026, 11, 28, 9, 30, 15)),
        ("2026-11-28T09:30:15Z", (2026, 11, 28, 9, 30, 15)),
        ("2026-11-28 09:30:15+02:00", (2026, 11, 28, 7, 30, 15)),
    ],
)
def test_a_date_is_of_utc_unless_it_says_otherwise(text: str, date: tuple[int, ...]) -> None:
    assert _usec(text) == int(datetime.datetime(*date, tzinfo=datetime.UTC).timestamp()) * SECOND  # type: ignore[misc,arg-type]


def test_no_time_is_none() -> None:
    assert _usec(None) == 0


@pytest.mark.parametrize("text", ["99999d", "999999999d", "1970-01-01", "0001-01-01"])
def test_what_lies_before_the_epoch_is_the_begin_of_all_and_not_no_time(text: str) -> None:
    assert _usec(text) == 1


@pytest.mark.parametrize(
    "text", ["", "h", "2", "2w", "-2h", "2 h", "2h30m", "yesterday", "2026-13-01", "2026-11-28 25:00", "9" * 40 + "d"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        _usec(text)
    assert caught.value.reference == "time-malformed"
    assert "2h" in caught.value.hint


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("2m", 120), ("1h", 3600)])
def test_a_length_is_in_seconds_unless_it_says_otherwise(text: str, seconds: int) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["0", "0m", "-1", "2d", "1.5h", "", "9999999"])
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(click.UsageError):
        Duration().convert(text, None, None)
