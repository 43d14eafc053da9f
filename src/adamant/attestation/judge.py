"""What an attestation proves: which release a machine runs, or what differs from those that are known.

What is believed: that a TPM signs quotes with an attestation key of its own and nothing else. The rest follows: the
quote has the digest of the registers, the registers are what the log's digests come to, and the releases say which
digests these must be. Events are told apart by their digests; their types and texts are of whoever wrote the log.

PCR 11 counts with PCR 4: the last program that the firmware has started is the release's UKI, or the kernel that it has
the firmware start when Secure Boot is off, and before it only boot loaders of releases. Otherwise another program could
have extended PCR 11 as the stub does.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from adamant.attestation import event_log, keys, owner, secure_boot
from adamant.attestation.event_log import (
    EV_EFI_ACTION,
    EV_EFI_BOOT_SERVICES_APPLICATION,
    EV_NO_ACTION,
    EV_SEPARATOR,
    Event,
)
from adamant.model import measured, pcr, tpm
from adamant.model.attestation import Attestation
from adamant.model.errors import VerificationError
from adamant.model.manifest import Manifest
from adamant.model.measured import MeasuredBoot

_NAMES = {hashlib.sha256(name.encode() + b"\0").digest(): name for name in measured.SECTIONS}
_SHOWN = 4096
_SEPARATORS = (bytes(4), b"\xff" * 4)
_WORDS = 128
_LOADER = "boot loader"
_ALLOWED = "one that you allow"


class Problem(Struct, frozen=True):
    """Something that the attestation does not prove. `reference` is stable, as that of an error."""

    reference: str
    message: str


class Difference(Struct, frozen=True):
    """A section of the UKI whose measurement is not that of a release. Digests; empty where there is none."""

    release: str
    section: str
    expected: str
    found: str


class Program(Struct, frozen=True):
    """An EFI program that the firmware has started: its Authenticode digest, and what it is, if that is known."""

    digest: str
    what: str


class Judgement(Struct, frozen=True, tag_field="kind", tag="Judgement"):
    """What an attestation proves. It is verified when there are no `problems`.

    `release` is name and version of the release that runs, or empty. `key` is the fingerprint of the attestation key
    and `key_of` who knows it; `nonce` is in hexadecimal, `fresh` whether it was the one expected (None: nobody said
    which). `resets` counts the starts of the TPM. `added` are command lines that were added to the UKI's, `owner` says
    whose keys the firmware had.
    """

    verified: bool
    release: str
    root_hash: str
    key: str
    key_of: str
    endorsement_key: str
    nonce: str
    fresh: bool | None
    resets: int
    secure_boot: secure_boot.Measured
    programs: tuple[Program, ...]
    added: tuple[str, ...]
    differences: tuple[Difference, ...]
    owner: owner.Owner
    pcrs: dict[str, str]
    problems: tuple[Problem, ...]
    schema: int = 1


class Expected(Struct, frozen=True):
    """What is expected of an attestation.

    `keys` says who knows an attestation key, by fingerprint; `nonce` is the one that was asked with, if anybody knows;
    `added` are command lines that a machine's config may add, `programs` Authenticode digests of other EFI programs
    that may run: the addon that such a command line is in is one. `secure_boot` wants it on, `own_keys` on with the
    keys that one of the releases enrols.
    """

    releases: tuple[Manifest, ...]
    keys: Mapping[str, str]
    nonce: bytes | None = None
    added: Collection[str] = ()
    programs: Collection[str] = ()
    secure_boot: bool = False
    own_keys: bool = False


def judge(attestation: Attestation, expected: Expected) -> Judgement:
    """What the attestation proves.

    Raises VerificationError (quote-signature, tpm-malformed, event-log-malformed) for what is none at all.
    """
    keys.verify(attestation.ak, attestation.signature, attestation.quote)
    quote = tpm.read_quote(attestation.quote)
    firmware = event_log.read_firmware(attestation.event_log)
    events = (*firmware, *event_log.read_system(attestation.system_log))
    values = _registers(attestation, quote)
    key, (boot, differences) = tpm.fingerprint(attestation.ak), _release(values, events, expected.releases)
    problems = list(_of_quote(quote, key, expected))
    problems += _of_log(values, events)
    programs = tuple(_programs(events, expected))
    problems += _of_programs(events, programs, boot)
    added = tuple(_addition(event) for event in _of(events, pcr.ADDED))
    problems += _of_additions(values, events, expected.added)
    if boot is None:
        problems.append(Problem("release-unknown", "PCR 11 is that of none of the releases"))
    state = secure_boot.read(firmware)
    if expected.secure_boot and state.state is not secure_boot.State.ENABLED:
        problems.append(Problem("secure-boot-off", f"Secure Boot was {state.state.value} when the machine started"))
    owned = owner.judge(values[pcr.SECURE_BOOT], firmware, expected.releases, [each.digest for each in programs])
    if expected.own_keys:
        problems += _of_owner(owned)
    return Judgement(
        verified=not problems,
        release=f"{boot.name} {boot.version}" if boot is not None else "",
        root_hash=boot.root_hash if boot is not None else "",
        key=key,
        key_of=expected.keys.get(key, ""),
        endorsement_key=tpm.fingerprint(attestation.ek),
        nonce=quote.nonce.hex(),
        fresh=None if expected.nonce is None else quote.nonce == expected.nonce,
        resets=quote.resets,
        secure_boot=state,
        programs=programs,
        added=added,
        differences=differences,
        owner=owned,
        pcrs={str(index): value.hex() for index, value in values.items()},
        problems=tuple(problems),
    )


def _registers(attestation: Attestation, quote: tpm.Quote) -> dict[int, bytes]:
    """The quoted registers. Raises VerificationError quote-registers when they are not those of the quote."""
    named = [str(index) for index in pcr.QUOTED]
    if quote.registers != pcr.QUOTED or set(attestation.pcrs) != set(named):
        raise VerificationError("quote-registers", "the quote is of other registers than those that count")
    values = [attestation.pcrs[name] for name in named]
    if any(len(value) != pcr.SIZE for value in values) or hashlib.sha256(b"".join(values)).digest() != quote.digest:
        raise VerificationError("quote-registers", "the registers are not those that the TPM has quoted")
    return dict(zip(pcr.QUOTED, values, strict=True))


def _of_quote(quote: tpm.Quote, key: str, expected: Expected) -> Iterator[Problem]:
    if expected.nonce is not None and quote.nonce != expected.nonce:
        yield Problem("quote-replayed", "the quote is of another nonce: it was not made for this question")
    if key not in expected.keys:
        yield Problem("attestation-key-unknown", f"nobody knows the attestation key {key}: any TPM could have it")


def _of_log(values: Mapping[int, bytes], events: Sequence[Event]) -> Iterator[Problem]:
    for index, value in event_log.replay(events, values).items():
        if value != values[index]:
            yield Problem("event-log-differs", f"the log of PCR {index} does not come to the value that was quoted")


def _of(events: Iterable[Event], register: int) -> list[Event]:
    return [event for event in events if event.register == register and event.type != EV_NO_ACTION]


def _release(
    values: Mapping[int, bytes], events: Sequence[Event], releases: Sequence[Manifest]
) -> tuple[Manifest | None, tuple[Difference, ...]]:
    """The release that PCR 11 is of; without one, what differs from the releases that are nearest."""
    known = [(release, release.measured) for release in releases if release.measured is not None]
    for release, boot in known:
        if measured.predict(boot.sections)[str(pcr.KERNEL)] == values[pcr.KERNEL].hex():
            return release, ()
    every = [_differences(release, boot, _of(events, pcr.KERNEL)) for release, boot in known]
    least = min(map(len, every), default=0)
    return None, tuple(difference for found in every if len(found) == least for difference in found)


def _differences(release: Manifest, boot: MeasuredBoot, events: Sequence[Event]) -> list[Difference]:
    """Sections whose measurements are not those of the release: what was measured is a name, then its contents."""
    found: dict[str, str] = {}
    at = 0
    while at < len(events):
        name = _NAMES.get(events[at].digest)
        if name is None or name in found or at + 1 == len(events):
            found[f"measurement {at + 1}"] = events[at].digest.hex()
            at += 1
        else:
            found[name] = events[at + 1].digest.hex()
            at += 2
    expected = {section.name: str(section.sha256) for section in boot.sections}
    names = [*expected, *(name for name in found if name not in expected)]
    return [
        Difference(f"{release.name} {release.version}", name, expected.get(name, ""), found.get(name, ""))
        for name in names
        if expected.get(name) != found.get(name)
    ]


def _programs(events: Iterable[Event], expected: Expected) -> Iterator[Program]:
    """What PCR 4 says that the firmware has started."""
    known = dict.fromkeys(expected.programs, _ALLOWED)
    for release in expected.releases:
        if release.measured is not None:
            known.setdefault(release.measured.loader, f"{_LOADER} of {release.name} {release.version}")
            known.setdefault(release.measured.uki, f"UKI of {release.name} {release.version}")
            known.setdefault(release.measured.kernel, f"kernel of {release.name} {release.version}")
    for event in _of(events, pcr.BOOT_MANAGER):
        if event.type == EV_EFI_BOOT_SERVICES_APPLICATION:
            yield Program(event.digest.hex(), known.get(event.digest.hex(), ""))


def _of_programs(events: Iterable[Event], programs: Sequence[Program], release: Manifest | None) -> Iterator[Problem]:
    known = {program.digest: program.what for program in programs}
    own = [event for event in _of(events, pcr.BOOT_MANAGER) if known.get(event.digest.hex()) != _ALLOWED]
    for event in own:
        if event.type != EV_EFI_BOOT_SERVICES_APPLICATION and not _is_word(event):
            yield Problem("program-unknown", f"PCR 4 has a measurement that is no program: {event.digest.hex()}")
    for program in programs:
        if not program.what:
            yield Problem("program-unknown", f"an EFI program of no release ran: {program.digest}")
    if release is None or release.measured is None:
        return
    boot, digests = release.measured, [event.digest.hex() for event in own]
    # The firmware measures a word when a program returns to it, so nothing may stand between UKI and kernel either.
    last = next((end for end in ([boot.uki, boot.kernel], [boot.uki]) if digests[-len(end) :] == end), None)
    if last is None:
        yield Problem("program-order", "the last that the firmware has started is not the UKI of the release")
        return
    before = [known[digest] for digest in digests[: -len(last)] if digest in known]
    if any(what and not what.startswith(_LOADER) for what in before):
        yield Problem("program-order", "another program than a boot loader ran before the UKI")


def _of_owner(found: owner.Owner) -> Iterator[Problem]:
    if found.match is owner.Match.NOT_PREDICTED:
        yield Problem("firmware-keys-unknown", "no release that you name enrols keys, so none says what PCR 7 must be")
    if found.match is owner.Match.DIFFERS:
        names = ", ".join(found.differs)
        yield Problem("firmware-keys-differ", f"PCR 7 is not that of the keys that {found.release} enrols: {names}")


def _is_word(event: Event) -> bool:
    """Whether the event measures a few words of the firmware, and so no program, whatever its type says.

    The bytes of a small program could stand in the log as the data of such an event: its digest would be right.
    """
    if hashlib.sha256(event.data).digest() != event.digest:
        return False
    if event.type == EV_SEPARATOR:
        return event.data in _SEPARATORS
    text = event.data.decode("ascii", "replace")
    return event.type == EV_EFI_ACTION and len(text) <= _WORDS and text.isascii() and text.isprintable()


def _addition(event: Event) -> str:
    """What was added to the UKI: a command line as its text, anything else as its digest."""
    if hashlib.sha256(event.data).digest() != event.digest:
        return event.digest.hex()
    text = event.data.decode("utf-16-le", "replace").rstrip("\0")[:_SHOWN]
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _of_additions(values: Mapping[int, bytes], events: Iterable[Event], allowed: Collection[str]) -> Iterator[Problem]:
    expected = {hashlib.sha256(f"{text}\0".encode("utf-16-le")).digest() for text in allowed}
    added = _of(events, pcr.ADDED)
    for event in added:
        if event.digest not in expected:
            yield Problem("command-line-added", f"the release was started with an addition: {_addition(event)}")
    if not added and values[pcr.ADDED] != pcr.ZERO:
        yield Problem("command-line-added", "the release was started with an addition that no log tells of")
    if values[pcr.EXTENSIONS] != pcr.ZERO:
        yield Problem("extension-added", "the release was started with an extension beside its UKI")
