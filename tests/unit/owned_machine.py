"""A machine that enforces an owner's keys: its firmware's variables, its ESP, and a release with its boot loader."""

import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from adamant.core import pe
from adamant.image import enrolment, keys, signing
from adamant.model import authenticated_variable, boot_loader
from adamant.model.arch import Arch
from adamant.model.authenticated_variable import UPDATES
from adamant.model.definition import KeyPair
from adamant.node import efivars
from tests.unit import image_maker as maker

NOW = datetime(2026, 11, 29, tzinfo=UTC)
ARCH = Arch.AMD64
FIRST, SECOND = boot_loader.boot_path(ARCH), boot_loader.loader_path(ARCH)
PREVIOUS = boot_loader.previous_path(ARCH)
OLD, NEW = "secure-boot", "secure-boot-2"


def owner(folder: Path) -> Path:
    """Keys, rotated once, the first one retired, and a release of it revoked."""
    keys.make_keys(folder, "example", NOW)
    enrolment.make_variables(folder, NOW)
    enrolment.rotate(folder, "example", NOW)
    (folder / "old.efi").write_bytes(maker.efi({".linux": b"old"}))
    enrolment.revoke(folder, [folder / "old.efi"], NOW)
    enrolment.retire(folder, NOW + timedelta(days=1))
    return folder


def certificate(folder: Path, name: str) -> bytes:
    return x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes()).public_bytes(Encoding.DER)


def signed(folder: Path, name: str, program: bytes) -> bytes:
    """The program as the pair `name` of the folder signs it."""
    unsigned = folder / "unsigned.efi"
    unsigned.write_bytes(program)
    return signing.signed(unsigned, keys.load_pair(KeyPair(f"{name}.key", f"{name}.crt"), folder, NOW))


def loader(version: str) -> bytes:
    """An unsigned boot loader."""
    return maker.efi({".text": b"loader" * 200, ".sdmagic": version.encode()})


class Firmware:
    """Variables in a folder, as efivarfs shows them; `write` adds, as SetVariable does with an append."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.writes = 0
        self.refuses = False
        (root / efivars.FOLDER).mkdir(parents=True)

    def put(self, name: str, vendor: str, value: bytes) -> None:
        (self.root / efivars.FOLDER / f"{name}-{vendor}").write_bytes(bytes(4) + value)

    def write(self, root: Path, name: str, vendor: str, attributes: int, value: bytes) -> None:
        assert (root, attributes) == (self.root, 0x67)
        if self.refuses:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        self.writes += 1
        self.put(name, vendor, efivars.read(root, name, vendor)[4:] + authenticated_variable.decode(value).payload)


class Machine:
    """Runs the release 2 of `host`, which `signer` has signed with its loader; the loader on the ESP is older."""

    def __init__(self, root: Path, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.root, self.folder = root, folder
        self.firmware = Firmware(root)
        for variable in enrolment.ENROLLED:
            data = (folder / "variables-2" / f"{variable.value}.esl").read_bytes()
            self.firmware.put(variable.value, str(variable.vendor), data)
        self.firmware.put("SecureBoot", efivars.GLOBAL, b"\1")
        self.firmware.put("StubImageIdentifier", efivars.LOADER, "\\EFI\\Linux\\host_2.efi\0".encode("utf-16-le"))
        patch.setattr(efivars, "write", self.firmware.write)
        patch.setattr(os, "uname", lambda: os.uname_result(("Linux", "host", "6.12", "#1", "x86_64")))
        self.put(f"../{boot_loader.source_path(ARCH)}", loader("2"))
        self.before = signed(folder, OLD, loader("1"))
        for name in (FIRST, SECOND):
            self.put(name, self.before)
        self.release(NEW)

    def put(self, name: str, data: bytes) -> None:
        """Write a file of the ESP."""
        path = self.root / "efi" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def read(self, name: str) -> bytes:
        return (self.root / "efi" / name).read_bytes()

    def release(self, signer: str, *, of_loader: str = "") -> None:
        """Have the running release be signed by a pair, and its loader by the same one or by that of `of_loader`."""
        self.loader = signed(self.folder, of_loader or signer, loader("2"))
        sections = {".linux": b"kernel", boot_loader.SIGNATURE: pe.signatures(maker.source(self.loader))[0]}
        self.put("EFI/Linux/host_2.efi", signed(self.folder, signer, maker.efi(sections)))

    def carry(self, *kinds: str) -> None:
        """Have the release carry the changes whose names hold one of `kinds`."""
        (self.root / UPDATES).mkdir(parents=True, exist_ok=True)
        for path in (self.folder / "updates").iterdir():
            if any(kind in path.name for kind in kinds):
                (self.root / UPDATES / path.name).write_bytes(path.read_bytes())


ADDED, REVOKED, RETIRED = "-db-", "20261129000000-dbx", "20261130000000-dbx"
"""What names hold of the changes of `owner`."""
