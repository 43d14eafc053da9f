"""Which programs an image does without, by its posture.

Some nothing starts in any image. What else stays is for the rules of the posture (model/posture.py): interpreters,
login programs, scripts, files that give their user another's rights, and programs of the base that nothing starts. What
a person lists in the definition stays, but for scripts and such rights where the posture has none.
"""

import posixpath
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from adamant.compose import entries
from adamant.model.errors import InputError
from adamant.model.posture import RULES, Posture
from adamant.model.tree import Entry, Kind, Tree

UNUSED: dict[str, str] = {
    "usr/bin/containerd-shim": "the first version of containerd's runtimes, which this containerd asks for no more",
    "usr/bin/containerd-shim-runc-v1": "the same",
    "usr/sbin/arpd": "large networks' neighbours, in a database whose library nothing else asks for",
}
"""What nothing starts, in any image."""

DEBUGGING: dict[str, str] = {"usr/bin/ctr": "debug containers"}
"""What nothing else starts, so that a posture without debug containers does without."""

BUS: dict[str, str] = {
    "usr/bin/dbus-broker": "the message bus",
    "usr/bin/dbus-broker-launch": "starts it",
    "usr/lib/systemd/systemd-hostnamed": "answers on it alone",
    "usr/lib/systemd/systemd-logind": "the login manager, which needs it",
    "usr/lib/systemd/systemd-timedated": "answers on it alone",
}
"""What a posture without a message bus does without, unless the definition lists `dbus-broker`."""

INTERPRETERS: dict[str, str] = {
    "usr/bin/py3clean": "python3",
    "usr/bin/py3compile": "python3",
    "usr/bin/py3versions": "python3",
    "usr/bin/pydoc3*": "python3",
    "usr/bin/pygettext3*": "python3",
    "usr/bin/python3": "python3",
    "usr/bin/python3.*": "python3",
    "usr/bin/mawk": "mawk",
}
"""Interpreters of the base by path, and the package that a definition lists when it wants them."""

LOGIN: tuple[str, ...] = ("agetty", "login", "nologin", "runuser", "su", "sulogin", "systemd-sulogin-shell")
"""Programs by which people log in or become another, in any folder."""

SHELLS = frozenset(
    (
        *("ash", "bash", "busybox", "csh", "dash", "es", "fish", "ksh", "ksh93", "lksh", "mksh", "posh", "rbash", "rc"),
        *("rzsh", "sash", "sh", "tcsh", "toybox", "yash", "zsh"),
    )
)
"""Programs that are shells, by name."""

STARTED: dict[str, str] = {
    "usr/bin/containerd": "runs containers",
    "usr/bin/containerd-shim-runc-v2": "is each container's parent",
    "usr/bin/dbus-broker*": "the message bus",
    "usr/bin/journalctl": "the agent reads logs by it",
    "usr/bin/kmod": "the kernel asks for modules by it",
    "usr/bin/mount": "mount units start it",
    "usr/bin/networkctl": "the agent removes links of the config by it",
    "usr/bin/openssl": "makes the node's key",
    "usr/bin/systemctl": "units of systemd start it",
    "usr/bin/systemd-repart": "makes partitions",
    "usr/bin/systemd-sysext": "lays extensions over /usr",
    "usr/bin/systemd-tmpfiles": "makes files at boot",
    "usr/bin/udevadm": "brings up devices",
    "usr/bin/umount": "mount units start it",
    "usr/lib/adamant/run": "the agent",
    "usr/lib/systemd/systemd": "PID 1",
    "usr/lib/systemd/systemd-*": "what PID 1 starts by its own units",
    "usr/lib/systemd/system-shutdown/*": "what PID 1 starts at the end",
    "usr/lib/udev/*": "rules for devices start them",
    "usr/lib*/ld-linux*": "the dynamic loader",
    "usr/sbin/blkid": "the agent looks at a disk before it makes a file system",
    "usr/sbin/e2fsck": "checks file systems",
    "usr/sbin/mke2fs": "makes file systems",
    "usr/sbin/runc": "starts containers",
}
"""Programs of the base that a machine starts. A posture without foreign programs has no other of them."""

