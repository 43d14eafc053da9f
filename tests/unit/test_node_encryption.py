"""What the agent says of an encrypted disk without opening it, and what /var lies on then."""

import json
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from adamant.api import encryption_pb2 as pb
from adamant.cli.node import reach
from adamant.cli.node.encryption import lines, read_recovery_keys, recovery_key
from adamant.core import limits, proc
from adamant.model import luks2
from adamant.model.encryption import FILE, Encryption
from adamant.model.errors import AdamantError, InputError
from adamant.node import efivars, emergency, encrypting, encryption
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
        lambda: encrypting.recover(pb.RecoverRequest(), tmp_path, pytest.fail),
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


def test_no_key_is_dropped_while_the_release_is_on_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may end in the release before, whose key that could be. A key of releases to come is added all the same."""
    root = with_the_word(tmp_path)
    monkeypatch.setattr("adamant.node.update.trial.found_good", lambda _root: False)
    for key, reference in ((b"", "boot-on-trial"), (b"-----BEGIN PUBLIC KEY-----\n", "task-missing")):
        with pytest.raises(AdamantError) as caught:
            encrypting.reseal(pb.ResealRequest(public_key=key), root, tmp_path)
        assert caught.value.reference == reference


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

    monkeypatch.setattr(task, "_look", headers([3], [3, 7]))
    monkeypatch.setattr(proc, "run", run)
    with_the_word(tmp_path)
    with pytest.raises(AdamantError) as caught:
        task.work({"act": "recovery-key", "replace": True}, answer=None, root=tmp_path)  # type: ignore[arg-type]
    assert (caught.value.reference, "a-key" in str(caught.value)) == ("recovery-key-failed", False)
    assert not any("--wipe-slot" in word for words in asked[:-1] for word in words), "somebody has those before"
    assert asked[-1] == ["--wipe-slot=7", str(tmp_path / "dev/disk/by-partlabel/state")]


def headers(*slots: list[int]) -> Callable[[Path], luks2.Header]:
    """How volumes look, each time they are looked at: with recovery keys in these slots, at last for ever."""
    seen: Counter[str] = Counter()

    def look(device: Path) -> luks2.Header:
        seen[device.name] += 1
        return luks2.Header("aes-xts-plain64", (), tuple(slots[min(seen[device.name], len(slots)) - 1]), 0)

    return look


def keep(root: Path, monkeypatch: pytest.MonkeyPatch, slots: dict[str, int]) -> list[list[str]]:
    """What systemd-cryptenroll is asked for when these recovery keys are to stay, and each volume has two."""
    asked: list[list[str]] = []

    def run(_purpose: str, argv: list[proc.Argument], **_options: object) -> proc.Result:
        asked.append([str(word) for word in argv[1:-1]])
        return proc.Result(0, b"", b"")

    monkeypatch.setattr(task, "_look", headers([3, 4, 7]))
    monkeypatch.setattr(proc, "run", run)
    with_the_word(root)
    try:
        task.work({"act": "keep", "slots": slots}, answer=None, root=root)  # type: ignore[arg-type]
    except InputError as error:
        return [[error.reference], *asked]
    return asked


def test_recovery_keys_that_a_person_has_are_the_only_ones_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert keep(tmp_path, monkeypatch, {"state": 7, "var": 3}) == [["--wipe-slot=3,4"], ["--wipe-slot=4,7"]]


@pytest.mark.parametrize(
    "slots", [{"state": 7}, {"state": 7, "var": 8}, {"state": 0, "var": 3}, {"other": 7, "var": 3}]
)
def test_no_recovery_key_is_dropped_unless_one_stays_for_each_volume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slots: dict[str, int]
) -> None:
    assert keep(tmp_path, monkeypatch, slots) == [["recovery-key-gone"]]


KEY = "-".join(["cbdefghi", "jklnrtuv"] * 4)


def shut(root: Path, *names: str, opened: tuple[str, ...] = ()) -> Path:
    """A machine with the word, whose partitions `names` are there and shut, and `opened` open."""
    with_the_word(root)
    (root / "dev/disk/by-partlabel").mkdir(parents=True)
    for number, name in enumerate((*names, *opened)):
        (root / "dev/disk/by-partlabel" / name).touch()
        if name in opened:
            mapped = root / f"sys/class/block/dm-{number}/dm"
            mapped.mkdir(parents=True)
            (mapped / "name").write_text(f"{name}\n")
            (mapped / "uuid").write_text(f"CRYPT-LUKS2-ab-{name}\n")
    return root


def test_what_is_open_takes_no_recovery_key(tmp_path: Path) -> None:
    root = shut(tmp_path, opened=("state", "var"))
    with pytest.raises(InputError) as caught:
        encrypting.recover(pb.RecoverRequest(), root, pytest.fail, tmp_path)
    assert caught.value.reference == "disk-open"


@pytest.mark.parametrize("key", ["", "password", KEY[:-1], f"{KEY}-", KEY.replace("c", "a"), f"{KEY}\n", KEY.upper()])
def test_what_can_be_no_recovery_key_reaches_no_task(tmp_path: Path, key: str) -> None:
    keys = [pb.RecoveryKey(volume="state", key=KEY), pb.RecoveryKey(volume="var", key=key)]
    with pytest.raises(InputError) as caught:
        encrypting.recover(pb.RecoverRequest(keys=keys), shut(tmp_path, "state", "var"), pytest.fail, tmp_path)
    assert (caught.value.reference, "var is shut" in caught.value.message) == ("recovery-key-malformed", True)


def test_a_recovery_key_is_in_a_file_for_its_owner_alone_and_only_while_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int]] = []

    def run(_purpose: str, argv: list[proc.Argument], **_options: object) -> proc.Result:
        for word in map(str, argv):
            assert KEY not in word
            if word.startswith("--unlock-key-file="):
                kept = Path(word.partition("=")[2])
                seen.append((kept.read_text(), kept.stat().st_mode & 0o777))
        return proc.Result(0, b"", b"")

    monkeypatch.setattr(proc, "run", run)
    with_the_word(tmp_path)
    task.work({"act": "recover", "keys": {"state": KEY}}, answer=None, root=tmp_path)  # type: ignore[arg-type]
    assert seen == [(KEY, 0o600)] * 2
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.parametrize(
    ("said", "reference"),
    [
        ("Unlocking via keyfile failed: Operation not permitted", "recovery-key-wrong"),
        ("TPM2 support is not installed.", "recovery-failed"),
    ],
)
def test_a_wrong_recovery_key_is_told_from_a_tpm_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, reference: str
) -> None:
    def run(purpose: str, argv: list[proc.Argument], **_options: object) -> proc.Result:
        assert task._WIPE_TPM not in argv, "what the TPM has goes only once the key was tried"
        raise proc.ProgramFailed("program-failed", purpose, code=1, stderr=said, context="")

    monkeypatch.setattr(proc, "run", run)
    with_the_word(tmp_path)
    with pytest.raises(AdamantError) as caught:
        task.work({"act": "recover", "keys": {"var": KEY}}, answer=None, root=tmp_path)  # type: ignore[arg-type]
    assert caught.value.reference == reference
    assert list((tmp_path / "run").iterdir()) == []


def waited(root: Path, opening: tuple[bool, ...] = (False,)) -> list[float]:
    """How long the end of a boot that has failed waits, piece by piece."""
    answers, slept = iter(opening), list[float]()
    assert emergency.main(root, lambda: next(answers), slept.append) == 1, "it ends as failed, and systemd reboots"
    return slept


def test_a_boot_whose_disk_is_shut_waits_for_recovery_keys_and_tells_the_agent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert waited(shut(tmp_path, "var", opened=("state",)), (True, True, False)) == [1.0, 1.0, limits.SHUT_SECONDS]
    assert (tmp_path / encryption.WAITS).exists()
    assert "var did not open" in capsys.readouterr().err


def test_a_boot_that_fails_for_another_reason_or_is_on_trial_waits_for_nobody(tmp_path: Path) -> None:
    one, two, three, four = (tmp_path / name for name in ("one", "two", "three", "four"))
    variable = shut(one, "state", "var") / efivars.FOLDER / f"LoaderBootCountPath-{efivars.LOADER}"
    variable.parent.mkdir(parents=True)
    variable.write_bytes(b"\x06\0\0\0x\0\0\0")
    shut(two, opened=("state", "var"))
    shut(three)  # the first boot could not make them
    shut(four, "state", "var")
    (four / FILE).write_text("tang\n")  # no TPM that a recovery key could bind them to
    for root in (one, two, three, four):
        assert waited(root) == [30.0]
        assert not (root / encryption.WAITS).exists()


def test_recovery_keys_are_read_as_they_were_shown() -> None:
    assert read_recovery_keys(f"state  {KEY}\nvar    {KEY}\n\n") == {"state": KEY, "var": KEY}
    assert read_recovery_keys(f'{{"state": "{KEY}"}}') == {"state": KEY}
    for wrong in ("", "state", "[]", "{}", '{"state": 1}', KEY):
        with pytest.raises(InputError):
            read_recovery_keys(wrong)


class Shown:
    """A node that makes recovery keys, and knows what of them a person had seen at each call."""

    def __init__(self, said: Callable[[], str]) -> None:
        self.said = said
        self.seen: list[tuple[dict[str, int], bool]] = []

    def call(self, name: str, request: pb.RecoveryKeyRequest, _seconds: float) -> pb.RecoveryKeyResponse:
        assert name == "RecoveryKey"
        self.seen.append((dict(request.keep), KEY in self.said()))
        keys = [] if request.keep else [pb.RecoveryKey(volume=each, key=KEY, slot=5) for each in ("state", "var")]
        return pb.RecoveryKeyResponse(keys=keys)


@pytest.mark.parametrize("options", [[], ["--json"]])
@pytest.mark.parametrize("replace", [False, True])
def test_recovery_keys_of_before_are_dropped_only_once_the_new_ones_were_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str], replace: bool
) -> None:
    node = Shown(lambda: capsys.readouterr().out)
    monkeypatch.setattr(reach, "connect", lambda _ctx: nullcontext(node))
    recovery_key.main([*options, *(["--replace"] if replace else [])], standalone_mode=False)
    dropping = [({"state": 5, "var": 5}, True)] if replace else []
    assert node.seen == [({}, False), *dropping]


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
    monkeypatch.setattr(task, "_look", headers([], [2]))
    monkeypatch.setattr(proc, "run", run)
    with_the_word(tmp_path, Encryption.CREDENTIAL)
    said: list[bytes] = []
    monkeypatch.setattr(Answer, "send", lambda _self, data: said.append(data))
    task.work({"act": "recovery-key", "replace": False}, Answer.__new__(Answer), tmp_path)
    assert asked == ["--unlock-key-file=/run/credentials/one/adamant.disk-key"] * 2
    assert json.loads(said[0]) == {name: {"key": "a-key", "slot": 2} for name in ("state", "var")}
