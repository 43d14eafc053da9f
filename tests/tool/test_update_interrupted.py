"""The program that updates, on a machine that is a folder: killed at any moment, cut off, lied to, started twice.

Slots and ESP are files, the repository is a real one behind the server of `adamant repo serve`, and the program is the
one of adamant-update.service, as a process of its own where it is killed.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from adamant.core import files, verity_tree
from adamant.model.arch import NAMES
from adamant.model.digest import RootHash
from adamant.model.errors import VerificationError
from adamant.model.layout import BLOCK
from adamant.model.posture import FILE
from adamant.node import efivars, record
from adamant.node.reading import RELEASE
from adamant.node.update import entries, run, state, trust
from adamant.node.update.devices import BlockDevice, source
from adamant.node.update.esp import FOLDER, EspFolder
from adamant.release import index
from adamant.release.index import Offer
from adamant.release.serving import make_server
from tests.tool.test_release_repository import Shop
from tests.unit.power_cuts import Made, made

SOURCE = Path(run.__file__).parents[3]
ARCH = next(arch for arch, names in NAMES.items() if names.kernel == os.uname().machine)
SLOT_BLOCKS = 2048
_PIECE = 16 << 10


def image(*names: object) -> bytes:
    return b"".join(bytes(BLOCK) if n == 0 else random.Random(str(n)).randbytes(BLOCK) for n in names)


OLD = made("1", image(*range(1, 1000)))
NEXT = made("2", image(*range(200, 900), 0, 0, *range(2000, 3100)), kernel=b"another kernel" * 20_000)
LATER = made("3", image(*range(200, 900), 0, 0, *range(2000, 2900), *range(4000, 4200)))


@dataclass
class Server:
    """A web server that counts what it sends, dribbles, dies after so many bytes, or changes an answer."""

    base: str = ""
    sent: list[tuple[str, int, int]] = field(default_factory=list)
    dies_after: int | None = None
    pause: float = 0.0
    lie: Callable[[Any], None] | None = None
    """Changes the request, before it is answered."""
    cut_short: bool = False

    def total(self) -> int:
        return sum(length for _, _, length in self.sent)

    def dead(self) -> bool:
        return self.dies_after is not None and self.total() >= self.dies_after

    def blocks(self) -> Counter[int]:
        """How often each whole block of a usr image was sent."""
        counts: Counter[int] = Counter()
        at_bytes: Counter[int] = Counter()
        for path, first, length in self.sent:
            if path.endswith(".usr"):
                for block in range(first // BLOCK, -(-(first + length) // BLOCK)):
                    begin, end = max(first, block * BLOCK), min(first + length, (block + 1) * BLOCK)
                    at_bytes[block] += end - begin
        for block, size in at_bytes.items():
            counts[block] = size // BLOCK
        return counts


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    state_ = Server()
    with make_server(folder, "127.0.0.1", 0) as server:
        plain: Any = server.RequestHandlerClass

        class Handler(plain):  # type: ignore[misc]  # the class of the server
            def _answer(self, *, body: bool) -> None:
                if state_.dead():
                    self.close_connection = True
                    return
                if state_.lie is not None and self.path.endswith(".usr"):
                    state_.lie(self)
                super()._answer(body=body)

            def _send(self, path: Path, first: int, last: int) -> None:
                with path.open("rb") as data:
                    data.seek(first)
                    while first <= last and not state_.dead():
                        piece = data.read(min(_PIECE, last + 1 - first))
                        self.wfile.write(piece)
                        state_.sent.append((path.name, first, len(piece)))
                        first += len(piece)
                        time.sleep(state_.pause)
                        if state_.cut_short and path.name.endswith(".usr"):
                            break
                self.close_connection = self.close_connection or first <= last

        server.RequestHandlerClass = Handler
        server.daemon_threads = True
        server.block_on_close = False
        server.handle_error = lambda *_arguments: None  # type: ignore[method-assign]  # readers are killed here
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        state_.base = f"http://127.0.0.1:{server.server_address[1]}"
        yield state_
        server.shutdown()


class Computer:
    """A machine whose root is a folder: it runs OLD from slot A."""

    def __init__(self, root: Path, trusted: bytes) -> None:
        self.root = root
        self._put(RELEASE, b"IMAGE_ID=host\nIMAGE_VERSION=1\n")
        self._put(FILE, OLD.release.posture.value.encode())
        self._put(trust.ROOT, trusted)
        self._put(record.FILE, b'{"slot": "usr-a", "disk": "vda", "times": {"init": 1}}')
        name = "\\EFI\\Linux\\host_1.efi\0".encode("utf-16-le")
        self._put(f"{efivars.FOLDER}/StubImageIdentifier-{efivars.LOADER}", bytes(4) + name)
        self._put(f"efi/{FOLDER}/host_1.efi", OLD.uki)
        for label, content in (("usr-a", OLD.usr), ("usr-b", b""), ("usr-a-verity", OLD.tree), ("usr-b-verity", b"")):
            size = (64 if label.endswith("verity") else SLOT_BLOCKS) * BLOCK
            self._put(f"dev/disk/by-partlabel/{label}", content.ljust(size, b"\0"))

    def _put(self, path: str, data: bytes) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(data)

    def ask(self, base: str, **more: Any) -> None:
        state.ask(self.root, state.Request("stage", repository=base, **more))

    def update(self, base: str, **more: Any) -> state.Progress:
        """An update to its end; what it said last."""
        self.ask(base, **more)
        run.main(self.root)
        return self.told()

    def told(self) -> state.Progress:
        return state.progress(self.root)

    def start(self) -> "subprocess.Popen[bytes]":
        """The program, as a process of its own."""
        code = (
            "import sys, pathlib; from adamant.node.update.run import main; sys.exit(main(pathlib.Path(sys.argv[1])))"
        )
        return subprocess.Popen(
            [sys.executable, "-c", code, str(self.root)],
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
            stderr=subprocess.DEVNULL,
        )

    def boots(self) -> list[str]:
        """Versions in the boot menu, in its order. Each must have a slot that is whole: no other entry may exist."""
        found = []
        for entry in entries.order(EspFolder(self.root / "efi").entries()):
            uki = (self.root / "efi" / FOLDER / entry.name).read_bytes()
            root_hash = RootHash(uki.partition(b"usrhash=")[2][:64].decode())
            assert any(self._is_whole(label, root_hash) for label in ("usr-a", "usr-b")), f"{entry.name} would not boot"
            found.append(entry.version)
        return found

    def _is_whole(self, label: str, root_hash: RootHash) -> bool:
        folder = self.root / "dev/disk/by-partlabel"
        data, tree_device = BlockDevice(folder / label), BlockDevice(folder / f"{label}-verity")
        try:
            tree = verity_tree.read_tree(source(label, tree_device), root_hash)
        except VerificationError:
            return False
        else:
            part = source(label, data).part(label, 0, tree.superblock.data_blocks * BLOCK)
            return not list(verity_tree.broken_blocks(part, tree))
        finally:
            data.close()
            tree_device.close()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A repository with the releases 1 and 2."""
    shop = Shop(tmp_path)
    publish(shop, OLD)
    publish(shop, NEXT)
    return shop


