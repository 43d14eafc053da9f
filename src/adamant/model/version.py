"""The version of Adamant. A test holds it against pyproject.toml."""

ADAMANT = "0.1.0"
