"""Structures of a TPM 2.0 as bytes, with the names of the specification: what a machine and a verifier both speak of.

Specification: TCG Trusted Platform Module Library, part 2 (Structures), revision 1.59; numbers are big endian. The
endorsement key is that of TCG EK Credential Profile 2.5, template L-2. Pure. `Reader` takes foreign bytes: whatever
they are, it gives a value or raises VerificationError tpm-malformed.
"""

import hashlib
import struct
from typing import NamedTuple

from adamant.model.digest import Sha256
from adamant.model.errors import VerificationError

TPM_GENERATED_VALUE = 0xFF544347
TPM_ST_NO_SESSIONS = 0x8001
TPM_ST_SESSIONS = 0x8002
TPM_ST_ATTEST_QUOTE = 0x8018

TPM_ALG_AES = 0x0006
TPM_ALG_SHA256 = 0x000B
TPM_ALG_NULL = 0x0010
TPM_ALG_ECDSA = 0x0018
TPM_ALG_ECC = 0x0023
TPM_ALG_CFB = 0x0043
TPM_ECC_NIST_P256 = 0x0003

TPMA_FIXED_TPM = 1 << 1
TPMA_FIXED_PARENT = 1 << 4
TPMA_SENSITIVE_DATA_ORIGIN = 1 << 5
TPMA_USER_WITH_AUTH = 1 << 6
TPMA_ADMIN_WITH_POLICY = 1 << 7
TPMA_NO_DA = 1 << 10
TPMA_RESTRICTED = 1 << 16
TPMA_DECRYPT = 1 << 17
TPMA_SIGN = 1 << 18

AK_ATTRIBUTES = (
    TPMA_FIXED_TPM
    | TPMA_FIXED_PARENT
    | TPMA_SENSITIVE_DATA_ORIGIN
    | TPMA_USER_WITH_AUTH
    | TPMA_NO_DA
    | TPMA_RESTRICTED
    | TPMA_SIGN
)
"""An attestation key never leaves its TPM, and signs nothing but what the TPM itself has made."""
EK_ATTRIBUTES = (
    TPMA_FIXED_TPM
    | TPMA_FIXED_PARENT
    | TPMA_SENSITIVE_DATA_ORIGIN
    | TPMA_ADMIN_WITH_POLICY
    | TPMA_RESTRICTED
    | TPMA_DECRYPT
)
EK_POLICY = bytes.fromhex("837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa")
"""TPM2_PolicySecret(TPM_RH_ENDORSEMENT): PolicyA of the profile."""

QUALIFYING_SIZE = 32
"""Bytes of the largest nonce; every TPM takes as many."""


class EccPublic(NamedTuple):
    """A TPMT_PUBLIC of a key on the curve P-256: its point, and whether it is a restricted one to sign (the others
    decrypt). All else of it is as in the template that it was made of."""

    x: bytes
    y: bytes
    signs: bool


class Quote(NamedTuple):
    """A TPMS_ATTEST of the kind quote: the nonce, the registers of the SHA-256 bank, and the digest of their values.

    `resets` counts the starts of the TPM, `clock` milliseconds in which it had power.
    """

    nonce: bytes
    registers: tuple[int, ...]
    digest: bytes
    resets: int
    clock: int


def tpm2b(data: bytes) -> bytes:
    """The bytes with their length before them."""
    return struct.pack(">H", len(data)) + data


def ak_template() -> bytes:
    """The TPMT_PUBLIC of an attestation key: ECDSA on P-256 with SHA-256, restricted."""
    scheme = struct.pack(">HHHHH", TPM_ALG_NULL, TPM_ALG_ECDSA, TPM_ALG_SHA256, TPM_ECC_NIST_P256, TPM_ALG_NULL)
    return _public(AK_ATTRIBUTES, b"", scheme, b"", b"")


def ek_template() -> bytes:
    """The TPMT_PUBLIC of the endorsement key (template L-2)."""
    symmetric = struct.pack(">HHH", TPM_ALG_AES, 128, TPM_ALG_CFB)
    scheme = struct.pack(">HHH", TPM_ALG_NULL, TPM_ECC_NIST_P256, TPM_ALG_NULL)
    return _public(EK_ATTRIBUTES, EK_POLICY, symmetric + scheme, bytes(32), bytes(32))


def _public(attributes: int, policy: bytes, parameters: bytes, x: bytes, y: bytes) -> bytes:
    head = struct.pack(">HHI", TPM_ALG_ECC, TPM_ALG_SHA256, attributes)
    return head + tpm2b(policy) + parameters + tpm2b(x) + tpm2b(y)