def publish(shop: Shop, release: Made) -> None:
    one = msgspec.structs.replace(release.release, arch=ARCH)
    content = {}
    parts = ((one.usr, release.usr), (one.verity, release.tree), (one.uki, release.uki), (one.manifest, b"{}"))
    for file, data in parts:
        content[file.path] = shop.home / file.path.replace("/", "-")
        content[file.path].write_bytes(data)
    known = index.add(shop.repository.index("host"), one)
    shop.repository.publish(index.offer(known, Offer("stable", one.version, ARCH)), content, shop.signers)


@pytest.fixture
def server(shop: Shop) -> Iterator[Server]:
    with serving(shop.folder) as made_:
        yield made_


@pytest.fixture
def computer(shop: Shop, tmp_path: Path) -> Computer:
    return Computer(tmp_path / "root", shop.root)


def test_an_update_goes_to_its_end(computer: Computer, server: Server) -> None:
    assert computer.boots() == ["1"]
    last = computer.update(server.base)
    assert (last.state, last.version) == ("done", "2"), last
    assert computer.boots() == ["2", "1"]
    assert state.read(computer.root).staged == "2"
    assert set(server.blocks().values()) == {1}
    assert len(server.blocks()) == 1100


def test_killed_at_any_moment_it_leaves_a_machine_that_boots_and_goes_on_the_next_time(
    computer: Computer, server: Server
) -> None:
    chance = random.Random()
    whole = len(NEXT.uki) + 1100 * BLOCK
    server.pause = 0.0005
    killed = 0
    for share in (0.0, 0.02, 0.2, 0.5, 0.8, 0.97, 0.999):
        left = whole - server.total()
        until = server.total() + max(1, int(left * share * chance.uniform(0.8, 1)))
        computer.ask(server.base)
        program = computer.start()
        while program.poll() is None and server.total() < until:
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.05))
        program.send_signal(signal.SIGKILL)
        killed += program.wait() == -signal.SIGKILL
        menu = computer.boots()
        assert menu in (["1"], ["2", "1"]), menu
    assert killed >= 4
    server.pause = 0
    assert computer.update(server.base).state == "done"
    assert computer.boots() == ["2", "1"]
    # What was on its way to a process that was killed is sent again; nothing that was written is.
    assert server.total() < whole + 8 * len(NEXT.tree) + killed * (1 << 20)


