"""Quotes of a real TPM 2.0 (swtpm of the tools tree), and challenges that only it can open."""

import os
import struct
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, ObjectIdentifier

from adamant.attestation import asking, event_log, keys, makers
from adamant.attestation.credential import Challenge, make_credential
from adamant.attestation.judge import Expected, judge
from adamant.model import manifest as manifests
from adamant.model import pcr, tpm
from adamant.model.attestation import Attestation
from adamant.model.errors import InputError, VerificationError
from adamant.node.attest import collect
from adamant.node.attest.tpm import EK_CERTIFICATE, Tpm, Transmit
from adamant.packages.tools import ToolsTree
from tests.tool.chip import activating, chip, clear, extend, flush, locked_out, set_tries, storage_key
from tests.unit import quote_maker as maker

NONCE = bytes(range(32))
RECORDED = Path(__file__).parents[1] / "recorded"


def store_certificate(transmit: Transmit, data: bytes) -> None:
    """What a maker of TPMs does: TPM2_NV_DefineSpace and TPM2_NV_Write, by the platform."""
    platform, session = 0x4000000C, struct.pack(">IIHBH", 9, 0x40000009, 0, 0, 0)
    attributes = 1 << 0 | 1 << 16 | 1 << 17 | 1 << 18 | 1 << 25 | 1 << 30  # written by the platform, read by all
    public = struct.pack(">IHIHH", EK_CERTIFICATE, tpm.TPM_ALG_SHA256, attributes, 0, len(data))
    commands = [(0x12A, struct.pack(">I", platform) + session + tpm.tpm2b(b"") + tpm.tpm2b(public))]
    for at in range(0, len(data), 256):
        piece = tpm.tpm2b(data[at : at + 256]) + struct.pack(">H", at)
        commands.append((0x137, struct.pack(">II", platform, EK_CERTIFICATE) + session + piece))
    for code, body in commands:
        answer = transmit(struct.pack(">HII", tpm.TPM_ST_SESSIONS, 10 + len(body), code) + body)
        assert answer[6:10] == bytes(4), answer.hex()


def certify(ek: bytes, pad: int = 0) -> bytes:
    """A certificate of an endorsement key by a maker of this test's, with what fills its place up."""
    maker_of_tpms = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Maker of TPMs")])
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(issuer)
    builder = builder.not_valid_before(begin).not_valid_after(begin + timedelta(days=9000)).serial_number(7)
    # As large as makers' certificates are: they name the TPM's model, and where to ask for revoked ones.
    more = x509.UnrecognizedExtension(ObjectIdentifier("2.23.133.8.1"), b"\x04\x82\x02\x58" + bytes(600))
    builder = builder.add_extension(more, critical=False)
    public = keys.public_key(ek, "the endorsement key", signs=False)
    made = builder.public_key(public).sign(maker_of_tpms, hashes.SHA256())
    return made.public_bytes(Encoding.DER) + bytes(pad)


def test_the_certificate_of_the_maker_is_passed_on(tree: ToolsTree, tmp_path: Path) -> None:
    with chip(tree, tmp_path / "one") as transmit:
        bare = collect.quote(Tpm(transmit), NONCE)
        flush(transmit)
        stored = certify(bare.ek, 20)
        assert len(stored) > 600
        store_certificate(transmit, stored)
        found = collect.quote(Tpm(transmit), NONCE)
    assert bare.ek_certificate == b""
    assert found.ek_certificate == stored
    assert keys.certificate_issuer(found.ek, found.ek_certificate) == "CN=Maker of TPMs"
    other = maker.public(ec.generate_private_key(ec.SECP256R1()), tpm.ek_template())
    with pytest.raises(VerificationError, match="endorsement-certificate"):
        keys.certificate_issuer(other, found.ek_certificate)


