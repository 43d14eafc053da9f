"""What an attestation proves, and what it does not: a machine's own, and those of attackers."""

import hashlib
import json
from collections.abc import Collection
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec.structs import replace

from adamant.attestation import event_log, owner, secure_boot
from adamant.attestation.event_log import Event
from adamant.attestation.judge import Difference, Expected, Judgement, Program, judge
from adamant.cli import main
from adamant.model import attestation as attestations
from adamant.model import manifest, measured, pcr, signature_list, tpm
from adamant.model.attestation import Attestation
from adamant.model.authenticated_variable import Variable
from adamant.model.digest import Sha256
from adamant.model.errors import VerificationError
from adamant.model.manifest import Manifest
from adamant.model.measured import MeasuredBoot, MeasuredSection
from tests.unit import quote_maker as maker

RECORDED = Path(__file__).parents[1] / "recorded"
NONCE = bytes.fromhex("00112233445566778899aabbccddeeff")
KEY = "52ef7286b2e5d69768c052898b30dcbae5373a0fbbdfa5085b3be536565c246c"
OWN_KEY = tpm.fingerprint(maker.public(maker.KEY))


def recorded() -> Attestation:
    """What a real machine answered: OVMF, swtpm, Secure Boot with a key of its own."""
    return attestations.decode((RECORDED / "attestation.json").read_bytes())


def release(name: str = "manifest.json") -> Manifest:
    return manifest.decode((RECORDED / name).read_bytes())


def boot_of(found: Manifest) -> MeasuredBoot:
    assert found.measured is not None
    return found.measured


BOOT = boot_of(release())


def references(found: Judgement) -> set[str]:
    return {problem.reference for problem in found.problems}


def judged(events: list[Event], log: list[Event] | None = None, added: Collection[str] = ()) -> Judgement:
    """The judgement of a machine whose TPM has measured `events`, by who knows its key and the recorded release."""
    found = maker.attestation(events, log=log)
    return judge(found, Expected((release(),), {OWN_KEY: "test"}, b"12345678", added))


def test_a_real_machine_proves_its_release() -> None:
    found = judge(recorded(), Expected((release("other-manifest.json"), release()), {KEY: "me"}, NONCE))
    assert found.verified
    assert (found.release, found.root_hash) == ("attest-img 1", release().root_hash)
    assert (found.key, found.key_of, found.fresh) == (KEY, "me", True)
    assert found.differences == ()
    assert found.secure_boot.state is secure_boot.State.ENABLED
    (trusted,) = found.secure_boot.db
    assert found.secure_boot.used == (trusted,)
    assert trusted.subject == "CN=adamant Secure Boot"
    assert [program.what.rpartition(" of ")[0] for program in found.programs] == ["boot loader", "UKI"]
    assert found.pcrs["11"] == boot_of(release()).pcrs["11"]
    assert found.pcrs["12"] == "00" * 32


def test_a_machine_without_secure_boot_starts_its_kernel_by_the_firmware() -> None:
    found = attestations.decode((RECORDED / "no-secure-boot.json").read_bytes())
    judgement = judge(found, Expected((release(),), {tpm.fingerprint(found.ak): "me"}))
    assert judgement.verified
    assert [program.what.partition(" of ")[0] for program in judgement.programs] == ["boot loader", "UKI", "kernel"]
    assert judgement.secure_boot.state is secure_boot.State.DISABLED
    assert judgement.secure_boot.used == ()


def test_what_a_config_adds_is_shown_and_must_be_expected() -> None:
    found = attestations.decode((RECORDED / "with-addon.json").read_bytes())
    known = Expected((release(),), {tpm.fingerprint(found.ak): "me"})
    judgement = judge(found, known)
    assert judgement.added == ("mitigations=auto",)
    assert references(judgement) == {"program-unknown", "program-order", "command-line-added"}
    (addon,) = [program.digest for program in judgement.programs if not program.what]
    assert judge(found, replace(known, added=("mitigations=auto",), programs=(addon,))).verified
    assert not judge(found, replace(known, added=("mitigations=off",), programs=(addon,))).verified
    assert not judge(found, replace(known, added=("mitigations=auto",))).verified


