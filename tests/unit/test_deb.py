"""A .deb gives what it holds, or a verification error: never a traceback, a hang or memory without end."""

import hashlib
import io
import lzma
import tarfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adamant.core import limits
from adamant.model.digest import Sha256
from adamant.model.errors import VerificationError
from adamant.model.tree import Entry, Kind
from adamant.packages.archive import climbs_out, read_archive
from adamant.packages.deb import Control, open_deb
from tests.unit import deb_maker as maker


def read(tmp_path: Path, data: bytes) -> tuple[Control, dict[str, tuple[Entry, bytes]]]:
    path = tmp_path / "app.deb"
    sha256 = maker.write(path, data)
    with open_deb(path, sha256) as deb:
        return deb.control, {entry.path: (entry, b"".join(pieces)) for entry, pieces in deb.data}


def read_tar(data: bytes) -> dict[str, tuple[Entry, bytes]]:
    return {e.path: (e, b"".join(pieces)) for e, pieces in read_archive(io.BytesIO(data), "a test's archive")}


@pytest.mark.parametrize("compression", ["", ".gz", ".xz"])
def test_every_member_comes_out_as_it_went_in(tmp_path: Path, compression: str) -> None:
    big = bytes(range(256)) * 20_000
    items: list[maker.Row] = [("./", None), ("./usr/", None), ("./usr/a", b"abc"), ("./usr/b", big), ("./usr/l", "a")]
    _, found = read(tmp_path, maker.deb(items, compression=compression))
    assert list(found) == ["usr", "usr/a", "usr/b", "usr/l"]
    assert found["usr/a"][1] == b"abc"
    assert found["usr/b"][1] == big
    assert found["usr/l"][0].kind is Kind.SYMLINK
    assert found["usr/l"][0].target == "a"


def test_control_files_are_read(tmp_path: Path) -> None:
    control: list[maker.Row] = [
        ("./postinst", b"#!/bin/sh\necho hi\n"),
        ("./preinst", b"\x7fELF\xff\xfe"),
        ("./conffiles", b"/etc/app.conf\nremove-on-upgrade /etc/old.conf\n"),
        ("./triggers", b"# a comment\nactivate-noawait ldconfig\n\ninterest  /usr/lib/x # why\n"),
        ("./md5sums", b""),
    ]
    found, _ = read(tmp_path, maker.deb(control=control))
    assert found.fields["Package"] == "app"
    assert found.fields["Description"] == "small\n made by a test"
    assert found.scripts["postinst"] == "#!/bin/sh\necho hi\n"
    assert found.conffiles == ("etc/app.conf",)
    assert found.triggers == ("activate-noawait ldconfig", "interest /usr/lib/x")


def test_a_script_that_is_no_text_cannot_pass_for_a_comment(tmp_path: Path) -> None:
    binary = b"\x7fELF\xff\xfe"
    found, _ = read(tmp_path, maker.deb(control=[("./preinst", binary)]))
    assert found.scripts["preinst"] == f"not-text sha256:{hashlib.sha256(binary).hexdigest()}\n"


def test_another_package_than_the_locked_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "app.deb"
    maker.write(path, maker.deb())
    with pytest.raises(VerificationError, match="deb-digest"), open_deb(path, Sha256("0" * 64)):
        pass


def test_every_truncation_is_an_error(tmp_path: Path) -> None:
    data = maker.deb([("./usr/", None), ("./usr/a", b"abc" * 1000)])
    for length in range(0, len(data) - 1, 7):
        with pytest.raises(VerificationError):
            read(tmp_path, data[:length])


def test_zstd_is_refused_by_name(tmp_path: Path) -> None:
    parts = [("debian-binary", b"2.0\n"), ("control.tar.zst", b"x"), ("data.tar.zst", b"y")]
    with pytest.raises(VerificationError, match=r"control\.tar\.zst"):
        read(tmp_path, maker.ar(parts))


@pytest.mark.parametrize(
    "path", ["../etc/passwd", "./usr/../../etc/passwd", "/etc/passwd", "usr//a", "usr/./a", "usr/a/.", "a" * 300]
)
def test_a_path_that_is_not_plain_is_refused(path: str) -> None:
    with pytest.raises(VerificationError, match="archive-malformed"):
        read_tar(maker.tar([(maker.member(path), b"x")]))