def test_a_server_that_dies_again_and_again_sends_no_block_twice(computer: Computer, server: Server) -> None:
    chance = random.Random()
    for _ in range(5):
        server.dies_after = server.total() + len(NEXT.tree) + 20_000 + chance.randrange(600_000)
        last = computer.update(server.base)
        assert last.state == "failed"
        assert last.reference in {"origin-failed", "origin-unreachable"}, last
        assert computer.boots() == ["1"]
    server.dies_after = None
    assert computer.update(server.base).state == "done"
    assert computer.boots() == ["2", "1"]
    assert set(server.blocks().values()) == {1}
    assert len(server.blocks()) == 1100


def test_a_release_that_is_withdrawn_while_it_is_staged_is_not_gone_on_with(
    shop: Shop, computer: Computer, server: Server
) -> None:
    server.dies_after = 3_000_000
    assert computer.update(server.base).state == "failed"
    server.dies_after = None
    withdrawn = index.withdraw(shop.repository.index("host"), "2", ARCH, "it loses routes")
    shop.repository.publish(withdrawn, {}, shop.signers)
    assert computer.update(server.base).reference == "no-update"
    last = computer.update(server.base, version="2")
    assert (last.reference, "it loses routes" in last.message) == ("release-withdrawn", True)
    assert computer.boots() == ["1"]
    before = sum(server.blocks().values())
    publish(shop, LATER)
    assert computer.update(server.base).state == "done"
    assert computer.boots() == ["3", "1"]
    assert sum(server.blocks().values()) - before < 700  # of 1100 blocks: what release 2 left in the slot counts


def _without_range(request: Any) -> None:
    del request.headers["Range"]


def _another_range(request: Any) -> None:
    first, last = (int(number) for number in request.headers["Range"].removeprefix("bytes=").split("-"))
    request.headers.replace_header("Range", f"bytes={first + BLOCK}-{last}")


def _touching(shop: Shop) -> Callable[[Any], None]:
    """The file is put in its place anew between two ranges."""

    def touch(request: Any) -> None:
        if "If-Range" in request.headers:
            os.utime(next((shop.folder / "targets/host/2").glob("*.usr")), ns=(1, 1))

    return touch


@pytest.mark.parametrize(
    ("lie", "why"),
    [
        (_without_range, "the server ignores ranges"),
        (_another_range, "answers with another range"),
        ("touch", "changed while it was fetched"),
        ("cut short", "before the end"),
    ],
    ids=["200", "another range", "changed", "cut short"],
)
def test_a_server_that_answers_otherwise_ends_it_by_name_and_the_next_time_it_goes_on(
    shop: Shop, computer: Computer, server: Server, lie: Any, why: str
) -> None:
    server.cut_short = lie == "cut short"
    server.lie = _touching(shop) if lie == "touch" else None if server.cut_short else lie
    last = computer.update(server.base)
    assert (last.state, last.reference) == ("failed", "origin-failed"), last
    assert why in last.message
    assert computer.boots() == ["1"]
    server.lie, server.cut_short = None, False
    assert computer.update(server.base).state == "done"
    assert computer.boots() == ["2", "1"]


