"""Names of users, from the machine's passwd(5)."""

from pathlib import Path

from adamant.core import limits
from adamant.model.errors import AdamantError
from adamant.node.reading import read_text

FILE = "etc/passwd"


def parse(content: str) -> dict[int, str]:
    """User names by number; the first name of a number counts."""
    users: dict[int, str] = {}
    for line in content.splitlines():
        fields = line.split(":")
        if len(fields) == 7 and fields[0] and fields[2].isascii() and fields[2].isdigit():
            users.setdefault(int(fields[2][:10]), fields[0])
    return users


def read(root: Path) -> dict[int, str]:
    """User names of this machine; none when they cannot be read."""
    try:
        return parse(read_text(root / FILE, limits.SYSTEM_FILE_SIZE))
    except AdamantError:
        return {}
