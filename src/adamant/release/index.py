"""The index of a product: its releases, and which channel offers which of them to whom and when. `kind: Releases`.

It is one target of the product's role, signed through TUF, and the only thing that a node reads to decide. The
operations here are pure: from an index to a new one.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from adamant.core import limits
from adamant.model.arch import Arch
from adamant.model.definition import NAME_PATTERN, SHA256_PATTERN, VERSION_PATTERN
from adamant.model.errors import BusyError, InputError
from adamant.model.layout import BLOCK
from adamant.model.posture import Posture
from adamant.model.version_order import KEY, compare

CHANNEL_PATTERN = r"^[a-z][a-z0-9-]{0,31}$"

# Python's $ fits before a last line break too, and these become names of files.
Digest = Annotated[str, Meta(pattern=SHA256_PATTERN[:-1] + r"\Z")]
Channel = Annotated[str, Meta(pattern=CHANNEL_PATTERN[:-1] + r"\Z")]
Version = Annotated[str, Meta(pattern=VERSION_PATTERN[:-1] + r"\Z")]
Product = Annotated[str, Meta(pattern=NAME_PATTERN[:-1] + r"\Z")]
TargetPath = Annotated[
    str, Meta(pattern=r"\A[0-9A-Za-z_][0-9A-Za-z._~^+-]*(/[0-9A-Za-z_][0-9A-Za-z._~^+-]*)*\Z", max_length=255)
]
Size = Annotated[int, Meta(ge=0, le=limits.IMAGE_SIZE)]


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a file: a section of a UKI, at `offset` for `size` bytes. An unchanged one is not fetched again."""

    name: str
    offset: Size
    size: Size
    sha256: Digest


