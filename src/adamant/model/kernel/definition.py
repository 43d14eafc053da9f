"""The definition of an own kernel: `kind: Kernel`, the document a person writes.

As with `kind: Image`, the types are the schema; what several values must be together stands in `check`.
"""

from typing import Annotated

from msgspec import Meta, Struct

from adamant.model.arch import Arch
from adamant.model.definition import NAME_PATTERN, SHA256_PATTERN, Base, Name, PackageName
from adamant.model.errors import InputError

VERSION_PATTERN = r"^[0-9][0-9A-Za-z.]{0,15}$"
SHIPPED = "adamant:"
"""What the name of a fragment begins with that comes with Adamant: no file of a folder is looked for by such a name."""
FRAGMENTS: dict[str, dict[Arch, tuple[str, ...]]] = {
    f"{SHIPPED}server": {
        Arch.AMD64: ("server", "server-amd64"),
        Arch.ARM64: ("server", "server-arm64"),
    },
    f"{SHIPPED}board": {Arch.ARM64: ("board-arm64",)},
}
"""Adamant's own fragments, and for each architecture that has one the files of it."""
SOURCE_PATTERN = r"^linux-source-[0-9]+\.[0-9]+$"
RelativePath = Annotated[
    str,
    Meta(pattern=r"^[^/\x00][^\x00]*$", max_length=1024, description="a path relative to the definition's folder"),
]


class Module(Struct, frozen=True, forbid_unknown_fields=True):
    """Kernel modules of the person's own, built against this kernel and signed with its key in the same run.

    Exactly one of source and package.
    """

    name: Annotated[str, Meta(pattern=NAME_PATTERN, description="lower-case letters, digits and dashes, at most 32")]
    """What it is called here: in messages and in the provenance, and as the folder in `updates/` of the modules."""
    source: RelativePath | None = None
    """A folder with a Kbuild or Makefile for `make M=`, or an archive (.tar, .tar.gz, .tar.xz) that holds one."""
    sha256: Annotated[str, Meta(pattern=SHA256_PATTERN, description="64 hexadecimal digits")] | None = None
    """SHA-256 of the archive. An archive must have it, a folder has none."""
    package: PackageName | None = None
    """A package of Debian with the sources, as in jool-dkms. The lock pins it; it is built as its dkms.conf says."""


class Accepted(Struct, frozen=True, forbid_unknown_fields=True):
    """A person's word that the config need not follow a row of the hardening table."""

    option: Annotated[str, Meta(pattern=r"^[A-Z0-9_]{1,128}$", description="the name of an option without CONFIG_")]
    """The option, without `CONFIG_`."""
    reason: Annotated[str, Meta(min_length=3, max_length=400, description="a text of 3 to 400 characters")]
    """Why this kernel needs it otherwise. It stands in the artifact."""


class OwnKernel(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="Kernel",
    rename={"api_version": "apiVersion"},
):
    """A definition of a kernel: one file that becomes a kernel to which nobody can add a module."""

    name: Name
    """Name of the kernel: part of its release (`uname -r`), and how definitions of images name it."""
    version: Annotated[str, Meta(pattern=VERSION_PATTERN, description="a digit first, then digits, letters and dots")]
    """Version of this kernel, which is ours and not Linux's. Quote it: 1.10 without quotes is the number 1.1."""
    api_version: Annotated[str, Meta(pattern=r"^adamant/v1$", description="adamant/v1")] = "adamant/v1"
    """Version of this format."""
    arch: Annotated[Arch, Meta(description="amd64 or arm64")] = Arch.AMD64
    """The architecture that the kernel is for. Any computer builds any: the compiler is the lock's."""
    base: Base = Base()
    """Where the source and the compiler come from."""
    source: (
        Annotated[str, Meta(pattern=SOURCE_PATTERN, description="a source package of Debian, as in linux-source-6.12")]
        | None
    ) = None
    """The source package of Linux. Without it, the one that the suite's `linux-source` names."""
    fragments: tuple[RelativePath, ...] = ()
    """Files of lines as in a .config, laid over Adamant's own config in this order. A later line for an option
    counts. A line that the finished config does not have is an error. `adamant:server` (servers without a hypervisor)
    and `adamant:board` (small boards, arm64) come with Adamant."""
    modules: tuple[Module, ...] = ()
    """Modules of your own."""
    accept: tuple[Accepted, ...] = ()
    """Rows of the hardening table that your fragments do not follow, each with its reason. What keeps foreign modules
    out cannot be accepted."""


def check(kernel: OwnKernel) -> None:
    """What the types cannot say. Raises InputError whose context is the path in the document."""
    for i, name in enumerate(kernel.fragments):
        if name.startswith(SHIPPED) and kernel.arch not in FRAGMENTS.get(name, {}):
            there = ", ".join(one for one, arches in FRAGMENTS.items() if kernel.arch in arches)
            raise InputError(
                "kernel-fragment-unknown",
                f"Adamant has no fragment {name} for {kernel.arch}: it has {there}",
                context=f"$.fragments[{i}]",
            )
    paths = [(f"$.fragments[{i}]", path) for i, path in enumerate(kernel.fragments)]
    for i, module in enumerate(kernel.modules):
        if (module.source is None) == (module.package is None):
            raise InputError(
                "source-or-package", "exactly one of source and package must be given", context=f"$.modules[{i}]"
            )
        if module.package and module.sha256:
            raise InputError(
                "source-or-package",
                "a package has its sha256 in the lock, and only an archive has one here",
                context=f"$.modules[{i}].sha256",
            )
        if module.source is not None:
            paths.append((f"$.modules[{i}].source", module.source))
    for where, path in paths:
        if ".." in path.split("/"):
            raise InputError("path-not-plain", f"not a plain path: {path}", context=where)
    for field, names in (
        ("modules", [m.name for m in kernel.modules]),
        ("fragments", list(kernel.fragments)),
        ("accept", [a.option for a in kernel.accept]),
    ):
        for index, name in enumerate(names):
            if name in names[:index]:
                raise InputError("listed-twice", f"{name} is listed twice", context=f"$.{field}[{index}]")