@pytest.mark.parametrize(
    ("path", "target", "outside"),
    [
        ("usr/lib/a", "../../etc/x", False),
        ("usr/lib/a", "../../../etc/x", True),
        ("usr/lib/a", "b/../../../../x", True),
        ("a", "..", True),
        ("a", ".", False),
        ("usr/a", "/etc/x", False),
        ("usr/a", "/../../etc/x", False),
    ],
)
def test_a_link_that_climbs_out_is_refused(path: str, target: str, outside: bool) -> None:
    assert climbs_out(path, target) is outside
    data = maker.tar([(maker.member(path, tarfile.SYMTYPE, target), b"")])
    if outside:
        with pytest.raises(VerificationError, match="outside of the tree"):
            read_tar(data)
    else:
        assert read_tar(data)[path][0].target == target


def test_an_entry_below_a_link_is_refused() -> None:
    with pytest.raises(VerificationError, match="lies below"):
        read_tar(maker.tar(maker.rows([("usr", None), ("usr/a", "/etc"), ("usr/a/passwd", b"x")])))
    with pytest.raises(VerificationError, match="lies below"):
        read_tar(maker.tar(maker.rows([("usr", "/etc"), ("usr/not/there/passwd", b"x")])))


def test_the_same_path_twice_is_refused() -> None:
    with pytest.raises(VerificationError, match="there twice"):
        read_tar(maker.tar(maker.rows([("usr/a", b"1"), ("./usr/a", b"2")])))


def test_a_hard_link_needs_a_file_before_it() -> None:
    good = [(maker.member("a"), b"x"), (maker.member("b", tarfile.LNKTYPE, "a"), b"")]
    chain = [*good, (maker.member("c", tarfile.LNKTYPE, "./b"), b"")]
    assert read_tar(maker.tar(chain))["c"][0].target == "a"
    for bad in (good[::-1], [(maker.member("b", tarfile.LNKTYPE, "../a"), b"")]):
        with pytest.raises(VerificationError):
            read_tar(maker.tar(bad))


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_and_large_numbers_are_read(form: int) -> None:
    path = "usr/" + "/".join(["x" * 60] * 5)
    info = maker.member(path, uid=5_000_000, gid=3_000_000)
    link = maker.member("usr/l", tarfile.SYMTYPE, "y" * 200)
    found = read_tar(maker.tar([(info, b"abc"), (link, b"")], form))
    assert (found[path][0].uid, found[path][0].gid, found[path][1]) == (5_000_000, 3_000_000, b"abc")
    assert found["usr/l"][0].target == "y" * 200


def test_names_split_by_ustar_are_joined() -> None:
    path = "usr/" + "/".join(["x" * 60] * 3)
    assert list(read_tar(maker.tar([(maker.member(path), b"a")], tarfile.USTAR_FORMAT))) == [path]


def test_attributes_are_read_and_unknown_records_refused() -> None:
    info = maker.member("a", pax_headers={"SCHILY.xattr.security.capability": "abc", "comment": "none"})
    assert read_tar(maker.tar([(info, b"")], tarfile.PAX_FORMAT))["a"][0].xattrs == (("security.capability", b"abc"),)
    sparse = maker.member("a", pax_headers={"GNU.sparse.size": "10"})
    with pytest.raises(VerificationError, match="not known"):
        read_tar(maker.tar([(sparse, b"")], tarfile.PAX_FORMAT))


def test_devices_keep_their_numbers() -> None:
    info = maker.member("dev/null", tarfile.CHRTYPE, devmajor=1, devminor=3)
    assert read_tar(maker.tar([(info, b"")]))["dev/null"][0].device == (1, 3)


def test_a_wrong_checksum_is_refused() -> None:
    data = bytearray(maker.tar([(maker.member("a"), b"x")]))
    data[0] ^= 1
    with pytest.raises(VerificationError, match="checksum"):
        read_tar(bytes(data))


def test_data_behind_the_end_is_refused() -> None:
    with pytest.raises(VerificationError, match="after its end"):
        read_tar(maker.tar([]) + b"x")


def test_contents_that_are_not_asked_for_are_passed_over() -> None:
    data = maker.tar(maker.rows([("a", b"1" * 5000), ("b", b"2")]))
    assert [entry.path for entry, _ in read_archive(io.BytesIO(data), "x")] == ["a", "b"]


