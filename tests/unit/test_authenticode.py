"""Who has signed an EFI program is said by the key alone, and of the program as it is now."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from adamant.core import authenticode, der, pe
from adamant.image import keys, signing
from adamant.model.definition import KeyPair
from adamant.model.errors import VerificationError
from tests.unit import image_maker as maker

NOW = datetime(2026, 11, 29, tzinfo=UTC)
PROGRAM = maker.efi({".text": b"code" * 300})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("keys")
    keys.make_keys(made, "example", NOW)
    (made / "program.efi").write_bytes(PROGRAM)
    return made


def certificate(folder: Path, name: str) -> bytes:
    return x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes()).public_bytes(Encoding.DER)


def pair(folder: Path, name: str) -> keys.SigningPair:
    return keys.load_pair(KeyPair(f"{name}.key", f"{name}.crt"), folder, NOW)


def signers(folder: Path, data: bytes) -> set[str]:
    names = {certificate(folder, name): name for name in ("secure-boot", "modules", "KEK")}
    return {names[each] for each in authenticode.signers(maker.source(data), names)}


@pytest.fixture(scope="module")
def signed(folder: Path) -> bytes:
    return signing.signed(folder / "program.efi", pair(folder, "secure-boot"))


def test_the_key_that_signed_is_told_and_no_other(folder: Path, signed: bytes) -> None:
    assert signers(folder, signed) == {"secure-boot"}
    assert signers(folder, PROGRAM) == set()
    assert authenticode.signers(maker.source(signed), []) == frozenset()
    assert authenticode.signers(maker.source(signed), [b"no certificate"]) == frozenset()


def test_equal_program_and_key_give_equal_bytes(folder: Path, signed: bytes) -> None:
    assert signing.signed(folder / "program.efi", pair(folder, "secure-boot")) == signed
    assert pe.authenticode(maker.source(signed)) == pe.authenticode(maker.source(PROGRAM))


def test_a_program_that_was_changed_is_signed_by_nobody(folder: Path, signed: bytes) -> None:
    for at in (0x30, len(PROGRAM) - 700, len(PROGRAM) - 1):
        changed = bytearray(signed)
        changed[at] ^= 1
        assert signers(folder, bytes(changed)) == set(), at


def test_the_signature_of_another_program_is_none(folder: Path, signed: bytes) -> None:
    other = maker.efi({".text": b"other" * 300})
    moved = pe.attach(maker.source(other), pe.signatures(maker.source(signed))[0])
    assert signers(folder, moved) == set()


def test_each_of_several_signatures_counts(folder: Path, signed: bytes) -> None:
    second = pe.signatures(maker.source(signing.signed(folder / "program.efi", pair(folder, "modules"))))[0]
    first = pe.signatures(maker.source(signed))[0]
    assert signers(folder, maker.efi({".text": b"code" * 300}, (first, second))) == {"secure-boot", "modules"}
    assert signers(folder, maker.efi({".text": b"code" * 300}, (b"noise", second))) == {"modules"}


def test_attributes_of_other_contents_are_no_signature(folder: Path) -> None:
    """The digest of one program, with attributes and signature of another."""
    here, there = (bytes.fromhex(pe.authenticode(maker.source(maker.efi({".t": t})))) for t in (b"here", b"there"))
    key = keys.read_key(pair(folder, "secure-boot"))
    value = key.sign(authenticode.message(there), padding.PKCS1v15(), hashes.SHA256())
    blob = authenticode.encode(there, certificate(folder, "secure-boot"), value)
    assert blob.count(there) == 1
    assert signers(folder, maker.efi({".t": b"there"}, (blob,))) == {"secure-boot"}
    assert signers(folder, maker.efi({".t": b"here"}, (blob.replace(there, here),))) == set()


def test_a_signature_without_attributes_is_over_the_contents(folder: Path) -> None:
    """As section 3 of the format allows it, and signers of other systems do it."""
    digest = bytes.fromhex(pe.authenticode(maker.source(PROGRAM)))
    key = keys.read_key(pair(folder, "secure-boot"))
    contents = authenticode._contents(digest)
    plain = authenticode.encode(digest, certificate(folder, "secure-boot"), bytes(key.key_size // 8))
    signed = authenticode.message(digest)
    _, begin, end = der.element(signed, 0, len(signed))
    attributes = der.encode(0xA0, signed[begin:end])
    assert attributes in plain
    value = key.sign(contents, padding.PKCS1v15(), hashes.SHA256())
    # The lengths of what is around the attributes change with them: it is put together from the inside.
    named = der.encode(der.SEQUENCE, b"".join(authenticode._issuer_and_serial(certificate(folder, "secure-boot"))))
    head = authenticode._ONE + named + authenticode._SHA256
    signer = der.encode(der.SEQUENCE, head + authenticode._RSA + der.encode(der.OCTETS, value))
    inner = authenticode._INDIRECT_DATA + der.encode(0xA0, der.encode(der.SEQUENCE, contents))
    parts = authenticode._ONE + der.encode(der.SET, authenticode._SHA256) + der.encode(der.SEQUENCE, inner)
    body = der.encode(der.SEQUENCE, parts + der.encode(der.SET, signer))
    blob = der.encode(der.SEQUENCE, authenticode._SIGNED_DATA + der.encode(0xA0, body))
    assert signers(folder, pe.attach(maker.source(PROGRAM), blob)) == {"secure-boot"}


def test_a_program_that_is_signed_gets_no_second_signature(signed: bytes) -> None:
    with pytest.raises(VerificationError, match="signed already"):
        pe.attach(maker.source(signed), b"another")


@given(data=st.data())
def test_damaged_signatures_are_none_and_no_crash(folder: Path, signed: bytes, data: st.DataObject) -> None:
    blob = bytearray(pe.signatures(maker.source(signed))[0])
    for _ in range(data.draw(st.integers(1, 3))):
        blob[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(blob)))
    made = pe.attach(maker.source(PROGRAM), bytes(blob[:cut]) if data.draw(st.booleans()) else bytes(blob))
    assert signers(folder, made) <= {"secure-boot"}


@given(noise=st.binary(max_size=300))
def test_noise_is_no_signature(folder: Path, noise: bytes) -> None:
    assert signers(folder, pe.attach(maker.source(PROGRAM), noise)) == set()
