"""The agent keeps a machine up to date by its config: what it asks for and when, what it tells, and when it reboots."""

import math
import threading
from pathlib import Path

import pytest

from adamant.core import limits
from adamant.model.machine.document import Machine, Update, Window
from adamant.node import efivars
from adamant.node.config.generations import FOLDER
from adamant.node.events import Events
from adamant.node.reading import boot_id
from adamant.node.update import state
from adamant.node.update.caretaker import Caretaker
from adamant.node.update.state import Progress, Record, Request
from tests.unit.pid1 import Pid1

BOOT, OTHER = "a" * 32, "b" * 32
HOUR = 3600.0
NOON = 1764331200.0
"""2025-11-28, 12:00 UTC."""
AUTOMATIC = Update(repository="http://releases.lan", check="6h", bandwidth="2M")
NIGHT = Window(start="03:00", length="2h")


class Rig:
    """A machine, its clocks, its PID 1, its config, and its caretaker."""

    def __init__(self, root: Path, update: Update) -> None:
        self.root = root
        self.now = NOON
        self.passed = 1000.0
        self.update: Update | None = update
        self.version = "2"
        self.error: Progress | None = None
        self.pid1 = Pid1(root, self.program)
        self.events = Events()
        (root / "proc/sys/kernel/random").mkdir(parents=True)
        self.boot(BOOT)
        state.write(root, Record(seed=25_000))

    def boot(self, boot: str) -> None:
        """Begin another boot, and another agent in it."""
        (self.root / "proc/sys/kernel/random/boot_id").write_text(boot)
        self.caretaker = Caretaker(
            self.root, self.events, self.config, self.pid1.connect, lambda: self.now, lambda: self.passed
        )

    def config(self) -> Machine | None:
        return None if self.update is None else Machine(update=self.update)

    def program(self, root: Path, request: Request) -> Progress:
        """What the program that updates would do."""
        if self.error is not None:
            return self.error
        if request.action == "stage":
            kept = state.read(root)
            state.write(root, Record(staged=self.version, boot=boot_id(root), seed=kept.seed))
        return Progress("done", version=self.version, message=f"{self.version} is ready")

    def wait(self, seconds: float) -> float | None:
        """Let time pass, and have the caretaker do what is due."""
        self.now += seconds
        self.passed += seconds
        return self.caretaker.tend()

    @property
    def told(self) -> list[str]:
        return [event.message for event in self.events.follow(0, (), 0, wait=False, alive=lambda: True)]


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setattr(threading, "Timer", _AtOnce)
    return Rig(tmp_path, AUTOMATIC)


class _AtOnce:
    """A timer that does not wait."""

    def __init__(self, _seconds: float, function: object) -> None:
        self._function = function
        self.daemon = False

    def start(self) -> None:
        assert callable(self._function)
        self._function()


QUIET = limits.UPDATE_SPREAD_SECONDS / 4
"""What a machine with this seed waits after its start."""


def test_a_machine_without_a_repository_does_nothing_until_its_config_changes(rig: Rig) -> None:
    rig.update = Update()
    assert rig.wait(0) is None
    rig.update = None
    assert rig.wait(24 * HOUR) is None
    assert rig.pid1.requests == []
    assert rig.caretaker.next_look == 0


def test_it_waits_a_while_after_the_start_then_stages_what_the_config_says(rig: Rig) -> None:
    assert rig.wait(0) == QUIET
    assert rig.caretaker.next_look == NOON + QUIET
    assert rig.pid1.requests == []
    rig.wait(QUIET)
    (request,) = rig.pid1.requests
    assert request == Request("stage", "http://releases.lan", "stable", bandwidth=2 << 20)
    look = state.read_look(rig.root)
    assert (look.result, look.version, look.when_usec) == ("staged", "2", int((NOON + QUIET) * 1e6))


def test_it_reboots_at_once_when_the_window_is_always_open(rig: Rig) -> None:
    rig.wait(0)
    rig.wait(QUIET)
    assert rig.pid1.downs == ["reboot.target"]
    assert rig.told == ["2 is ready", "the node reboots"]
    rig.wait(60)
    assert rig.pid1.downs == ["reboot.target"]


def test_it_waits_for_the_window(rig: Rig) -> None:
    rig.update = Update(repository="http://releases.lan", check="30d", window=NIGHT)
    rig.wait(0)
    rig.wait(QUIET)
    assert rig.pid1.downs == []
    rig.wait(15 * HOUR - QUIET - 1)
    assert rig.pid1.downs == []
    rig.wait(1)
    assert rig.pid1.downs == []  # other machines are first
    rig.wait(QUIET)
    assert rig.pid1.downs == ["reboot.target"]


def test_a_release_that_was_staged_in_an_earlier_boot_is_not_rebooted_for(rig: Rig) -> None:
    rig.wait(0)
    rig.wait(QUIET)
    rig.error = Progress("failed", message="2 failed here", reference="release-failed-here")
    rig.boot(OTHER)
    for _ in range(100):
        rig.wait(HOUR)
    assert rig.pid1.downs == ["reboot.target"]


def test_a_machine_that_did_not_go_down_tries_again(rig: Rig) -> None:
    rig.wait(0)
    rig.wait(QUIET)
    rig.wait(601)
    assert rig.pid1.downs == ["reboot.target"] * 2


