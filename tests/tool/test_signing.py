"""Signatures by the real tools, with keys in files and on a token."""

import datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from adamant.core import authenticode, pe, proc
from adamant.core.source import open_source
from adamant.image import keys, signing
from adamant.model import boot_loader
from adamant.model.arch import Arch
from adamant.model.definition import KeyPair
from adamant.model.errors import AdamantError, VerificationError
from adamant.packages.tools import ToolsTree

NOW = datetime.datetime.now(datetime.UTC)
PIN = "4711"
MODULE = "usr/lib/softhsm/libsofthsm2.so"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("signing")
    keys.make_keys(made, "example", NOW)
    return made


@pytest.fixture(scope="session")
def program(tree: ToolsTree) -> Path:
    """An unsigned EFI program."""
    return tree.path(boot_loader.source_path(Arch.AMD64))


def pair(folder: Path, key: str = "secure-boot.key") -> keys.SigningPair:
    return keys.load_pair(KeyPair(key=key, certificate="secure-boot.crt"), folder, NOW)


def test_a_signed_program_verifies_with_its_certificate_and_no_other(
    tree: ToolsTree, folder: Path, program: Path, tmp_path: Path
) -> None:
    out = tmp_path / "signed.efi"
    signing.sign_efi(program, pair(folder), tree, out)
    signing.verify_efi(out, folder / "secure-boot.crt", tree)
    with pytest.raises(VerificationError):
        signing.verify_efi(out, folder / "modules.crt", tree)


def signers(program: Path, folder: Path) -> set[str]:
    """Whose signature a machine sees on the program."""
    found = {}
    for name in ("secure-boot", "modules"):
        der = keys.read_certificate(folder / f"{name}.crt").public_bytes(Encoding.DER)
        found[der] = name
    with open_source(program) as source:
        return {found[each] for each in authenticode.signers(source, found)}


def test_a_key_in_a_file_gives_equal_bytes_and_a_machine_says_whose_they_are(
    tree: ToolsTree, folder: Path, program: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first.efi", tmp_path / "second.efi"
    for out in (first, second):
        signing.sign_efi(program, pair(folder), tree, out)
    assert first.read_bytes() == second.read_bytes()
    assert signers(first, folder) == {"secure-boot"}
    assert signers(program, folder) == set()


def test_a_machine_reads_the_signatures_of_other_programs_and_attaches_them_as_they_do(
    tree: ToolsTree, folder: Path, program: Path, tmp_path: Path
) -> None:
    key, certificate = folder / "secure-boot.key", folder / "secure-boot.crt"
    theirs = tmp_path / "sbsign.efi", tmp_path / "systemd.efi"
    by_sbsign = tree.argv("sbsign", "--key", key, "--cert", certificate, "--output", theirs[0], program)
    options = (f"--private-key={key}", f"--certificate={certificate}", f"--output={theirs[1]}")
    by_systemd = tree.argv("systemd-sbsign", "sign", *options, program)
    for argv in (by_sbsign, by_systemd):
        proc.run("sign", argv, environment=tree.environment)
    for out in theirs:
        assert signers(out, folder) == {"secure-boot"}, out.name
        with open_source(out) as signed, open_source(program) as unsigned:
            made = pe.attach(unsigned, pe.signatures(signed)[0])
        assert without_checksum(made) == without_checksum(out.read_bytes()), out.name


def without_checksum(program: bytes) -> bytes:
    """Firmware does not look at it (PE/COFF, CheckSum), and sbsign now and then loses a carry in it."""
    at = int.from_bytes(program[0x3C:0x40], "little") + 24 + 64
    return program[:at] + program[at + 4 :]


def test_an_unsigned_program_does_not_verify(tree: ToolsTree, folder: Path, program: Path) -> None:
    with pytest.raises(VerificationError) as caught:
        signing.verify_efi(program, folder / "secure-boot.crt", tree)
    assert caught.value.reference == "signature-invalid"


def test_one_changed_byte_anywhere_breaks_the_signature(
    tree: ToolsTree, folder: Path, program: Path, tmp_path: Path
) -> None:
    out = tmp_path / "signed.efi"
    signing.sign_efi(program, pair(folder), tree, out)
    data = out.read_bytes()
    for offset in (0x200, len(data) // 2, program.stat().st_size - 600):
        changed = bytearray(data)
        changed[offset] ^= 1
        out.write_bytes(changed)
        with pytest.raises(VerificationError):
            signing.verify_efi(out, folder / "secure-boot.crt", tree)


def test_signing_leaves_the_unsigned_program_as_it_was(
    tree: ToolsTree, folder: Path, program: Path, tmp_path: Path
) -> None:
    before = program.read_bytes()
    signing.sign_efi(program, pair(folder), tree, tmp_path / "signed.efi")
    assert program.read_bytes() == before


@pytest.fixture(scope="session")
def token(tree: ToolsTree, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A token in software that holds the Secure Boot key. Returns its configuration."""
    home = tmp_path_factory.mktemp("token")
    (home / "tokens").mkdir()
    configuration = home / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {home / 'tokens'}\n")
    (home / "pin").write_text(PIN)

    def tool(*arguments: str | Path) -> None:
        argv = tree.argv("softhsm2-util", "--module", tree.path(MODULE), *arguments)
        proc.run("prepare a token", argv, environment={"SOFTHSM2_CONF": str(configuration)})

    tool("--init-token", "--free", "--label", "adamant", "--so-pin", PIN, "--pin", PIN)
    tool("--import", folder / "secure-boot.key", "--token", "adamant", "--label", "sb", "--id", "01", "--pin", PIN)
    return configuration


def uri(tree: ToolsTree, pin: str, token: str = "adamant") -> str:
    return f"pkcs11:token={token};object=sb;type=private?{pin}&module-path={tree.path(MODULE)}"


def test_a_key_on_a_token_signs_as_well(
    tree: ToolsTree, folder: Path, program: Path, token: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOFTHSM2_CONF", str(token))
    for name, pin in (("value", f"pin-value={PIN}"), ("source", f"pin-source=file:{token.parent / 'pin'}")):
        out = tmp_path / f"{name}.efi"
        signing.sign_efi(program, pair(folder, uri(tree, pin)), tree, out)
        signing.verify_efi(out, folder / "secure-boot.crt", tree)
        assert signers(out, folder) == {"secure-boot"}


@pytest.mark.parametrize(("pin", "name"), [("0000", "adamant"), (PIN, "another")])
def test_a_wrong_pin_or_token_is_an_error_that_tells_no_pin(
    tree: ToolsTree,
    folder: Path,
    program: Path,
    token: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pin: str,
    name: str,
) -> None:
    monkeypatch.setenv("SOFTHSM2_CONF", str(token))
    with pytest.raises(AdamantError) as caught:
        signing.sign_efi(program, pair(folder, uri(tree, f"pin-value={pin}", name)), tree, tmp_path / "out.efi")
    assert caught.value.reference == "signing-failed"
    assert pin not in str(caught.value)
    assert "token" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_the_certificate_of_another_key_is_refused(
    tree: ToolsTree, folder: Path, program: Path, token: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOFTHSM2_CONF", str(token))
    wrong = keys.load_pair(KeyPair(key=uri(tree, f"pin-value={PIN}"), certificate="modules.crt"), folder, NOW)
    with pytest.raises(AdamantError) as caught:
        signing.sign_efi(program, wrong, tree, tmp_path / "out.efi")
    assert caught.value.reference == "signing-failed"
    assert "mismatch" in caught.value.context
