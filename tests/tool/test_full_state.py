"""A state partition that is full to its last byte: a small ext4 of its own, as on a machine, and nothing patched.

What is asked for then says so and changes nothing, what must go on goes on, and with room it is done.
"""

import contextlib
import datetime
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adamant.api import client, cluster, contexts, pki, renewal
from adamant.api import power_pb2 as pb
from adamant.api.identity import Identity, Role
from adamant.api.pki import Credentials
from adamant.model.errors import AdamantError
from adamant.node import power
from adamant.node.calls import Call
from adamant.node.config import journal as journals
from adamant.node.config.applier import State
from adamant.node.config.journal import Mode
from adamant.node.events import Events
from adamant.node.identity import Keys, Store
from adamant.node.reset import request as requests
from adamant.node.reset.service import Reset
from tests.command import run
from tests.image.conftest import require_program
from tests.tool.agent import Agent
from tests.unit.config_machine import NEW, OLD, Machine, document

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="file systems are mounted by root")

NOW = datetime.datetime.now(datetime.UTC)


class Disk:
    """A file system of a few MiB, mounted at `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"
        self._last = folder / "last-block"

    def fill(self, left: int = 0) -> None:
        """Take all room but `left` bytes."""
        self.free()
        with self._filler.open("wb", buffering=0) as out:
            for size in (1 << 16, 1 << 10, 1):
                with contextlib.suppress(OSError):
                    while True:
                        out.write(bytes(size))
            os.fsync(out.fileno())
        if left:
            os.truncate(self._filler, self._filler.stat().st_size - left)
            os.sync()
            return
        if os.statvfs(self.folder).f_bavail:  # what was set apart for the file's own blocks comes back by the sync
            self._last.write_bytes(b"1")
            os.sync()
        assert os.statvfs(self.folder).f_bavail == 0

    def free(self) -> None:
        """Make room again."""
        self._filler.unlink(missing_ok=True)
        self._last.unlink(missing_ok=True)

    def contents(self) -> dict[str, bytes]:
        """All files of ours. The lock file holds nothing, and belongs to nobody."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return {
            str(path): path.read_bytes()
            for path in files
            if path not in {self._filler, self._last} and path.name != ".lock"
        }


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """The disk of the state, at `state` below the test's folder."""
    require_program("mkfs.ext4", "e2fsprogs")
    require_program("mount", "mount")
    image, folder = tmp_path / "state.img", tmp_path / "state"
    with image.open("wb") as out:
        out.truncate(4 << 20)
    folder.mkdir()
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, folder], check=True)
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def _error_of(work: Callable[[], object]) -> str:
    """What `work` failed with, or nothing."""
    try:
        work()
    except AdamantError as error:
        return f"{error.reference}: {error}"
    return ""


# The config.


@pytest.mark.parametrize("mode", list(Mode))
def test_a_config_for_which_there_is_no_room_is_refused_before_anything_changes(
    tmp_path: Path, disk: Disk, mode: Mode
) -> None:
    machine = Machine(tmp_path)
    agent = machine.agent()
    agent.resume()
    agent.apply(OLD, "mary")
    machine.done.clear()
    disk.fill()
    before = disk.contents()
    for _ in range(3):
        with pytest.raises(AdamantError) as refused:
            agent.apply(NEW, "peter", mode=mode, seconds=60)
        assert refused.value.reference == "disk-full"
        assert "No space left on device" in refused.value.message
        assert "free some space" in refused.value.hint
    assert disk.contents() == before, "nothing is lost, and no piece of a file is left"
    assert machine.done == []
    assert machine.runs(OLD)
    agent.tend()
    machine.reboot()
    booted = machine.agent("c" * 32)
    booted.resume()
    assert machine.runs(OLD), "a boot needs no room"
    disk.free()
    assert booted.apply(NEW, "peter").state is State.GOOD
    assert machine.runs(NEW)
    assert [found.number for found in booted.store.history()] == [2, 1]


def test_the_first_config_of_a_machine_whose_state_is_full_is_refused(tmp_path: Path, disk: Disk) -> None:
    machine = Machine(tmp_path)
    agent = machine.agent()
    agent.resume()
    disk.fill()
    with pytest.raises(AdamantError, match="disk-full"):
        agent.apply(NEW, "peter")
    assert machine.runs(b"")
    disk.free()
    assert agent.apply(NEW, "peter").state is State.GOOD


def test_a_disk_that_fills_up_at_any_write_of_an_apply_leaves_the_old_config_or_the_new(
    tmp_path: Path, disk: Disk
) -> None:
    runs = []
    for left in range(0, 12 << 10, 1 << 10):
        root = tmp_path / f"machine-{left}"
        root.mkdir()
        kept = disk.folder / root.name
        kept.mkdir()
        (root / "state").symlink_to(kept)
        machine = Machine(root)
        agent = machine.agent()
        agent.resume()
        agent.apply(OLD, "mary")
        disk.fill(left)
        said = _error_of(lambda agent=agent: agent.apply(NEW, "peter"))  # type: ignore[misc]
        assert not said or "No space left on device" in said
        wanted = agent.store.document(journals.wanted(agent.journal))
        assert wanted in {OLD, NEW}
        assert machine.runs(wanted), left
        runs.append(wanted)
        # The agent ends and begins anew while the disk is still full, and again when it is not.
        for _ in range(2):
            again = machine.agent()
            with contextlib.suppress(AdamantError):
                again.resume()
            assert machine.runs(again.store.document(journals.wanted(again.journal))), left
            disk.free()
        again.tend()
        last = document(network={"z.network": "last"})
        assert again.apply(last, "mary").state is State.GOOD
        assert machine.runs(last)
    assert runs[0] == OLD
    assert runs[-1] == NEW, "with enough room it is done"


