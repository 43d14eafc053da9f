"""Files of a machine: no link, no race of names and no special file leads to what the policy does not give."""

import os
from pathlib import Path

import pytest

from adamant.api import logs_pb2 as pb
from adamant.core import limits
from adamant.model.errors import AdamantError, InputError
from adamant.node import files

KEY = "-----BEGIN " + "EC PRIVATE KEY-----\nabc\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in (
        "usr/lib",
        "etc",
        "state/secrets",
        "state/adamant/identity",
        "run/credentials/x",
        "run/adamant/containers",
        "var/lib/containerd",
    ):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "usr/lib/os-release").write_text("ID=adamant\n")
    (tmp_path / "etc/os-release").symlink_to("../usr/lib/os-release")
    (tmp_path / "etc/absolute").symlink_to("/usr/lib/os-release")
    (tmp_path / "etc/shadow").write_text("root:x\n")
    (tmp_path / "state/secrets/token").write_text("swordfish")
    (tmp_path / "state/adamant/identity/key").write_text("swordfish")
    (tmp_path / "run/credentials/x/y").write_text("swordfish")
    return tmp_path


def read(root: Path, path: str, offset: int = 0, length: int = 0) -> bytes:
    request = pb.ReadRequest(path=path, offset=offset, length=length)
    return b"".join(chunk.data for chunk in files.read(request, root))


def listed(root: Path, path: str, depth: int = 1) -> dict[str, pb.FileEntry]:
    return {e.path: e for e in files.list_(pb.ListRequest(path=path, depth=depth), root)}


def test_a_file_is_given_whole_or_in_part(root: Path) -> None:
    (root / "var/big").write_bytes(bytes(range(256)) * 1000)
    assert read(root, "/var/big") == bytes(range(256)) * 1000
    assert read(root, "/var/big", 250, 10) == bytes([250, 251, 252, 253, 254, 255, 0, 1, 2, 3])
    assert read(root, "/var/big", 10**9) == b""


@pytest.mark.parametrize("path", ["/etc/os-release", "/etc/absolute", "//usr/./lib/os-release"])
def test_links_are_followed_within_the_machine(root: Path, path: str) -> None:
    assert read(root, path) == b"ID=adamant\n"


@pytest.mark.parametrize("path", ["relative", "", "/etc/../usr", "/a\0b", "/" + "x" * 5000])
def test_what_is_no_plain_absolute_path_is_refused(root: Path, path: str) -> None:
    with pytest.raises(InputError):
        read(root, path)


@pytest.mark.parametrize(
    "path",
    [
        "/state/secrets/token",
        "/state/adamant/identity/key",
        "/run/credentials/x/y",
        "/etc/shadow",
        "/run/adamant/containers/a.env",
        "/run/adamant/etc/app/key",
        "/run/containerd/io.containerd.runtime.v2.task/adamant/web/config.json",
        "/var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db",
    ],
)
def test_what_is_secret_by_its_place_is_not_given(root: Path, path: str) -> None:
    with pytest.raises(AdamantError) as caught:
        read(root, path)
    assert caught.value.reference == "file-refused"


def test_no_link_leads_to_a_secret(root: Path) -> None:
    (root / "var/file").symlink_to("/state/secrets/token")
    (root / "var/folder").symlink_to("../state")
    (root / "var/far").symlink_to("../../../../../../state/secrets")
    for path in ("/var/file", "/var/folder/secrets/token", "/var/far/token"):
        with pytest.raises(AdamantError) as caught:
            read(root, path)
        assert caught.value.reference == "file-refused", path


def test_no_link_leads_out_of_the_machine(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "x"
    outside.write_text("outside")
    (root / "var/out").symlink_to(outside)
    (root / "var/up").symlink_to("../" * 30 + str(outside)[1:])
    for path in ("/var/out", "/var/up"):
        with pytest.raises(InputError):
            read(root, path)


def test_links_in_a_circle_end(root: Path) -> None:
    (root / "var/a").symlink_to("b")
    (root / "var/b").symlink_to("a")
    with pytest.raises(InputError, match="too many links"):
        read(root, "/var/a")


@pytest.mark.parametrize(("offset", "wanted"), [(0, b"variable"), (3, b"iable"), (5, b"ble"), (8, b""), (99, b"")])
def test_a_file_that_cannot_be_sought_in_is_read_all_the_same(offset: int, wanted: bytes) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"variable")
    os.close(writing)
    with open(reading, "rb", buffering=0) as source:  # noqa: PTH123 - there is no path
        head = source.read(4)
        assert b"".join(files._pieces(source, head, offset)) == wanted