def test_another_release_is_told_by_the_section_that_differs() -> None:
    other = release("other-manifest.json")
    found = judge(recorded(), Expected((other,), {KEY: "me"}, NONCE))
    assert not found.verified
    assert found.release == ""
    assert references(found) == {"release-unknown", "program-unknown"}
    old = {section.name: section.sha256 for section in boot_of(other).sections}
    new = {section.name: section.sha256 for section in BOOT.sections}
    assert found.differences == (Difference("attest-img 1", ".cmdline", old[".cmdline"], new[".cmdline"]),)


def test_a_replayed_quote_is_refused() -> None:
    found = judge(recorded(), Expected((release(),), {KEY: "me"}, bytes(16)))
    assert (references(found), found.fresh) == ({"quote-replayed"}, False)


def test_a_quote_whose_nonce_nobody_knows_says_so() -> None:
    found = judge(recorded(), Expected((release(),), {KEY: "me"}))
    assert (found.verified, found.fresh) == (True, None)


def test_a_key_that_nobody_knows_proves_nothing() -> None:
    assert references(judge(recorded(), Expected((release(),), {"0" * 64: "me"}, NONCE))) == {"attestation-key-unknown"}


def test_a_quote_of_another_key_is_refused() -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    found = recorded()
    for signature, ak in ((maker.sign(found.quote, other), found.ak), (found.signature, maker.public(other))):
        with pytest.raises(VerificationError, match="quote-signature"):
            judge(replace(found, signature=signature, ak=ak), Expected((release(),), {KEY: "me"}, NONCE))
    own = replace(found, signature=maker.sign(found.quote, other), ak=maker.public(other))
    assert references(judge(own, Expected((release(),), {KEY: "me"}, NONCE))) == {"attestation-key-unknown"}


def test_a_key_that_signs_what_it_is_given_is_no_attestation_key() -> None:
    found = recorded()
    for bit in (tpm.TPMA_RESTRICTED, tpm.TPMA_FIXED_TPM, tpm.TPMA_SENSITIVE_DATA_ORIGIN, tpm.TPMA_DECRYPT):
        ak = bytearray(found.ak)
        ak[4:8] = (int.from_bytes(ak[4:8]) ^ bit).to_bytes(4)
        with pytest.raises(VerificationError, match="tpm-malformed"):
            judge(replace(found, ak=bytes(ak)), Expected((release(),), {KEY: "me"}, NONCE))
    with pytest.raises(VerificationError, match="tpm-malformed"):
        judge(replace(found, ak=found.ek), Expected((release(),), {KEY: "me"}, NONCE))


@pytest.mark.parametrize("at", range(0, 64, 9))
def test_a_changed_quote_is_refused(at: int) -> None:
    quote = bytearray(recorded().quote)
    quote[at] ^= 1
    with pytest.raises(VerificationError, match="quote-signature"):
        judge(replace(recorded(), quote=bytes(quote)), Expected((release(),), {KEY: "me"}, NONCE))


def test_registers_that_were_not_quoted_are_refused() -> None:
    found = recorded()
    changed = {**found.pcrs, "11": bytes(32)}
    for pcrs in (changed, {k: v for k, v in found.pcrs.items() if k != "12"}, {**found.pcrs, "8": bytes(32)}):
        with pytest.raises(VerificationError, match="quote-registers"):
            judge(replace(found, pcrs=pcrs), Expected((release(),), {KEY: "me"}, NONCE))


def test_a_quote_of_fewer_registers_is_refused() -> None:
    found = maker.attestation(maker.booted(BOOT))
    few = (0, 4, 7, 11)
    values = {str(index): found.pcrs[str(index)] for index in few}
    quoted = maker.quote(b"12345678", list(values.values()), few)
    with pytest.raises(VerificationError, match="quote-registers"):
        judge(
            replace(found, quote=quoted, signature=maker.sign(quoted), pcrs=values),
            Expected((release(),), {OWN_KEY: "test"}),
        )


