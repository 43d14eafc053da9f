"""What the agent says of an encrypted disk without opening it, and what /var lies on then."""

import json
from pathlib import Path

import pytest

from adamant.api import encryption_pb2 as pb
from adamant.cli.node.encryption import lines
from adamant.core import proc
from adamant.model import luks2
from adamant.model.encryption import FILE, Encryption
from adamant.model.errors import AdamantError, InputError
from adamant.node import encrypting, encryption
from adamant.node.reset import wipe
from adamant.node.tasks import encryption as task
from adamant.node.tasks.answer import Answer


def with_the_word(root: Path, how: Encryption = Encryption.TPM) -> Path:
    path = root / FILE
    path.parent.mkdir(parents=True)
    path.write_text(f"{how.value}\n")
    return root


def test_a_machine_without_an_encrypted_disk_says_so(tmp_path: Path) -> None:
    for ask in (
        lambda: encrypting.volumes(tmp_path),
        lambda: encrypting.recovery_key(pb.RecoveryKeyRequest(), tmp_path),
        lambda: encrypting.reseal(pb.ResealRequest(), tmp_path),
    ):
        with pytest.raises(AdamantError) as caught:
            ask()
        assert caught.value.reference == "encryption-absent"


def test_without_its_task_nothing_is_known_of_keys(tmp_path: Path) -> None:
    with pytest.raises(AdamantError) as caught:
        encrypting.volumes(with_the_word(tmp_path), tmp_path)
    assert caught.value.reference == "task-missing"


@pytest.mark.parametrize("key", ["clé".encode(), b"a" * 70_000])
def test_what_can_be_no_public_key_reaches_no_task(tmp_path: Path, key: bytes) -> None:
    with pytest.raises(InputError) as caught:
        encrypting.reseal(pb.ResealRequest(public_key=key), with_the_word(tmp_path), tmp_path)
    assert caught.value.reference == "key-malformed"


def test_a_reset_of_var_leaves_its_encryption(tmp_path: Path) -> None:
    assert wipe.var_device(tmp_path) == tmp_path / "dev/disk/by-partlabel/var"
    assert wipe.var_device(with_the_word(tmp_path)) == tmp_path / "dev/mapper/var"


def test_a_person_is_told_what_opens_each_volume() -> None:
    answer = pb.EncryptionResponse(
        volumes=[
            pb.EncryptedVolume(
                name="state",
                cipher="aes-xts-plain64",
                opened_by="tpm",
                tpm_keys=[pb.TpmKey(public_key="ab" * 32, signed_registers=[11])],
                recovery_keys=1,
            )
        ]
    )
    heads, row = lines(answer.volumes)
    assert heads.split("  ")[0] == "VOLUME"
    assert "PCR 11, signed by abababababababab…" in row
    assert "yes" in row


def test_a_recovery_key_that_cannot_be_made_leaves_none_that_nobody_has_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def run(purpose: str, argv: list[proc.Argument], **_options: object) -> proc.Result:
        asked.append([str(word) for word in argv[1:]])
        if argv[-1] == tmp_path / "dev/disk/by-partlabel/var":
            raise proc.ProgramFailed("program-failed", purpose, code=1, stderr="the disk is gone", context="")
        return proc.Result(0, b"a-key", b"")

    monkeypatch.setattr(task, "_look", lambda _device: luks2.Header("aes-xts-plain64", (), 0, 0))
    monkeypatch.setattr(proc, "run", run)
    with_the_word(tmp_path)
    with pytest.raises(AdamantError) as caught:
        task.work({"act": "recovery-key", "replace": False}, answer=None, root=tmp_path)  # type: ignore[arg-type]
    assert (caught.value.reference, "a-key" in str(caught.value)) == ("recovery-key-failed", False)
    assert asked[-1] == ["--wipe-slot=recovery", str(tmp_path / "dev/disk/by-partlabel/state")]


@pytest.mark.parametrize("how", [Encryption.CREDENTIAL, Encryption.TANG])
def test_what_no_tpm_opens_is_bound_to_no_release(tmp_path: Path, how: Encryption) -> None:
    assert encryption.release_keys(with_the_word(tmp_path, how)) is None
    with pytest.raises(InputError) as caught:
        task.work({"act": "reseal", "public_key": ""}, answer=None, root=tmp_path)  # type: ignore[arg-type]
    assert caught.value.reference == "reseal-without-tpm"


def test_a_recovery_key_is_made_with_the_key_that_the_boot_was_passed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def run(_purpose: str, argv: list[proc.Argument], **_options: object) -> proc.Result:
        asked.append(str(argv[1]))
        return proc.Result(0, b"a-key", b"")

    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/one")
    monkeypatch.setattr(task, "_look", lambda _device: luks2.Header("aes-xts-plain64", (), 0, 1))
    monkeypatch.setattr(proc, "run", run)
    with_the_word(tmp_path, Encryption.CREDENTIAL)
    said: list[bytes] = []
    monkeypatch.setattr(Answer, "send", lambda _self, data: said.append(data))
    task.work({"act": "recovery-key", "replace": False}, Answer.__new__(Answer), tmp_path)
    assert asked == ["--unlock-key-file=/run/credentials/one/adamant.disk-key"] * 2
    assert json.loads(said[0]) == {"state": "a-key", "var": "a-key"}
