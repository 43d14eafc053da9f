"""A package is unpacked once; whatever happens to the cache, a layer is whole or it is made again."""

import hashlib
import os
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.core import events
from adamant.model.digest import Sha256
from adamant.model.errors import AdamantError, InputError, VerificationError
from adamant.model.lock import Package
from adamant.model.tree import Entry, Kind
from adamant.packages import layer
from adamant.packages.filter import EVERYTHING, IMAGE, Filter
from adamant.packages.layer import Layer, decode_index, load_layer, unpack_layers
from tests.unit import deb_maker as maker

ITEMS: list[maker.Row] = [
    ("./usr/", None),
    ("./usr/bin/", None),
    ("./usr/bin/a", b"program" * 500),
    ("./usr/bin/b", b"small"),
    ("./usr/bin/empty", b""),
    ("./usr/bin/l", "a"),
    ("./usr/share/doc/app/copyright", b"licence"),
    ("./usr/share/doc/app/README", b"read me"),
    ("./usr/share/man/man1/a.1.gz", b"manual"),
]


class Shop:
    """A cache and some packages to unpack into it."""

    def __init__(self, folder: Path) -> None:
        self.cache = folder / "cache"
        self.folder = folder
        self.packages: list[Package] = []
        self.debs: dict[Sha256, Path] = {}

    def add(self, data: bytes, name: str = "app") -> Package:
        package = maker.package(data, name)
        path = self.folder / f"{name}.deb"
        self.debs[maker.write(path, data)] = path
        self.packages.append(package)
        return package

    def unpack(self, rules: Filter = IMAGE, workers: int = 2) -> list[Layer]:
        return unpack_layers(self.packages, self.debs, self.cache, workers=workers, rules=rules)

    def files(self) -> dict[str, bytes]:
        return {p.name: p.read_bytes() for p in (self.cache / "layers").iterdir()}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    made.add(maker.deb(ITEMS, control=[("./postinst", b"exit 0\n"), ("./conffiles", b"/etc/app.conf\n")]))
    return made


def contents(entry: Entry) -> bytes:
    assert entry.extent is not None
    with Path(entry.extent.path).open("rb") as file:
        file.seek(entry.extent.offset)
        return file.read(entry.size)


def test_a_layer_holds_the_package(shop: Shop) -> None:
    (found,) = shop.unpack()
    by_path = {entry.path: entry for entry in found.entries}
    assert list(by_path) == [
        "usr", "usr/bin", "usr/bin/a", "usr/bin/b", "usr/bin/empty", "usr/bin/l", "usr/share/doc/app/copyright",
    ]  # fmt: skip
    assert contents(by_path["usr/bin/a"]) == b"program" * 500
    assert by_path["usr/bin/a"].sha256 == hashlib.sha256(b"program" * 500).hexdigest()
    assert contents(by_path["usr/bin/b"]) == b"small"
    assert contents(by_path["usr/bin/empty"]) == b""
    assert {entry.package for entry in found.entries} == {"app"}
    assert found.scripts == {"postinst": "exit 0\n"}
    assert found.conffiles == ("etc/app.conf",)
    assert found.control["Version"] == "1.0"


def test_a_cached_layer_equals_a_fresh_one_and_needs_no_package(shop: Shop) -> None:
    fresh = shop.unpack()
    shop.debs.clear()
    assert shop.unpack() == fresh


def test_the_same_package_gives_the_same_files_anywhere(tmp_path: Path) -> None:
    found = []
    before = os.umask(0)
    try:
        for name, umask in (("one", 0o022), ("two", 0o077)):
            os.umask(umask)
            (tmp_path / name).mkdir()
            made = Shop(tmp_path / name)
            made.add(maker.deb(ITEMS))
            made.unpack()
            found.append(made.files())
    finally:
        os.umask(before)
    assert found[0] == found[1]


