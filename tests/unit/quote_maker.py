"""Quotes and logs of measurements as a TPM and a firmware make them, made by the tests with keys of their own."""

import hashlib
import struct
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from adamant.attestation import event_log
from adamant.attestation.event_log import Event
from adamant.model import measured, pcr, tpm
from adamant.model.attestation import Attestation
from adamant.model.measured import MeasuredBoot
from adamant.model.tpm import tpm2b

KEY = ec.generate_private_key(ec.SECP256R1())
SEPARATOR = bytes(4)
ACTION = b"Calling EFI Application from Boot Option"


def said(register: int, type_: int, data: bytes) -> Event:
    """An event that measures its own data."""
    return Event(register, type_, hashlib.sha256(data).digest(), data)


def program(digest: str) -> Event:
    """An EFI program of that Authenticode digest that was started."""
    return Event(pcr.BOOT_MANAGER, event_log.EV_EFI_BOOT_SERVICES_APPLICATION, bytes.fromhex(digest), b"where it lay")


def sections(boot: MeasuredBoot) -> list[Event]:
    """What the stub of a UKI measures."""
    return [
        Event(pcr.KERNEL, event_log.EV_IPL, digest, f"{name}\0".encode("utf-16-le"))
        for name, digest in measured.measurements(boot.sections)
    ]


def variable(type_: int, name: str, data: bytes) -> Event:
    """A variable of the firmware, measured into PCR 7."""
    text = name.encode("utf-16-le")
    return said(pcr.SECURE_BOOT, type_, bytes(16) + struct.pack("<QQ", len(name), len(data)) + text + data)


def booted(boot: MeasuredBoot) -> list[Event]:
    """The log of a boot of the release, without Secure Boot."""
    return [
        said(pcr.FIRMWARE, 0x8, b"firmware 1"),
        variable(event_log.EV_EFI_VARIABLE_DRIVER_CONFIG, "SecureBoot", b"\0"),
        said(pcr.SECURE_BOOT, event_log.EV_SEPARATOR, SEPARATOR),
        said(pcr.BOOT_MANAGER, event_log.EV_EFI_ACTION, ACTION),
        said(pcr.BOOT_MANAGER, event_log.EV_SEPARATOR, SEPARATOR),
        program(boot.loader),
        program(boot.uki),
        *sections(boot),
    ]


def encode_log(events: Sequence[Event]) -> bytes:
    """The firmware's log: crypto-agile, of the bank SHA-256."""
    head = b"Spec ID Event03\0" + struct.pack("<IBBBB", 0, 0, 2, 0, 2) + struct.pack("<IHHB", 1, 0xB, 32, 0)
    out = struct.pack("<II20sI", 0, event_log.EV_NO_ACTION, bytes(20), len(head)) + head
    for event in events:
        out += struct.pack("<IIIH", event.register, event.type, 1, 0xB) + event.digest
        out += struct.pack("<I", len(event.data)) + event.data
    return out


def public(key: ec.EllipticCurvePrivateKey, template: bytes | None = None) -> bytes:
    """The TPMT_PUBLIC of a key: an attestation key unless another template is given."""
    numbers = key.public_key().public_numbers()
    point = tpm2b(numbers.x.to_bytes(32)) + tpm2b(numbers.y.to_bytes(32))
    if template is None:
        return tpm.ak_template()[:-4] + point
    return template[:-68] + point


def quote(nonce: bytes, values: Sequence[bytes], registers: tuple[int, ...] = pcr.QUOTED) -> bytes:
    """A TPMS_ATTEST."""
    out = struct.pack(">IH", tpm.TPM_GENERATED_VALUE, tpm.TPM_ST_ATTEST_QUOTE) + tpm2b(b"\0\x0b" + bytes(32))
    out += tpm2b(nonce) + struct.pack(">QIIBQ", 1000, 3, 0, 1, 7) + tpm.pcr_selection(registers)
    return out + tpm2b(hashlib.sha256(b"".join(values)).digest())


def sign(data: bytes, key: ec.EllipticCurvePrivateKey = KEY) -> bytes:
    """A TPMT_SIGNATURE."""
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(SHA256())))
    return struct.pack(">HH", tpm.TPM_ALG_ECDSA, tpm.TPM_ALG_SHA256) + tpm2b(r.to_bytes(32)) + tpm2b(s.to_bytes(32))


def attestation(
    events: Sequence[Event],
    nonce: bytes = b"12345678",
    key: ec.EllipticCurvePrivateKey = KEY,
    log: Sequence[Event] | None = None,
) -> Attestation:
    """What a machine answers after these events; `log` is what its log says in their place."""
    values = event_log.replay(events, pcr.QUOTED)
    quoted = quote(nonce, list(values.values()))
    return Attestation(
        quote=quoted,
        signature=sign(quoted, key),
        ak=public(key),
        ek=public(key, tpm.ek_template()),
        ek_certificate=b"",
        pcrs={str(index): value for index, value in values.items()},
        event_log=encode_log(events if log is None else log),
    )
