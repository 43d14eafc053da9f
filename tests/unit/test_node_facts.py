"""What the agent reads of a machine: the kernel's tables, EFI variables, the device mapper, the record of the boot."""

import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.api import node_pb2 as pb
from adamant.model.errors import AdamantError
from adamant.model.posture import FILE
from adamant.node import efivars, mounts, reading, record, verity, version

TABLE = """\
21 1 0:19 / / ro,relatime shared:1 - overlay root ro,lowerdir=/layers/root:/layers/none
22 21 254:0 / /usr ro,nodev,relatime shared:2 - erofs /dev/dm-0 ro,user_xattr
30 21 252:6 / /var rw,nodev shared:9 - ext4 /dev/vda7 ro,errors=remount-ro
31 21 252:5 / /state rw - ext4 /dev/vda6 rw
32 21 0:40 / /with\\040space rw - tmpfs a\\011b rw
33 21 0:41 / /usr ro - overlay sysext ro
"""


def test_a_mount_is_writable_when_it_and_its_file_system_are() -> None:
    found = {mount.where: mount.writable for mount in mounts.parse(TABLE)}
    assert found == {"/": False, "/usr": False, "/var": False, "/state": True, "/with space": True}


def test_the_last_mount_at_a_place_is_the_one_that_is_seen() -> None:
    parsed = mounts.parse(TABLE)
    top = mounts.top(parsed, "/usr")
    assert top is not None
    assert top.type == "overlay"
    assert mounts.top(parsed, "/nowhere") is None


def test_verity_is_looked_for_below_extensions(tmp_path: Path) -> None:
    dm = tmp_path / "sys/dev/block/254:0/dm"
    dm.mkdir(parents=True)
    (dm / "name").write_text("usr\n")
    assert verity.find(mounts.parse(TABLE), tmp_path) == "254:0"


def test_a_usr_on_a_plain_disk_has_no_verity(tmp_path: Path) -> None:
    assert verity.find(mounts.parse(TABLE), tmp_path) is None
    assert verity.look(mounts.parse(TABLE), tmp_path) is None


@given(st.text(max_size=400))
def test_any_text_is_a_table_of_mounts_or_none(text: str) -> None:
    for mount in mounts.parse(text):
        assert ":" in mount.device or mount.device is not None


@pytest.mark.parametrize(
    ("device", "number"), [("254:0", 0xFE00), ("8:1", 0x0801), ("259:300", 0x0011032C), ("0:0", 0)]
)
def test_a_device_number_is_as_the_kernel_packs_it(device: str, number: int) -> None:
    assert verity.device_number(device) == number


def _reply(kind: bytes, parameters: bytes, *, targets: int = 1, flags: int = 0, start: int = 312) -> bytes:
    header = struct.pack("=3IIIIiIIIQ128s129s7s", 4, 0, 0, 4096, start, targets, 0, flags, 0, 0, 0, b"usr", b"", b"")
    return header + struct.pack("=QQiI16s", 0, 8, 0, 0, kind) + parameters + b"\0"


LINE = "1 252:2 252:3 4096 4096 1000 1 sha256 " + "ab" * 32 + " " + "cd" * 32 + " 1 panic_on_corruption"


def test_the_root_hash_is_the_one_that_the_kernel_enforces() -> None:
    kind, table = verity.parse_status(_reply(b"verity", LINE.encode()))
    assert (kind, verity.parse_root_hash(table)) == ("verity", "ab" * 32)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        _reply(b"verity", b"V")[:340],
        _reply(b"verity", b"V", targets=0),
        _reply(b"verity", b"V", targets=2),
        _reply(b"verity", b"V", flags=1 << 8),
        _reply(b"verity", b"V", start=0),
        _reply(b"verity", b"V", start=1 << 30),
    ],
)
def test_an_answer_that_is_not_of_one_target_is_refused(reply: bytes) -> None:
    with pytest.raises(AdamantError, match="device-mapper"):
        verity.parse_status(reply)


@given(st.binary(max_size=600))
def test_any_answer_of_the_device_mapper_is_parsed_or_refused(reply: bytes) -> None:
    try:
        _, parameters = verity.parse_status(reply)
        verity.parse_root_hash(parameters)
    except AdamantError as error:
        if error.reference != "device-mapper":
            raise


def _variable(root: Path, name: str, vendor: str, value: bytes) -> None:
    folder = root / efivars.FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}-{vendor}").write_bytes(b"\x06\0\0\0" + value)


