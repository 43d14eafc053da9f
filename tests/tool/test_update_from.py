"""An update from an export that a client carries: the command, the API, the relay and the program that updates."""

import datetime
import json
import platform
import random
import shutil
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
import pytest

from adamant.api import client, contexts, methods, pki
from adamant.api import update_pb2 as pb
from adamant.api.contexts import Context
from adamant.api.identity import Role
from adamant.cli.node.sender import Sender
from adamant.core import limits
from adamant.model.arch import Arch
from adamant.model.digest import sha256
from adamant.model.errors import AdamantError
from adamant.model.layout import BLOCK
from adamant.node import efivars, server, upgrade
from adamant.node.calls import Call
from adamant.node.events import Events
from adamant.node.systemd import Unit
from adamant.node.update import asking
from adamant.release import index
from adamant.release.exported import Exported, open_export
from adamant.release.index import File, Offer
from adamant.release.repository import Repository
from adamant.release.signers import Signers
from tests.image.conftest import COMMAND
from tests.unit.power_cuts import Made, made

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="the releases of this test are for amd64")

NOW = datetime.datetime.now(datetime.UTC)
CA = pki.make_authority("cluster", NOW)
NODE = pki.issue_node(CA, ["m1"], NOW)
BLOCKS, SAME = 3600, 1200
"""Blocks of an image, and those of release 2 that release 1 has too. What is left takes three requests."""
PROGRAM = (
    "import sys; from pathlib import Path; from adamant.node.update import run; sys.exit(run.main(Path(sys.argv[1])))"
)
STAGE = pb.UpgradeRequest(action=pb.UPGRADE_ACTION_STAGE)


class Manager:
    """What systemd does with adamant-update.service: the program as a process of its own."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.programs: list[subprocess.Popen[bytes]] = []

    def __call__(self) -> Any:
        return self

    def __enter__(self) -> "Manager":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def units(self, _states: Sequence[str], _patterns: Sequence[str]) -> list[Unit]:
        runs = any(program.poll() is None for program in self.programs)
        return [Unit(asking.UNIT, "loaded", "active", "running", "", "")] if runs else []

    def act(self, _verb: str, _unit: str) -> None:
        self.programs.append(subprocess.Popen([sys.executable, "-c", PROGRAM, str(self._root)]))

    def settle(self) -> None:
        """Wait until the program has ended."""
        for program in self.programs:
            program.wait(60)


class Machine:
    """A machine that runs release 1, serves its API, and reaches no repository."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.manager = Manager(self.root)
        self.events = Events()
        chance = random.Random(7)
        shared = chance.randbytes(SAME * BLOCK)
        self.old = made("1", shared + chance.randbytes((BLOCKS - SAME) * BLOCK))
        self.new = made("2", shared + chance.randbytes((BLOCKS - SAME) * BLOCK))
        self.repository = Repository(folder / "repo", NOW)
        signers = Signers(folder / "keys")
        self.repository.init(signers, 1, 1)
        for one in (self.old, self.new):
            self._publish(folder / one.release.version, one, signers)
        for path, data in {
            "usr/lib/os-release": b"IMAGE_ID=host\nIMAGE_VERSION=1\n",
            "usr/lib/adamant/posture": b"guarded\n",
            "usr/lib/adamant/repository/root.json": self.repository.root(),
            "run/adamant/boot.json": b'{"slot": "usr-a", "disk": "vda", "times": {}}',
            "proc/sys/kernel/random/boot_id": b"a" * 32,
            "efi/EFI/Linux/host_1.efi": self.old.uki,
            f"{efivars.FOLDER}/StubImageIdentifier-{efivars.LOADER}": b"\6\0\0\0" + "host_1.efi\0".encode("utf-16-le"),
            "dev/disk/by-partlabel/usr-a": self.old.usr,
            "dev/disk/by-partlabel/usr-a-verity": self.old.tree.ljust(64 * BLOCK, b"\0"),
            "dev/disk/by-partlabel/usr-b": bytes(BLOCKS * BLOCK),
            "dev/disk/by-partlabel/usr-b-verity": bytes(64 * BLOCK),
        }.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_bytes(data)

    def _publish(self, folder: Path, one: Made, signers: Signers) -> None:
        folder.mkdir()
        path = f"host/{one.release.version}/sbom"
        release = msgspec.structs.replace(one.release, sbom=File(path, 2, sha256(b"[]")))
        content: dict[str, Path] = {}
        data = {release.usr: one.usr, release.verity: one.tree, release.uki: one.uki}
        for file in release.files:
            content[file.path] = folder / file.path.rpartition("/")[2]
            content[file.path].write_bytes(data.get(file, b"[]" if file == release.sbom else b"{}"))
        found = index.add(self.repository.index("host"), release)
        found = index.offer(found, Offer("stable", release.version, release.arch))
        self.repository.publish(found, content, signers)

    def answer(self, requests: Any, call: Call) -> Iterator[pb.UpgradeFromResponse]:
        return upgrade.answer_from(requests, call, self.root, self.events, self.manager)

    def staged(self) -> bool:
        """Whether release 2 lies whole in its slot, and is on trial at the next boot."""
        slot = self.root / "dev/disk/by-partlabel"
        entry = self.root / "efi/EFI/Linux/host_2+3.efi"
        return (
            (slot / "usr-b").read_bytes() == self.new.usr
            and (slot / "usr-b-verity").read_bytes()[: len(self.new.tree)] == self.new.tree
            and entry.exists()
            and entry.read_bytes() == self.new.uki
        )

    def untouched(self) -> bool:
        """Whether nothing boots but release 1."""
        return [path.name for path in (self.root / "efi/EFI/Linux").iterdir()] == ["host_1.efi"]

    def said(self) -> list[str]:
        """Events about updates."""
        found = self.events.follow(0, (), 0, wait=False, alive=lambda: True)
        return [event.message for event in found if "update" in event.message or "staged" in event.message]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def archive(machine: Machine, tmp_path: Path) -> Path:
    out = tmp_path / "host-2.tar"
    machine.repository.export("host", "2", Arch.AMD64, out)
    return out


