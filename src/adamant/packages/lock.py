"""Locks: from a definition to every package by version and SHA-256, and what differs between two of them.

The lists of the mirrors are always read anew: a lock says what the mirrors have now. Nothing of a mirror's name gets
into it.
"""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from adamant.core import events
from adamant.model.arch import Arch, host_arch
from adamant.model.definition import Image
from adamant.model.digest import Identity, identity
from adamant.model.errors import AdamantError
from adamant.model.lock import Lock, Package, PackageSet, Recording, Release, by_name
from adamant.packages import base, mirror
from adamant.packages.apt import Apt


def make_lock(
    image: Image,
    cache: Path,
    watch: events.Watch = events.silent,
    recordings: Sequence[Recording] = (),
    keep: PackageSet | None = None,
) -> Lock:
    """A new lock of `image`, and of the tools that build it on this computer.

    With `keep`, the image's packages stay those, and only the tools are solved. Of `recordings` (of the lock before)
    those stay whose package is still in the image. Raises InputError (package-missing, set-unsatisfiable,
    suite-missing, apt-missing), VerificationError (release-not-signed, release-expired) or UnreachableError
    (mirror-unreachable).
    """
    host = this_arch()
    mirrors = mirror.find()
    target_apt = Apt(image.arch, image.base, mirrors, cache)
    target_apt.update(watch)
    host_apt = target_apt
    if host != image.arch:
        host_apt = Apt(host, image.base, mirrors, cache)
        host_apt.update(watch)
    if keep is None:
        chosen = target_apt.solve(base.image_request(image), watch)
        keep = PackageSet(image.arch, request_identity(image), chosen.releases, chosen.packages)
    tools = host_apt.solve(base.tools_request(host, image.arch), watch)
    files = target_apt.solve(base.target_tools_request(), watch)
    return Lock(
        image=keep,
        tools=PackageSet(
            host,
            tools_identity(host, image),
            tools.releases,
            _with_target_files(tools.packages, files.packages),
        ),
        recordings=recordings_of(keep.packages, recordings),
    )


def recordings_of(packages: Sequence[Package], recordings: Sequence[Recording]) -> tuple[Recording, ...]:
    """Those of `recordings` whose package is among `packages`.

    Whether its script is still the same is for the review to say, which reads the scripts: a recording counts there
    only by its script's hash.
    """
    names = {p.name for p in packages}
    return tuple(r for r in recordings if r.package in names)


def this_arch() -> Arch:
    """Architecture of this computer."""
    return host_arch(platform.machine())


def _with_target_files(tools: Sequence[Package], target: Sequence[Package]) -> tuple[Package, ...]:
    """The tools, and of the target's solve only what was asked for by name."""
    wanted = [p for p in target if p.name in base.TARGET_FILES]
    clash = {p.name for p in tools} & {p.name for p in wanted}
    if clash:
        raise AdamantError(
            "tools-target-clash", f"the tools need {', '.join(sorted(clash))}, which is kept for the target's files"
        )
    return tuple(sorted([*tools, *wanted], key=lambda p: p.name))


def request_identity(image: Image) -> Identity:
    """Identity of what the definition asks of the solver. Whether the mirror is a snapshot does not matter."""
    return _request(image.arch, image, base.image_request(image))


def tools_identity(host: Arch, image: Image) -> Identity:
    """Identity of what a build of `image` on `host` asks of the solver."""
    return _request(host, image, [*base.tools_request(host, image.arch), "target:", *base.target_tools_request()])


def _request(arch: Arch, image: Image, names: Sequence[str]) -> Identity:
    return identity(
        "request",
        {
            "arch": arch,
            "suites": [image.base.suite, *image.base.pockets],
            "pins": image.base.pins,
            "provided": list(base.PROVIDED),
            "names": list(names),
        },
    )


def is_stale(lock: Lock, image: Image) -> list[str]:
    """Why `lock` does not answer to `image` on this computer, in words; empty when it does."""
    if lock.image.arch != image.arch:
        return [f"the lock is for {lock.image.arch}, the definition for {image.arch}"]
    reasons = []
    if lock.image.request != request_identity(image):
        known = by_name(lock.image)
        added = [name for name in base.image_request(image) if name not in known]
        if added:
            reasons.append(f"not in the lock: {', '.join(added)}")
        else:
            reasons.append("the definition asks for fewer packages, or for other pockets, pins or another kernel")
    host = this_arch()
    if lock.tools.arch != host:
        reasons.append(f"the lock's tools are for {lock.tools.arch}, this computer is {host}")
    elif lock.tools.request != tools_identity(host, image):
        reasons.append("this version of Adamant builds with other tools")
    return reasons


class ChangeKind(StrEnum):
    """What happened to a package or a Release file."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two locks.

    `part` is `image` or `tools`; `name` that of a package, or of a suite when `release` is set. `old` and `new` are
    versions (for a suite: digests of its Release file), empty where there is none.
    """

    part: str
    name: str
    kind: ChangeKind
    old: str
    new: str
    release: bool = False


def difference(old: Lock, new: Lock) -> list[Change]:
    """What changed from `old` to `new`: image before tools, suites before packages, by name.

    A package of the same version with another SHA-256 is a change too; its digest then stands beside the version.
    """
    changes = []
    for part, before, after in (("image", old.image, new.image), ("tools", old.tools, new.tools)):
        suites = _changes(part, _suites(before.releases), _suites(after.releases), release=True)
        packages = _changes(part, _versions(before, after), _versions(after, before), release=False)
        changes += suites + packages
    return changes


def _suites(releases: Sequence[Release]) -> dict[str, str]:
    return {r.suite: r.sha256 for r in releases}


def _versions(packages: PackageSet, others: PackageSet) -> dict[str, str]:
    other = by_name(others)
    versions = {}
    for package in packages.packages:
        twin = other.get(package.name)
        same_version = twin is not None and twin.version == package.version and twin.sha256 != package.sha256
        versions[package.name] = f"{package.version} sha256:{package.sha256}" if same_version else package.version
    return versions


def _changes(part: str, old: dict[str, str], new: dict[str, str], *, release: bool) -> list[Change]:
    changes = []
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name, ""), new.get(name, "")
        if before == after:
            continue
        kind = ChangeKind.ADDED if not before else ChangeKind.REMOVED if not after else ChangeKind.CHANGED
        changes.append(Change(part, name, kind, before, after, release))
    return changes