@pytest.mark.parametrize(
    ("secure", "setup", "expected"),
    [
        (None, None, pb.SECURE_BOOT_UNSUPPORTED),
        (b"\x01", b"\x00", pb.SECURE_BOOT_ENABLED),
        (b"\x00", b"\x00", pb.SECURE_BOOT_DISABLED),
        (b"\x00", b"\x01", pb.SECURE_BOOT_SETUP),
        (b"\x02", None, pb.SECURE_BOOT_UNSUPPORTED),
        (b"", None, pb.SECURE_BOOT_UNSUPPORTED),
        (b"\x01\x01", None, pb.SECURE_BOOT_UNSUPPORTED),
    ],
)
def test_secure_boot_is_what_the_firmware_says(
    tmp_path: Path, secure: bytes | None, setup: bytes | None, expected: pb.SecureBoot
) -> None:
    if secure is not None:
        _variable(tmp_path, "SecureBoot", efivars.GLOBAL, secure)
    if setup is not None:
        _variable(tmp_path, "SetupMode", efivars.GLOBAL, setup)
    assert efivars.secure_boot(tmp_path) == expected


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("\\EFI\\Linux\\example_1.efi", "example_1.efi"),
        ("\\EFI\\Linux\\example_1.2+2-1.efi", "example_1.2.efi"),
        ("example_1+3.efi", "example_1.efi"),
        ("/EFI/Linux/a+b.efi", "a+b.efi"),
    ],
)
def test_a_uki_is_named_without_its_counter(path: str, name: str) -> None:
    assert efivars.uki_name(path) == name


def test_the_stub_s_own_word_on_the_uki_counts_first(tmp_path: Path) -> None:
    assert efivars.uki(tmp_path) == ""
    _variable(tmp_path, "LoaderEntrySelected", efivars.LOADER, "chosen_1.efi\0".encode("utf-16-le"))
    assert efivars.uki(tmp_path) == "chosen_1.efi"
    _variable(tmp_path, "StubImageIdentifier", efivars.LOADER, "\\EFI\\Linux\\run_1+2.efi\0".encode("utf-16-le"))
    assert efivars.uki(tmp_path) == "run_1.efi"


@given(st.binary(max_size=300))
def test_any_variable_is_read_or_nothing(data: bytes) -> None:
    text, flag = efivars.parse_text(data), efivars.parse_flag(data)
    assert text is None or "\0" not in text
    assert flag in (None, True, False)


RECORD = {
    "slot": "usr-a",
    "data": "vda2",
    "tree": "vda3",
    "disk": "vda",
    "root_hash": "ab" * 32,
    "times": {"init": 100, "modules": 200, "slot": 300, "verity": 350, "handover": 400},
}


def test_the_record_of_the_boot_says_slot_disk_and_times() -> None:
    found = record.parse(json.dumps(RECORD))
    assert (found.slot, found.disk, found.begin_usec) == ("usr-a", "vda", 100_000)
    assert found.ends_usec == (("modules", 200_000), ("slot", 300_000), ("verity", 350_000), ("handover", 400_000))


@pytest.mark.parametrize(
    "change",
    [
        {"times": None},
        {"times": {"init": -1}},
        {"times": {"init": "1"}},
        {"times": {"init": True}},
        {"times": {"init": 1e9}},
        {"times": {"init": 1 << 60}},
        {"slot": 1},
        {"disk": None},
    ],
)
def test_a_record_of_another_form_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(AdamantError, match="boot-record"):
        record.parse(json.dumps({**RECORD, **change}))


@given(st.text(max_size=300) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_any_record_is_parsed_or_refused(text: str) -> None:
    try:
        record.parse(text)
    except AdamantError as error:
        if error.reference != "boot-record":
            raise


def test_a_record_nested_without_end_is_refused() -> None:
    with pytest.raises(AdamantError, match="boot-record"):
        record.parse("[" * 100_000)


def test_os_release_is_read_with_its_quotes() -> None:
    text = 'A=plain\n# B=no\nC="two words"\nD=\'x\'\nE="broken\n\nF=\nno line\n'
    assert reading.parse_release(text) == {"A": "plain", "C": "two words", "D": "x", "F": ""}


@given(st.text(max_size=300))
def test_any_os_release_is_read(text: str) -> None:
    assert all(name for name in reading.parse_release(text))


def test_a_machine_says_which_image_it_runs(tmp_path: Path) -> None:
    for path, text in (
        (reading.RELEASE, "ID=debian\nIMAGE_ID=example\nIMAGE_VERSION=1.2\n"),
        (FILE, "guarded\n"),
        ("etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    answer = version.answer(tmp_path)
    assert (answer.image, answer.image_version, answer.posture) == ("example", "1.2", pb.POSTURE_GUARDED)
    assert answer.machine_id == "0123456789abcdef0123456789abcdef"


def test_a_machine_that_says_nothing_still_answers(tmp_path: Path) -> None:
    answer = version.answer(tmp_path)
    assert (answer.image, answer.posture) == ("", pb.POSTURE_UNSPECIFIED)
    assert answer.kernel