def test_another_filter_is_another_layer(shop: Shop) -> None:
    shop.unpack()
    assert "usr/share/man/man1/a.1.gz" in {entry.path for entry in shop.unpack(EVERYTHING)[0].entries}
    assert len(shop.files()) == 4


def test_layers_come_in_the_order_asked_for(shop: Shop) -> None:
    for name in ("zz", "bb", "mm"):
        shop.add(maker.deb([(f"./usr/{name}", os.urandom(3000))], name=name), name)
    for workers in (1, 4):
        assert [found.package.name for found in shop.unpack(workers=workers)] == ["app", "zz", "bb", "mm"]


def cut_segment(home: Path) -> None:
    (segment,) = home.glob("*.seg")
    os.truncate(segment, segment.stat().st_size - 1)


def cut_index(home: Path) -> None:
    (index,) = home.glob("*.idx")
    os.truncate(index, index.stat().st_size // 2)


def flip_index(home: Path) -> None:
    (index,) = home.glob("*.idx")
    data = bytearray(index.read_bytes())
    data[len(data) // 2] ^= 0x10
    index.write_bytes(data)


def empty_index(home: Path) -> None:
    (index,) = home.glob("*.idx")
    index.write_bytes(b"")


def lose_segment(home: Path) -> None:
    (segment,) = home.glob("*.seg")
    segment.unlink()


@pytest.mark.parametrize("damage", [cut_segment, cut_index, flip_index, empty_index, lose_segment])
def test_a_damaged_layer_is_made_again(shop: Shop, damage: Callable[[Path], None]) -> None:
    fresh = shop.unpack()
    whole = shop.files()
    damage(shop.cache / "layers")
    assert load_layer(shop.packages[0], shop.cache / "layers") is None
    assert shop.unpack() == fresh
    assert shop.files() == whole


def test_a_failed_write_leaves_no_layer(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(layer, "_store", full)
    with pytest.raises(AdamantError, match="disk-full"):
        shop.unpack()
    assert shop.files() == {}
    monkeypatch.undo()
    assert len(shop.unpack()[0].entries) == 7


def test_a_write_that_was_killed_is_cleared_away(shop: Shop) -> None:
    key = layer.layer_key(shop.packages[0].sha256, IMAGE)
    left = shop.cache / "layers" / f".{key}.0123456789ab"
    left.mkdir(parents=True)
    (left / "seg").write_bytes(b"half")
    shop.unpack()
    assert len(shop.files()) == 2


def test_two_builds_at_once_leave_whole_layers(shop: Shop) -> None:
    for number in range(6):
        shop.add(maker.deb([("./usr/x", os.urandom(100_000))], name=f"p{number}"), f"p{number}")
    found: list[list[Layer]] = []
    threads = [threading.Thread(target=lambda: found.append(shop.unpack())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(one == found[0] for one in found)
    for package, made in zip(shop.packages, found[0], strict=True):
        assert load_layer(package, shop.cache / "layers") == made


def test_a_package_under_a_wrong_name_is_refused(shop: Shop) -> None:
    data = maker.deb(name="other")
    shop.packages.append(maker.package(data, "expected"))
    shop.debs[maker.write(shop.folder / "x.deb", data)] = shop.folder / "x.deb"
    with pytest.raises(VerificationError, match="deb-other-package"):
        shop.unpack()


def test_a_package_that_was_changed_after_the_fetch_is_refused(shop: Shop) -> None:
    (path,) = shop.debs.values()
    path.write_bytes(maker.deb([("./usr/evil", b"x")]))
    with pytest.raises(VerificationError, match="deb-digest"):
        shop.unpack()


def test_a_missing_package_file_is_named(shop: Shop) -> None:
    (path,) = shop.debs.values()
    path.unlink()
    with pytest.raises(InputError, match="app"):
        shop.unpack()
    shop.debs.clear()
    with pytest.raises(InputError, match=r"app 1\.0"):
        shop.unpack()


def test_a_kept_hard_link_to_a_dropped_file_becomes_the_file(tmp_path: Path) -> None:
    made = Shop(tmp_path)
    rows = maker.rows([("./usr/share/doc/app/big", b"shared" * 200)])
    links = [(maker.member(f"./usr/bin/{n}", tarfile.LNKTYPE, "./usr/share/doc/app/big"), b"") for n in "ab"]
    made.add(maker.deb(data=maker.tar([*rows, *links])))
    one, other = made.unpack()[0].entries
    assert (one.path, one.kind, contents(one)) == ("usr/bin/a", Kind.FILE, b"shared" * 200)
    assert (other.path, other.kind, other.target) == ("usr/bin/b", Kind.HARDLINK, "usr/bin/a")


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    made = Shop(tmp_path)
    made.add(maker.deb([("./usr/caf\udce9", b"x")]))
    with pytest.raises(VerificationError, match="UTF-8"):
        made.unpack()


def test_progress_counts_what_is_unpacked(shop: Shop) -> None:
    seen: list[events.Event] = []
    unpack_layers(shop.packages, shop.debs, shop.cache, seen.append)
    assert seen[0] == events.Started("unpack", 1, "packages")
    assert seen[1] == events.Advanced("unpack", 1, "app")
    assert isinstance(seen[2], events.Finished)
    assert not seen[2].reused
    seen.clear()
    unpack_layers(shop.packages, shop.debs, shop.cache, seen.append)
    (last,) = seen
    assert isinstance(last, events.Finished)
    assert last.reused


def test_an_index_whose_numbers_do_not_fit_is_refused(shop: Shop) -> None:
    shop.unpack()
    data = next(data for name, data in shop.files().items() if name.endswith(".idx"))
    rows = msgspec.msgpack.decode(data[32:])
    for place, value in ((1, 99), (6, 1 << 40), (7, 1 << 40), (7, -1), (8, b"short")):
        changed = msgspec.msgpack.decode(data[32:])
        changed[1][2][place] = value
        body = msgspec.msgpack.encode(changed)
        assert decode_index(hashlib.sha256(body).digest() + body) is None
    body = msgspec.msgpack.encode(rows)
    assert decode_index(hashlib.sha256(body).digest() + body) is not None


@given(st.binary(max_size=200))
def test_no_index_breaks_the_loader(body: bytes) -> None:
    decode_index(body)
    decode_index(hashlib.sha256(body).digest() + body)


def test_the_filter_keeps_licences_and_drops_what_no_program_reads() -> None:
    kept = [
        "usr/bin/man",
        "usr/share/doc",
        "usr/share/doc/a",
        "usr/share/doc/a/copyright",
        "usr/share/common-licenses/GPL-2",
    ]
    dropped = [
        "usr/share/doc/a/README",
        "usr/share/doc/a/b/copyright",
        "usr/share/man/man1/x.1",
        "usr/share/locale/de/x",
    ]
    assert [path for path in [*kept, *dropped] if IMAGE.wants(path)] == kept
    assert EVERYTHING.wants("usr/share/man/man1/x.1")
    assert IMAGE.identity != EVERYTHING.identity


def test_layers_go_when_nobody_asked_for_them_in_two_months(shop: Shop) -> None:
    shop.unpack()
    used = set(shop.files())
    shop.add(maker.deb([("./usr/b", b"x")], name="b"), "b")
    shop.packages = shop.packages[1:]
    for path in (shop.cache / "layers").iterdir():
        os.utime(path, (0, 0))
    shop.unpack()
    assert not used & set(shop.files())


def test_a_use_keeps_a_layer(shop: Shop) -> None:
    shop.unpack()
    for path in (shop.cache / "layers").iterdir():
        os.utime(path, (0, 0))
    shop.unpack()
    assert all(path.stat().st_mtime > 1e9 for path in (shop.cache / "layers").iterdir())
