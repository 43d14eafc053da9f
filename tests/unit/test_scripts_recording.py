"""Recordings: what a script changed is found, kept to the byte, and read back strictly, whoever edited the lock."""

import base64
import io
import os
import stat
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.core import limits
from adamant.model.definition import ScriptName
from adamant.model.digest import sha256
from adamant.model.errors import AdamantError, InputError
from adamant.model.lock import Recording
from adamant.model.tree import Entry, Kind
from adamant.packages.scripts import changes
from adamant.packages.scripts.changes import Owner
from adamant.packages.scripts.recording import Recorded, pack, summary, unpack


def file(path: str, content: bytes = b"x", mode: int = 0o644, xattrs: tuple[tuple[str, bytes], ...] = ()) -> Entry:
    return Entry(
        path, Kind.FILE, mode, size=len(content), sha256=sha256(content), content=content, xattrs=xattrs, package="foo"
    )


def recording(layer: str, removed: tuple[str, ...] = ()) -> Recording:
    return Recording("foo", ScriptName.POSTINST, "0" * 64, layer, removed)


def tar(*headers: tuple[tarfile.TarInfo, bytes]) -> str:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for header, content in headers:
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return base64.b64encode(zlib.compress(out.getvalue())).decode()


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    header = tarfile.TarInfo(name)
    header.type, header.linkname = kind, target
    return header, b""


RECORDED = [
    Recorded(Entry("etc/foo", Kind.DIRECTORY, 0o2750, package="foo"), "root", "adm"),
    Recorded(file("etc/foo/a", b"\0\xff", 0o4755, (("security.capability", bytes(range(20))),)), "_foo", "_foo"),
    Recorded(Entry("usr/bin/" + "long" * 40, Kind.SYMLINK, 0o777, target="/usr/bin/a", package="foo")),
]


def test_what_is_packed_comes_back() -> None:
    found = unpack(recording(pack(reversed(RECORDED))))
    assert [(r.entry.path, r.entry.kind, r.entry.content, r.entry.target, r.user, r.group) for r in found] == [
        (r.entry.path, r.entry.kind, r.entry.content, r.entry.target, r.user, r.group) for r in RECORDED
    ]
    assert [r.entry.mode for r in found[:2]] == [0o2750, 0o4755]
    assert found[1].entry.xattrs == RECORDED[1].entry.xattrs


def test_the_same_changes_give_the_same_bytes_in_any_order() -> None:
    assert pack(RECORDED) == pack(reversed(RECORDED))


def test_a_recording_holds_no_time_and_no_number_of_an_account() -> None:
    data = zlib.decompress(base64.b64decode(pack(RECORDED)))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert {(m.mtime, m.uid, m.gid) for m in archive} == {(0, 0, 0)}


def test_a_person_sees_each_path_with_its_rights() -> None:
    lines = summary(recording(pack(RECORDED), ("etc/old",)))
    assert lines[0] == "+ /etc/foo 2750 root:adm"
    assert lines[1] == "+ /etc/foo/a 4755 _foo:_foo security.capability"
    assert lines[-1] == "- /etc/old"


@pytest.mark.parametrize(
    "layer",
    [
        "not base64!",
        base64.b64encode(b"not zlib").decode(),
        base64.b64encode(zlib.compress(b"not a tar" * 100)).decode(),
        base64.b64encode(zlib.compress(b"")[:-1]).decode(),
        base64.b64encode(zlib.compress(b"") + b"more").decode(),
        tar(member("../etc/passwd")),
        tar(member("/etc/passwd")),
        tar(member("etc/./passwd")),
        tar(member("etc/a"), member("etc/a")),
        tar(member("etc/a", tarfile.SYMTYPE, "/usr"), member("etc/a/b")),
        tar(member("etc/a", tarfile.SYMTYPE, "../../../etc/shadow")),
        tar(member("etc/a", tarfile.SYMTYPE, "")),
        tar(member("etc/a", tarfile.LNKTYPE, "/etc/shadow")),
        tar(member("etc/a", tarfile.CHRTYPE)),
        tar(member("etc/a", tarfile.FIFOTYPE)),
    ],
)
def test_a_broken_or_hostile_layer_is_refused_with_the_way_out(layer: str) -> None:
    with pytest.raises(InputError) as error:
        unpack(recording(layer))
    assert error.value.reference == "recording-malformed"
    assert "adamant lock --record foo" in error.value.hint


@pytest.mark.parametrize("path", ["../x", "/x", "", "a//b", "a\0b"])
def test_a_hostile_removal_is_refused(path: str) -> None:
    with pytest.raises(InputError):
        unpack(recording(pack([]), (path,)))


