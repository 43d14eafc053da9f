"""Times and sizes of a machine config in numbers."""

import pytest

from adamant.model.machine.measures import bytes_of, seconds_of


@pytest.mark.parametrize(("text", "seconds"), [("5s", 5), ("2m", 120), ("1h", 3600), ("1d", 86400)])
def test_times_are_seconds(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(("text", "size"), [("1M", 1 << 20), ("2G", 2 << 30)])
def test_sizes_are_bytes(text: str, size: int) -> None:
    assert bytes_of(text) == size


@pytest.mark.parametrize("text", ["", "5", "m", "1w", "1.5h", "-1s"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no number"):
        seconds_of(text)
    with pytest.raises(ValueError, match="no number"):
        bytes_of(text)