@pytest.fixture
def node(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[client.Node]:
    """A client of the machine; the command has it as its context."""

    def nothing(_request: Any, _call: Call) -> Any:
        raise AdamantError("nothing", "this test answers no such method")

    table = {**dict.fromkeys(methods.BY_NAME, nothing), "UpgradeFrom": machine.answer}
    running, port = server.start(table, machine.events, "127.0.0.1:0", CA.certificate, NODE.certificate, NODE.key)
    home = tmp_path / "config"
    home.mkdir()
    monkeypatch.setenv("ADAMANT_CONFIG", str(home))
    monkeypatch.delenv("ADAMANT_CONTEXT", raising=False)
    pair = pki.issue_client(CA, "mary", Role.UPDATER, NOW)
    for name, data in (("ca.crt", CA.certificate), ("a.crt", pair.certificate), ("a.key", pair.key)):
        (home / name).write_bytes(data)
    address = f"127.0.0.1:{port}"
    contexts.put("m", Context(address, ca="ca.crt", certificate="a.crt", key="a.key"))
    try:
        with client.connect(address, pki.Credentials(CA.certificate, pair.certificate, pair.key)) as made_node:
            yield made_node
    finally:
        running.stop(0).wait()
        machine.manager.settle()


def command(source: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """Exit code and last word of the command."""
    argv = [*COMMAND, "node", "upgrade", "--from", str(source), "--json", *options]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    assert done.stdout, done.stderr
    last: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return done.returncode, last


class Counted:
    """An export that notes what is read of it; `twist` may change an answer."""

    def __init__(self, path: Path, twist: Callable[[str, Iterator[bytes]], Iterator[bytes]] | None = None) -> None:
        self._exported: Exported = open_export(path)
        self._twist = twist
        self.given: list[tuple[str, int, int]] = []

    def size(self, path: str) -> int:
        return self._exported.size(path)

    def read(self, path: str, first: int, size: int) -> Iterator[bytes]:
        found = self._exported.read(path, first, size)
        for data in self._twist(path, found) if self._twist else found:
            self.given.append((path, first, len(data)))
            first += len(data)
            yield data

    def blocks(self) -> list[int]:
        """Blocks of the image that were given."""
        return [
            block
            for path, first, size in self.given
            if path.endswith(".usr")
            for block in range(first // BLOCK, (first + size) // BLOCK)
        ]


def send(node: client.Node, exported: Exported, stop: Callable[[], bool] = lambda: False) -> list[pb.UpgradeProgress]:
    """Update from `exported`, or until `stop` says that the client goes away; the progress."""
    sender = Sender(exported, STAGE)
    seen = []
    try:
        with closing(node.stream("UpgradeFrom", sender.messages())) as answers:
            for answer in answers:
                if answer.WhichOneof("message") == "read":
                    sender.ask(answer.read)
                else:
                    seen.append(answer.progress)
                if stop():
                    break
    finally:
        sender.end()
    return seen


def failing(node: client.Node, exported: Exported) -> AdamantError:
    """The error of an update that does not work."""
    with pytest.raises(AdamantError) as caught:
        send(node, exported)
    return caught.value


def test_the_command_takes_a_machine_without_a_network_to_a_release(
    machine: Machine, node: client.Node, archive: Path
) -> None:
    code, estimate = command(archive, "--estimate")
    assert code == 0, estimate
    assert machine.untouched()
    code, staged = command(archive)
    assert (code, staged["finished"]) == (6, True), staged
    assert (staged["fetched"], staged["requests"]) == (estimate["fetched"], estimate["requests"])
    assert machine.staged()
    assert machine.said() == ["2 is staged in usr-b, by delta; the next boot tries it"]


def test_only_what_the_machine_needs_is_sent(machine: Machine, node: client.Node, archive: Path) -> None:
    exported = Counted(archive)
    last = send(node, exported)[-1]
    assert machine.staged()
    assert sorted(exported.blocks()) == list(range(SAME, BLOCKS))
    files = sum(size for path, _, size in exported.given if path.startswith("targets/") and "releases" not in path)
    assert files == last.fetched
    kept = [path for folder in ("run", "state") for path in (machine.root / folder).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in kept) < 100_000, "something of the export stays on the machine"


@pytest.mark.parametrize("below", ["", "host-2"])
def test_a_folder_and_an_archive_of_it_do_as_well(
    machine: Machine, node: client.Node, tmp_path: Path, below: str
) -> None:
    folder = tmp_path / "export"
    machine.repository.export("host", "2", Arch.AMD64, folder)
    if below:
        with tarfile.open(tmp_path / "made.tar", "w") as made_archive:
            made_archive.add(folder, below)
        shutil.rmtree(folder)
    send(node, open_export(tmp_path / "made.tar" if below else folder))
    assert machine.staged()


def test_an_update_whose_client_goes_away_fails_by_name_and_goes_on_later(
    machine: Machine, node: client.Node, archive: Path
) -> None:
    first, second = Counted(archive), Counted(archive)
    send(node, first, stop=lambda: len(first.blocks()) > 1100)  # in its second request of the image
    machine.manager.settle()
    progress = json.loads((machine.root / "run/adamant/update/progress.json").read_bytes())
    assert (progress["state"], progress["reference"]) == ("failed", "sender-gone")
    assert machine.untouched()
    slot = (machine.root / "dev/disk/by-partlabel/usr-b").read_bytes()
    kept = {
        n for n in range(BLOCKS) if slot[n * BLOCK : (n + 1) * BLOCK] == machine.new.usr[n * BLOCK : (n + 1) * BLOCK]
    }
    assert len(kept) >= SAME + 1024, "a request that was answered was written"
    send(node, second)
    assert machine.staged()
    assert kept.isdisjoint(second.blocks())
    assert sorted(kept | set(second.blocks())) == list(range(BLOCKS))
    assert any("went away" in text for text in machine.said())


def test_two_clients_at_once_do_not_mix(machine: Machine, node: client.Node, archive: Path) -> None:
    second: list[AdamantError] = []

    def twist(path: str, found: Iterator[bytes]) -> Iterator[bytes]:
        if not second:
            second.append(failing(node.again(), open_export(archive)))
        return found

    send(node, Counted(archive, twist))
    assert [error.reference for error in second] == ["update-running"]
    assert machine.staged()


def shorter(_path: str, found: Iterator[bytes]) -> Iterator[bytes]:
    for data in found:
        yield data[:-1]


def longer(_path: str, found: Iterator[bytes]) -> Iterator[bytes]:
    for data in found:
        yield data + b"x"


def garbage(path: str, found: Iterator[bytes]) -> Iterator[bytes]:
    for data in found:
        yield random.randbytes(len(data)) if path.endswith(".usr") else data


def huge(_path: str, _found: Iterator[bytes]) -> Iterator[bytes]:
    yield bytes(limits.SENT_PIECE + 1)


@pytest.mark.parametrize(
    ("twist", "reference", "why"),
    [
        (shorter, "repository-untrusted", ""),
        (lambda path, found: shorter(path, found) if "verity" in path else found, "origin-failed", "before the end"),
        (lambda path, found: longer(path, found) if "verity" in path else found, "origin-failed", "more than the"),
        (lambda path, found: longer(path, found) if "timestamp" in path else found, "repository-untrusted", ""),
        (garbage, "block-differs", ""),
        (huge, "sender-gone", ""),
    ],
)
def test_a_client_that_answers_otherwise_is_found_out(
    machine: Machine, node: client.Node, archive: Path, twist: Any, reference: str, why: str
) -> None:
    error = failing(node, Counted(archive, twist))
    assert error.reference == reference
    assert why in error.message
    machine.manager.settle()
    assert machine.untouched()
    send(node, open_export(archive))
    assert machine.staged(), "an attempt that failed spoils the next one"


def test_an_export_that_was_signed_by_others_is_not_believed(
    machine: Machine, node: client.Node, tmp_path: Path
) -> None:
    other = Machine(tmp_path / "other")
    other.repository.export("host", "2", Arch.AMD64, tmp_path / "other.tar")
    assert failing(node, open_export(tmp_path / "other.tar")).reference == "repository-untrusted"
    assert machine.untouched()


def test_an_export_of_another_release_says_which_file_is_missing(
    machine: Machine, node: client.Node, tmp_path: Path
) -> None:
    machine.repository.export("host", "1", Arch.AMD64, tmp_path / "one.tar")
    error = failing(node, open_export(tmp_path / "one.tar"))
    assert error.reference == "origin-failed"
    assert "verity is not in it" in error.message


def test_an_archive_that_becomes_shorter_under_the_transfer_is_told(
    machine: Machine, node: client.Node, archive: Path
) -> None:
    exported = open_export(archive)
    with archive.open("r+b") as out:
        out.truncate(100_000)
    error = failing(node, exported)
    assert error.reference in {"origin-failed", "repository-untrusted"}
    assert machine.untouched()


@pytest.mark.parametrize(
    "first",
    [
        pb.UpgradeFromRequest(),
        pb.UpgradeFromRequest(piece=pb.UpgradePiece(number=1, data=b"x")),
        pb.UpgradeFromRequest(start=pb.UpgradeRequest(action=pb.UPGRADE_ACTION_ROLLBACK)),
        pb.UpgradeFromRequest(start=pb.UpgradeRequest(action=pb.UPGRADE_ACTION_STAGE, repository="http://x")),
    ],
)
def test_what_is_no_beginning_starts_nothing(machine: Machine, node: client.Node, first: pb.UpgradeFromRequest) -> None:
    with pytest.raises(AdamantError) as caught:
        list(node.stream("UpgradeFrom", iter([first])))
    assert caught.value.reference == "upgrade-action"
    assert machine.manager.programs == []


def test_a_client_that_sends_what_nobody_asked_for_is_hung_up_on(
    machine: Machine, node: client.Node, archive: Path
) -> None:
    def flood() -> Iterator[pb.UpgradeFromRequest]:
        yield pb.UpgradeFromRequest(start=STAGE)
        while not ended.is_set():
            yield pb.UpgradeFromRequest(piece=pb.UpgradePiece(number=99, data=bytes(limits.SENT_PIECE)))

    ended = threading.Event()
    try:
        with pytest.raises(AdamantError) as caught:
            list(node.stream("UpgradeFrom", flood()))
    finally:
        ended.set()
    assert caught.value.reference in {"sender-gone", "origin-failed"}
    assert machine.untouched()


def test_a_client_that_says_no_more_is_not_waited_for(machine: Machine, node: client.Node) -> None:
    with pytest.raises(AdamantError) as caught:
        list(node.stream("UpgradeFrom", iter([pb.UpgradeFromRequest(start=STAGE)])))
    assert caught.value.reference == "sender-gone"


def test_a_program_that_is_killed_ends_the_call(machine: Machine, node: client.Node, archive: Path) -> None:
    def twist(path: str, found: Iterator[bytes]) -> Iterator[bytes]:
        if path.endswith(".usr"):
            machine.manager.programs[-1].kill()
        return found

    assert failing(node, Counted(archive, twist)).reference == "update-failed"
    assert machine.untouched()
    send(node, open_export(archive))
    assert machine.staged()


def test_the_socket_is_for_its_owner_alone(machine: Machine, node: client.Node, archive: Path) -> None:
    modes: list[int] = []

    def twist(_path: str, found: Iterator[bytes]) -> Iterator[bytes]:
        modes.append((machine.root / "run/adamant/update/sender").stat().st_mode & 0o777)
        return found

    send(node, Counted(archive, twist))
    assert set(modes) == {0o600}