def test_a_trial_goes_back_by_itself_on_a_full_disk(tmp_path: Path, disk: Disk) -> None:
    machine = Machine(tmp_path)
    agent = machine.agent()
    agent.resume()
    agent.apply(OLD, "mary")
    agent.apply(NEW, "peter", mode=Mode.TRY, seconds=60)
    disk.fill()
    machine.now += 61
    agent.tend()
    assert machine.runs(OLD)
    again = machine.agent()  # what could not be written is known all the same: the trial's time is over
    again.resume()
    again.tend()
    assert machine.runs(OLD)
    disk.free()
    again.tend()
    assert again.apply(NEW, "peter").state is State.GOOD
    assert machine.runs(NEW)


# Who the machine is.


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person with a cluster called lab."""
    monkeypatch.setenv("ADAMANT_CONFIG", str(tmp_path / "config"))
    monkeypatch.delenv("ADAMANT_CONTEXT", raising=False)
    folder = cluster.place("lab")
    cluster.init(folder, "lab", NOW)
    cluster.add_client(folder, _authority(folder), "admin", Role.ADMIN, NOW)
    return folder


def _authority(folder: Path) -> pki.KeyedCertificate:
    return cluster.unlock(folder, lambda: b"")


def _admin(home: Path) -> Credentials:
    return contexts.credentials(contexts.of_cluster("x", str(home), "admin"))


def test_a_machine_that_cannot_keep_an_identity_waits_on_and_is_enrolled_once_there_is_room(
    tmp_path: Path, disk: Disk, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Agent(tmp_path) as agent:
        shown = agent.fingerprint()
        disk.fill()
        before = disk.contents()
        enroll = ["node", "enroll", agent.address, "--name", "m1", "--cluster", "lab", "--fingerprint", shown]
        for _ in range(2):
            code, _, err = run(capsys, *enroll)
            assert code == 1
            assert "disk-full" in err
            assert "No space left on device" in err
            assert disk.contents() == before
            assert contexts.read().contexts == {}
        # It is the same machine, also after a start on the full disk.
        agent.restart()
        assert agent.fingerprint() == shown
        assert disk.contents() == before
        disk.free()
        code, _, err = run(capsys, *enroll)
        assert (code, err) == (0, "")
        agent.restart()
        agent.serves()
        assert run(capsys, "node", "version")[0] == 0


def test_a_new_machine_whose_state_is_full_says_so_and_makes_its_key_once_there_is_room(
    tmp_path: Path, disk: Disk, home: Path
) -> None:
    disk.fill()
    with Agent(tmp_path) as agent:
        assert agent.process.wait(60) == 1
        assert "No space left on device" in agent.said()
        assert "Traceback" not in agent.said()
        disk.free()
        agent.restart()
        assert agent.fingerprint()


def _sign_for(home: Path) -> renewal.Sign:
    def sign(request: bytes, _key: object, _names: object) -> bytes:
        return pki.sign_node(_authority(home), request, pki.request_fingerprint(request), ["m1"], NOW)

    return sign


@pytest.mark.parametrize("passed", [False, True], ids=["enrolled", "passed"])
def test_a_renewal_that_cannot_be_kept_says_so_and_the_node_serves_on(
    tmp_path: Path, disk: Disk, home: Path, passed: bool
) -> None:
    pair = pki.issue_node(_authority(home), ["m1"], NOW, 30)
    keys = Keys(_admin(home).ca, pair.certificate, pair.key)
    credentials = tmp_path / "credentials" if passed else None
    if credentials:
        credentials.mkdir()
        for name, data in zip(("ca", "cert", "key"), keys, strict=True):
            (credentials / f"adamant.{name}").write_bytes(data)
    else:
        Store(disk.folder).enroll(keys)
    with Agent(tmp_path, credentials=credentials) as agent:
        agent.serves()
        disk.fill()
        before = disk.contents()
        with client.connect(agent.address, _admin(home)) as node:
            for _ in range(2):
                with pytest.raises(AdamantError) as refused:
                    renewal.renew(node, _sign_for(home))
                assert refused.value.reference == "disk-full", refused.value
                node.version()
        assert disk.contents() == before
        agent.restart()
        agent.serves()
        disk.free()
        with client.connect(agent.address, _admin(home)) as node:
            renewed = renewal.renew(node, _sign_for(home))
        kept = Store(disk.folder).load()
        assert kept
        assert pki.facts(kept.certificate).fingerprint == renewed.fingerprint


# A reset.


def test_a_reset_that_cannot_be_asked_for_does_not_begin(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    down: list[object] = []
    monkeypatch.setattr(power, "go_down", lambda *words: down.append(words))  # this computer stays up
    (tmp_path / "proc/sys/kernel/random").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/random/boot_id").write_text(f"{'0' * 32}\n")
    (disk.folder / "adamant/config/generations").mkdir(parents=True)
    (disk.folder / "adamant/config/generations/00000001.json").write_text("x" * 5000)
    reset = Reset(tmp_path, Events())
    mary = Call(Identity("mary", Role.ADMIN), "", lambda: True, lambda _what: True)

    def ask() -> None:
        token = reset.preview(pb.ResetPreviewRequest(parts=[pb.RESET_PART_CONFIG]), mary).token
        reset.reset(pb.ResetRequest(token=token), mary)

    disk.fill()
    before = disk.contents()
    with pytest.raises(AdamantError, match="disk-full"):
        ask()
    assert down == []
    assert disk.contents() == before
    assert requests.read(disk.folder) is None
    disk.free()
    ask()
    assert len(down) == 1
    assert [item.path for item in requests.read(disk.folder) or []] == ["/state/adamant/config"]
    assert json.loads((disk.folder / requests.FILE).read_text())["version"] == 1
