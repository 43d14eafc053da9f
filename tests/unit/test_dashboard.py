"""The dashboard's picture and keys: what a person must see is there at any size, and nothing a node says is obeyed."""

import io
import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from types import TracebackType
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from adamant.api.logs import LogEntry
from adamant.api.resources import Kind, Resource, Resources
from adamant.api.types import Boot, CheckState, Event, EventKind, Health, HealthCheck, SecureBoot, Verity, Version
from adamant.cli.node.dashboard import keys, load, snapshot, view
from adamant.cli.node.dashboard.keys import Key
from adamant.cli.node.dashboard.poller import Asked, Poller
from adamant.cli.node.dashboard.snapshot import Gauge, Pane, Service, Snapshot, View
from adamant.model.errors import AdamantError, UnreachableError
from adamant.model.posture import Posture

VERSION = Version("0.1.0", "example", "1", Posture.GUARDED, "6.12.1", "amd64", "0" * 32, "257", "m1")
BOOT = Boot("usr-a", "0" * 64, "example_1.efi", SecureBoot.ENABLED, Verity.VERIFIED, "vda", "1" * 32, 9_500_000, (), ())


def health(*wrong: str) -> Health:
    names = ["usr-verity", "network", "time", "systemd"]
    checks = tuple(
        HealthCheck(name, CheckState.FAILING if name in wrong else CheckState.OK, f"{name} was seen", 0)
        for name in names
    )
    return Health(CheckState.FAILING if wrong else CheckState.OK, checks)


def event(number: int, message: str = "", agent: str = "a" * 32, **fields: str) -> Event:
    return Event(number, number * 1_000_000, EventKind.AGENT, message or f"event {number}", fields, agent, 0)


def node(name: str = "m1", **changes: Any) -> Snapshot:
    usual = Snapshot(
        name,
        "10.0.0.1:4510",
        at=100.0,
        version=VERSION,
        health=health(),
        boot=BOOT,
        events=tuple(event(number) for number in range(1, 41)),
    )
    return replace(usual, **changes)


def entry(number: int, message: str, who: str = "containerd") -> LogEntry:
    return LogEntry(number, number, "b" * 32, "x.service", who, 6, 1, message, f"cursor-{number}")


def drawn(shown: View, width: int = 120, height: int = 40) -> str:
    out = io.StringIO()
    console = Console(
        file=out, width=width, height=height, force_terminal=True, color_system=None, legacy_windows=False
    )
    console.print(view.picture(shown, width, height), end="", crop=True)
    return out.getvalue()


def test_the_picture_tells_of_every_node_and_all_of_the_selected_one() -> None:
    failed = node("m2", health=health("network"), boot=replace_boot("usr-b"))
    text = drawn(View((node("m1"), failed), selected=1))
    assert re.search(r"  m1 +ok +example 1 guarded +usr-a +4 checks hold, at 10\.0\.0\.1:4510", text)
    assert re.search(r"▶  m2 +failing +example 1 guarded +usr-b +network", text)
    assert "health of m2" in text
    assert re.search(r"network +failing  network was seen", text)
    assert "event 40" in text
    assert "q quit" in text


def replace_boot(slot: str) -> Boot:
    from msgspec.structs import replace as changed

    return changed(BOOT, slot=slot)


def test_what_fails_stands_first() -> None:
    many = node(health=health("time"), services=(Service("a.service", "active", False), Service("z", "failed", True)))
    text = drawn(View((many,)))
    assert text.index("time was seen") < text.index("usr-verity was seen")
    assert text.index("failed     z") < text.index("active     a.service")


def test_load_is_drawn_as_far_as_it_goes_and_never_further() -> None:
    gauges = (Gauge("memory", 0.5, "512 MiB of 1 GiB"), Gauge("disk", 7.0, "over"), Gauge("less", -1.0, "under"))
    lines = drawn(View((node(gauges=gauges),))).splitlines()
    bars = {name: next(line for line in lines if f" {name} " in line) for name in ("memory", "disk", "less")}
    assert [bars[name].count("█") for name in ("memory", "disk", "less")] == [7, 14, 0]
    assert "512 MiB of 1 GiB" in bars["memory"]


def test_a_node_that_is_down_is_told_as_such_with_its_error_and_what_it_last_was() -> None:
    down = node(error="m1 does not answer [node-unreachable]", error_since=40.0)
    text = drawn(View((down,), now=70.0))
    assert re.search(r"m1 +down", text)
    assert "for 30 s: m1 does not answer [node-unreachable]" in text
    assert "health of m1 (as it last was)" in text
    assert "usr-verity was seen" in text


def test_a_node_that_never_answered_is_drawn_too() -> None:
    assert re.search(r"m9 +asking +asking 10\.0\.0\.9:4510", drawn(View((Snapshot("m9", "10.0.0.9:4510"),))))
    text = drawn(View((Snapshot("m9", "10.0.0.9:4510", error="nobody there [x]", error_since=1.0),), now=1.0))
    assert text.count("nobody there [x]") == 2