class File(Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a release: its path among the targets, its size in bytes and its digest."""

    path: TargetPath
    size: Size
    sha256: Digest
    parts: tuple[Part, ...] = ()


class Release(Struct, frozen=True, forbid_unknown_fields=True):
    """A usr image, its verity tree and a UKI under one version, for one architecture.

    `pass_through` says that no machine may go past it: one that runs an older release goes to this one first.
    `withdrawn` says why nobody is to go to it any more; empty for a release that is offered.
    """

    version: Version
    arch: Arch
    posture: Posture
    kernel: str
    root_hash: Digest
    salt: Digest
    data_blocks: Annotated[int, Meta(ge=1, le=limits.USR_SIZE // BLOCK)]
    usr: File
    verity: File
    uki: File
    manifest: File
    sbom: File
    pass_through: bool = False
    withdrawn: str = ""

    @property
    def key(self) -> tuple[str, Arch]:
        """What names a release within its product."""
        return self.version, self.arch

    @property
    def files(self) -> tuple[File, ...]:
        """All its files."""
        return self.usr, self.verity, self.uki, self.manifest, self.sbom


class Wave(Struct, frozen=True, forbid_unknown_fields=True):
    """From `begin` (RFC 3339, UTC) on, `percent` of the fleet may have the release."""

    begin: Annotated[datetime, Meta(tz=True)]
    percent: Annotated[int, Meta(ge=1, le=100)]


class Offer(Struct, frozen=True, forbid_unknown_fields=True):
    """A channel offers a release. Without waves it is for all at once."""

    channel: Channel
    version: Version
    arch: Arch
    waves: tuple[Wave, ...] = ()


class Index(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="Releases"):
    """All releases of a product, oldest first, and all offers."""

    product: Product
    releases: tuple[Release, ...] = ()
    offers: tuple[Offer, ...] = ()
    schema: Literal[1] = 1


def encode(index: Index) -> bytes:
    """The bytes of the target."""
    return msgspec.json.format(msgspec.json.encode(index, order="deterministic"), indent=1) + b"\n"


def decode(data: bytes) -> Index:
    """An index from its bytes, which TUF has verified. Raises InputError `releases-malformed`."""
    try:
        return msgspec.json.decode(data, type=Index)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("releases-malformed", f"the index of releases cannot be read: {error}") from error


def find(index: Index, version: str, arch: Arch) -> Release:
    """The release of that version. Raises InputError `release-unknown`, naming those that there are."""
    found = next((release for release in index.releases if release.key == (version, arch)), None)
    if found is None:
        known = ", ".join(release.version for release in index.releases if release.arch is arch) or "none"
        raise InputError(
            "release-unknown", f"{index.product} has no release {version} for {arch.value}", hint=f"there are: {known}"
        )
    return found


def add(index: Index, release: Release) -> Index:
    """The index with one release more. Raises BusyError `release-exists` when another one has its version."""
    there = next((r for r in index.releases if r.key == release.key), None)
    if there is not None:
        if there == release:
            return index
        raise BusyError(
            "release-exists",
            f"{index.product} {release.version} for {release.arch.value} is published already, with other contents",
            hint="a published version never changes: give the image a new version",
        )
    return msgspec.structs.replace(index, releases=_sorted([*index.releases, release]))


def offer(index: Index, made: Offer) -> Index:
    """The index in which the channel offers the release, in place of what it said of that release before."""
    release = find(index, made.version, made.arch)
    if release.withdrawn:
        raise BusyError("release-withdrawn", f"{release.version} was withdrawn: {release.withdrawn}")
    rest = [o for o in index.offers if (o.channel, o.version, o.arch) != (made.channel, made.version, made.arch)]
    return msgspec.structs.replace(index, offers=(*rest, made))


def withdraw(index: Index, version: str, arch: Arch, why: str) -> Index:
    """The index in which nobody is to go to that release any more, and no channel offers it."""
    release = msgspec.structs.replace(find(index, version, arch), withdrawn=why)
    releases = [release if r.key == release.key else r for r in index.releases]
    offers = [o for o in index.offers if (o.version, o.arch) != release.key]
    return msgspec.structs.replace(index, releases=_sorted(releases), offers=tuple(offers))


def _sorted(releases: Sequence[Release]) -> tuple[Release, ...]:
    return tuple(sorted(releases, key=lambda release: (KEY(release.version), release.arch.value)))


class Machine(Struct, frozen=True):
    """What decides on the side of a node. `seed` is 0 to 99 999, chosen by the node once and kept."""

    version: str
    arch: Arch
    posture: Posture
    channel: str
    seed: int


SEEDS = 100_000


class Choice(Struct, frozen=True):
    """The release that a machine is to go to, or why there is none."""

    release: Release | None
    why: str


def choose(index: Index, machine: Machine, now: datetime, *, ignore_waves: bool = False) -> Choice:
    """The newest release that `machine` may have at `now` (with a time zone). "None" always says why."""
    offers = [o for o in index.offers if o.channel == machine.channel]
    if not offers:
        known = ", ".join(sorted({o.channel for o in index.offers})) or "none"
        return Choice(None, f"there is no channel {machine.channel}; there are: {known}")
    fitting = [(o, find(index, o.version, o.arch)) for o in offers if o.arch is machine.arch]
    if not fitting:
        return Choice(None, f"the channel {machine.channel} has nothing for {machine.arch.value}")
    fitting = [(o, r) for o, r in fitting if r.posture is machine.posture]
    if not fitting:
        return Choice(None, f"the channel {machine.channel} has nothing of the posture {machine.posture.value}")
    newer = [(o, r) for o, r in fitting if compare(r.version, machine.version) > 0]
    if not newer:
        newest = max((r.version for _, r in fitting), key=KEY)
        return Choice(None, f"{machine.version} is the newest: the channel {machine.channel} offers {newest}")
    open_now = newer if ignore_waves else [(o, r) for o, r in newer if admits(o.waves, machine.seed, now)]
    if not open_now:
        version, begin = min(((r.version, _begins(o.waves, machine.seed)) for o, r in newer), key=lambda pair: pair[1])
        return Choice(None, f"{version} comes to this machine at {_utc(begin)} by its wave")
    release = max((r for _, r in open_now), key=lambda r: KEY(r.version))
    # Releases to pass through count for every machine on their way, whatever the channel says of them by now.
    between = [
        r
        for r in index.releases
        if r.pass_through
        and not r.withdrawn
        and (r.arch, r.posture) == (machine.arch, machine.posture)
        and compare(machine.version, r.version) < 0 < compare(release.version, r.version)
    ]
    if between:
        return Choice(between[0], f"{between[0].version} is to be passed through on the way to {release.version}")
    return Choice(release, f"the channel {machine.channel} offers it")


def admits(waves: Sequence[Wave], seed: int, now: datetime) -> bool:
    """Whether a machine with `seed` may have a release with `waves` at `now`."""
    return not waves or any(wave.begin <= now and seed < wave.percent * SEEDS // 100 for wave in waves)


def _utc(moment: datetime) -> str:
    """As text, in UTC; as it was written, when UTC has no such year."""
    try:
        return moment.astimezone(UTC).isoformat()
    except OverflowError:
        return moment.isoformat()


def _begins(waves: Sequence[Wave], seed: int) -> datetime:
    """When the first wave begins that admits `seed`."""
    begins = [wave.begin for wave in waves if seed < wave.percent * SEEDS // 100]
    return min(begins, default=datetime.max.replace(tzinfo=UTC))
