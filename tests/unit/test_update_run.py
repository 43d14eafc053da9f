"""What the program that updates makes of its record: what is staged already, and what was tried and did not stay."""

import json
from pathlib import Path

import pytest

from adamant.model import signature_list
from adamant.model.encryption import FILE
from adamant.model.errors import BusyError
from adamant.node import encryption
from adamant.node.update import state
from adamant.node.update.entries import Entry
from adamant.node.update.run import Host, Update
from adamant.node.update.state import Record, Request
from tests.unit.image_maker import authenticode, efi
from tests.unit.power_cuts import made
from tests.unit.test_luks2 import KEY, METADATA, header

BOOT, BEFORE = "a" * 32, "b" * 32
RELEASE = made("2", bytes(8192)).release
FRESH = Entry("host", "2", 3, 0)
STAGE = Request("stage", "http://releases.lan")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A machine that runs release 1, in the boot BOOT."""
    for path, text in {
        "usr/lib/os-release": "IMAGE_ID=host\nIMAGE_VERSION=1\n",
        "usr/lib/adamant/posture": "guarded\n",
        "run/adamant/boot.json": '{"slot": "usr-a", "disk": "vda", "times": {}}',
        "proc/sys/kernel/random/boot_id": BOOT,
        "efi/EFI/Linux/host_1.efi": "",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return Host(tmp_path)


def test_what_was_staged_in_this_boot_is_not_staged_again(host: Host) -> None:
    kept = Record(staged="2", boot=BOOT)
    assert Update(host, STAGE)._is_staged(RELEASE, kept, [FRESH])


@pytest.mark.parametrize(
    ("request_", "kept", "entry"),
    [
        (STAGE, Record(staged="3", boot=BOOT), FRESH),
        (STAGE, Record(staged="2", boot=BEFORE), FRESH),
        (STAGE, Record(staged="2"), FRESH),
        (STAGE, Record(staged="2", boot=BOOT), FRESH._replace(left=0, done=3)),
        (STAGE, Record(staged="2", boot=BOOT), Entry("host", "1", None, 0)),
        (Request("stage", "http://releases.lan", force=True), Record(staged="2", boot=BOOT), FRESH),
        (Request("estimate", "http://releases.lan"), Record(staged="2", boot=BOOT), FRESH),
    ],
)
def test_all_else_is_done_as_it_is_asked_for(host: Host, request_: Request, kept: Record, entry: Entry) -> None:
    assert not Update(host, request_)._is_staged(RELEASE, kept, [entry])


def test_a_release_of_an_earlier_boot_that_does_not_run_has_failed(host: Host) -> None:
    """Firmware that refuses a UKI counts no try: without this the machine would reboot for it again and again."""
    state.write(host.root, Record(staged="2", before="1", boot=BEFORE, failed=("0.9",)))
    assert Update(host, STAGE)._note_failed().failed == ("0.9", "2")
    assert state.read(host.root).failed == ("0.9", "2")


@pytest.mark.parametrize(
    "kept", [Record(staged="2", boot=BOOT), Record(staged="1", boot=BEFORE), Record(staged="2"), Record()]
)
def test_one_that_runs_or_waits_has_not(host: Host, kept: Record) -> None:
    state.write(host.root, kept)
    assert Update(host, STAGE)._note_failed() == kept


def test_one_that_used_up_its_tries_has_failed(host: Host) -> None:
    (host.root / "efi/EFI/Linux/host_2+0-3.efi").touch()
    assert Update(host, STAGE)._note_failed().failed == ("2",)


def test_a_staged_release_waits_in_the_boot_that_staged_it_alone(host: Host) -> None:
    assert state.waiting(host.root, Record(staged="2", boot=BOOT)) == "2"
    assert state.waiting(host.root, Record(staged="2", boot=BEFORE)) == ""
    assert state.waiting(host.root, Record(staged="2")) == ""
    (host.root / "proc/sys/kernel/random/boot_id").unlink()
    assert state.waiting(host.root, Record(staged="2")) == ""


@pytest.fixture
def efivars(host: Host) -> Path:
    """The variables of its firmware, which say that it was started by the entry of release 1."""
    folder = host.root / "sys/firmware/efi/efivars"
    folder.mkdir(parents=True)
    started = bytes(4) + "EFI/Linux/host_1.efi\0".encode("utf-16-le")
    (folder / "StubImageIdentifier-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f").write_bytes(started)
    return folder


def test_nobody_goes_back_to_a_release_that_the_firmware_refuses(host: Host, efivars: Path) -> None:
    old = efi({".linux": b"old"})
    (host.root / "efi/EFI/Linux/host_0.9.efi").write_bytes(old)
    dbx = efivars / "dbx-d719b2cb-3d3a-4596-a3bc-dad00e67656f"
    dbx.write_bytes(bytes(4) + signature_list.encode([signature_list.program(authenticode(old))]))
    with pytest.raises(BusyError, match="was revoked"):
        Update(host, Request("rollback")).run()
    assert (host.root / "efi/EFI/Linux/host_1.efi").exists()
    dbx.write_bytes(bytes(4) + signature_list.encode([signature_list.program(bytes(32))]))
    assert "0.9" in Update(host, Request("rollback")).run().message
    assert (host.root / "efi/EFI/Linux/host_1+0-3.efi").exists()


@pytest.mark.usefixtures("efivars")
def test_nobody_goes_back_to_a_release_that_would_leave_the_disks_shut(host: Host) -> None:
    (host.root / FILE).write_text("tpm\n")
    devices = host.root / encryption.BY_LABEL
    devices.mkdir(parents=True)
    for name in encryption.VOLUMES:
        (devices / name).write_bytes(header(json.dumps(METADATA).encode()))
    before = host.root / "efi/EFI/Linux/host_0.9.efi"
    for sections, said in (({".pcrpkey": b"another"}, "with another key"), ({".linux": b""}, "with no key")):
        before.write_bytes(efi(sections))
        with pytest.raises(BusyError, match=said) as caught:
            Update(host, Request("rollback")).run()
        assert caught.value.reference == "disk-key-differs"
    assert (host.root / "efi/EFI/Linux/host_1.efi").exists(), "nothing was done"
    before.write_bytes(efi({".pcrpkey": KEY}))
    assert "0.9" in Update(host, Request("rollback")).run().message


def test_a_seed_is_chosen_once(host: Host) -> None:
    chosen = state.seed(host.root)
    assert 0 <= chosen < 100_000
    assert state.seed(host.root) == chosen


@pytest.mark.parametrize("text", ["", "{", "[]", '{"when_usec": "x"}', '{"result": "else"}'])
def test_a_look_that_cannot_be_read_is_none(host: Host, text: str) -> None:
    path = host.root / state.LOOK
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert state.read_look(host.root) == state.Look()
