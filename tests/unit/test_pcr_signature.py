"""The signature of a value of PCR 11: what it says, and that it is the same each time."""

import base64
import hashlib
import json
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from adamant.image import keys, pcr_signature
from adamant.image import measured as measuring
from adamant.model.definition import PolicyKey
from adamant.model.digest import sha256
from adamant.model.measured import MeasuredSection, predict
from tests.unit import image_maker as maker

RECORDED = Path(__file__).parents[1] / "recorded"
_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
VALUE = bytes(range(32))


def test_it_signs_the_policy_of_the_value_and_names_its_key() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    text = pcr_signature.sign(VALUE, key)
    assert text == pcr_signature.sign(VALUE, key)
    (entry,) = json.loads(text)["sha256"]
    policy = pcr_signature.policy(VALUE)
    key.public_key().verify(base64.b64decode(entry["sig"]), policy, padding.PKCS1v15(), hashes.SHA256())
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    assert (entry["pcrs"], entry["pol"]) == ([11], policy.hex())
    assert entry["pkfp"] == hashlib.sha256(public).hexdigest()


def test_another_value_is_another_policy() -> None:
    assert pcr_signature.policy(VALUE) != pcr_signature.policy(bytes(32))


def test_it_is_what_systemd_measure_made_of_the_same() -> None:
    """systemd 257.13: `systemd-measure sign --bank=sha256 --phase= --linux= --pcrpkey=`, with a key for this alone."""
    sections = [
        MeasuredSection(name, len(data), sha256(data))
        for name, data in ((".linux", b"kernel"), (".pcrpkey", (RECORDED / "pcr.pub").read_bytes()))
    ]
    key = keys.load_policy_key(PolicyKey("pcr.key", "pcr.pub"), RECORDED)
    made = pcr_signature.sign(bytes.fromhex(predict(sections)["11"]), key)
    assert made == (RECORDED / "pcr-signature.json").read_bytes()


def bound(key: rsa.RSAPrivateKey, text: bytes | None, **sections: bytes) -> bytes:
    """A UKI that brings the public key of `key` and `text` as the signature."""
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    brought = {"pcrpkey": public, **sections}
    if text is not None:
        brought["pcrsig"] = text
    return maker.uki("ab" * 32, "1", **brought)


def signed(key: rsa.RSAPrivateKey) -> bytes:
    """The signature that fits such a UKI."""
    value = predict(measuring.measured_sections(maker.source(bound(key, None))))["11"]
    return pcr_signature.sign(bytes.fromhex(value), key)


def test_a_signature_in_a_uki_fits_that_uki_and_that_key_alone() -> None:
    key, other = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    assert not pcr_signature.fault(maker.source(maker.uki("ab" * 32)))
    assert not pcr_signature.fault(maker.source(bound(key, signed(key))))
    assert "missing" in pcr_signature.fault(maker.source(bound(key, None)))
    assert "no good signature" in pcr_signature.fault(maker.source(bound(key, signed(key), dtb=b"changed")))
    assert "no good signature" in pcr_signature.fault(maker.source(bound(key, signed(other))))


@given(st.binary(max_size=300))
def test_no_section_breaks_the_reader(text: bytes) -> None:
    assert pcr_signature.fault(maker.source(bound(_KEY, text)))
