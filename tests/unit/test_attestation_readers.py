"""Readers of attestations take any bytes: they give a value or refuse them by name."""

import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from adamant.attestation import event_log, keys, secure_boot
from adamant.attestation.judge import Expected, judge
from adamant.core import limits
from adamant.model import attestation as attestations
from adamant.model import manifest, tpm
from adamant.model.errors import VerificationError
from tests.unit import quote_maker as maker

RECORDED = Path(__file__).parents[1] / "recorded"
FOUND = attestations.decode((RECORDED / "attestation.json").read_bytes())
RELEASE = manifest.decode((RECORDED / "manifest.json").read_bytes())
EVENTS = event_log.read_firmware(FOUND.event_log)
SYSTEM = b'\x1e{"pcr": 11, "digests": [{"hashAlg": "sha256", "digest": "' + b"ab" * 32 + b'"}]}\n'
_CHANGES = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8)), max_size=6)


def changed(data: bytes, changes: list[tuple[float, bytes]], cut: float) -> bytes:
    """The data with some of its bytes overwritten, and its end cut off."""
    out = bytearray(data)
    for where, piece in changes:
        at = int(where * len(data))
        out[at : at + len(piece)] = piece
    return bytes(out[: int(cut * len(out))] if cut < 0.9 else out)


def refused(read: Callable[[], object]) -> str:
    """The reference that something was refused by; empty when it was read."""
    try:
        read()
    except VerificationError as error:
        return error.reference
    return ""


@given(st.sampled_from(["quote", "signature", "ak", "ek", "event_log", "ek_certificate"]), _CHANGES, st.floats(0, 1))
def test_whatever_is_changed_is_judged_or_refused(part: str, changes: list[tuple[float, bytes]], cut: float) -> None:
    broken = replace(FOUND, **{part: changed(getattr(FOUND, part), changes, cut)})
    expected = Expected((RELEASE,), {tpm.fingerprint(FOUND.ak): "me"})
    why = refused(lambda: judge(broken, expected))
    assert why in {"", "quote-signature", "tpm-malformed", "event-log-malformed"}
    if why:
        return
    found = judge(broken, expected)
    if part not in {"ek", "ek_certificate"} and getattr(broken, part) != getattr(FOUND, part):
        # What the log says of an event, beside its digest, is proven by nothing; it may be another.
        same = part == "event_log" and [(e.register, e.digest) for e in EVENTS] == [
            (e.register, e.digest) for e in event_log.read_firmware(broken.event_log)
        ]
        assert same or not found.verified


@given(st.binary(max_size=400))
def test_any_bytes_are_structures_of_a_tpm_or_refused(data: bytes) -> None:
    readers: list[Callable[[bytes], object]] = [tpm.read_quote, tpm.read_signature]
    for read in (*readers, lambda d: tpm.read_public(d, "a key")):
        assert refused(partial(read, data)) in {"", "tpm-malformed"}


@given(st.binary(max_size=64), st.binary(max_size=400))
def test_any_bytes_are_a_log_or_refused(head: bytes, rest: bytes) -> None:
    whole = maker.encode_log([])
    for log in (head + rest, whole + rest, whole[: len(head)] + rest):
        assert refused(partial(event_log.read_firmware, log)) in {"", "event-log-malformed"}


@given(st.binary(max_size=200), _CHANGES)
def test_any_bytes_are_a_log_of_systemds_or_refused(data: bytes, changes: list[tuple[float, bytes]]) -> None:
    for log in (data, b"\x1e" + data, changed(SYSTEM, changes, 1)):
        assert refused(partial(event_log.read_system, log)) in {"", "event-log-malformed"}


@given(st.binary(max_size=300), _CHANGES)
def test_any_variable_says_something_or_nothing(data: bytes, changes: list[tuple[float, bytes]]) -> None:
    db = next(e for e in EVENTS if e.register == 7 and "db".encode("utf-16-le") in e.data[32:36])
    config, authority = event_log.EV_EFI_VARIABLE_DRIVER_CONFIG, event_log.EV_EFI_VARIABLE_AUTHORITY
    secure_boot.read(
        [
            maker.said(7, config, data),
            maker.variable(config, "db", data),
            maker.said(7, config, changed(db.data, changes, 1)),
            maker.said(7, event_log.EV_SEPARATOR, maker.SEPARATOR),
            maker.said(7, authority, data),
            maker.variable(authority, "db", data),
        ]
    )


@given(st.binary(max_size=400))
def test_any_certificate_of_an_endorsement_key_is_read_or_refused(data: bytes) -> None:
    assert refused(lambda: keys.certificate_issuer(FOUND.ek, data)) in {"", "endorsement-certificate"}


@given(st.binary(max_size=300))
def test_any_bytes_are_an_attestation_or_refused(data: bytes) -> None:
    with pytest.raises(VerificationError, match="attestation-malformed"):
        attestations.decode(data)


def test_an_attestation_survives_its_document() -> None:
    assert attestations.decode(attestations.encode(FOUND)) == FOUND


def test_a_log_ends_where_it_says() -> None:
    for length in range(len(FOUND.event_log) - 1, len(FOUND.event_log) - 400, -1):
        less = FOUND.event_log[:length]
        why = refused(partial(event_log.read_firmware, less))
        assert why == "event-log-malformed" or len(event_log.read_firmware(less)) < len(EVENTS)


def test_a_log_without_sha256_is_refused() -> None:
    head = b"Spec ID Event03\0" + struct.pack("<IBBBB", 0, 0, 2, 0, 2) + struct.pack("<IHHB", 1, 0x4, 20, 0)
    log = struct.pack("<II20sI", 0, event_log.EV_NO_ACTION, bytes(20), len(head)) + head
    with pytest.raises(VerificationError, match="SHA-256"):
        event_log.read_firmware(log)


def test_a_log_has_an_end() -> None:
    event = maker.said(0, 0x8, b"")
    assert len(event_log.read_firmware(maker.encode_log([event] * limits.EVENT_LOG_EVENTS))) == limits.EVENT_LOG_EVENTS
    with pytest.raises(VerificationError, match="more than"):
        event_log.read_firmware(maker.encode_log([event] * (limits.EVENT_LOG_EVENTS + 1)))
    with pytest.raises(VerificationError, match="more than"):
        event_log.read_firmware(bytes(limits.EVENT_LOG_SIZE + 1))
    with pytest.raises(VerificationError, match="more than"):
        event_log.read_system(SYSTEM * (limits.EVENT_LOG_EVENTS + 1))
