#!/usr/bin/python3.13
"""The first program of a small machine: it writes to FAT file systems as a real one does, by the node's own code.

`write` on the kernel's command line: a boot loader is brought, releases are put, counted, found good and removed, on
the first disk. `again`: what the next boots and updates do, on each of the others.
"""

import ctypes
import os
import random
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

os.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"
LIBC = ctypes.CDLL(None, use_errno=True)
ROOT = Path("/machine")
NOSUID_NOEXEC = 2 | 8
POWER_OFF = 0x4321FEDC


def mount(what: str, where: str, kind: str, options: bytes = b"") -> None:
    Path(where).mkdir(parents=True, exist_ok=True)
    if LIBC.mount(what.encode(), where.encode(), kind.encode(), NOSUID_NOEXEC, options):
        raise OSError(ctypes.get_errno(), f"mount {what}")


def uki(name: str) -> Iterator[bytes]:
    data = random.Random(name).randbytes(1 << 20)
    return (data[at : at + 65536] for at in range(0, len(data), 65536))


def write() -> None:
    boot_loader.bring(ROOT)
    folder = EspFolder(ROOT / "efi")
    for image, version in (("host", "3"), ("host-of-a-long-name", "2026.11.30"), ("web", "2026.1"), ("far", "1")):
        fresh = entries.fresh(image, version)
        # The last one's name gets into another sector than the one that it has in the end, as firmware's renames do it.
        fillers = [ROOT / "efi" / FOLDER / f"filler-{number}" for number in range(6 if image == "far" else 0)]
        for filler in fillers:
            filler.touch()
        folder.put(fresh, uki(image))
        for filler in fillers:
            filler.unlink()
        tried = fresh._replace(left=2, done=1)
        if image != "far":
            folder.rename(fresh, tried)
        folder.rename(fresh if image == "far" else tried, fresh._replace(left=None))
    folder.remove(entries.fresh("host-of-a-long-name", "2026.11.30")._replace(left=None))


def again() -> None:
    boot_loader.bring(ROOT)
    folder = EspFolder(ROOT / "efi")
    for entry in folder.entries():
        if not entry.good:
            folder.rename(entry, entry._replace(left=None, done=0))
    folder.tidy()
    kept = [entry for entry in folder.entries() if entry.version != "2"][:1]
    for entry in folder.entries():
        if entry.version != "2" and entry not in kept:
            folder.remove(entry)
    folder.put(entries.fresh("host", "9"), uki("next"))
    for entry in kept:
        folder.remove(entry)


Path("/dev").mkdir(exist_ok=True)
mount("dev", "/dev", "devtmpfs")
mount("proc", "/proc", "proc")
console = os.open("/dev/ttyS0", os.O_RDWR)
for number in range(3):
    os.dup2(console, number)
try:
    from adamant.node import boot_loader
    from adamant.node.update import entries
    from adamant.node.update.esp import FOLDER, EspFolder

    first = "write" in Path("/proc/cmdline").read_text()
    for disk in sorted(Path("/dev").glob("vd[a-z]"))[slice(0, 1) if first else slice(1, None)]:
        mount(str(disk), str(ROOT / "efi"), "vfat", b"umask=0077")
        (write if first else again)()
        LIBC.umount(str(ROOT / "efi").encode())
    print("all is written", flush=True)
except BaseException:
    traceback.print_exc()
sys.stdout.flush()
os.sync()
LIBC.reboot(POWER_OFF)