def test_a_layer_that_unfolds_to_gigabytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RECORDING_SIZE", 1 << 20)
    bomb = base64.b64encode(zlib.compress(bytes(64 << 20))).decode()
    with pytest.raises(InputError):
        unpack(recording(bomb))


def test_too_many_changes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RECORDING_SIZE", 1 << 20)
    with pytest.raises(AdamantError) as error:
        pack([Recorded(file("etc/a", bytes(2 << 20)))])
    assert error.value.reference == "recording-too-large"


def outcome(packed: bytes) -> str:
    try:
        unpack(recording(base64.b64encode(packed).decode()))
    except InputError as error:
        return error.reference
    return "values"


@given(st.binary(max_size=1500), st.booleans())
def test_any_bytes_give_values_or_a_named_error(data: bytes, inside: bool) -> None:
    assert outcome(zlib.compress(data) if inside else data) in {"values", "recording-malformed"}


@given(st.data())
def test_a_flipped_byte_of_the_archive_gives_values_or_a_named_error(data: st.DataObject) -> None:
    archive = bytearray(zlib.decompress(base64.b64decode(pack(RECORDED))))
    archive[data.draw(st.integers(0, len(archive) - 1))] ^= data.draw(st.integers(1, 255))
    assert outcome(zlib.compress(bytes(archive))) in {"values", "recording-malformed"}


# What changed in a root folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("etc", "usr/bin", "var/lib", "root"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "etc/kept").write_text("kept")
    (tmp_path / "usr/bin/tool").write_text("tool")
    (tmp_path / "usr/bin/tool").chmod(0o644)
    for name, line in (("passwd", "root:x:0:0:root:/root:/bin/sh\n"), ("group", "root:x:0:\nadm:x:4:\n")):
        (tmp_path / "etc" / name).write_text(line)
        (tmp_path / "etc" / f"{name}.before").write_text(line)
    return tmp_path


def find(root: Path, do: Callable[[], object], owners: dict[str, Owner] | None = None) -> dict[str, Recorded]:
    before = changes.snapshot(root, {})
    do()
    after = {(root / path).lstat().st_ino: owner for path, owner in (owners or {}).items()}
    found, removed = changes.find(root, before, {}, after, "foo-postinst")
    return {r.entry.path: r for r in found} | {f"-{path}": Recorded(file(path)) for path in removed}


def test_nothing_done_is_nothing_recorded(root: Path) -> None:
    assert find(root, lambda: None) == {}


def test_a_file_that_is_written_again_with_the_same_bytes_did_not_change(root: Path) -> None:
    def rewrite() -> None:
        (root / "etc/kept").unlink()
        (root / "etc/kept").write_text("kept")

    assert find(root, rewrite) == {}


def test_added_changed_and_removed_paths_are_found(root: Path) -> None:
    def work() -> None:
        (root / "etc/kept").unlink()
        (root / "usr/bin/tool").write_text("changed")
        (root / "var/lib/foo").mkdir(mode=0o750)
        (root / "etc/link").symlink_to("/usr/bin/tool")

    found = find(root, work)
    assert set(found) == {"-etc/kept", "usr/bin/tool", "var/lib/foo", "etc/link"}
    assert found["usr/bin/tool"].entry.content == b"changed"
    assert found["etc/link"].entry.target == "/usr/bin/tool"


def test_a_mode_alone_is_a_change(root: Path) -> None:
    assert find(root, lambda: (root / "usr/bin/tool").chmod(0o700))["usr/bin/tool"].entry.mode == 0o700


def test_owners_are_those_that_fakeroot_kept_by_name(root: Path) -> None:
    owner = Owner(0o2755, 0, 4)
    found = find(root, lambda: None, {"usr/bin/tool": owner})
    assert (found["usr/bin/tool"].entry.mode, found["usr/bin/tool"].group) == (0o2755, "adm")


def test_an_owner_without_a_name_is_refused(root: Path) -> None:
    with pytest.raises(AdamantError) as error:
        find(root, lambda: None, {"usr/bin/tool": Owner(0o755, 4711, 0)})
    assert error.value.reference == "recording-place"


def test_new_accounts_become_a_sysusers_file_with_numbers_only_where_debian_fixes_them(root: Path) -> None:
    def add() -> None:
        (root / "etc/passwd").write_text(
            "root:x:0:0:root:/root:/bin/sh\n_a:x:998:997:The a,,,:/var/lib/a:/usr/sbin/nologin\n"
            "ceph:x:64045:4::/nonexistent:/bin/false\n"
        )
        (root / "etc/group").write_text("root:x:0:\nadm:x:4:_a\n_a:x:997:\n")

    content = find(root, add)["usr/lib/sysusers.d/adamant-foo-postinst.conf"].entry.content
    assert content is not None
    assert content.decode().splitlines() == [
        "g _a -",
        "m _a adm",
        'u _a - "The a" /var/lib/a /usr/sbin/nologin',
        'u ceph 64045:adm "" /nonexistent /bin/false',
    ]