def test_a_log_with_a_dropped_event_is_refused() -> None:
    found = recorded()
    events = list(event_log.read_firmware(found.event_log))
    expected = Expected((release(),), {KEY: "me"}, NONCE)
    assert judge(replace(found, event_log=maker.encode_log(events)), expected).verified
    for at, dropped in enumerate(events):
        less = maker.encode_log(events[:at] + events[at + 1 :])
        assert "event-log-differs" in references(judge(replace(found, event_log=less), expected)), dropped
    assert "event-log-differs" in references(judge(replace(found, event_log=maker.encode_log([])), expected))


def test_a_log_with_a_changed_or_added_event_is_refused() -> None:
    found = recorded()
    events = list(event_log.read_firmware(found.event_log))
    expected = Expected((release(),), {KEY: "me"}, NONCE)
    one = events[5]
    for changed in (
        [one._replace(digest=bytes(32)) if event is one else event for event in events],
        [*events, maker.said(pcr.KERNEL, event_log.EV_IPL, b"more")],
        events[::-1],
    ):
        log = maker.encode_log(changed)
        assert "event-log-differs" in references(judge(replace(found, event_log=log), expected))


def test_a_boot_of_the_release_alone_is_verified_without_secure_boot() -> None:
    found = judged(maker.booted(BOOT))
    assert found.verified
    assert found.secure_boot.state is secure_boot.State.DISABLED
    wanted = Expected((release(),), {OWN_KEY: "test"}, b"12345678", secure_boot=True)
    assert references(judge(maker.attestation(maker.booted(BOOT)), wanted)) == {"secure-boot-off"}


def test_a_program_in_the_place_of_the_uki_cannot_measure_for_it() -> None:
    """PCR 11 is as it should be, because the attacker's program has extended it like that."""
    evil = maker.program("ee" * 32)
    events = [evil if e == maker.program(BOOT.uki) else e for e in maker.booted(BOOT)]
    found = judged(events)
    assert found.release == "attest-img 1"
    assert references(found) == {"program-unknown", "program-order"}


def test_a_program_before_or_behind_the_uki_is_refused() -> None:
    events, loader, uki = maker.booted(BOOT), maker.program(BOOT.loader), maker.program(BOOT.uki)
    evil = maker.program("ee" * 32)
    assert references(judged([evil, *events])) == {"program-unknown"}
    assert references(judged([*events, evil])) == {"program-unknown", "program-order"}
    assert references(judged([*events, loader])) == {"program-order"}
    assert references(judged([uki, *events])) == {"program-order"}
    assert references(judged([e for e in events if e != uki])) == {"program-order"}
    assert judged([loader, *events]).verified


def test_the_kernel_alone_is_not_the_release() -> None:
    """A kernel that another program has started, with an initrd of its own, could have extended PCR 11 too."""
    events, kernel = maker.booted(BOOT), maker.program(BOOT.kernel)
    assert judged([*events, kernel]).verified
    assert references(judged([e for e in [*events, kernel] if e != maker.program(BOOT.uki)])) == {"program-order"}
    back = maker.said(pcr.BOOT_MANAGER, event_log.EV_EFI_ACTION, b"Returning from EFI Application from Boot Option")
    assert references(judged([*events, back, kernel])) == {"program-order"}
    assert references(judged([*events, kernel, kernel])) == {"program-order"}
    assert references(judged([kernel, *events])) == {"program-order"}


def test_a_program_under_the_name_of_something_else_is_refused() -> None:
    for type_ in (event_log.EV_EFI_ACTION, event_log.EV_SEPARATOR, 0x80000004, event_log.EV_IPL):
        hidden = Event(pcr.BOOT_MANAGER, type_, bytes.fromhex("ee" * 32), maker.ACTION)
        assert references(judged([hidden, *maker.booted(BOOT)])) == {"program-unknown"}


