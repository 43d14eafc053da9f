"""What a person sees of updates, and when the agent begins to look after them."""

import threading
from pathlib import Path

import pytest

from adamant.api import node_pb2 as pb
from adamant.api import resources_pb2
from adamant.model.errors import AdamantError
from adamant.model.machine.document import FleetLock, Machine, Update, Window
from adamant.node.configuring import Configuring
from adamant.node.events import Events
from adamant.node.resources import updates
from adamant.node.resources.found import Sources
from adamant.node.update import state
from adamant.node.update.state import Look, Record
from adamant.node.updating import Updating

BOOT = "a" * 32
UPDATE = Update(
    repository="http://releases.lan",
    channel="beta",
    window=Window(("sat", "sun"), "03:00", "2h"),
    fleet_lock=FleetLock("http://lock.lan"),
)


def seen(**fields: object) -> resources_pb2.Update:
    return resources_pb2.Update(running="1", **fields)  # type: ignore[arg-type]


def test_what_is_desired_is_what_the_config_says() -> None:
    found = updates.judge(UPDATE, seen(next_usec=7), Look(when_usec=5, result="none", message="1 is the newest"))
    assert found.desired == resources_pb2.Update(
        repository="http://releases.lan",
        channel="beta",
        automatic=True,
        window="sat,sun 03:00 2h",
        fleet_lock="http://lock.lan",
    )
    assert (found.actual.looked_usec, found.actual.result, found.actual.next_usec) == (5, "none", 7)
    assert found.reason == ""


def test_a_machine_that_is_updated_by_hand_lacks_nothing() -> None:
    found = updates.judge(Update(), seen(), Look(result="failed", message="of another time"))
    assert (found.desired, found.reason) == (None, "")
    assert found.actual.window == "daily 00:00 24h"


@pytest.mark.parametrize(
    ("update", "staged", "open_", "look", "reason"),
    [
        (UPDATE, "2", False, Look(result="staged", version="2"), "2 is staged and waits for the window"),
        (UPDATE, "2", True, Look(result="staged", version="2"), "2 is staged and waits for its moment in the window"),
        (Update("http://x", automatic=False), "2", True, Look(), "2 is staged and waits for somebody who reboots"),
        (Update("http://x", automatic=False), "", True, Look(result="waits", version="2"), "2 waits for somebody who"),
        (UPDATE, "", True, Look(result="failed", message="no answer"), "no answer"),
        (UPDATE, "", True, Look(result="refused", message="2 was tried"), "2 was tried"),
    ],
)
def test_it_says_why_the_machine_is_not_at_its_release(
    update: Update, staged: str, open_: bool, look: Look, reason: str
) -> None:
    assert updates.judge(update, seen(staged=staged, open=open_), look).reason.startswith(reason)


def test_it_is_collected_from_what_lies_on_the_machine(tmp_path: Path) -> None:
    for path, text in {
        "proc/sys/kernel/random/boot_id": BOOT,
        "usr/lib/os-release": "IMAGE_VERSION=1\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(text)
    state.write(tmp_path, Record(staged="2", boot=BOOT, failed=("0.9",)))
    state.write_look(tmp_path, Look(when_usec=5, result="staged"))
    sources = Sources(tmp_path, pb.BootResponse, pb.HealthResponse, next_look=lambda: 12.5)
    (found,) = updates.collect(sources)
    actual = found.actual
    assert (actual.running, actual.staged, list(actual.failed)) == ("1", "2", ["0.9"])
    assert (actual.looked_usec, actual.next_usec, actual.open) == (5, 12_500_000, True)


def test_a_machine_that_tells_nothing_has_the_resource_all_the_same(tmp_path: Path) -> None:
    (found,) = updates.collect(Sources(tmp_path, pb.BootResponse, pb.HealthResponse))
    assert found.actual.running == ""
    assert found.actual.next_usec == 0


class Configured(Configuring):
    """A config that a test sets."""

    def __init__(self, root: Path, events: Events) -> None:
        super().__init__(root, events, passed=False)
        self.now: Machine | AdamantError | None = None

    def machine(self) -> Machine | None:
        if isinstance(self.now, AdamantError):
            raise self.now
        return self.now


class Service:
    """What looks after a config, as far as the thread of Configuring knows it."""

    def __init__(self) -> None:
        self.number = 0
        self.tended = threading.Event()

    def generation(self) -> int:
        return self.number

    def tend(self) -> float:
        self.tended.set()
        return 60.0


def test_each_config_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configuring = Configuring(tmp_path, Events(), passed=False)
    monkeypatch.setattr(configuring, "_mounted", lambda: True)
    service = Service()
    told: list[int] = []
    heard = threading.Event()

    def changed() -> None:
        told.append(service.number)
        heard.set()

    configuring.start(changed)
    monkeypatch.setattr(configuring, "_service", service)
    for number in (0, 0, 4, 4, 5):
        service.number = number
        service.tended.clear()
        heard.clear()
        configuring._woken.set()
        assert service.tended.wait(10)
        if number not in told:
            assert heard.wait(10)
    assert told == [0, 4, 5]


def _threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "updates"]


def test_without_a_repository_there_is_no_thread(tmp_path: Path) -> None:
    events = Events()
    configuring = Configured(tmp_path, events)
    updating = Updating(tmp_path, events, configuring)
    for config in (None, Machine(), AdamantError("generation-damaged", "it is")):
        configuring.now = config
        updating.changed()
    assert _threads() == []
    assert updating.next_look() == 0


def test_with_one_there_is_one_thread_which_hears_of_each_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from adamant.node.update.caretaker import Caretaker

    heard: list[str] = []
    monkeypatch.setattr(Caretaker, "start", lambda _: heard.append("start"))
    monkeypatch.setattr(Caretaker, "wake", lambda _: heard.append("wake"))
    events = Events()
    configuring = Configured(tmp_path, events)
    updating = Updating(tmp_path, events, configuring)
    configuring.now = Machine(update=UPDATE)
    updating.changed()
    updating.changed()
    configuring.now = None
    updating.changed()
    assert heard == ["start", "wake", "wake"]