def test_a_bomb_is_refused_before_it_fills_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DEB_DATA_SIZE", 8 << 20)
    size = 64 << 20
    block = maker.member("a")
    block.size = size
    bomb = lzma.compress(block.tobuf() + bytes(size + 1024), preset=0)
    control = lzma.compress(maker.tar(maker.rows([("control", b"Package: a\nVersion: 1\nArchitecture: all\n")])))
    data = maker.ar([("debian-binary", b"2.0\n"), ("control.tar.xz", control), ("data.tar.xz", bomb)])
    path = tmp_path / "app.deb"
    sha256 = maker.write(path, data)
    tracemalloc.start()
    try:
        with pytest.raises(VerificationError, match="larger than is allowed"), open_deb(path, sha256) as deb:
            list(deb.data)
        assert tracemalloc.get_traced_memory()[1] < 24 << 20
    finally:
        tracemalloc.stop()


def test_a_huge_dictionary_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "XZ_MEMORY", 1 << 20)
    with pytest.raises(VerificationError, match="decompressed"):
        read(tmp_path, maker.deb([("a", b"x")]))


def test_too_many_entries_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DEB_ENTRIES", 10)
    with pytest.raises(VerificationError, match="more than 10 entries"):
        read_tar(maker.tar(maker.rows([(f"a{n}", b"") for n in range(11)])))


@pytest.mark.parametrize(
    "control",
    [b"", b"no colon\n", b"Package: a\nPackage: b\n", b"Package: a\nVersion: 1\n", b"Package: \xff\n", b" early\n"],
)
def test_a_broken_control_file_is_refused(tmp_path: Path, control: bytes) -> None:
    files = lzma.compress(maker.tar(maker.rows([("control", control)])))
    data = maker.ar([("debian-binary", b"2.0\n"), ("control.tar.xz", files), ("data.tar.xz", files)])
    with pytest.raises(VerificationError):
        read(tmp_path, data)


_TAR = maker.tar(
    [
        *maker.rows([("./", None), ("./usr/", None), ("./usr/a", b"abc" * 300), ("./usr/l", "a")]),
        (maker.member("./usr/h", tarfile.LNKTYPE, "./usr/a"), b""),
        (maker.member("./usr/" + "n" * 120), b"long"),
        (maker.member("./usr/x", pax_headers={"SCHILY.xattr.user.a": "1"}), b"y"),
    ],
    tarfile.PAX_FORMAT,
)
_DEB = maker.deb([("./usr/", None), ("./usr/a", b"abc" * 50)], control=[("./postinst", b"exit 0\n")])
_PLAIN = maker.deb(data=_TAR, compression="")


def mutated(sound: bytes) -> st.SearchStrategy[bytes]:
    """The sound bytes with some changed, cut out or put in."""
    change = st.tuples(st.integers(0, len(sound)), st.integers(0, 3), st.binary(max_size=12))

    def apply(changes: list[tuple[int, int, bytes]]) -> bytes:
        data = bytearray(sound)
        for place, kind, piece in changes:
            if kind < 2:
                data[place : place + len(piece)] = piece
            elif kind == 2:
                data[place:place] = piece
            else:
                del data[place : place + 700]
        return bytes(data)

    return st.lists(change, min_size=1, max_size=4).map(apply)


def resummed(data: bytes) -> bytes:
    """The archive with the checksum of each 512 bytes made right, so that what is behind the check is reached."""
    out = bytearray(data)
    for at in range(0, len(out) - 511, 512):
        block = out[at : at + 512]
        if block[257:262] == b"ustar":
            total = sum(block) - sum(block[148:156]) + 8 * 0x20
            out[at + 148 : at + 156] = b"%06o\0 " % total
    return bytes(out)


@settings(max_examples=300)
@given(mutated(_TAR))
def test_no_archive_breaks_the_reader(data: bytes) -> None:
    for attempt in (data, resummed(data)):
        try:
            found = read_tar(attempt)
        except VerificationError:
            continue
        for path, (entry, contents) in found.items():
            assert not path.startswith("/")
            assert not {"", ".", ".."} & set(path.split("/"))
            assert len(contents) == entry.size <= len(attempt)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutated(_DEB) | mutated(_PLAIN))
def test_no_package_breaks_the_reader(tmp_path: Path, data: bytes) -> None:
    try:
        control, _ = read(tmp_path, data)
    except VerificationError:
        return
    assert {"Package", "Version", "Architecture"} <= control.fields.keys()