def test_the_bytes_of_a_program_are_not_taken_for_words_of_the_firmware() -> None:
    small = b"MZ" + bytes(62) + b"PE\0\0" + bytes(200)
    for type_ in (event_log.EV_EFI_ACTION, event_log.EV_SEPARATOR):
        hidden = maker.said(pcr.BOOT_MANAGER, type_, small)
        assert references(judged([hidden, *maker.booted(BOOT)])) == {"program-unknown"}


def test_a_program_that_is_allowed_may_run() -> None:
    addon = maker.program("ad" * 32)
    line = "hugepages=4"
    events = [*maker.booted(BOOT), addon, maker.said(pcr.ADDED, event_log.EV_IPL, f"{line}\0".encode("utf-16-le"))]
    found = judged(events)
    assert found.added == (line,)
    assert references(found) == {"program-unknown", "program-order", "command-line-added"}
    allowed = Expected((release(),), {OWN_KEY: "test"}, b"12345678", (line,), ("ad" * 32,))
    assert judge(maker.attestation(events), allowed).verified
    assert Program("ad" * 32, "one that you allow") in judge(maker.attestation(events), allowed).programs


def test_a_command_line_that_is_not_what_it_says_is_shown_by_its_digest() -> None:
    line = Event(pcr.ADDED, event_log.EV_IPL, bytes.fromhex("cc" * 32), "quiet\0".encode("utf-16-le"))
    found = judged([*maker.booted(BOOT), line], added=("quiet",))
    assert found.added == ("cc" * 32,)
    assert references(found) == {"command-line-added"}


def test_what_the_log_hides_of_additions_is_a_problem_all_the_same() -> None:
    events = maker.booted(BOOT)
    added = [*events, maker.said(pcr.ADDED, event_log.EV_IPL, b"x")]
    assert references(judged(added, log=events)) == {"event-log-differs", "command-line-added"}
    extension = [*events, maker.said(pcr.EXTENSIONS, event_log.EV_IPL, b"x")]
    assert references(judged(extension)) == {"extension-added"}
    assert references(judged(extension, log=events)) == {"event-log-differs", "extension-added"}


def test_a_section_more_less_or_other_is_named() -> None:
    boot = BOOT
    more = replace(boot, sections=(*boot.sections, MeasuredSection(".profile", 3, Sha256("11" * 32))))
    less = replace(boot, sections=tuple(s for s in boot.sections if s.name != ".uname"))
    for changed, section, expected, got in (
        (more, ".profile", "", "11" * 32),
        (less, ".uname", str(next(s.sha256 for s in boot.sections if s.name == ".uname")), ""),
    ):
        found = judged(maker.booted(changed))
        assert found.differences == (Difference("attest-img 1", section, expected, got),)
        assert references(found) == {"release-unknown"}
    found = judged([*maker.booted(boot), maker.said(pcr.KERNEL, event_log.EV_IPL, b"a phase")])
    assert [(d.section, d.expected) for d in found.differences] == [(f"measurement {2 * len(boot.sections) + 1}", "")]


def test_what_systemd_measures_later_counts() -> None:
    digest = hashlib.sha256(b"ready").digest()
    events = [*maker.booted(BOOT), Event(pcr.KERNEL, event_log.EV_IPL, digest, b"")]
    record = {"pcr": 11, "digests": [{"hashAlg": "sha256", "digest": digest.hex()}], "content": {"string": "ready"}}
    found = maker.attestation(events, log=maker.booted(BOOT))
    found = replace(found, system_log=b"\x1e" + json.dumps(record).encode() + b"\n")
    assert references(judge(found, Expected((release(),), {OWN_KEY: "test"}))) == {"release-unknown"}


