"""A volume on its disk: found, made ready when it is empty, checked, mounted."""

import os
import time
from pathlib import Path

from adamant.core import limits, proc
from adamant.core.proc import ProgramFailed
from adamant.model.errors import AdamantError, BusyError
from adamant.model.machine.document import Filesystem, Volume
from adamant.node.volumes import spec
from adamant.node.volumes.disk import find

_MAKE = {
    Filesystem.EXT4: ("/usr/sbin/mkfs.ext4", "-q", "-F", "-m", "0"),
    Filesystem.XFS: ("/usr/sbin/mkfs.xfs", "-q"),
}
_PACKAGES = {Filesystem.EXT4: "e2fsprogs", Filesystem.XFS: "xfsprogs"}
_OPTIONS = "nosuid,nodev"
_NOTHING = 2
"""Exit code of blkid(8) when it knows nothing of what is there."""


def mount(root: Path, volume: Volume) -> str:
    """Mount a volume below var/mnt. Returns what was done, in words. Raises AdamantError `volume-*`."""
    device = _await(root, volume)
    target = root / spec.MOUNTS / volume.name
    kind = content(device)
    made = ""
    if not kind:
        _make(device, volume.filesystem)
        made = f", with a new {volume.filesystem.value} on it"
    elif kind != volume.filesystem.value:
        raise BusyError(
            "volume-not-empty",
            f"{device.name} holds {kind}, not {volume.filesystem.value}, and is never formatted",
            hint="name another disk, or empty this one yourself",
        )
    elif volume.filesystem is Filesystem.EXT4:
        _check(device)
    target.mkdir(parents=True, exist_ok=True)
    proc.run("mount it", ["/usr/bin/mount", "-t", volume.filesystem.value, "-o", _OPTIONS, device, target])
    return f"{device.name} is mounted at /{spec.MOUNTS}/{volume.name}{made}"


def unmount(root: Path, name: str) -> None:
    """Take a volume away, if it is mounted. Raises ProgramFailed when something on it is in use."""
    target = root / spec.MOUNTS / name
    if target.is_mount():
        proc.run("unmount it", ["/usr/bin/umount", target])


def _await(root: Path, volume: Volume) -> Path:
    """Its device, which may still be on its way at boot."""
    end = time.monotonic() + limits.VOLUME_DISK_SECONDS
    while True:
        try:
            return find(root, volume.disk)
        except AdamantError as error:
            if error.reference != "volume-no-disk" or time.monotonic() > end:
                raise
        time.sleep(0.5)


def content(device: Path) -> str:
    """What a device holds: the name of a file system, or words for anything else; empty when it is empty."""
    asked = proc.run(
        "look at the disk", ["/usr/sbin/blkid", "-p", "-o", "export", device], check=False, seconds=limits.CTR_SECONDS
    )
    known = dict(line.partition("=")[::2] for line in asked.stdout.decode("utf-8", "replace").splitlines())
    if "TYPE" in known:
        return known["TYPE"]
    if "PTTYPE" in known:
        return f"a partition table ({known['PTTYPE']})"
    if asked.code != _NOTHING:
        return f"more than one thing, or nothing that can be read: {asked.stderr.decode('utf-8', 'replace')[-200:]}"
    with device.open("rb") as source:
        begin = source.read(limits.VOLUME_EMPTY_SIZE)
    return "something unknown" if begin.strip(b"\0") else ""


def _make(device: Path, filesystem: Filesystem) -> None:
    words = _MAKE[filesystem]
    if not os.access(words[0], os.X_OK):
        raise AdamantError(
            "volume-no-program",
            f"this image cannot make {filesystem.value}",
            hint=f"add {_PACKAGES[filesystem]} to its packages",
        )
    proc.run(f"make {filesystem.value}", [*words, device], seconds=limits.VOLUME_MAKE_SECONDS)


def _check(device: Path) -> None:
    """What fsck(8) mends by itself is mended; its codes 0 and 1 say that all is well now."""
    done = proc.run(
        "check the file system",
        ["/usr/sbin/e2fsck", "-p", device],
        check=False,
        seconds=limits.VOLUME_MAKE_SECONDS,
    )
    if done.code not in (0, 1):
        raise ProgramFailed(
            "volume-damaged",
            f"the file system on {device.name} is damaged",
            code=done.code,
            stderr=done.stderr.decode("utf-8", "replace"),
            context=done.stdout.decode("utf-8", "replace")[-400:],
            hint="mend it from a debug container: e2fsck",
        )
