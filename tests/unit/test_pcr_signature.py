"""The signature of a value of PCR 11: what it says, and that it is the same each time."""

import base64
import hashlib
import json
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from adamant.image import keys, pcr_signature
from adamant.model.definition import PolicyKey
from adamant.model.digest import sha256
from adamant.model.measured import MeasuredSection, predict

RECORDED = Path(__file__).parents[1] / "recorded"
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