def fingerprint(public: bytes) -> Sha256:
    """What names a key: the SHA-256 of its TPMT_PUBLIC, so of its point and of all that it may do."""
    return Sha256(hashlib.sha256(public).hexdigest())


def name(public: bytes) -> bytes:
    """The TPM's name of a key (part 1, section 16)."""
    return struct.pack(">H", TPM_ALG_SHA256) + hashlib.sha256(public).digest()


def pcr_selection(registers: tuple[int, ...]) -> bytes:
    """A TPML_PCR_SELECTION of registers below 24 of the SHA-256 bank."""
    bits = sum(1 << index for index in registers)
    return struct.pack(">IHB", 1, TPM_ALG_SHA256, 3) + bits.to_bytes(3, "little")


class Reader:
    """The fields of a structure, one after the other. `what` names the structure in errors."""

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._at = 0
        self._what = what

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        data = self._data[self._at : self._at + size]
        if len(data) != size:
            raise self.wrong("it is cut short")
        self._at += size
        return data

    def number(self, size: int) -> int:
        """The next number of `size` bytes."""
        return int.from_bytes(self.take(size))

    def sized(self, limit: int) -> bytes:
        """The next TPM2B, of at most `limit` bytes."""
        size = self.number(2)
        if size > limit:
            raise self.wrong(f"a field of it has {size} bytes")
        return self.take(size)

    def expect(self, size: int, value: int, field: str) -> None:
        """The next number must be `value`."""
        found = self.number(size)
        if found != value:
            raise self.wrong(f"its {field} is {found:#x}, not {value:#x}")

    def end(self) -> None:
        """Nothing may be left."""
        if self._at != len(self._data):
            raise self.wrong(f"{len(self._data) - self._at} bytes follow it")

    def wrong(self, why: str) -> VerificationError:
        """The error that says why the structure is refused."""
        return VerificationError("tpm-malformed", f"{self._what} is not what a TPM makes: {why}")


def read_public(data: bytes, what: str) -> EccPublic:
    """The key of a TPMT_PUBLIC, which is one of the two templates but for its point.

    Raises VerificationError tpm-malformed, also for a key that may do more or less than the templates'.
    """
    reader = Reader(data, what)
    reader.expect(2, TPM_ALG_ECC, "type")
    reader.expect(2, TPM_ALG_SHA256, "name algorithm")
    attributes = reader.number(4)
    signs = attributes == AK_ATTRIBUTES
    if not signs and attributes != EK_ATTRIBUTES:
        raise reader.wrong(f"its attributes are {attributes:#x}")
    template = ak_template() if signs else ek_template()
    unique = 4 if signs else 4 + 64
    if data[: len(template) - unique] != template[:-unique]:
        raise reader.wrong("it is a key of another kind")
    reader.take(len(template) - unique - 8)
    x, y = reader.sized(32), reader.sized(32)
    reader.end()
    # A TPM may leave out zeros before a coordinate.
    return EccPublic(x.rjust(32, b"\0"), y.rjust(32, b"\0"), signs)


def read_quote(data: bytes) -> Quote:
    """The quote in a TPMS_ATTEST. Raises VerificationError tpm-malformed."""
    reader = Reader(data, "the quote")
    reader.expect(4, TPM_GENERATED_VALUE, "magic")
    reader.expect(2, TPM_ST_ATTEST_QUOTE, "type")
    reader.sized(66)  # qualifiedSigner
    nonce = reader.sized(66)
    clock, resets = reader.number(8), reader.number(4)
    reader.take(4 + 1 + 8)  # restartCount, safe, firmwareVersion
    reader.expect(4, 1, "number of banks")
    reader.expect(2, TPM_ALG_SHA256, "bank")
    size = reader.number(1)
    if not 1 <= size <= 4:
        raise reader.wrong("its selection of registers is of no known size")
    bits = int.from_bytes(reader.take(size), "little")
    digest = reader.sized(64)
    reader.end()
    return Quote(nonce, tuple(index for index in range(8 * size) if bits >> index & 1), digest, resets, clock)


def read_signature(data: bytes) -> tuple[int, int]:
    """The two numbers of a TPMT_SIGNATURE by ECDSA with SHA-256. Raises VerificationError tpm-malformed."""
    reader = Reader(data, "the quote's signature")
    reader.expect(2, TPM_ALG_ECDSA, "algorithm")
    reader.expect(2, TPM_ALG_SHA256, "hash")
    r, s = (int.from_bytes(reader.sized(32)) for _ in range(2))
    reader.end()
    return r, s
