"""Small .debs and tar archives made by the tests themselves, sound and unsound."""

import gzip
import hashlib
import io
import lzma
import tarfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from adamant.model.digest import Sha256
from adamant.model.lock import Package

Row = tuple[str, bytes | str | None]
"""A path, and contents (file), a target (symbolic link) or None (directory)."""

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress}


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", **more: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    info.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    for key, value in more.items():
        setattr(info, key, value)
    return info


def tar(members: Iterable[tuple[tarfile.TarInfo, bytes]], form: int = tarfile.GNU_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def rows(items: Iterable[Row]) -> list[tuple[tarfile.TarInfo, bytes]]:
    found = []
    for path, what in items:
        if what is None:
            found.append((member(path, tarfile.DIRTYPE), b""))
        elif isinstance(what, str):
            found.append((member(path, tarfile.SYMTYPE, what), b""))
        else:
            found.append((member(path), what))
    return found


def ar(members: Sequence[tuple[str, bytes]]) -> bytes:
    out = b"!<arch>\n"
    for name, data in members:
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode()
        out += data + b"\n" * (len(data) % 2)
    return out


def deb(
    items: Iterable[Row] = (),
    *,
    name: str = "app",
    version: str = "1.0",
    control: Iterable[Row] = (),
    compression: str = ".xz",
    data: bytes | None = None,
) -> bytes:
    """A package with the given data rows, or the given data tar, and control files besides `control`."""
    compress = COMPRESSORS[compression]
    fields = f"Package: {name}\nVersion: {version}\nArchitecture: all\nDescription: small\n made by a test\n"
    files = tar(rows([("./control", fields.encode()), *control]))
    unpacked = tar(rows(items)) if data is None else data
    return ar(
        [
            ("debian-binary", b"2.0\n"),
            (f"control.tar{compression}", compress(files)),
            (f"data.tar{compression}", compress(unpacked)),
        ]
    )


def write(path: Path, data: bytes) -> Sha256:
    path.write_bytes(data)
    return Sha256(hashlib.sha256(data).hexdigest())


def package(data: bytes, name: str = "app", version: str = "1.0") -> Package:
    return Package(
        name, version, "all", name, version, "trixie", f"pool/{name}.deb", len(data), hashlib.sha256(data).hexdigest()
    )