def test_a_link_through_alternatives_points_to_its_end(root: Path) -> None:
    def install() -> None:
        (root / "etc/alternatives").mkdir()
        (root / "etc/alternatives/x").symlink_to("/usr/bin/tool")
        (root / "usr/bin/x").symlink_to("/etc/alternatives/x")

    found = find(root, install)
    assert set(found) == {"usr/bin/x"}
    assert found["usr/bin/x"].entry.target == "/usr/bin/tool"


@pytest.mark.parametrize("path", ["root/.bashrc", "srv", "boot"])
def test_what_an_image_cannot_keep_is_refused_by_name(root: Path, path: str) -> None:
    with pytest.raises(AdamantError) as error:
        find(root, lambda: (root / path).write_text("x"))
    assert error.value.reference == "recording-place"
    assert path in error.value.message


def test_a_pipe_or_socket_is_refused_and_does_not_hang(root: Path) -> None:
    with pytest.raises(AdamantError):
        find(root, lambda: os.mkfifo(root / "etc/pipe"))


def test_a_link_of_a_hostile_script_reads_nothing_of_this_computer(root: Path, tmp_path: Path) -> None:
    secret = tmp_path.parent / f"{tmp_path.name}.secret"
    secret.write_text("secret")

    def attack() -> None:
        (root / "etc/stolen").symlink_to(secret)
        (root / "etc/folder").symlink_to(tmp_path.parent)
        (root / "etc/group").unlink()
        (root / "etc/group").symlink_to(secret)

    found = find(root, attack)
    assert set(found) == {"etc/stolen", "etc/folder"}
    assert {r.entry.kind for r in found.values()} == {Kind.SYMLINK}


@pytest.mark.parametrize("folder", ["etc", "usr", "var"])
def test_a_link_in_the_place_of_a_whole_folder_is_refused(root: Path, folder: str) -> None:
    def attack() -> None:
        (root / folder).rename(root / "moved")
        (root / folder).symlink_to("/")

    with pytest.raises(AdamantError) as error:
        find(root, attack)
    assert error.value.reference == "recording-place"


@pytest.mark.parametrize("kind", ["pipe", "link", "absent"])
def test_a_state_that_the_script_replaced_is_no_state_and_does_not_hang(tmp_path: Path, kind: str) -> None:
    state = tmp_path / "owners"
    if kind == "pipe":
        os.mkfifo(state)
    elif kind == "link":
        (tmp_path / "other").write_text("dev=1,ino=1,mode=100644,uid=0,gid=0,nlink=1,rdev=0\n")
        state.symlink_to(tmp_path / "other")
    assert changes.read_owners(state, 1) == {}


def test_inodes_of_another_file_system_are_not_taken_for_those_of_the_root(tmp_path: Path) -> None:
    state = tmp_path / "owners"
    line = "dev={},ino=7,mode=100640,uid=0,gid=4,nlink=1,rdev=0\n"
    state.write_text(line.format("fe00") + line.format("2a").replace("gid=4", "gid=5"))
    assert changes.read_owners(state, 0xFE00) == {7: Owner(0o640, 0, 4, stat.S_IFREG)}
    assert changes.owners_of(state, 0x2A) == line.format("2a").replace("gid=4", "gid=5")


def test_what_fakeroot_plays_a_device_is_refused(root: Path) -> None:
    with pytest.raises(AdamantError) as error:
        find(root, lambda: None, {"usr/bin/tool": Owner(0o644, 0, 0, stat.S_IFCHR)})
    assert error.value.reference == "recording-place"


def test_what_adamant_makes_by_itself_is_left_out(root: Path) -> None:
    def work() -> None:
        for path in ("var/lib/dpkg/status", "etc/pam.d/common-auth", "etc/ld.so.cache", "etc/rc2.d/S01x", "etc/shadow"):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text("x")

    assert set(find(root, work)) == {"etc/pam.d"}


@given(st.text(alphabet="dev=0123456789abcdef,inomodeuidgnlk\n ", max_size=300))
def test_any_state_of_fakeroot_is_read(text: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".state") as state:
        state.write(text)
        state.flush()
        assert all(owner.mode <= 0o7777 for owner in changes.read_owners(Path(state.name), 1).values())


def test_giving_a_path_the_owner_it_has_is_no_change(root: Path) -> None:
    assert find(root, lambda: None, {"usr/bin/tool": Owner(0o644, 0, 0)}) == {}
