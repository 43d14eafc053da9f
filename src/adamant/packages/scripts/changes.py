"""What a script changed in a root folder: the state before against the state after, as recorded entries.

Reads a folder that a hostile script wrote: it follows no link, and takes only files, folders and links. What Adamant
makes by itself (accounts, alternatives, PAM, dpkg's database) is left out or put in its own words: new accounts become
a sysusers.d file, links through /etc/alternatives point to their end.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from adamant.core import limits
from adamant.model.digest import Sha256, sha256
from adamant.model.errors import AdamantError
from adamant.model.tree import Entry, Kind
from adamant.packages.scripts.recording import Recorded

_PLACES = ("usr/", "etc/", "var/")
_OURS = re.compile(
    r"""etc/(passwd|group|shadow|gshadow|subuid|subgid)-?|etc/\.pwd\.lock|etc/alternatives(/.*)?|etc/ld\.so\.cache
    |etc/pam\.d/common-.*|etc/rc[0-9S]\.d(/.*)?|etc/(mtab|machine-id|resolv\.conf|hostname|shells)
    |var/lib/(dpkg|ucf|pam|systemd/deb-systemd-(user-)?helper-(enabled|masked))(/.*)?|var/lib/shells\.state
    |var/cache/(debconf|ldconfig)(/.*)?|var/log/(dpkg|alternatives)\.log|var/tmp(/.*)?
    |(adamant|proc|dev|sys|run|tmp)(/.*)?""",
    re.VERBOSE,
)
_STATE_LINE = re.compile(r"dev=([0-9a-f]+),ino=(\d+),mode=([0-7]+),uid=(\d+),gid=(\d+),.*")
_CAPABILITY = "security.capability"


@dataclass(frozen=True, slots=True)
class Seen:
    """One path at one moment. `mark` changes whenever contents may have changed."""

    kind: int
    mode: int
    target: str
    mark: tuple[int, int, int, int]
    sha256: Sha256 | None


@dataclass(frozen=True, slots=True)
class Owner:
    """Mode and ids that fakeroot keeps for an inode. `kind` is its type, which is a device where it only plays one."""

    mode: int
    uid: int
    gid: int
    kind: int = 0


def read_owners(state: Path, device: int) -> dict[int, Owner]:
    """The file that fakeroot saves, by inode of the file system `device` (st_dev).

    Lines of any other form are passed over, as a script can write there.
    """
    owners = {}
    for line in _text(state).split("\n"):
        found = _STATE_LINE.match(line[:200])
        if found and int(found[1], 16) == device:
            mode = int(found[3], 8)
            owners[int(found[2])] = Owner(mode & 0o7777, int(found[4]), int(found[5]), stat.S_IFMT(mode))
    return owners


def owners_of(state: Path, device: int) -> str:
    """The lines of `device` alone: inodes of a /tmp that is gone would be taken for those of the next."""
    lines = [line for line in _text(state).split("\n") if line.startswith(f"dev={device:x},")]
    return "".join(f"{line}\n" for line in lines)


def snapshot(root: Path, digests: Mapping[str, Sha256]) -> dict[str, Seen]:
    """All paths below `root`. `digests` are those of files known to be untouched; the others are read."""
    seen = {}
    for path, found in _walk(root):
        kind = stat.S_IFMT(found.st_mode)
        digest = None
        if kind == stat.S_IFREG:
            digest = digests.get(path) or _digest(root / path)
        target = str((root / path).readlink()) if kind == stat.S_IFLNK else ""
        mark = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        seen[path] = Seen(kind, stat.S_IMODE(found.st_mode), target, mark, digest)
    return seen


def _walk(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    pending = [""]
    count = 0
    while pending:
        folder = pending.pop()
        with os.scandir(root / folder) as found:
            for entry in found:
                path = f"{folder}/{entry.name}" if folder else entry.name
                if _OURS.fullmatch(path) and path not in {"etc/passwd", "etc/group"}:
                    continue
                count += 1
                if count > 1_000_000 or len(path) > limits.PATH_LENGTH:
                    raise AdamantError("recording-too-large", "the script made too many paths, or too long ones")
                yield path, entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    pending.append(path)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)


def _digest(path: Path) -> Sha256:
    digest = hashlib.sha256()
    with os.fdopen(_open(path), "rb") as source:
        while piece := source.read(1 << 20):
            digest.update(piece)
    return Sha256(digest.hexdigest())


def find(
    root: Path, before: Mapping[str, Seen], owners_before: Mapping[int, Owner], owners: Mapping[int, Owner], label: str
) -> tuple[list[Recorded], tuple[str, ...]]:
    """What was added or changed since `before`, and the paths that are gone. `label` names files made for it.

    Raises AdamantError: recording-place for what an image cannot keep, recording-too-large.
    """
    try:
        return _find(root, before, owners_before, owners, label)
    except OSError as error:
        what = Path(str(error.filename)).name
        raise AdamantError(
            "recording-place", f"the script left {what!r}, which cannot be read: {error.strerror}"
        ) from error


def _find(
    root: Path, before: Mapping[str, Seen], owners_before: Mapping[int, Owner], owners: Mapping[int, Owner], label: str
) -> tuple[list[Recorded], tuple[str, ...]]:
    for folder in _PLACES:
        if not stat.S_ISDIR((root / folder.rstrip("/")).lstat().st_mode):
            raise AdamantError("recording-place", f"the script put something else in the place of /{folder}")
    users, groups = _names(root / "etc/passwd"), _names(root / "etc/group")
    found: list[Recorded] = []
    there: set[str] = set()
    size = 0
    for path, status in _walk(root):
        there.add(path)
        old = before.get(path)
        kind = stat.S_IFMT(status.st_mode)
        owner = owners.get(status.st_ino)
        mode = owner.mode if owner else stat.S_IMODE(status.st_mode)
        mark = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if old and old.mark == mark and owner == owners_before.get(status.st_ino):
            continue
        if path in {"etc/passwd", "etc/group"} or (kind == stat.S_IFDIR and f"{path}/" in _PLACES):
            continue
        entry = _entry(root, path, kind if owner is None or owner.kind in {0, kind} else 0, mode)
        size += entry.size
        if size > limits.RECORDING_SIZE:
            raise AdamantError("recording-too-large", f"the script changed more than {limits.RECORDING_SIZE >> 20} MiB")
        if old and _same(old, entry, kind) and _owner(old, owners_before) == _rights(owner, mode):
            continue
        if not path.startswith(_PLACES):
            raise AdamantError(
                "recording-place",
                f"the script changed /{path}, which an image cannot keep",
                hint="accept the script and make that path with a tmpfiles.d file of your own",
            )
        user, group = (owner.uid, owner.gid) if owner else (0, 0)
        found.append(Recorded(entry, _name(users, user, path), _name(groups, group, path)))
    removed = tuple(sorted(path for path in before if path not in there))
    return [*found, *_accounts(root, before, label)], removed


def _same(old: Seen, entry: Entry, kind: int) -> bool:
    return old.kind == kind and old.sha256 == entry.sha256 and old.target == entry.target and not entry.xattrs


def _owner(old: Seen, owners: Mapping[int, Owner]) -> tuple[int, int, int]:
    return _rights(owners.get(old.mark[0]), old.mode)


def _rights(owner: Owner | None, mode: int) -> tuple[int, int, int]:
    """Mode and ids as the script sees them; what fakeroot does not know belongs to root."""
    return (owner.mode, owner.uid, owner.gid) if owner else (mode, 0, 0)


def _entry(root: Path, path: str, kind: int, mode: int) -> Entry:
    place = root / path
    if kind == stat.S_IFLNK:
        target = str(place.readlink())
        through = re.fullmatch(r"/etc/alternatives/([^/]+)", target)
        if through and (root / "etc/alternatives" / through[1]).is_symlink():
            target = str((root / "etc/alternatives" / through[1]).readlink())
        return Entry(path, Kind.SYMLINK, 0o777, target=target)
    if kind == stat.S_IFDIR:
        return Entry(path, Kind.DIRECTORY, mode)
    if kind != stat.S_IFREG:
        raise AdamantError("recording-place", f"the script made /{path}, which is neither file, folder nor link")
    with os.fdopen(_open(place), "rb") as source:
        content = source.read(limits.RECORDING_SIZE + 1)
    entry = Entry(path, Kind.FILE, mode, size=len(content), sha256=sha256(content), content=content)
    return replace(entry, xattrs=_capability(place))


def _capability(place: Path) -> tuple[tuple[str, bytes], ...]:
    """The file capability, in the form that holds for root of the machine and not for root of a namespace."""
    try:
        value = os.getxattr(place, _CAPABILITY, follow_symlinks=False)
    except OSError:
        return ()
    if len(value) not in {20, 24}:  # vfs_cap_data and vfs_ns_cap_data of linux/capability.h
        return ()
    magic = 0x02000000 | (value[0] & 1)
    return ((_CAPABILITY, magic.to_bytes(4, "little") + value[4:20]),)


def _text(path: Path) -> str:
    """A file that a script may have replaced with a link or a pipe; empty when it is no plain file."""
    try:
        with os.fdopen(_open(path), "rb") as source:
            if not stat.S_ISREG(os.fstat(source.fileno()).st_mode):
                return ""
            return source.read(limits.RECORDING_SIZE).decode(errors="replace")
    except OSError:
        return ""


def _lines(path: Path) -> list[list[str]]:
    return [line.split(":") for line in _text(path).split("\n") if line]


def _names(path: Path) -> dict[int, str]:
    """Names by number of passwd(5) or group(5)."""
    return {int(words[2]): words[0] for words in _lines(path) if len(words) > 2 and words[2].isdecimal()}


def _name(names: Mapping[int, str], number: int, path: str) -> str:
    if number == 0:
        return "root"
    if number not in names:
        raise AdamantError("recording-place", f"the script gave /{path} to the number {number}, which is no account")
    return names[number]


_FIXED_IDS = (range(100), range(60000, 65000), range(65534, 65535))
"""Ids that Debian fixes for a name (Policy 9.2.2)."""


def _accounts(root: Path, before: Mapping[str, Seen], label: str) -> list[Recorded]:
    """New users, groups and members as a sysusers.d file. The copies of before lie beside the files."""
    if "etc/passwd" not in before:
        return []
    old_users = {words[0] for words in _lines(root / "etc/passwd.before")}
    old_groups = {words[0]: words for words in _lines(root / "etc/group.before")}
    numbers = _names(root / "etc/group")
    lines = []
    for words in _lines(root / "etc/group"):
        if len(words) != 4 or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*\$?", words[0]):
            continue
        if words[0] not in old_groups:
            lines.append(f"g {words[0]} {_number(words[2])}")
        known = old_groups.get(words[0], ["", "", "", ""])[3].split(",")
        lines += [f"m {member} {words[0]}" for member in words[3].split(",") if member and member not in known]
    for words in _lines(root / "etc/passwd"):
        if len(words) != 7 or words[0] in old_users or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*\$?", words[0]):
            continue
        name, _password, uid, gid, gecos, home, shell = words
        group = numbers.get(int(gid), "") if gid.isdecimal() else ""
        number = f"{_number(uid)}:{group}" if group and group != name else _number(uid)
        comment = gecos.strip(",").replace('"', "").replace("\\", "")
        lines.append(f'u {name} {number} "{comment}" {home or "-"} {shell or "-"}')
    if not lines:
        return []
    content = "".join(f"{line}\n" for line in sorted(lines)).encode(errors="replace")
    path = f"usr/lib/sysusers.d/adamant-{label}.conf"
    return [Recorded(Entry(path, Kind.FILE, 0o644, size=len(content), sha256=sha256(content), content=content))]


def _number(text: str) -> str:
    return text if text.isdecimal() and any(int(text) in ids for ids in _FIXED_IDS) else "-"
