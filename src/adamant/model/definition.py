"""The definition: the document a person writes, `kind: Image`.

The types are the schema: the JSON Schema, the reference page and the checks are made from them. What a value may be
stands in its type; what several values must be together stands in `check`.
"""

import re
from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from adamant.model.arch import Arch
from adamant.model.encryption import OPENINGS, Encryption, TangServer
from adamant.model.errors import InputError
from adamant.model.posture import RULES, Posture

NAME_PATTERN = r"^[a-z][a-z0-9-]{0,31}$"
VERSION_PATTERN = r"^[0-9][0-9A-Za-z.~^]{0,31}$"
PACKAGE_PATTERN = r"^[a-z0-9][a-z0-9+.-]+$"
SHA256_PATTERN = r"^[0-9a-f]{64}$"
SIZE_PATTERN = r"^[1-9][0-9]*[MG]$"

Name = Annotated[str, Meta(pattern=NAME_PATTERN, description="lower-case letters, digits and dashes, at most 32")]
PackageName = Annotated[str, Meta(pattern=PACKAGE_PATTERN, description="the name of a Debian package")]
Size = Annotated[str, Meta(pattern=SIZE_PATTERN, description="a number with M (MiB) or G (GiB), as in 512M")]


class Profile(StrEnum):
    """How hard the usr image is compressed."""

    DEV = "dev"
    RELEASE = "release"


class KernelFlavour(StrEnum):
    """Which of Debian's kernels."""

    CLOUD = "cloud"
    GENERIC = "generic"


class OutputFormat(StrEnum):
    """Disk image formats that a build writes."""

    RAW = "raw"
    QCOW2 = "qcow2"


class ScriptName(StrEnum):
    """A maintainer script of a Debian package (Debian Policy 6.1)."""

    PREINST = "preinst"
    POSTINST = "postinst"


class Base(Struct, frozen=True, forbid_unknown_fields=True):
    """Where packages come from: a Debian suite and its pockets."""

    suite: Annotated[str, Meta(pattern=r"^trixie$", description="trixie")] = "trixie"
    """The Debian suite: Debian 13."""
    pockets: tuple[
        Annotated[str, Meta(pattern=r"^trixie-(updates|security)$", description="trixie-updates, trixie-security")], ...
    ] = ("trixie-security",)
    """The suite's pockets that packages may come from besides it."""
    snapshot: bool = False
    """The mirror is a snapshot, so old Release files are accepted."""
    pins: bool = False
    """Pins of the host (apt preferences) count."""


class Kernel(Struct, frozen=True, forbid_unknown_fields=True):
    """Kernel and its command line."""

    flavour: KernelFlavour = KernelFlavour.CLOUD
    """cloud for virtual machines; generic has the drivers of hardware too."""
    own: (
        Annotated[
            str,
            Meta(
                pattern=r"^([a-z][a-z0-9-]{0,31}|[0-9a-f]{12,64}|[^\x00]*/[^\x00]*)$",
                max_length=1024,
                description="the name or the digest of a kernel, or the path of its folder with a slash",
            ),
        ]
        | None
    ) = None
    """A kernel of your own in place of Debian's: one that `adamant kernel list` shows, or a folder. The lock pins its
    digest."""
    debian: Literal["accepted"] | None = None
    """Takes Debian's kernel for a sealed image, which otherwise must have one of your own: it loads every module that
    Debian's build signs, later ones too."""
    arguments: tuple[
        Annotated[
            str, Meta(pattern=r"^[!-~]+$", max_length=256, description="a text of printable ASCII without spaces")
        ],
        ...,
    ] = ()
    """Words added to the kernel's command line."""
    modules: tuple[
        Annotated[str, Meta(pattern=r"^(\*|[A-Za-z0-9_-]+)$", max_length=64, description="a name of a module, or *")],
        ...,
    ] = ()
    """Rare modules that the image keeps, such as bcachefs; `*` keeps all. The posture open keeps them anyway."""


class ExtraFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A file that the image gets besides its packages: below /usr or /etc. Exactly one of content and source."""

    path: Annotated[
        str, Meta(pattern=r"^/(usr|etc)/[^\x00]+$", max_length=1024, description="an absolute path below /usr or /etc")
    ]
    """Where the file goes. What is below /etc is the factory content that each boot starts with."""
    content: str | None = None
    """The contents of the file."""
    source: str | None = None
    """Path of a file, relative to the definition."""
    mode: Annotated[str, Meta(pattern=r"^0[0-7]{3}$", description="four octal digits, as in 0644")] = "0644"
    """Permission bits. The owner is root."""


class ExtraUnit(Struct, frozen=True, forbid_unknown_fields=True):
    """A systemd unit besides those of the packages, or (with neither content nor source) a packaged one to switch."""

    name: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9:_.@\\-]+\.(service|socket|timer|path|target|mount)$",
            max_length=128,
            description="a name that ends in .service, .socket, .timer, .path, .target or .mount",
        ),
    ]
    """File name of the unit."""
    content: str | None = None
    """The contents of the unit; at most one of content and source."""
    source: str | None = None
    """Path of a file, relative to the definition."""
    enable: bool = True
    """Whether the unit starts at boot, as its [Install] section says."""


class AcceptedScript(Struct, frozen=True, forbid_unknown_fields=True):
    """A person's word that the hand-written lines of a maintainer script need not run, by their hash."""

    package: PackageName
    """The package whose script it is."""
    script: ScriptName
    """Which of its scripts."""
    sha256: Annotated[str, Meta(pattern=SHA256_PATTERN, description="64 hexadecimal digits")]
    """SHA-256 of the script's hand-written lines, as `adamant lock` prints it: a changed script needs a new word."""
    reason: Annotated[str, Meta(min_length=3, max_length=400, description="a text of 3 to 400 characters")]
    """Why nothing is lost when it does not run."""


