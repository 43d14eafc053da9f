"""Times and sizes as a machine config writes them, in numbers."""

import re

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"M": 1 << 20, "G": 1 << 30}


def seconds_of(text: str) -> int:
    """Seconds of a time such as 30s, 5m, 12h or 7d (document.Duration). Raises ValueError."""
    return _number(text, _SECONDS)


def bytes_of(text: str) -> int:
    """Bytes of a size such as 512M or 2G (document.Size). Raises ValueError."""
    return _number(text, _BYTES)


def _number(text: str, units: dict[str, int]) -> int:
    match = re.fullmatch(r"([0-9]{1,10})([a-zA-Z])", text)
    if match is None or match[2] not in units:
        raise ValueError(f"no number with one of {', '.join(units)}: {text!r}")
    return int(match[1]) * units[match[2]]