def test_a_private_key_is_not_given_wherever_it_lies(root: Path) -> None:
    (root / "var/key.pem").write_text(f"# a key\n{KEY}")
    (root / "var/late.pem").write_bytes(b"x" * (limits.KEYS_SOUGHT + limits.FILE_CHUNK - 10) + KEY.encode())
    for path, offset in (("/var/key.pem", 0), ("/var/key.pem", 30), ("/var/late.pem", 0)):
        with pytest.raises(AdamantError) as caught:
            read(root, path, offset)
        assert caught.value.reference == "file-refused"


def test_a_file_that_its_owner_alone_may_read_is_not_given(root: Path) -> None:
    (root / "etc/app").mkdir()
    for name, mode in (("key", 0o600), ("run", 0o700), ("shared", 0o640)):
        (root / "etc/app" / name).write_text("swordfish")
        (root / "etc/app" / name).chmod(mode)
    (root / "var/link").symlink_to("/etc/app/key")
    for path in ("/etc/app/key", "/etc/app/run", "/var/link"):
        with pytest.raises(AdamantError, match="its owner alone may read it"):
            read(root, path)
    assert read(root, "/etc/app/shared") == b"swordfish"
    found = listed(root, "/etc/app")
    assert [entry.path for entry in found.values() if entry.refused] == ["/etc/app/key", "/etc/app/run"]
    (root / "proc").mkdir()
    (root / "proc/slabinfo").write_text("slabinfo - version: 2.1\n")
    (root / "proc/slabinfo").chmod(0o400)
    assert read(root, "/proc/slabinfo")


def test_nothing_but_files_is_opened(root: Path) -> None:
    os.mkfifo(root / "var/pipe")
    for path in ("/var/pipe", "/var"):
        with pytest.raises(InputError) as caught:
            read(root, path)
        assert caught.value.reference == "file-not-regular"
    with pytest.raises(InputError) as caught:
        read(root, "/var/nothing")
    assert caught.value.reference == "file-missing"


def test_a_listing_says_what_each_file_is(root: Path) -> None:
    (root / "var/x").write_text("abc")
    (root / "var/x").chmod(0o640)
    os.mkfifo(root / "var/pipe")
    found = listed(root, "/var")
    assert found["/var/x"].size == 3
    assert found["/var/x"].mode == 0o640
    assert found["/var/pipe"].type == pb.FILE_TYPE_SPECIAL
    assert listed(root, "/etc")["/etc/absolute"].target == "/usr/lib/os-release"
    assert list(listed(root, "/var/x")) == ["/var/x"]


def test_a_listing_goes_as_deep_as_it_is_asked_to_and_not_into_secrets(root: Path) -> None:
    assert "/usr/lib/os-release" not in listed(root, "/usr")
    assert "/usr/lib/os-release" in listed(root, "/", 3)
    deep = listed(root, "/", 10)
    assert "/state/secrets/token" not in deep
    assert deep["/state/secrets"].refused == "secrets"


def test_a_name_that_is_no_text_is_shown_all_the_same(root: Path) -> None:
    os.mkdir(os.path.join(os.fsencode(root), b"var", b"\xff"))  # noqa: PTH102, PTH118
    assert "/var/\ufffd" in listed(root, "/var")


@pytest.mark.parametrize("name", ["environ", "mem", "fd/3", "root/etc/shadow", "task/12/environ", "maps"])
def test_memory_and_environments_of_processes_are_not_given(name: str) -> None:
    assert files.secret(f"/proc/12/{name}")
    assert files.secret("/proc/self/mem")
    assert not files.secret("/proc/12/status")