@pytest.mark.parametrize("width", [20, 40, 80, 99, 100, 200])
@pytest.mark.parametrize("height", [5, 10, 24, 60])
@pytest.mark.parametrize("count", [1, 2, 40])
def test_the_picture_fits_a_terminal_of_any_size(width: int, height: int, count: int) -> None:
    nodes = tuple(node(f"m{number}", error="gone" if number % 3 == 2 else "") for number in range(count))
    lines = drawn(View(nodes, selected=count - 1), width, height).splitlines()
    assert len(lines) == height
    assert all(cell_len(line) <= width for line in lines)
    assert f"m{count - 1}"[:3] in "".join(lines)


def test_the_selected_node_stays_in_sight() -> None:
    nodes = tuple(node(f"machine-{number}") for number in range(50))
    for selected in (0, 25, 49):
        assert f"▶  machine-{selected} " in drawn(View(nodes, selected=selected), height=24)


HOSTILE = "x\x1b[2J\x1b]0;owned\x07\x9b31m\r\n\x00[red]\u202ey"


def test_nothing_that_a_node_says_is_obeyed_by_the_terminal_or_the_renderer() -> None:
    bad = Version(HOSTILE, HOSTILE, HOSTILE, None, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    checks = (HealthCheck(HOSTILE, CheckState.FAILING, HOSTILE, 0),)
    hostile = Snapshot(
        HOSTILE,
        HOSTILE,
        version=bad,
        boot=replace_boot(HOSTILE),
        health=Health(CheckState.FAILING, checks),
        events=(Event(1, 1 << 62, EventKind.AGENT, HOSTILE, {HOSTILE: HOSTILE}, "a", 0),),
        gauges=(Gauge(HOSTILE, 0.5, HOSTILE),),
        services=(Service(HOSTILE, HOSTILE, True),),
        log=(entry(1, HOSTILE, HOSTILE),),
    )
    for pane in Pane:
        for shown in (hostile, replace(hostile, error=HOSTILE), replace(hostile, gauges=(), services=())):
            text = drawn(View((shown,), pane=pane))
            assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
            assert "[red]" in text, "text of a node was read as markup"


def test_logs_take_the_place_of_events() -> None:
    shown = View((node(log=(entry(1, "a line of the log"),)),), pane=Pane.LOGS)
    assert "a line of the log" in drawn(shown)
    assert "event 40" not in drawn(shown)
    assert "nothing of the log yet" in drawn(View((node(),), pane=Pane.LOGS))


@pytest.mark.parametrize(
    ("data", "pressed"),
    [
        (b"q", [Key.QUIT]),
        (b"\t\x1b[B\x1bOB\x1b[C", [Key.NEXT] * 4),
        (b"\x1b[A\x1b[D\x1b[Zk", [Key.PREVIOUS] * 4),
        (b"le", [Key.LOGS, Key.EVENTS]),
        (b"\x1b[200~\x1b[1;5A\xc3\xa9 zx\x1b", []),
        (b"", []),
    ],
)
def test_keys_mean_what_they_should_and_others_nothing(data: bytes, pressed: list[Key]) -> None:
    assert keys.decode(data) == pressed


def test_keys_choose_the_node_all_round_and_the_pane() -> None:
    shown = View((node("a"), node("b")))
    assert [snapshot.after(shown, key).selected for key in (Key.NEXT, Key.PREVIOUS)] == [1, 1]
    assert snapshot.after(snapshot.after(shown, Key.NEXT), Key.NEXT).selected == 0
    logs = snapshot.after(shown, Key.LOGS)
    assert (logs.pane, snapshot.after(logs, Key.EVENTS).pane) == (Pane.LOGS, Pane.EVENTS)


def resource(name: str, **actual: Any) -> Resource:
    return Resource(name, actual, None, "")


MEMORY = {"total_bytes": 2 << 30, "available_bytes": 512 << 20}


def test_processors_are_as_busy_as_between_two_answers() -> None:
    before = {"user_usec": 100, "idle_usec": 900, "wait_usec": 0}
    now = {"user_usec": 300, "system_usec": 100, "idle_usec": 1500, "wait_usec": 100, "load_1": 1.5}
    busy = load.processors(before, now)
    assert busy is not None
    assert (round(busy.part, 3), busy.text) == (0.3, "30%, load 1.50 0.00 0.00")
    assert load.processors({}, now) is None
    assert load.processors(now, now) is None, "no time has passed"
    assert load.processors(now, before) is None, "the machine was started anew"


def test_memory_pressure_and_disks_are_told_in_words() -> None:
    assert load.memory(MEMORY) == Gauge("memory", 0.75, "1.5 GiB of 2.0 GiB")
    assert load.memory({}) is None
    told = load.pressure([resource("cpu", some_10=12.4), resource("io", some_10=50.0)])
    assert told == Gauge("pressure", 0.5, "cpu 12 %, io 50 %, memory 0 %")
    assert load.pressure([]) is None
    found = load.disks(
        [
            resource("/var", type="ext4", size_bytes=4 << 30, used_bytes=1 << 30),
            resource("/usr", type="erofs", size_bytes=1, used_bytes=1),
            resource("/state", type="ext4", size_bytes=0),
            Resource("/gone", None, None, "not mounted"),
        ]
    )
    assert found == [Gauge("/var", 0.25, "1.0 GiB of 4.0 GiB")]


def test_services_are_those_that_run_and_whatever_failed() -> None:
    found = load.services(
        [
            resource("a.service", active="active", sub="running"),
            resource("done.service", active="active", sub="exited"),
            resource("var.mount", active="failed", sub="failed"),
            resource("b.timer", active="active", sub="running"),
        ]
    )
    assert found == (Service("a.service", "running", False), Service("var.mount", "failed", True))


class Double:
    """A node that answers what the test says, or does not answer."""

    def __init__(self) -> None:
        self.log = [event(1)]
        self.error: Exception | None = None
        self.connections = 0
        self.refusal: Exception | None = None
        self.resources: dict[str, tuple[Resource, ...]] = {"memory": (resource("memory", **MEMORY),)}

    def __enter__(self) -> "Double":
        self.connections += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def version(self) -> Version:
        return VERSION

    def boot(self) -> Boot:
        return BOOT

    def health(self) -> Health:
        if self.error:
            raise self.error
        return health()

    def events(self, *, last: int = 0) -> Iterable[Event]:
        return iter(self.log[-last:])

    def get(self, kind: str) -> Resources:
        if self.refusal:
            raise self.refusal
        return Resources(Kind(kind, "", ()), self.resources.get(kind, ()))


def no_log(_node: Any, _cursor: str) -> list[LogEntry]:
    raise AssertionError("nobody wants the log")


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.01)


