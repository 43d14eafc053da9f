"""The lock of an own kernel: Linux's source and the whole toolchain, by exact version and SHA-256."""

import re

import msgspec
from msgspec import Struct

from adamant.model.errors import InputError
from adamant.model.lock import Package, PackageSet, by_name

_SOURCE = re.compile(r"linux-source-[0-9]+\.[0-9]+")


class KernelLock(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="KernelLock"):
    """A lock file, `kernel.lock`. `toolchain` runs on the computer that builds; the source is one of its packages."""

    toolchain: PackageSet
    version: int = 1


def decode(data: bytes) -> KernelLock:
    """A lock from the bytes of its file."""
    try:
        lock = msgspec.json.decode(data, type=KernelLock)
    except msgspec.DecodeError as error:
        raise InputError(
            "kernel-lock-malformed", f"kernel.lock cannot be read: {error}", hint="make a new one: adamant kernel lock"
        ) from error
    if lock.version != 1:
        raise InputError(
            "kernel-lock-version",
            f"kernel.lock has version {lock.version}, this Adamant reads 1",
            hint="adamant kernel lock --update",
        )
    return lock


def package(lock: KernelLock, name: str) -> Package:
    """The package `name`, which the definition asks for."""
    found = by_name(lock.toolchain).get(name)
    if found is None:
        raise InputError(
            "kernel-package-missing",
            f"kernel.lock has no package {name}",
            hint="make a new one: adamant kernel lock --update",
        )
    return found


def source(lock: KernelLock) -> Package:
    """The package with Linux's source."""
    found = [p for p in lock.toolchain.packages if _SOURCE.fullmatch(p.name)]
    if len(found) != 1:
        raise InputError(
            "kernel-source-missing",
            f"kernel.lock has {len(found)} packages of Linux's source, and one is wanted",
            hint="make a new one: adamant kernel lock --update",
        )
    return found[0]
