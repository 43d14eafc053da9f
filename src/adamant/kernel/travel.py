"""How a kernel travels from the computer that built it to others: a folder of plain files, served by anything.

Published kernels lie at `DIGEST/` of a folder, or of a web server. Nothing there is signed: who fetches one names its
digest, which the lock of an image holds, and that stands for its manifest, which stands for each of its files. What is
fetched is checked as the artifact of a build is, and appears on the shelf as a whole, or not at all.
"""

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from adamant.core import events, files, limits
from adamant.kernel import artifact
from adamant.kernel.artifact import Kernel
from adamant.kernel.shelf import Shelf, is_digest
from adamant.model.errors import InputError, UnreachableError, VerificationError
from adamant.model.kernel.artifact import FILES, MANIFEST, KernelFile, KernelManifest, decode

STEP = "fetch kernel"
_SCHEMES = ("http://", "https://")


def publish(kernel: Kernel, folder: Path) -> bool:
    """Put a kernel into `folder`, after it was checked; whether it was not there yet.

    Raises VerificationError for a kernel that is not whole, and write errors. A reader sees all of it, or nothing.
    """
    _require_whole(kernel)
    final = folder / kernel.manifest.digest
    if final.exists():
        _require_whole(artifact.read(final))
        return False
    with files.work_folder(folder, "publish") as work, files.telling_full_disks(work):
        made = work / "made"
        made.mkdir()
        for name in (*FILES, MANIFEST):
            files.copy_file(kernel.path(name), made / name)
            (made / name).chmod(0o644)
        made.rename(final)
        files.sync_folder(folder)
    return True


def fetch(source: str, digest: str, shelf: Shelf, watch: events.Watch = events.silent) -> tuple[Kernel, bool]:
    """The kernel of a whole digest from a folder or a URL, on the shelf; whether it was not there yet.

    Raises InputError (kernel-digest, kernel-missing), UnreachableError (kernel-unreachable), or VerificationError
    (kernel-other, kernel-file-changed, and those of `artifact.verify`).
    """
    if len(digest) != 64 or not is_digest(digest):
        raise InputError(
            "kernel-digest",
            f"{digest[:80]!r} is no digest of a kernel",
            hint="name all 64 characters: adamant kernel list and an image's lock have them",
        )
    there = next((k for k in shelf.kernels() if k.manifest.digest == digest), None)
    if there is not None:
        return there, False
    base = f"{source.rstrip('/')}/{digest}"

    def make(out: Path) -> KernelManifest:
        with _open(f"{base}/{MANIFEST}") as opened:
            data = opened.read(limits.MANIFEST_SIZE + 1)
        manifest = decode(data[: limits.MANIFEST_SIZE])
        if manifest.digest != digest:
            raise VerificationError(
                "kernel-other",
                f"what lies at {base} is another kernel",
                context=f"wanted: {digest}\nthere:  {manifest.digest}",
            )
        watch(events.Started(STEP, sum(file.size for file in manifest.files), "bytes"))
        done = 0
        for file in manifest.files:
            for size in _take(f"{base}/{file.path}", file, out / file.path):
                done += size
                watch(events.Advanced(STEP, done, file.path))
        files.write_atomic(out / MANIFEST, data)
        _require_whole(Kernel(out, manifest))
        return manifest

    return shelf.add(make), True


def _require_whole(kernel: Kernel) -> None:
    problems = artifact.verify(kernel).problems
    if problems:
        raise problems[0]


def _take(place: str, file: KernelFile, target: Path) -> Iterator[int]:
    """Write a file of an artifact to `target`, and check it; sizes of its pieces as they come."""
    digest, left = hashlib.sha256(), file.size
    with _open(place) as opened, target.open("xb") as out:
        while data := opened.read(min(limits.FILE_CHUNK, left + 1)):
            left -= len(data)
            if left < 0:
                break
            digest.update(data)
            out.write(data)
            yield len(data)
    if left or digest.hexdigest() != file.sha256:
        raise VerificationError(
            "kernel-file-changed",
            f"{file.path} of the kernel is not what its manifest says",
            context=place,
            hint="publish the kernel there again",
        )


@contextmanager
def _open(place: str) -> Iterator[IO[bytes]]:
    """A file of a folder, or what a server answers, which may stop at any time."""
    try:
        if place.startswith(_SCHEMES):
            with urllib.request.urlopen(place, timeout=limits.ORIGIN_SECONDS) as answer:  # noqa: S310 - of _SCHEMES
                yield answer
        else:
            with Path(place).open("rb") as opened:
                yield opened
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _missing(place) from error
    except urllib.error.HTTPError as error:
        if error.code == http.client.NOT_FOUND:
            raise _missing(place) from error
        raise UnreachableError("kernel-unreachable", f"the server answers {error.code} to {place}") from error
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise UnreachableError(
            "kernel-unreachable",
            f"{place} cannot be read: {error}",
            hint="is the address right, and does the server run? Nothing was kept: call it again",
        ) from error


def _missing(place: str) -> InputError:
    return InputError(
        "kernel-missing",
        f"there is no {place}",
        hint="publish the kernel there with: adamant kernel publish",
    )