def localca(tree: ToolsTree, ek: bytes, folder: Path) -> bytes:
    """The certificate that swtpm's own authority gives an endorsement key: TCG's profile, by a maker's root and one
    between. Its certificates lie in `folder`."""
    folder.mkdir(exist_ok=True)
    names = {"statedir": "", "signingkey": "signkey.pem", "issuercert": "issuercert.pem", "certserial": "certserial"}
    (folder / "conf").write_text("".join(f"{name} = {folder / file}\n" for name, file in names.items()))
    (folder / "options").write_text("--platform-manufacturer x\n--platform-version 1\n--platform-model y\n")
    point = keys.public_key(ek, "the endorsement key", signs=False).public_numbers()
    told: list[str | Path] = ["--type", "ek", "--ek", f"x={point.x:064x},y={point.y:064x},id=secp256r1"]
    told += ["--dir", folder, "--vmid", "m1"]
    told += ["--tpm-spec-family", "2.0", "--tpm-spec-revision", "164", "--tpm-spec-level", "0", "--tpm2"]
    told += ["--tpm-manufacturer", "id:00001014", "--tpm-model", "swtpm", "--tpm-version", "id:20191023"]
    told += ["--configfile", folder / "conf", "--optsfile", folder / "options"]
    argv = list(map(str, tree.argv("swtpm_localca", *told)))
    subprocess.run(argv, check=True, capture_output=True, env={**os.environ, **tree.environment})
    return (folder / "ek.cert").read_bytes()


def test_a_tpm_is_of_a_maker_whom_one_trusts_or_its_key_is_not_pinned(tree: ToolsTree, tmp_path: Path) -> None:
    made, trusted = tmp_path / "made", tmp_path / "trusted"
    trusted.mkdir()
    with chip(tree, tmp_path / "tpm") as transmit:
        bare = collect.quote(Tpm(transmit), NONCE)
        flush(transmit)
        with pytest.raises(VerificationError, match="endorsement-uncertified"):
            makers.verify(bare.ek, b"", makers.Makers((), ()), datetime.now(UTC))
        store_certificate(transmit, localca(tree, bare.ek, made) + bytes(30))

        def attest(nonce: bytes) -> Attestation:
            found = collect.quote(Tpm(transmit), nonce)
            flush(transmit)
            return found

        def opening(challenge: Challenge) -> bytes:
            secret = activating(transmit)(challenge)
            flush(transmit)
            return secret

        def ask(pinned: str | None, activate: Callable[[Challenge], bytes]) -> asking.Asked:
            known, now = makers.read(trusted), datetime.now(UTC)
            return asking.ask(attest, activate, NONCE, pinned, lambda ek, crt: makers.verify(ek, crt, known, now))

        (trusted / "root.pem").write_bytes((made / "swtpm-localca-rootca-cert.pem").read_bytes())
        with pytest.raises(VerificationError, match="endorsement-untrusted") as caught:
            ask(None, opening)
        assert caught.value.context == "its issuer is not among them: CN=swtpm-localca"
        (trusted / "between.crt").write_bytes((made / "issuercert.pem").read_bytes())
        found = ask(None, opening)
        assert (found.issuer, found.maker, found.new) == ("CN=swtpm-localca", "CN=swtpm-localca-rootca", True)
        assert not ask(found.key, opening).new
        with pytest.raises(VerificationError, match="attestation-key-elsewhere"):
            ask(found.key, lambda _challenge: bytes(32))
        localca(tree, bare.ek, tmp_path / "another")
        for name, file in (("root.pem", "swtpm-localca-rootca-cert.pem"), ("between.crt", "issuercert.pem")):
            (trusted / name).write_bytes((tmp_path / "another" / file).read_bytes())
        with pytest.raises(VerificationError, match="endorsement-untrusted") as caught:
            ask(found.key, opening)
        assert "CN=swtpm-localca: it has not signed CN=m1" in caught.value.context


def test_a_quote_of_a_booted_release_is_verified(tree: ToolsTree, tmp_path: Path) -> None:
    release = manifests.decode((RECORDED / "manifest.json").read_bytes())
    assert release.measured is not None
    events = maker.booted(release.measured)
    with chip(tree, tmp_path / "tpm") as transmit:
        for event in events:
            extend(transmit, event)
        found = collect.quote(Tpm(transmit), NONCE)
        flush(transmit)
        assert Tpm(transmit).read_nv(EK_CERTIFICATE) == b""
    found = Attestation(
        found.quote, found.signature, found.ak, found.ek, b"", found.pcrs, event_log=maker.encode_log(events)
    )
    key = tpm.fingerprint(found.ak)
    assert judge(found, Expected((release,), {key: "test"}, NONCE)).verified
    assert not judge(found, Expected((release,), {key: "test"}, NONCE[::-1])).verified
    values = event_log.replay(events, pcr.QUOTED)
    assert {int(index): value for index, value in found.pcrs.items()} == values


