"""What was found in an image: plain values, which `--json` prints as they are. No I/O."""

from enum import StrEnum

from msgspec import Struct

from adamant.model.manifest import Manifest
from adamant.model.measured import MeasuredSection


def printable(text: str) -> str:
    """The text of a foreign image as a terminal and a JSON document can take it: no control character, no surrogate."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


class ImageKind(StrEnum):
    """What was looked at."""

    BUILD = "build"
    DISK = "disk"
    UKI = "uki"
    USR = "usr"


class FoundPartition(Struct, frozen=True):
    """A partition. `offset` and `size` are bytes; `type` is a name where it is one of ours, else the GUID."""

    label: str
    type: str
    guid: str
    offset: int
    size: int


class FoundSignature(Struct, frozen=True):
    """A signature that a program carries: looked at, not verified.

    `fingerprint` is the SHA-256 of the signer's certificate; `current` is False when the file was changed since.
    """

    subject: str
    issuer: str
    fingerprint: str
    current: bool


class FoundProgram(Struct, frozen=True):
    """An EFI program: the boot loader, or something else on the ESP."""

    path: str
    size: int
    sha256: str
    arch: str
    signatures: tuple[FoundSignature, ...]


class FoundUki(Struct, frozen=True):
    """A UKI. `root_hash` is what its command line names, or empty; `sections` are bytes by name."""

    path: str
    size: int
    sha256: str
    arch: str
    kernel: str
    """Release of the kernel, as `uname -r` prints it."""
    command_line: str
    root_hash: str
    os_release: dict[str, str]
    sections: dict[str, int]
    measured: tuple[MeasuredSection, ...]
    """What its stub measures into PCR 11, in its order."""
    pcr11: str
    """The value that PCR 11 has then."""
    signatures: tuple[FoundSignature, ...]


class FoundPackage(Struct, frozen=True, order=True):
    """A Debian package of a usr image."""

    name: str
    version: str
    architecture: str


class FoundUsr(Struct, frozen=True):
    """A usr image, and its verity tree when there is one. `label` is its slot, or its file.

    `root_hash` is empty without a tree; `broken_blocks` counts the 4 KiB blocks that are not as the tree says.
    `posture` and `packages` are None where no tool was at hand to read compressed contents.
    """

    label: str
    size: int
    root_hash: str
    salt: str
    uuid: str
    data_blocks: int
    broken_blocks: int
    files: int
    posture: str | None
    packages: tuple[FoundPackage, ...] | None


class Problem(Struct, frozen=True):
    """Something that is not as it should be. `reference` is stable, as that of an error."""

    reference: str
    message: str


class Inspection(Struct, frozen=True, tag_field="kind", tag="Inspection"):
    """All that was found. A sound image has no `problems`."""

    what: ImageKind
    name: str
    size: int
    partitions: tuple[FoundPartition, ...] = ()
    usr: tuple[FoundUsr, ...] = ()
    ukis: tuple[FoundUki, ...] = ()
    programs: tuple[FoundProgram, ...] = ()
    extensions: tuple[str, ...] = ()
    manifest: Manifest | None = None
    problems: tuple[Problem, ...] = ()
    schema: int = 1
