"""Where things lie on this computer (XDG Base Directory Specification). Paths never reach an output."""

import os
from pathlib import Path


def _xdg(variable: str, fallback: str) -> Path:
    value = os.environ.get(variable, "")
    return Path(value) if value.startswith("/") else Path.home() / fallback


def cache() -> Path:
    """Downloads and finished steps: may be deleted at any time. `ADAMANT_CACHE` overrides it."""
    own = os.environ.get("ADAMANT_CACHE", "")
    return Path(own) if own.startswith("/") else _xdg("XDG_CACHE_HOME", ".cache") / "adamant"


def state() -> Path:
    """Machines on this computer. `ADAMANT_STATE` overrides it."""
    own = os.environ.get("ADAMANT_STATE", "")
    return Path(own) if own.startswith("/") else _xdg("XDG_STATE_HOME", ".local/state") / "adamant"


def config() -> Path:
    """Keys and contexts of the person. `ADAMANT_CONFIG` overrides it."""
    own = os.environ.get("ADAMANT_CONFIG", "")
    return Path(own) if own.startswith("/") else _xdg("XDG_CONFIG_HOME", ".config") / "adamant"