def test_secure_boot_is_what_the_firmware_said_before_its_separator() -> None:
    on = maker.variable(event_log.EV_EFI_VARIABLE_DRIVER_CONFIG, "SecureBoot", b"\1")
    assert judged([*maker.booted(BOOT), on]).secure_boot.state is secure_boot.State.DISABLED
    lied = on._replace(digest=bytes(32))
    assert secure_boot.read([lied]).state is secure_boot.State.UNKNOWN
    assert secure_boot.read([]).state is secure_boot.State.UNKNOWN


def test_the_register_at_power_on_says_which_locality_has_started_the_tpm() -> None:
    start = Event(0, event_log.EV_NO_ACTION, bytes(32), b"StartupLocality\0\3")
    assert event_log.replay([start], (0, 1)) == {0: bytes(31) + b"\3", 1: bytes(32)}


def test_predictions_are_recomputed_not_believed() -> None:
    lying = replace(BOOT, pcrs={**BOOT.pcrs, "11": Sha256(recorded().pcrs["11"].hex())}, sections=BOOT.sections[1:])
    found = judge(recorded(), Expected((replace(release(), measured=lying),), {KEY: "me"}))
    assert "release-unknown" in references(found)
    assert measured.predict(BOOT.sections) == BOOT.pcrs


def owned(*, without: Collection[str] = (), extra: bytes = b"") -> Manifest:
    """The recorded release as one that enrols what the recorded machine's firmware had, with `extra` behind its db."""
    events = event_log.read_firmware(recorded().event_log)
    own = [secure_boot.variable(event) for event in events if event.register == pcr.SECURE_BOOT]
    said = dict(found for found in own[:-1] if found is not None)
    contents = {each: b"" if each in without else said[each.value] for each in Variable}
    contents[Variable.DB] += extra
    signer = signature_list.decode(said["db"])[0]
    keys = (measured.measured_keys(0, contents, signer),)
    return replace(release(), measured=replace(BOOT, keys=keys))


def test_pcr_7_is_predicted_of_a_firmware_with_known_keys() -> None:
    """The recorded firmware is EDK2, so what is computed here is what it has measured."""
    ours = manifest.decode(manifest.encode(owned()))
    assert boot_of(ours).keys[0].pcr == recorded().pcrs["7"].hex()
    found = judge(recorded(), Expected((release("other-manifest.json"), ours), {KEY: "me"}, NONCE, own_keys=True))
    assert found.verified
    assert found.owner == owner.Owner(owner.Match.AS_PREDICTED, "attest-img 1", 0)
    assert judge(recorded(), Expected((release(),), {KEY: "me"}, NONCE)).owner.match is owner.Match.NOT_PREDICTED
    none = judge(recorded(), Expected((release(),), {KEY: "me"}, NONCE, own_keys=True))
    assert references(none) == {"firmware-keys-unknown"}


def test_a_firmware_with_other_keys_is_told_by_the_variables_that_differ() -> None:
    def judged_with(*releases: Manifest, quote: Attestation | None = None) -> Judgement:
        return judge(quote or recorded(), Expected(releases, {KEY: "me"}, NONCE, own_keys=True))

    more = owned(without=["dbx"], extra=signature_list.encode([signature_list.certificate(b"another")]))
    found = judged_with(more)
    assert references(found) == {"firmware-keys-differ"}
    assert found.owner.differs == ("db", "dbx")
    assert judged_with(more, owned(without=["dbx"])).owner.differs == ("dbx",), "the nearest one is named"
    one = boot_of(owned()).keys[0]
    signed = replace(owned(), measured=replace(BOOT, keys=(replace(one, authority=Sha256("ab" * 32)),)))
    assert judged_with(signed).owner.differs == ("who signed what ran",)
    assert judged_with(owned()).verified
    off = attestations.decode((RECORDED / "no-secure-boot.json").read_bytes())
    known = Expected((owned(),), {tpm.fingerprint(off.ak): "me"}, own_keys=True)
    assert judge(off, known).owner.differs == ("SecureBoot", "PK", "KEK", "db", "dbx", "who signed what ran")


