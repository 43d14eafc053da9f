"""Settings of the kernel: those that the machine's files set (sysctl.d(5)), or any by name.

Desired is what the files say, by systemd-sysctl's rules: a file's name counts once, in /etc before /run before
/usr/lib; files are read in the order of their names; the last line for a setting counts.
"""

import re
from pathlib import Path

from adamant.api import resources_pb2 as pb
from adamant.core import limits
from adamant.model.errors import AdamantError, InputError
from adamant.model.sysctl import FOLDERS, NAME, Line, equal, last, name_of, parse, path_of
from adamant.node.reading import read_text
from adamant.node.resources import drop_ins, keyed, masking
from adamant.node.resources.found import Found, Sources

_GLOB = set("*?[")
_SECRET = re.compile(r"(?:_key|_secret)$")


def _lines(root: Path) -> list[Line]:
    files = drop_ins.files(root, FOLDERS)
    return [line for path in files for line in parse(keyed.text(path), f"/{path.relative_to(root)}")]


def _actual(root: Path, path: str) -> str | None:
    try:
        content = read_text(root / "proc/sys" / path, limits.SYSCTL_SIZE).rstrip("\n")
    except AdamantError:
        return None
    return masking.MASK if _SECRET.search(path.replace("/", ".")) else content


def _found(root: Path, path: str, line: Line | None) -> Found:
    value = _actual(root, path)
    name = name_of(path)
    desired = pb.Sysctl(value=line.value, file=line.file) if line else None
    if value is None:
        return Found(name, None, desired, "this kernel does not have it")
    reason = ""
    if line and not equal(value, line.value):
        reason = f"{line.file} asks for {line.value}"
    return Found(name, pb.Sysctl(value=value, file=line.file if line else ""), desired, reason)


def collect(sources: Sources) -> list[Found]:
    """The settings that files set, or those that are asked for by name."""
    wanted = last(_lines(sources.root))
    if sources.names:
        paths = []
        for name in sources.names:
            if not NAME.fullmatch(name) or ".." in name or _GLOB & set(name):
                raise InputError(
                    "resource-unknown", f"{name[:80]!r} names no setting", hint="such as net.ipv4.ip_forward"
                )
            paths.append(path_of(name))
        found = [_found(sources.root, path, wanted.get(path)) for path in dict.fromkeys(paths)]
        return [item for item in found if item.actual is not None or item.desired is not None]
    return [
        found
        for path, line in wanted.items()
        if not _GLOB & set(path)
        for found in [_found(sources.root, path, line)]
        if found.actual is not None or not line.optional
    ]