def test_the_keys_of_a_tpm_stay_the_same_and_those_of_another_are_others(tree: ToolsTree, tmp_path: Path) -> None:
    found = []
    for folder in ("one", "one", "two"):
        with chip(tree, tmp_path / folder) as transmit:
            found.append(collect.quote(Tpm(transmit), NONCE))
    one, again, two = found
    assert (one.ak, one.ek) == (again.ak, again.ek)
    assert one.ak != two.ak
    assert one.ek != two.ek
    assert one.quote != again.quote  # it counts the starts
    keys.verify(one.ak, one.signature, one.quote)
    with pytest.raises(VerificationError, match="quote-signature"):
        keys.verify(two.ak, one.signature, one.quote)


def test_a_challenge_opens_in_the_tpm_that_has_both_keys_and_nowhere_else(tree: ToolsTree, tmp_path: Path) -> None:
    secret = os.urandom(32)
    with chip(tree, tmp_path / "one") as transmit:
        one = collect.quote(Tpm(transmit), NONCE)
        flush(transmit)
        assert activating(transmit)(make_credential(secret, one.ek, one.ak)) == secret
        flush(transmit)
        software = maker.public(ec.generate_private_key(ec.SECP256R1()))
        with pytest.raises(InputError, match="credential-refused"):
            activating(transmit)(make_credential(secret, one.ek, software))
        flush(transmit)
        changed = make_credential(secret, one.ek, one.ak)
        with pytest.raises(InputError, match="credential-refused"):
            activating(transmit)(changed._replace(blob=changed.blob[:-1] + bytes([changed.blob[-1] ^ 1])))
    with chip(tree, tmp_path / "two") as transmit, pytest.raises(InputError, match="credential-refused"):
        activating(transmit)(make_credential(secret, one.ek, one.ak))


def test_a_key_is_new_once_and_another_one_is_refused(tree: ToolsTree, tmp_path: Path) -> None:
    def attesting(transmit: Transmit) -> Callable[[bytes], Attestation]:
        def attest(nonce: bytes) -> Attestation:
            found = collect.quote(Tpm(transmit), nonce)
            flush(transmit)
            return found

        return attest

    def never(_challenge: Challenge) -> bytes:
        raise AssertionError("a pinned key needs no challenge")

    with chip(tree, tmp_path / "one") as transmit:
        attest = attesting(transmit)
        first = asking.ask(attest, activating(transmit), NONCE, None)
        flush(transmit)
        assert first.new
        assert not asking.ask(attest, never, NONCE, first.key).new
        with pytest.raises(VerificationError, match="attestation-key-changed"):
            asking.ask(attest, never, NONCE, "0" * 64)
        with pytest.raises(VerificationError, match="quote-replayed"):
            asking.ask(lambda _nonce: attest(NONCE[::-1]), never, NONCE, first.key)
        with pytest.raises(VerificationError, match="attestation-key-elsewhere"):
            asking.ask(attest, lambda _challenge: bytes(32), NONCE, None)


def test_a_tpm_that_was_cleared_has_another_storage_key_and_can_still_prove_itself(
    tree: ToolsTree, tmp_path: Path
) -> None:
    with chip(tree, tmp_path / "one") as transmit:
        ak = collect.quote(Tpm(transmit), NONCE).ak
        before = storage_key(transmit, ak)
        set_tries(transmit, 0)
        assert locked_out(transmit)
    with chip(tree, tmp_path / "one") as transmit:
        assert locked_out(transmit), "it outlasts a restart"
        assert storage_key(transmit, ak) == before
        set_tries(transmit, 32)
        assert not locked_out(transmit)
        clear(transmit)
        assert storage_key(transmit, ak) != before
        assert collect.quote(Tpm(transmit), NONCE).ak == ak