def test_boot_loader_and_uki_may_be_signed_by_two_keys_of_the_owner() -> None:
    """A machine that was installed with a release of the first key, and runs one of the second."""
    one = boot_of(owned()).keys[0]
    second = replace(one, authority=Sha256("cd" * 32))
    old = replace(owned(), version="0", measured=replace(BOOT, uki=Sha256("0" * 64), keys=(one,)))
    new = replace(owned(), measured=replace(BOOT, keys=(second,)))
    value = measured.secure_boot_value(one.variables, [one.authority, second.authority])
    programs = [BOOT.loader, BOOT.uki]
    assert owner.judge(value, [], (old, new), programs).match is owner.Match.AS_PREDICTED
    assert owner.judge(value, [], (new,), programs).match is owner.Match.DIFFERS
    turned = measured.secure_boot_value(one.variables, [second.authority, one.authority])
    assert owner.judge(turned, [], (old, new), programs).match is owner.Match.DIFFERS


def test_what_else_a_firmware_measures_into_pcr_7_is_named_as_that() -> None:
    action = maker.said(pcr.SECURE_BOOT, event_log.EV_EFI_ACTION, b"UEFI Debug Mode")
    more = [action, *event_log.read_firmware(recorded().event_log)]
    found = owner.judge(event_log.replay(more, [7])[7], more, (owned(),), [BOOT.loader, BOOT.uki])
    assert found.differs == ("what else is measured",)


def _verify(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main.main(["verify-quote", *map(str, arguments)])
    out, err = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, out, err


QUOTE, RELEASE = RECORDED / "attestation.json", RECORDED / "manifest.json"


@pytest.fixture(autouse=True)
def _no_contexts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADAMANT_CONFIG", str(tmp_path / "config"))


def test_the_command_says_which_release_runs(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _verify(capsys, QUOTE, "--release", RELEASE, "--ak", KEY, "--nonce", NONCE.hex(), "--secure-boot")
    assert code == 0
    assert "verified: attest-img 1" in out
    code, out, _ = _verify(capsys, QUOTE, "--release", RELEASE, "--ak", KEY, "--own-keys")
    assert (code, "firmware-keys-unknown" in out) == (3, True)
    code, out, _ = _verify(capsys, QUOTE, "--release", RELEASE, "--ak", QUOTE, "--json")
    assert (code, json.loads(out)["verified"], json.loads(out)["kind"]) == (0, True, "Judgement")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--ak", KEY, "--nonce", "ff" * 16), "quote-replayed"),
        ((), "attestation-key-unknown"),
        (("--ak", "0" * 64), "attestation-key-unknown"),
    ],
)
def test_the_command_ends_with_3_for_what_is_not_proven(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    code, out, _ = _verify(capsys, QUOTE, "--release", RELEASE, *arguments)
    assert code == 3
    assert "NOT VERIFIED" in out
    assert said in out
    code, out, _ = _verify(capsys, QUOTE, "--release", RECORDED / "other-manifest.json", "--ak", KEY)
    assert code == 3
    assert ".cmdline should be" in out


def test_the_command_refuses_what_is_no_attestation_and_no_release(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data = QUOTE.read_bytes()
    broken = tmp_path / "broken.json"
    for length in (0, 1, 100, len(data) // 2, len(data) - 3):
        broken.write_bytes(data[:length])
        code, _, err = _verify(capsys, broken, "--release", RELEASE, "--ak", KEY)
        assert (code, "attestation-malformed" in err) == (3, True)
    old = tmp_path / "manifest.json"
    old.write_bytes(manifest.encode(replace(release(), measured=None)))
    code, _, err = _verify(capsys, QUOTE, "--release", tmp_path, "--ak", KEY)
    assert (code, "release-unmeasured" in err) == (2, True)
    code, _, err = _verify(capsys, QUOTE, "--release", RELEASE, "--ak", "nothing")
    assert (code, "attestation-key-malformed" in err) == (2, True)
