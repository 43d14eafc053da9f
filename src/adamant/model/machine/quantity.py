"""Times and sizes as documents write them, in numbers."""

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"M": 1 << 20, "G": 1 << 30}


def seconds(text: str) -> int:
    """Seconds of a Duration (document.py): `5m` is 300."""
    return int(text[:-1]) * _SECONDS[text[-1]]


def size(text: str) -> int:
    """Bytes of a Size (document.py): `512M` is 536870912."""
    return int(text[:-1]) * _BYTES[text[-1]]
