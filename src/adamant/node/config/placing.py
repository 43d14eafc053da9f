"""Puts the config's files into an /etc that is on disk, and gives back what is no longer to be there.

What was put there stands in a record beside it, which names a file before the file is there: after a crash between any
two writes nothing is forgotten. A file that a person has changed since is left alone once the config no longer names
it.
"""

import json
from pathlib import Path

from adamant.core import files, limits
from adamant.model.digest import sha256
from adamant.model.errors import AdamantError
from adamant.node.config.etc import FACTORY, FOLDER

RECORD = ".adamant/placed.json"


def place(root: Path) -> None:
    """Make the files below FOLDER those of /etc. Raises AdamantError and OSError; doing it again goes on with it."""
    source = root / FOLDER
    wanted = {str(path.relative_to(source)): path for path in sorted(source.rglob("*")) if path.is_file()}
    before = read(root)
    after = {name: _digest(path) for name, path in wanted.items()}
    if before == after and all(_digest(root / "etc" / name) == digest for name, digest in after.items()):
        return
    _write(root, {**before, **after})
    for name, path in wanted.items():
        target = root / "etc" / name
        if target.is_symlink() or _digest(target) != after[name]:
            target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            files.write_atomic(target, path.read_bytes(), path.stat().st_mode & 0o7777)
    for name in before.keys() - after.keys():
        target = root / "etc" / name
        if not target.is_symlink() and _digest(target) == before[name]:
            _give_back(root / FACTORY / name, target)
    _write(root, after)


def read(root: Path) -> dict[str, str]:
    """What was put into /etc: mode and digest by the path below it. Nothing where there is no record."""
    try:
        value = json.loads(files.read_limited(root / RECORD, limits.GENERATION_SIZE, "record of files of the config"))
    except (AdamantError, ValueError, RecursionError):
        return {}
    if not isinstance(value, dict) or not all(isinstance(digest, str) for digest in value.values()):
        return {}
    return {name: digest for name, digest in value.items() if ".." not in name.split("/") and not name.startswith("/")}


def _write(root: Path, record: dict[str, str]) -> None:
    if record:
        files.write_atomic(root / RECORD, json.dumps(record, sort_keys=True).encode() + b"\n", 0o600)
    else:
        (root / RECORD).unlink(missing_ok=True)


def _digest(path: Path) -> str:
    """Mode and digest of a file; empty when there is none."""
    try:
        return f"{path.stat().st_mode & 0o7777:o} {sha256(path.read_bytes())}"
    except OSError:
        return ""


def _give_back(factory: Path, target: Path) -> None:
    """What the release has there, or nothing."""
    if factory.is_symlink():
        new = target.with_name(f".{target.name}.adamant")
        new.unlink(missing_ok=True)
        new.symlink_to(factory.readlink())
        new.replace(target)
    elif factory.is_file():
        files.write_atomic(target, factory.read_bytes(), factory.stat().st_mode & 0o7777)
    else:
        target.unlink()