def test_a_second_update_ends_at_once_and_does_not_speak_for_the_first(computer: Computer, server: Server) -> None:
    computer.ask(server.base)
    with files.locked(computer.root / "run/adamant/update/lock", "the update"):
        before = computer.told()
        second = computer.start()
        assert second.wait(30) == 1
        assert computer.told() == before
        assert server.total() == 0
    assert run.main(computer.root) == 0
    assert computer.told().state == "done"


def test_a_lock_that_a_killed_update_held_is_free(computer: Computer, server: Server) -> None:
    server.pause = 0.01
    computer.ask(server.base)
    first = computer.start()
    while server.total() < 100_000:
        assert first.poll() is None
        time.sleep(0.001)
    first.kill()
    first.wait()
    server.pause = 0
    assert computer.update(server.base).state == "done"
    assert computer.boots() == ["2", "1"]


def test_a_release_that_is_older_is_not_said_to_boot_before_the_newer_one_is_given_up(
    shop: Shop, computer: Computer, server: Server
) -> None:
    older = made("0.9", NEXT.usr)
    publish(shop, older)
    last = computer.update(server.base, version="0.9", force=True)
    assert "the newer 1 boots until adamant node rollback" in last.message
    assert computer.boots() == ["1", "0.9"]
    state.ask(computer.root, state.Request("rollback"))
    run.main(computer.root)
    assert computer.told().message == "the next boot starts 0.9"
    assert computer.boots() == ["0.9", "1"]


def small_esp(computer: Computer, monkeypatch: pytest.MonkeyPatch, size: int) -> Path:
    """Give the ESP `size` bytes; its folder."""
    folder = computer.root / "efi" / FOLDER

    def statvfs(_path: Path) -> SimpleNamespace:
        used = sum(path.stat().st_size for path in folder.iterdir())
        return SimpleNamespace(f_bavail=(size - used) // 512, f_frsize=512)

    monkeypatch.setattr(os, "statvfs", statvfs)
    return folder


ROOM_FOR_BOTH = len(OLD.uki) + len(NEXT.uki) + (1 << 20) + 1024


@pytest.mark.parametrize("name", ["adamant.new", "host_0.9.efi", "host_0.9+03.efi"])
def test_what_an_update_removes_first_is_room_for_it(
    computer: Computer, server: Server, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = small_esp(computer, monkeypatch, ROOM_FOR_BOTH)
    (folder / name).write_bytes(NEXT.uki)
    assert computer.update(server.base).state == "done"
    assert computer.boots() == ["2", "1"]
    assert sorted(path.name for path in folder.iterdir()) == ["host_1.efi", "host_2+3.efi"]


@pytest.mark.parametrize("name", ["other.efi", "edge_0.9.efi"])
def test_an_esp_that_others_fill_is_told_before_anything_changes(
    computer: Computer, server: Server, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = small_esp(computer, monkeypatch, ROOM_FOR_BOTH)
    (folder / name).write_bytes(NEXT.uki)
    (folder / "host_0.9.efi").write_bytes(b"small")
    last = computer.update(server.base)
    assert (last.state, last.reference) == ("failed", "esp-full"), last
    assert sorted(path.name for path in folder.iterdir()) == sorted([name, "host_0.9.efi", "host_1.efi"])
    assert not server.blocks()


@pytest.mark.parametrize("path", [f"efi/{FOLDER}", "state/adamant/repository"])
def test_a_folder_that_nothing_can_be_written_to_is_an_error_and_no_bug(
    computer: Computer, server: Server, path: str
) -> None:
    folder = computer.root / path
    folder.mkdir(parents=True, exist_ok=True)
    held = folder.with_name("held")
    folder.rename(held)
    folder.write_bytes(b"no folder")
    last = computer.update(server.base)
    assert (last.state, bool(last.reference)) == ("failed", True), last
    folder.unlink()
    held.rename(folder)
    assert computer.update(server.base).state == "done"
    assert computer.boots() == ["2", "1"]
