"""Whose keys a machine's firmware had: PCR 7, held against what the manifests of releases predict of it.

A release that enrols keys predicts the register of machines that have exactly these. Boot loader and UKI may be of two
releases, and signed by two keys of the owner's: then each says who has signed it. The register decides; the log only
tells which variable differs.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

from msgspec import Struct

from adamant.attestation import secure_boot
from adamant.attestation.event_log import EV_SEPARATOR, Event
from adamant.model import measured, pcr
from adamant.model.digest import Sha256
from adamant.model.manifest import Manifest
from adamant.model.measured import MeasuredKeys

_SIGNERS = "who signed what ran"
_ORDER = "what else is measured"


class Match(StrEnum):
    """Whether PCR 7 is as a release predicts it; not predicted where no release enrols keys."""

    NOT_PREDICTED = "not-predicted"
    AS_PREDICTED = "as-predicted"
    DIFFERS = "differs"


class Owner(Struct, frozen=True):
    """The firmware's keys by PCR 7: as `release` enrols them with `changes` of the changes that it carries, or not.

    `differs` names what is not as that release has it, the nearest one: variables of Secure Boot, and others in words.
    """

    match: Match
    release: str = ""
    changes: int = 0
    differs: tuple[str, ...] = ()


def judge(value: bytes, events: Iterable[Event], releases: Sequence[Manifest], programs: Sequence[str]) -> Owner:
    """Whose keys PCR 7 of `value` shows. `programs` are the digests of the EFI programs that ran, in their order."""
    own = [event for event in events if event.register == pcr.SECURE_BOOT]
    nearest = Owner(Match.NOT_PREDICTED)
    for release in releases:
        for keys in release.measured.keys if release.measured is not None else ():
            name = f"{release.name} {release.version}"
            for authorities in _authorities(programs, releases):
                if measured.secure_boot_value(keys.variables, authorities) == value:
                    return Owner(Match.AS_PREDICTED, name, keys.changes)
                differs = tuple(_differences(own, keys, authorities)) or (_ORDER,)
                if nearest.match is Match.NOT_PREDICTED or len(differs) < len(nearest.differs):
                    nearest = Owner(Match.DIFFERS, name, keys.changes, differs)
    return nearest


def _authorities(programs: Sequence[str], releases: Sequence[Manifest]) -> list[tuple[Sha256, ...]]:
    """What may be measured of who has signed the programs, each signer once: several when one program is of several
    releases, since a signature is no part of a program's digest."""
    found: list[tuple[Sha256, ...]] = [()]
    for program in programs:
        signers = dict.fromkeys(_signers(program, releases))
        found = [so_far if each in so_far else (*so_far, each) for so_far in found for each in signers] or found
    return list(dict.fromkeys(found))


def _signers(program: str, releases: Iterable[Manifest]) -> Iterator[Sha256]:
    for boot in (release.measured for release in releases):
        if boot is not None and boot.keys and program in {boot.loader, boot.uki}:
            yield boot.keys[0].authority


def _differences(events: Sequence[Event], keys: MeasuredKeys, authorities: tuple[Sha256, ...]) -> Iterator[str]:
    until = next((at for at, event in enumerate(events) if event.type == EV_SEPARATOR), len(events))
    found = dict(_named(events[:until]))
    wanted = {variable.name: variable.sha256 for variable in keys.variables}
    yield from (name for name in wanted if found.get(name) != wanted[name])
    yield from (name for name in found if name not in wanted)
    if [event.digest.hex() for event in events[until + 1 :]] != list(authorities):
        yield _SIGNERS


def _named(events: Iterable[Event]) -> Iterator[tuple[str, str]]:
    for event in events:
        said = secure_boot.variable(event)
        name = said[0] if said is not None and said[0].isprintable() else _ORDER
        yield name, event.digest.hex()