def test_a_poller_keeps_the_last_answer_tells_of_an_error_and_comes_back() -> None:
    double, woken = Double(), threading.Event()
    asked: Asked = double
    poller = Poller("m1", "there", lambda: double, woken.set, 0.01, no_log)
    assert asked is double
    assert poller.snapshot() == Snapshot("m1", "there")
    poller.start()
    try:
        until(lambda: poller.snapshot().health == health())
        assert woken.wait(20)
        double.error = UnreachableError("node-unreachable", "m1 does not answer")
        until(lambda: bool(poller.snapshot().error))
        since = poller.snapshot().error_since
        before = double.connections
        until(lambda: double.connections > before + 3)
        assert poller.snapshot().error == "m1 does not answer [node-unreachable]"
        assert poller.snapshot().error_since == since
        assert poller.snapshot().version == VERSION
        double.error = None
        until(lambda: not poller.snapshot().error)
        double.error = ZeroDivisionError("x")
        until(lambda: "a bug of the dashboard: ZeroDivisionError" in poller.snapshot().error)
    finally:
        poller.end()


def test_a_poller_brings_new_events_also_those_of_an_agent_that_began_anew() -> None:
    double = Double()
    poller = Poller("m1", "there", lambda: double, lambda: None, 0.01, no_log)
    poller.start()
    try:
        until(lambda: len(poller.snapshot().events) == 1)
        double.log.append(event(2))
        until(lambda: len(poller.snapshot().events) == 2)
        double.log = [event(1, agent="b" * 32)]
        until(lambda: [found.agent_id for found in poller.snapshot().events] == ["b" * 32])
    finally:
        poller.end()


def test_the_log_is_asked_for_while_it_is_shown_and_goes_on_behind_what_is_known() -> None:
    double = Double()
    asked: list[str] = []
    log = [entry(1, "one"), entry(2, "two")]

    def read(_node: Any, cursor: str) -> list[LogEntry]:
        asked.append(cursor)
        return [found for found in log if not cursor or found.cursor > cursor]

    poller = Poller("m1", "there", lambda: double, lambda: None, 0.01, read)
    poller.start()
    try:
        until(lambda: poller.snapshot().health is not None)
        assert asked == []
        poller.want_log(True)
        until(lambda: [found.message for found in poller.snapshot().log] == ["one", "two"])
        log.append(entry(3, "three"))
        until(lambda: [found.message for found in poller.snapshot().log] == ["one", "two", "three"])
        assert asked[:2] == ["", "cursor-2"]
        poller.want_log(False)
        time.sleep(0.1)
        count = len(asked)
        time.sleep(0.1)
        assert len(asked) == count
    finally:
        poller.end()


@pytest.mark.parametrize("reference", ["method-unknown", "not-authorised", "resource-kind"])
def test_a_node_that_does_not_tell_of_its_load_is_shown_without(reference: str) -> None:
    double = Double()
    poller = Poller("m1", "there", lambda: double, lambda: None, 0.01, no_log)
    poller.start()
    try:
        until(lambda: poller.snapshot().gauges == (Gauge("memory", 0.75, "1.5 GiB of 2.0 GiB"),))
        double.refusal = AdamantError(reference, "no")
        until(lambda: poller.snapshot().gauges == ())
        assert not poller.snapshot().error
        double.log.append(event(2))
        until(lambda: len(poller.snapshot().events) == 2)
    finally:
        poller.end()
