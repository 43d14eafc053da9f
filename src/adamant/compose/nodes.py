"""Device nodes that load their module when somebody opens them, as a tmpfiles.d file.

What stays true: the nodes are those that kmod-static-nodes.service would find at each boot in `modules.devname`, which
depmod makes. Imports model only (and `entries`).
"""

import posixpath
import re

from adamant.compose import entries
from adamant.model.errors import VerificationError
from adamant.model.tree import Entry, Kind, Tree

CONF = "usr/lib/tmpfiles.d/adamant-nodes.conf"
_NAME = r"[A-Za-z0-9_-]+"
_LINE = re.compile(rf"{_NAME} (?P<node>{_NAME}(/{_NAME})*) (?P<type>[bc])(?P<numbers>[0-9]{{1,4}}:[0-9]{{1,7}})")
"""Module, name below /dev, device number."""


def make(tree: Tree, kernel: str) -> list[Entry]:
    """The tmpfiles.d file for the kernel of release `kernel`; none when its modules have no such nodes.

    Raises VerificationError `modules-devname-malformed`.
    """
    found = tree.get(f"usr/lib/modules/{kernel}/modules.devname")
    if found is None or found.kind is not Kind.FILE:
        return []
    lines: dict[str, None] = {}
    for number, line in enumerate(entries.text(found).splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise VerificationError(
                "modules-devname-malformed", f"modules.devname is not what depmod writes: line {number}"
            )
        if folder := posixpath.dirname(match["node"]):
            lines[f"d /dev/{folder} 0755 root root -"] = None
        lines[f"{match['type']}! /dev/{match['node']} 0600 root root - {match['numbers']}"] = None
    return [entries.file(CONF, "".join(f"{line}\n" for line in lines))] if lines else []