def test_it_does_not_reboot_while_a_config_is_on_trial(rig: Rig) -> None:
    folder = rig.root / FOLDER
    (folder / "generations").mkdir(parents=True)
    (folder / "journal.json").write_text(
        f'{{"version": 1, "trial": {{"generation": 0, "base": 0, "boot": "{BOOT}", "deadline": 1e9}}}}'
    )
    rig.wait(0)
    assert rig.wait(QUIET) == 60
    assert rig.pid1.downs == []
    (folder / "journal.json").unlink()
    rig.wait(60)
    assert rig.pid1.downs == ["reboot.target"]


def test_no_update_is_no_event_and_the_next_look_comes_by_schedule(rig: Rig) -> None:
    rig.error = Progress("failed", message="no update: 1 is the newest", reference="no-update")
    rig.wait(0)
    rig.wait(QUIET)
    assert rig.told == []
    assert state.read_look(rig.root).result == "none"
    assert state.read_look(rig.root).message == "no update: 1 is the newest"
    assert rig.caretaker.next_look % (6 * HOUR) == 1.5 * HOUR
    for _ in range(4 * 24):
        rig.wait(900)
    assert len(rig.pid1.requests) == 1 + 4


def test_a_failure_is_one_event_and_is_tried_again_ever_later(rig: Rig) -> None:
    rig.error = Progress("failed", message="the repository does not answer", reference="origin-unreachable")
    rig.wait(0)
    rig.wait(QUIET)
    waits = []
    for _ in range(5):
        waits.append(rig.caretaker.next_look - rig.now)
        rig.wait(waits[-1])
    assert waits == pytest.approx([60, 120, 240, 480, 960])
    assert rig.told == ["the look for an update failed: the repository does not answer"]
    assert state.read_look(rig.root).failures == 6
    rig.error = None
    rig.wait(32 * 60)
    assert state.read_look(rig.root).failures == 0
    assert rig.told[1:] == ["2 is ready", "the node reboots"]


def test_a_release_that_failed_here_is_told_once_and_not_asked_for_sooner(rig: Rig) -> None:
    rig.error = Progress("failed", message="2 was tried", reference="release-failed-here")
    rig.wait(0)
    rig.wait(QUIET)
    assert state.read_look(rig.root).failures == 0
    for _ in range(20):
        rig.wait(HOUR)
    assert rig.told == ["the look for an update failed: 2 was tried"]


def test_without_automatic_it_says_once_that_a_release_waits_and_does_not_reboot(rig: Rig) -> None:
    rig.update = Update(repository="http://releases.lan", automatic=False)
    rig.wait(0)
    for _ in range(20):
        rig.wait(HOUR)
    assert {request.action for request in rig.pid1.requests} == {"estimate"}
    assert len(rig.pid1.requests) >= 3
    assert rig.told == ["a release waits, and updates are not automatic here: 2 is ready"]
    assert rig.pid1.downs == []
    rig.version = "3"
    rig.wait(6 * HOUR)
    assert len(rig.told) == 2


def test_another_repository_is_looked_at_without_waiting_for_the_schedule(rig: Rig) -> None:
    rig.error = Progress("failed", message="no update", reference="no-update")
    rig.wait(0)
    rig.wait(QUIET)
    rig.update = Update(repository="http://other.lan")
    assert rig.wait(1) == QUIET
    rig.wait(QUIET)
    assert [request.repository for request in rig.pid1.requests] == ["http://releases.lan", "http://other.lan"]


def test_an_update_that_somebody_else_began_is_waited_for(rig: Rig) -> None:
    rig.pid1.running = True
    rig.wait(0)
    assert rig.wait(QUIET) == 60
    assert (rig.pid1.requests, rig.told, state.read_look(rig.root)) == ([], [], state.Look())
    rig.pid1.running = False
    rig.wait(60)
    assert len(rig.pid1.requests) == 1


def test_nothing_happens_in_a_boot_on_trial_until_it_is_found_good(rig: Rig) -> None:
    folder = rig.root / efivars.FOLDER
    folder.mkdir(parents=True)
    (folder / f"LoaderBootCountPath-{efivars.LOADER}").write_bytes(bytes(4) + "x".encode("utf-16-le"))
    rig.wait(0)
    assert rig.wait(HOUR) == 15
    rig.pid1.healthy = rig.pid1.healthy._replace(active="inactive")
    assert rig.wait(15) == 15  # it has not begun
    rig.pid1.ended = (1, 1)
    assert rig.wait(15) == 15  # it was not found good
    rig.pid1.ended = (1, 0)
    assert rig.wait(15) == QUIET
    assert rig.pid1.requests == []


def test_a_pid_1_that_does_not_answer_is_told_once_and_asked_again(rig: Rig) -> None:
    rig.pid1.silent = True
    rig.wait(0)
    rig.wait(QUIET)
    for _ in range(3):
        rig.wait(HOUR)
    assert len(rig.told) == 1
    rig.pid1.silent = False
    rig.wait(HOUR)
    assert rig.pid1.downs == ["reboot.target"]


def test_a_machine_without_a_seed_chooses_one_and_keeps_it(rig: Rig) -> None:
    state.write(rig.root, Record())
    rig.wait(0)
    seed = state.read(rig.root).seed
    assert 0 <= seed < 100_000
    rig.boot(OTHER)
    rig.wait(0)
    assert state.read(rig.root).seed == seed


def test_no_wait_is_endless_while_there_is_a_repository(rig: Rig) -> None:
    rig.update = Update(repository="http://releases.lan", check="30d", window=NIGHT)
    rig.wait(0)
    waited = rig.wait(QUIET)
    assert waited is not None
    assert 0 < waited <= 900 < math.inf