class KeyPair(Struct, frozen=True, forbid_unknown_fields=True):
    """A signing key: a PEM file relative to the definition or a `pkcs11:` URI (RFC 7512), and its certificate."""

    key: Annotated[str, Meta(min_length=1, max_length=1024, description="a path or a pkcs11: URI")]
    """The private key."""
    certificate: Annotated[str, Meta(min_length=1, max_length=1024, description="a path")]
    """Its certificate (X.509, PEM)."""


class PolicyKey(Struct, frozen=True, forbid_unknown_fields=True):
    """The RSA key that signs which measured boots may open the disk. All releases of a machine need the same one."""

    key: Annotated[str, Meta(min_length=1, max_length=1024, description="a path")]
    """The private key (PEM), relative to the definition."""
    public: Annotated[str, Meta(min_length=1, max_length=1024, description="a path")]
    """Its public key (PEM)."""


class Signing(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What is signed, and with what."""

    secure_boot: KeyPair | None = None
    """Signs the boot menu and the UKI. Without it they are unsigned, and Secure Boot must be off."""
    pcr: PolicyKey | None = None
    """Signs the value of PCR 11 of the release, for `disk.encryption: tpm`."""


class EnrollOn(StrEnum):
    """Which machines enrol the image's keys by themselves, when their firmware is in setup mode."""

    VIRTUAL = "virtual"
    ANY = "any"


class SecureBoot(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What an image tells the firmware of its machine about keys."""

    enroll: Annotated[str, Meta(min_length=1, max_length=1024, description="a path")] | None = None
    """Folder with PK.auth, KEK.auth and db.auth, relative to the definition: a firmware in setup mode gets them at the
    first boot, and enforces Secure Boot from then on. `adamant keys init` writes one."""
    enroll_on: EnrollOn = EnrollOn.VIRTUAL
    """virtual enrols on virtual machines alone. any does so on hardware too, after a countdown of 15 seconds: a card
    whose firmware is signed by somebody else (db knows no such key) does not work there any more."""
    updates: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=1024, description="a path")], ...], Meta(max_length=64)
    ] = ()
    """Signed changes of db and dbx, as `adamant keys rotate` and `revoke` write them, relative to the definition.
    The machine hands them to its firmware once the release that carries them was found good."""


class Disk(Struct, frozen=True, forbid_unknown_fields=True):
    """Fixed sizes of the disk image's partitions, and whether state and var are encrypted."""

    esp: Size = "128M"
    """The EFI system partition: the boot menu and the UKIs of two releases."""
    slot: Size = "512M"
    """Each of the two slots: the largest usr image that an update can bring."""
    encryption: Encryption | None = None
    """The first boot makes state and var encrypted (LUKS2). tpm: the machine's TPM opens them for releases whose
    `signing.pcr` is the same. credential: the key in the credential `adamant.disk-key`, which the machine is passed at
    each boot. tang: a key that one of the servers in `disk.tang` helps to find. Not in the posture open. A machine
    keeps what its first boot made."""
    tang: Annotated[tuple[TangServer, ...], Meta(max_length=8)] = ()
    """Servers of `encryption: tang`. All must answer at the first boot, and any one at those after it."""


class Image(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="Image", rename={"api_version": "apiVersion"}
):
    """A definition: one file that becomes a signed, verified, bootable image."""

    name: Name
    """Name of the product: part of file names, of os-release and of partition identifiers."""
    version: Annotated[
        str, Meta(pattern=VERSION_PATTERN, description="a digit first, then digits, letters, dots, ~ and ^")
    ]
    """Version of the image. Quote it: 1.10 without quotes is the number 1.1."""
    packages: Annotated[tuple[PackageName, ...], Meta(max_length=2000)]
    """Debian packages besides those that every image has. Their dependencies come by themselves, recommends do not."""
    api_version: Annotated[str, Meta(pattern=r"^adamant/v1$", description="adamant/v1")] = "adamant/v1"
    """Version of this format."""
    arch: Arch = Arch.AMD64
    """The architecture of the machine that will run the image; any computer can build any of them."""
    base: Base = Base()
    """Where packages come from."""
    posture: Posture = Posture.GUARDED
    """How immutable the machine is. sealed wants `kernel.own`, or the word `kernel.debian: accepted`."""
    profile: Profile = Profile.RELEASE
    """dev compresses with lz4hc and builds fast; release compresses with zstd and is smaller."""
    kernel: Kernel = Kernel()
    """The kernel and its command line."""
    files: tuple[ExtraFile, ...] = ()
    """Files besides those of the packages."""
    units: tuple[ExtraUnit, ...] = ()
    """systemd units: new ones, or switches for packaged ones."""
    scripts: tuple[AcceptedScript, ...] = ()
    """Maintainer scripts that were looked at and need not run."""
    signing: Signing = Signing()
    """The keys that sign."""
    secure_boot: SecureBoot = field(default=SecureBoot(), name="secureBoot")
    """The keys that a machine's firmware gets."""
    disk: Disk = Disk()
    """The partitions, fixed for the life of a machine."""
    outputs: tuple[OutputFormat, ...] = (OutputFormat.RAW,)
    """Formats of the disk image."""


def parse_size(text: str) -> int:
    """Bytes of a size such as `256M` or `1G`."""
    if not re.fullmatch(SIZE_PATTERN, text):
        raise InputError("size-malformed", f"not a size: {text!r}", hint="write a number with M or G, as in 512M")
    return int(text[:-1]) * {"M": 1 << 20, "G": 1 << 30}[text[-1]]


def check(image: Image) -> None:
    """What the types cannot say. Raises InputError whose context is the path in the document."""
    if image.disk.encryption is not None:
        _check_encryption(image, image.disk.encryption)
    if (image.disk.encryption is Encryption.TANG) != bool(image.disk.tang):
        raise InputError(
            "tang-servers",
            "servers of tang go with disk.encryption: tang, and it with at least one of them",
            context="$.disk.tang",
        )
    for index, file in enumerate(image.files):
        if (file.content is None) == (file.source is None):
            raise _content_or_source(f"$.files[{index}]")
    if image.kernel.own is not None and image.kernel.debian is not None:
        raise InputError(
            "two-kernels", "the kernel is one of your own, so it is not Debian's", context="$.kernel.debian"
        )
    if _on_debians_kernel(image) and image.kernel.debian is None:
        raise InputError(
            "kernel-not-own",
            f"a {image.posture.value} image wants a kernel of your own: Debian's loads every module that Debian's build"
            " signs, later ones too, and one of your own those of its build alone",
            context="$.posture",
            hint="build one with: adamant kernel build\nand name it: kernel: {own: NAME}\n"
            "or take Debian's all the same: kernel: {debian: accepted}",
        )
    for index, unit in enumerate(image.units):
        if unit.content is not None and unit.source is not None:
            raise _content_or_source(f"$.units[{index}]")
    for index, extra in enumerate(image.files):
        if ".." in extra.path.split("/") or "//" in extra.path or extra.path.endswith("/"):
            raise InputError("path-not-plain", f"not a plain path: {extra.path}", context=f"$.files[{index}].path")
    for where, names in (
        ("packages", list(image.packages)),
        ("files", [f.path for f in image.files]),
        ("units", [u.name for u in image.units]),
        ("secureBoot.updates", [path.rpartition("/")[2] for path in image.secure_boot.updates]),
    ):
        seen: set[str] = set()
        for index, name in enumerate(names):
            if name in seen:
                raise InputError("listed-twice", f"{name} is listed twice", context=f"$.{where}[{index}]")
            seen.add(name)


def lost(image: Image) -> str:
    """What a definition has accepted to lose of its posture, in one line for whoever builds it; empty for nothing."""
    if not _on_debians_kernel(image):
        return ""
    return (
        f"this {image.posture.value} image has Debian's kernel, as kernel.debian accepts: it loads every module that"
        " Debian's build signs, later ones too"
    )


def _on_debians_kernel(image: Image) -> bool:
    return RULES[image.posture].own_kernel and image.kernel.own is None


def _check_encryption(image: Image, encryption: Encryption) -> None:
    if OPENINGS[encryption].signed and image.signing.pcr is None:
        raise InputError(
            "encryption-without-key",
            "an encrypted disk needs a key that signs which releases may open it",
            context="$.disk.encryption",
            hint="make one with: adamant keys init keys\nand name it under signing.pcr",
        )
    if RULES[image.posture].persistent_root:
        raise InputError(
            "encryption-posture",
            f"the posture {image.posture.value} has / on a disk that the initrd opens, which is never encrypted",
            context="$.disk.encryption",
            hint="choose the posture guarded or sealed",
        )


def _content_or_source(where: str) -> InputError:
    return InputError("content-or-source", "exactly one of content and source must be given", context=where)
