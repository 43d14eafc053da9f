"""A booted machine proves its release by its TPM, and nothing else passes for that."""

import json
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from adamant.api import contexts
from adamant.attestation import event_log
from adamant.machine.machine import Machine
from adamant.model import attestation, manifest
from adamant.model.digest import Sha256
from tests.image.conftest import adamant
from tests.unit import quote_maker as maker
from tests.vm.conftest import Probed

NONCE = "00112233445566778899aabbccddeeff"


@pytest.fixture(scope="module")
def quote(brought_up: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The machine's quote over NONCE, by a key that is pinned now."""
    path = tmp_path_factory.mktemp("attested") / "quote.json"
    done = adamant("node", "-c", "probed", "attest", "--nonce", NONCE, "-o", path, "--json")
    facts = json.loads(done.stderr.splitlines()[-1])
    assert facts["pinned"]
    assert facts["key"] == contexts.read().contexts["probed"].attestation
    return path


def verify(path: Path, *arguments: str | Path) -> tuple[int, str]:
    """Exit code and words of `adamant verify-quote`."""
    done = adamant("verify-quote", path, *arguments, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_quote_proves_the_release(healthy: Machine, quote: Path, probed: Probed) -> None:
    code, said = verify(quote, "--release", probed.example.output, "--nonce", NONCE, "--secure-boot")
    assert code == 0, said
    assert "verified: probed 1" in said
    assert probed.example.manifest.root_hash in said
    assert f"(context {healthy.name})" in said


def test_it_is_refused_for_another_question_or_another_key(quote: Path, probed: Probed) -> None:
    code, said = verify(quote, "--release", probed.example.output, "--nonce", NONCE[::-1])
    assert (code, "quote-replayed" in said) == (3, True)
    code, said = verify(quote, "--release", probed.example.output, "--nonce", NONCE, "--ak", "0" * 64)
    assert (code, "attestation-key-unknown" in said) == (3, True)


@pytest.fixture(scope="module")
def other(probed: Probed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release that nobody runs: it has another initrd."""
    ours = probed.example.manifest
    assert ours.measured is not None
    sections = tuple(
        msgspec.structs.replace(s, sha256=Sha256("ab" * 32)) if s.name == ".initrd" else s
        for s in ours.measured.sections
    )
    other = msgspec.structs.replace(
        ours, version="2", measured=msgspec.structs.replace(ours.measured, sections=sections)
    )
    folder = tmp_path_factory.mktemp("other")
    (folder / "manifest.json").write_bytes(manifest.encode(other))
    return folder


def test_another_release_is_told_by_its_section(quote: Path, probed: Probed, other: Path) -> None:
    code, said = verify(quote, "--release", other, "--nonce", NONCE)
    assert code == 3
    assert f"probed 2: .initrd should be {'ab' * 32}" in said
    assert ".linux should" not in said
    code, said = verify(quote, "--release", other, "--release", probed.example.output, "--nonce", NONCE)
    assert (code, "verified: probed 1" in said) == (0, True)


def test_a_changed_log_or_signature_is_refused(quote: Path, probed: Probed, tmp_path: Path) -> None:
    found = attestation.decode(quote.read_bytes())
    events = event_log.read_firmware(found.event_log)
    uki = next(at for at, event in enumerate(events) if event.register == 11)
    changed = {
        "event-log-differs": msgspec.structs.replace(
            found, event_log=maker.encode_log([*events[:uki], *events[uki + 1 :]])
        ),
        "quote-signature": msgspec.structs.replace(
            found, signature=maker.sign(found.quote, ec.generate_private_key(ec.SECP256R1()))
        ),
        "quote-registers": msgspec.structs.replace(found, pcrs={**found.pcrs, "12": bytes(range(32))}),
    }
    path = tmp_path / "changed.json"
    for reference, broken in changed.items():
        path.write_bytes(attestation.encode(broken))
        code, said = verify(path, "--release", probed.example.output, "--nonce", NONCE)
        assert (code, reference in said) == (3, True), said


def test_a_key_that_is_not_the_pinned_one_is_refused(healthy: Machine, quote: Path, tmp_path: Path) -> None:
    known = contexts.read().contexts[healthy.name].attestation
    assert known is not None
    ask = ("node", "-c", healthy.name, "attest", "-o", tmp_path / "new.json")
    contexts.pin(healthy.name, "0" * 64)
    refused = adamant(*ask, check=False)
    assert (refused.returncode, "attestation-key-changed" in refused.stderr) == (3, True)
    assert not (tmp_path / "new.json").exists()
    adamant(*ask, "--replace-key")
    assert contexts.read().contexts[healthy.name].attestation == known
    assert attestation.decode((tmp_path / "new.json").read_bytes()).ak == attestation.decode(quote.read_bytes()).ak


def test_a_machine_that_does_not_prove_its_release_gets_no_certificate(
    healthy: Machine, probed: Probed, other: Path
) -> None:
    def ask(*words: str | Path) -> tuple[int, str]:
        done = adamant("node", "-c", healthy.name, *words, check=False)
        return done.returncode, done.stdout + done.stderr

    def certificates() -> str:
        return ask("get", "certificates", "--json")[1]

    before = certificates()
    code, said = ask("prove", "--release", probed.example.output, "--secure-boot")
    assert (code, "verified: probed 1" in said) == (0, True), said
    code, said = ask("prove", "--release", other)
    assert (code, "[release-unknown]" in said, "NOT VERIFIED" in said) == (3, True, True), said
    of_a_maker = ("--ek-roots", probed.example.folder / "keys" / "secure-boot.crt")
    code, said = ask("prove", "--release", probed.example.output, *of_a_maker)
    assert (code, "endorsement-uncertified" in said) == (3, True), said
    code, said = ask("renew", "--release", other)
    assert (code, "release-unproven" in said) == (3, True), said
    code, said = ask("renew", "--secure-boot")
    assert (code, "proof-release-missing" in said) == (2, True), said
    assert certificates() == before
    code, said = ask("renew", "--release", probed.example.output)
    assert (code, "renewed" in said) == (0, True), said
    assert certificates() != before