NEVER: dict[str, str] = {
    "systemd-backlight": "screens of laptops",
    "systemd-battery-check": "batteries",
    "systemd-binfmt": "interpreters for foreign programs",
    "systemd-boot-check-no-failures": "the agent judges a boot",
    "systemd-bsod": "the last words of a boot on a screen",
    "systemd-cgroups-agent": "the first version of cgroups",
    "systemd-hibernate-resume": "hibernation",
    "systemd-initctl": "the control interface of System V",
    "systemd-keyutil": "for those who sign images",
    "systemd-localed": "languages and keyboards, of people who log in",
    "systemd-measure": "for those who make images",
    "systemd-network-generator": "networks of the kernel's command line",
    "systemd-pcrextend": "measures by a library that no image has",
    "systemd-pcrlock": "the same",
    "systemd-quotacheck": "quotas, which nothing of the base sets",
    "systemd-reply-password": "passwords",
    "systemd-rfkill": "switches of radios",
    "systemd-sbsign": "for those who sign images",
    "systemd-sleep": "hibernation",
    "systemd-ssh-proxy": "SSH to virtual machines and containers",
    "systemd-stdio-bridge": "a message bus for another machine",
    "systemd-storagetm": "serves the machine's disks to others",
    "systemd-sysv-install": "scripts of System V",
    "systemd-tpm2-setup": "keys in the TPM, by a library that no image has",
    "systemd-user-runtime-dir": "people who log in",
    "systemd-user-sessions": "people who log in",
    "systemd-volatile-root": "another way to have / in memory",
    "systemd-xdg-autostart-condition": "desktops",
}
"""Programs below usr/lib/systemd that STARTED would keep, and a posture without foreign programs has not. Generators,
which PID 1 starts before its units, are masked in every image (node/house.py)."""

_FOLDERS = ("usr/bin/", "usr/sbin/", "usr/libexec/", "usr/lib/systemd/", "usr/lib/udev/", "usr/local/")
_BUS_PACKAGE = "dbus-broker"
_SET_ID = 0o6000
_EXECUTABLE = 0o111
_ELF = b"\x7fELF"


@dataclass(frozen=True, slots=True)
class Filtered:
    """What became of a tree: paths that it loses, and entries that stand in place of those of their path."""

    dropped: tuple[str, ...]
    changed: tuple[Entry, ...]


def require_none(tree: Tree, posture: Posture) -> None:
    """Raise InputError (`shell-in-posture`) when the tree has a shell and the posture allows none in the image."""
    if RULES[posture].foreign_programs:
        return
    for folder in ("usr/bin", "usr/sbin"):
        for name in sorted(SHELLS):
            if f"{folder}/{name}" in tree:
                raise InputError(
                    "shell-in-posture",
                    f"{name} is a shell, and an image of the posture {posture.value} has none",
                    hint="leave out the package that brings it, or choose another posture",
                )


def apply(tree: Tree, posture: Posture, listed: Collection[str]) -> Filtered:
    """What the posture takes from `tree`; `listed` are the packages that the definition names."""
    rules = RULES[posture]
    unused = UNUSED if rules.debug_containers else {**UNUSED, **DEBUGGING}
    if not rules.message_bus and _BUS_PACKAGE not in listed:
        unused = {**unused, **BUS}
    dropped = {path for path in unused if path in tree}
    if rules.interpreters is not None:
        unwanted = [pattern for pattern, of in INTERPRETERS.items() if of not in listed]
        dropped |= {path for path in tree if any(entries.matches(path, pattern) for pattern in unwanted)}
    if not rules.login_programs:
        dropped |= {path for path in tree if path.startswith(_FOLDERS) and posixpath.basename(path) in LOGIN}
    changed: list[Entry] = []
    for entry in _programs(tree):
        of_base = entry.package and entry.package not in listed
        if not rules.scripts and _is_script(entry):
            if entry.path.startswith(_FOLDERS) and not entry.path.endswith(".py"):
                dropped.add(entry.path)
            else:
                changed.append(replace(entry, mode=entry.mode & ~(_EXECUTABLE | _SET_ID)))
        elif not rules.foreign_programs and of_base and not _is_started(entry):
            if _is_code(entry):
                dropped.add(entry.path)
            else:  # no program, whatever its mode says: a package may have made a file of data executable
                changed.append(replace(entry, mode=entry.mode & ~(_EXECUTABLE | _SET_ID)))
        elif not rules.set_id and entry.mode & _SET_ID:
            changed.append(replace(entry, mode=entry.mode & ~_SET_ID))
    dropped |= entries.links_to(tree, dropped)
    return Filtered(tuple(sorted(dropped)), tuple(changed))


def _programs(tree: Tree) -> Iterator[Entry]:
    """Files that can be executed, but for libraries."""
    for entry in tree.values():
        if entry.kind in (Kind.FILE, Kind.HARDLINK) and entry.mode & _EXECUTABLE and ".so" not in entry.path:
            yield entry


def _is_script(entry: Entry) -> bool:
    return entry.kind is Kind.FILE and entry.size > 1 and entries.read(entry, head=2) == b"#!"


def _is_code(entry: Entry) -> bool:
    return entry.kind is Kind.HARDLINK or entries.read(entry, head=len(_ELF)) == _ELF


def _is_started(entry: Entry) -> bool:
    folder, _, name = entry.path.rpartition("/")
    if folder == "usr/lib/systemd" and name in NEVER:
        return False
    return any(entries.matches(entry.path, pattern) for pattern in STARTED)
