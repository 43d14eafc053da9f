"""Stages a release into files, as a machine does into its slots: what it fetches, how long it takes, its memory.

    python -m benchmarks.staging WORK BASE PRODUCT OLD NEW delta|patch

`WORK` holds root.json, the image and tree of the old release as usr-a and usr-a-verity, and its UKI below efi. It
prints one JSON object (Staged). The program is a process of its own, so that its memory is the update's alone.
"""

import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from adamant.model.arch import NAMES
from adamant.node.update import trust
from adamant.node.update.devices import BlockDevice, Slot
from adamant.node.update.entries import fresh
from adamant.node.update.esp import EspFolder
from adamant.node.update.origin import HttpOrigin
from adamant.node.update.stage import Staging
from adamant.release import index, patches

ROOM = 512 << 20
"""Bytes of a slot."""


class Staged(msgspec.Struct, frozen=True):
    """What staging took, after the metadata: bytes by kind of file (erofs, verity, efi), requests, seconds, memory."""

    fetched: dict[str, int]
    requests: int
    seconds: float
    processor: float
    memory: int


class _Counted:
    """An origin that counts what is read, by the suffix of the file."""

    def __init__(self, origin: HttpOrigin) -> None:
        self._origin = origin
        self.fetched: Counter[str] = Counter()

    def read(self, path: str, first: int, size: int) -> Iterator[bytes]:
        """As an origin does."""
        for data in self._origin.read(path, first, size):
            self.fetched[path.rpartition(".")[2]] += len(data)
            yield data


def _slot(work: Path, label: str) -> Slot:
    for name in (label, f"{label}-verity"):
        (work / name).touch()
        os.truncate(work / name, ROOM)
    return Slot(label, BlockDevice(work / label), BlockDevice(work / f"{label}-verity"))


def main(work: Path, base: str, product: str, old: str, new: str, way: str) -> Staged:
    """Stage `new` on what runs `old`, by the delta alone or by a patch if there is one."""
    arch = next(arch for arch, names in NAMES.items() if names.kernel == os.uname().machine)
    http = HttpOrigin(base)
    found, patched = trust.read_index(product, base, (work / "root.json").read_bytes(), work / "kept", http)
    origin = _Counted(http)
    release = index.find(found, new, arch)
    staging = Staging(
        release,
        index.find(found, old, arch),
        _slot(work, "usr-b"),
        _slot(work, "usr-a"),
        EspFolder(work / "efi"),
        origin,
        fresh(product, old)._replace(left=None),
        lambda _progress: None,
        patches.to(patched, release) if way == "patch" else (),
    )
    begin = time.perf_counter()
    staging.run(fresh(product, new))
    used = resource.getrusage(resource.RUSAGE_SELF)
    return Staged(
        dict(origin.fetched),
        staging.requests,
        time.perf_counter() - begin,
        used.ru_utime + used.ru_stime,
        used.ru_maxrss << 10,
    )


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(main(Path(sys.argv[1]), *sys.argv[2:7])))
