"""A small signed repository of Debian packages on this computer, for real apt to read."""

import hashlib
import io
import lzma
import tarfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.tool.openpgp import Key


def deb(control: str, contents: bytes) -> bytes:
    """A binary package (deb(5)) with one file, `usr/share/PACKAGE`."""
    name = control.split("\n", 1)[0].removeprefix("Package: ")

    def member(tar_name: str, path: str, data: bytes) -> bytes:
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as tar:
            info = tarfile.TarInfo(path)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        packed = lzma.compress(raw.getvalue())
        header = f"{tar_name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(packed):<10}`\n".encode()
        return header + packed + b"\n" * (len(packed) % 2)

    version = f"{'debian-binary':<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{4:<10}`\n".encode() + b"2.0\n"
    return (
        b"!<arch>\n"
        + version
        + member("control.tar.xz", "./control", control.encode())
        + member("data.tar.xz", f"./usr/share/{name}", contents)
    )


@dataclass
class Repository:
    """A repository below `root`: an archive with its suites, signed with `key`."""

    root: Path
    key: Key
    records: dict[str, list[str]] = field(default_factory=dict)

    @property
    def uri(self) -> str:
        """URI of the archive for apt."""
        return f"file:{self.root}/"

    def add(self, suite: str, name: str, version: str = "1.0", arch: str = "amd64", **fields: str) -> Path:
        """Put a package into a suite. Returns its file."""
        extra = "".join(f"{key.replace('_', '-')}: {value}\n" for key, value in fields.items())
        control = (
            f"Package: {name}\nVersion: {version}\nArchitecture: {arch}\nMaintainer: T <t@test.invalid>\n{extra}"
            "Description: a test\n"
        )
        data = deb(control, name.encode())
        path = f"pool/{name}_{version.split(':', 1)[-1]}_{arch}.deb"
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        head, _, tail = control.partition("Description:")
        record = f"{head}Filename: {path}\nSize: {len(data)}\nSHA256: {digest}\nDescription:{tail}"
        self.records.setdefault(suite, []).append(record)
        return file

    def publish(self, suite: str, arch: str = "amd64", age: timedelta = timedelta(hours=1)) -> Path:
        """Write and sign the indexes of a suite: made `age` ago and valid for a day. Returns its InRelease file."""
        dists = self.root / "dists" / suite
        index = f"main/binary-{arch}/Packages"
        (dists / index).parent.mkdir(parents=True, exist_ok=True)
        data = "\n".join(self.records.get(suite, [])).encode()
        (dists / index).write_bytes(data)
        made = datetime.now(UTC) - age
        stamps = [t.strftime("%a, %d %b %Y %H:%M:%S UTC") for t in (made, made + timedelta(days=1))]
        release = (
            f"Origin: Debian\nLabel: Debian\nSuite: {suite}\nCodename: {suite}\nDate: {stamps[0]}\n"
            f"Valid-Until: {stamps[1]}\nArchitectures: {arch}\nComponents: main\n"
            f"SHA256:\n {hashlib.sha256(data).hexdigest()} {len(data)} {index}\n"
        )
        file = dists / "InRelease"
        file.write_text(self.key.clear_sign(release))
        return file
