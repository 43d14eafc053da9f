"""Generations, applying and the return to what was good: whatever ends the agent, the machine runs old or new."""

import contextlib
import errno
import itertools
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adamant.core import files, limits
from adamant.model.errors import AdamantError, BusyError, InputError
from adamant.node.config import journal as journals
from adamant.node.config import provision
from adamant.node.config.applier import Applier, State
from adamant.node.config.generations import FOLDER, Generation, Store, Why
from adamant.node.config.journal import Journal, Mode
from tests.unit import config_machine
from tests.unit.config_machine import BOOT, NEW, OLD, Ended, Machine, document, render


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def agent(machine: Machine) -> Applier:
    """An agent whose machine runs OLD."""
    made = machine.agent()
    made.resume()
    assert made.apply(OLD, "mary").state is State.GOOD
    assert machine.runs(OLD)
    return made


def test_an_apply_changes_the_machine_and_stands_in_the_history(machine: Machine, agent: Applier) -> None:
    done = agent.apply(NEW, "peter")
    assert (done.generation, done.state, done.reboot) == (2, State.GOOD, ())
    assert machine.runs(NEW)
    newest, oldest = agent.store.history()
    assert (newest.number, newest.by, newest.why, newest.document) == (2, "peter", Why.APPLY, NEW.decode())
    assert (oldest.number, oldest.by) == (1, "mary")
    assert agent.store.journal == Journal(boot=BOOT, running=2, good=2)
    assert Store(machine.root / FOLDER).journal == agent.store.journal


def test_only_what_differs_is_touched(machine: Machine, agent: Applier) -> None:
    machine.done.clear()
    agent.apply(document(**{**json.loads(OLD), "network": {"a.network": "x", "b.network": "same"}}), "mary")
    assert machine.done == ["reload systemd-networkd.service"]
    machine.done.clear()
    assert agent.apply(document(**json.loads(agent.store.document(2))), "mary").state is State.UNCHANGED
    assert machine.done == []


def test_a_variable_that_is_no_longer_set_gets_its_value_back(machine: Machine, agent: Applier) -> None:
    agent.apply(NEW, "mary")
    agent.apply(OLD, "mary")
    assert machine.runs(OLD)


def test_a_config_after_which_the_machine_is_not_well_goes_back_by_itself(machine: Machine, agent: Applier) -> None:
    machine.judged = lambda: {"network": "no way out"} if "new" in machine.loaded["network"].values() else {}
    with pytest.raises(AdamantError) as caught:
        agent.apply(NEW, "peter")
    assert caught.value.reference == "config-returned"
    assert "network: no way out" in caught.value.context
    assert machine.runs(OLD)
    newest = agent.store.history()[0]
    assert (newest.number, newest.by, newest.why, newest.of, newest.document) == (
        3,
        "node",
        Why.RETURN,
        1,
        OLD.decode(),
    )
    assert agent.store.journal == Journal(boot=BOOT, running=3, good=3)
    assert any("generation 2 was not good" in words for words in machine.said)


def test_what_was_not_well_before_does_not_count(machine: Machine, agent: Applier) -> None:
    machine.failing = {"time": "not synchronised"}
    assert agent.apply(NEW, "peter").state is State.GOOD


def test_a_machine_that_needs_a_moment_has_it(machine: Machine, agent: Applier) -> None:
    until = machine.now + limits.CONFIG_SETTLE_SECONDS / 2
    machine.judged = lambda: {"network": "comes up"} if 1000 < machine.now < until and len(machine.done) > 9 else {}
    assert agent.apply(NEW, "peter").state is State.GOOD
    assert machine.now >= until


def test_a_unit_that_does_not_start_brings_the_old_config_back(machine: Machine, agent: Applier) -> None:
    machine.fails = {"three.service"}
    with pytest.raises(AdamantError) as caught:
        agent.apply(NEW, "peter")
    assert "three.service failed" in caught.value.context
    machine.fails = set()
    assert "three.service" in machine.forgotten, "its failure would stay a fault of the machine"
    assert machine.runs(OLD)


def test_a_trial_ends_by_itself(machine: Machine, agent: Applier) -> None:
    assert agent.apply(NEW, "peter", mode=Mode.TRY, seconds=120).state is State.ON_TRIAL
    assert machine.runs(NEW)
    assert agent.journal.good == 1
    agent.tend()
    assert machine.runs(NEW)
    assert agent.remaining() == 120, "a trial begins when its config is in place"
    machine.now += 200
    agent.tend()
    assert machine.runs(OLD)
    assert agent.remaining() is None
    assert (agent.journal.running, agent.journal.good) == (3, 3)


def test_a_trial_that_is_confirmed_stays(machine: Machine, agent: Applier) -> None:
    agent.apply(NEW, "peter", mode=Mode.TRY, seconds=120)
    assert agent.confirm("peter") == 2
    machine.now += 200
    agent.tend()
    assert machine.runs(NEW)
    assert agent.journal == Journal(boot=BOOT, running=2, good=2)
    with pytest.raises(BusyError) as caught:
        agent.confirm("peter")
    assert caught.value.reference == "no-trial"


def test_a_trial_can_be_ended(machine: Machine, agent: Applier) -> None:
    agent.apply(NEW, "peter", mode=Mode.TRY, seconds=120)
    agent.cancel("mary")
    assert machine.runs(OLD)


def test_a_trial_outlives_the_agent_and_no_reboot(machine: Machine, agent: Applier) -> None:
    agent.apply(NEW, "peter", mode=Mode.TRY, seconds=120)
    again = machine.agent()
    again.resume()
    assert machine.runs(NEW)
    assert again.remaining() == agent.remaining()
    machine.reboot()
    booted = machine.agent("c" * 32)
    booted.resume()
    booted.tend()
    assert booted.remaining() is None
    assert machine.runs(OLD)
    assert booted.journal == Journal(boot="c" * 32, running=1, good=1)
    assert any("before it was confirmed" in words for words in machine.said)


def test_a_trial_that_ended_while_there_was_no_agent_returns_when_there_is_one(
    machine: Machine, agent: Applier
) -> None:
    agent.apply(NEW, "peter", mode=Mode.TRY, seconds=120)
    machine.now += 500
    again = machine.agent()
    again.resume()
    again.tend()
    assert machine.runs(OLD)


def test_while_something_is_on_trial_nothing_else_is_applied(agent: Applier) -> None:
    agent.apply(NEW, "peter", mode=Mode.TRY, seconds=120)
    with pytest.raises(BusyError) as caught:
        agent.apply(OLD, "mary")
    assert caught.value.reference == "config-trial"
    assert "generation 2" in caught.value.message


def test_a_second_apply_is_told_who_is_at_it(machine: Machine, agent: Applier) -> None:
    refused: list[BusyError] = []

    def second() -> Mapping[str, str]:
        if not refused:
            with pytest.raises(BusyError) as caught:
                agent.apply(OLD, "mary")
            refused.append(caught.value)
        return {}

    machine.judged = second
    agent.apply(NEW, "peter")
    assert "peter applies generation 2" in refused[0].message


def test_a_caller_can_wait_until_what_a_boot_brought_is_judged(machine: Machine) -> None:
    agent = machine.agent()
    agent.await_resume(0)
    with pytest.raises(BusyError, match="has just begun"):
        agent.apply(OLD, "mary")

    def second() -> None:
        agent.await_resume(60)
        agent.apply(OLD, "mary")

    waiting = threading.Thread(target=second)
    waiting.start()
    agent.resume()
    waiting.join(60)
    assert machine.runs(OLD)


def test_an_apply_on_another_base_than_expected_is_refused(agent: Applier) -> None:
    with pytest.raises(BusyError) as caught:
        agent.apply(NEW, "peter", base=7)
    assert caught.value.reference == "config-changed"
    assert agent.apply(NEW, "peter", base=1).state is State.GOOD


@pytest.mark.parametrize("seconds", [0, -1, limits.TRIAL_SECONDS + 1])
def test_a_trial_has_a_length(agent: Applier, seconds: float) -> None:
    with pytest.raises(InputError):
        agent.apply(NEW, "peter", mode=Mode.TRY, seconds=seconds)


def test_what_is_staged_comes_with_the_next_boot_and_is_judged_there(machine: Machine, agent: Applier) -> None:
    assert agent.apply(NEW, "peter", mode=Mode.BOOT).state is State.STAGED
    assert machine.runs(OLD)
    machine.reboot()
    booted = machine.agent("c" * 32)
    booted.resume()
    assert machine.runs(NEW)
    assert booted.journal == Journal(boot="c" * 32, running=2, good=2)


def test_what_is_staged_and_not_good_returns(machine: Machine, agent: Applier) -> None:
    agent.apply(NEW, "peter", mode=Mode.BOOT)
    machine.reboot()
    machine.judged = lambda: {"network": "no way out"} if "new" in machine.loaded["network"].values() else {}
    booted = machine.agent("c" * 32)
    booted.resume()
    assert machine.runs(OLD)
    assert booted.journal.running == booted.journal.good == 3


def test_what_was_staged_and_ended_its_boot_is_not_tried_twice(machine: Machine, agent: Applier) -> None:
    agent.apply(NEW, "peter", mode=Mode.BOOT)
    machine.reboot()
    booted = machine.agent("c" * 32)

    def end() -> Mapping[str, str]:
        raise Ended

    machine.judged = end
    with pytest.raises(Ended):
        booted.resume()
    machine.judged = dict
    machine.reboot()
    again = machine.agent("d" * 32)
    again.resume()
    again.tend()
    assert machine.runs(OLD)
    assert again.journal == Journal(boot="d" * 32, running=1, good=1)


def test_what_needs_a_reboot_is_good_only_after_it(machine: Machine, agent: Applier) -> None:
    done = agent.apply(document(**json.loads(NEW), etc="x"), "peter")
    assert done.reboot == ("etc",)
    assert (agent.journal.running, agent.journal.good) == (2, 1)
    machine.reboot()
    booted = machine.agent("c" * 32)
    booted.resume()
    assert (booted.journal.running, booted.journal.good) == (2, 2)


def test_drift_is_mended(machine: Machine, agent: Applier) -> None:
    agent.apply(NEW, "peter")
    (machine.root / "run/systemd/network/a.network").write_text("other")
    (machine.root / "proc/sys/net/ipv4/ip_forward").write_text("0\n")
    agent.tend()
    assert machine.runs(NEW)
    assert "run/systemd/network/a.network" in machine.said[-1]
    machine.done.clear()
    agent.tend()
    assert machine.done == []


def test_every_generation_is_kept_with_who_and_when(machine: Machine, agent: Applier) -> None:
    for number in range(60):
        agent.apply(document(network={"a.network": str(number)}), f"client-{number}")
    whole = agent.store.history()
    assert [found.number for found in whole] == list(range(61, 0, -1))
    assert [found.by for found in whole] == [*(f"client-{number}" for number in range(59, -1, -1)), "mary"]
    assert agent.store.history(3) == whole[:3]


def test_the_oldest_generations_go_when_there_is_no_room_and_what_is_needed_stays(
    machine: Machine, agent: Applier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "GENERATIONS_SIZE", 6 * limits.GENERATION_BLOCK)
    for number in range(10):
        agent.apply(document(network={"a.network": str(number)}), "mary")
    assert agent.store.numbers() == [6, 7, 8, 9, 10, 11]
    large = "x" * (3 * limits.GENERATION_BLOCK)
    agent.apply(document(network={"a.network": large}), "mary")
    assert agent.store.numbers() == [10, 11, 12], "it takes four blocks of the six"
    # What runs and what it goes back to are kept, whatever their size.
    agent.apply(document(network={"a.network": large + "y"}), "mary", mode=Mode.TRY, seconds=60)
    assert agent.store.numbers() == [12, 13]
    agent.cancel("mary")
    assert machine.runs(document(network={"a.network": large}))
    for number in range(3):
        agent.apply(document(network={"a.network": str(number)}), "mary", mode=Mode.BOOT)
        assert {agent.journal.running, agent.journal.good, agent.journal.next} <= set(agent.store.numbers())


def test_a_long_history_is_not_read_when_the_store_is_opened(
    machine: Machine, agent: Applier, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        agent.apply(document(network={"a.network": str(number)}), "mary")
    read: list[int] = []
    plain = Store.read

    def noted(store: Store, number: int) -> Generation:
        read.append(number)
        return plain(store, number)

    monkeypatch.setattr(Store, "read", noted)
    assert Store(machine.root / FOLDER).journal == agent.journal
    assert read == [31]
    # What it relies on is damaged: now all are looked at, and each fault is told once.
    for number in (31, 7):
        (machine.root / FOLDER / f"generations/{number:08}.json").write_bytes(b"{")
    again = Store(machine.root / FOLDER)
    assert again.journal.running == 30
    told = [words for words in again.found if "damaged" in words]
    assert [sum(f"generation {number} is damaged" in words for words in told) for number in (7, 31)] == [1, 1]


# Ends at every write, and disks that are full or damaged.


@contextlib.contextmanager
def ending_at(k: int, monkeypatch: pytest.MonkeyPatch, error: BaseException | None = None) -> Iterator[list[int]]:
    """The k-th change of a file or service does not happen: the agent ends there, or gets `error`.

    Yields how many there were.
    """
    count = [0]
    names = ("rename", "open") if error else ("rename", "unlink", "open")  # removing takes no room
    plain = {name: getattr(os, name) for name in names}

    def changing(name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if name == "open" and not arguments[1] & os.O_CREAT:
                return plain[name](*arguments, **options)
            count[0] += 1
            if count[0] == k or (count[0] > k and error is None):
                raise error or Ended
            return plain[name](*arguments, **options)

        return call

    with monkeypatch.context() as patch:
        for name in plain:
            patch.setattr(os, name, changing(name))
        if error is None:
            for name in ("act", "daemon_reload"):
                plain[name] = getattr(Machine, name)
                patch.setattr(Machine, name, changing(name))
        yield count


def _count(machine: Machine, monkeypatch: pytest.MonkeyPatch, **options: Any) -> int:
    agent = machine.agent()
    agent.resume()
    agent.apply(OLD, "mary")
    with ending_at(10_000, monkeypatch) as count:
        agent.apply(NEW, "peter", **options)
    return count[0]


@pytest.mark.parametrize("mode", list(Mode))
def test_whatever_write_the_agent_ends_at_the_machine_runs_old_or_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: Mode
) -> None:
    options: dict[str, Any] = {"mode": mode, "seconds": 120}
    (tmp_path / "count").mkdir()
    writes = _count(Machine(tmp_path / "count"), monkeypatch, **options)
    assert writes > (3 if mode is Mode.BOOT else 20)
    for k in range(1, writes + 1):
        for reboots in (False, True):
            root = tmp_path / f"{k}-{reboots}"
            root.mkdir()
            machine = Machine(root)
            agent = machine.agent()
            agent.resume()
            agent.apply(OLD, "mary")
            with ending_at(k, monkeypatch), pytest.raises(Ended):
                agent.apply(NEW, "peter", **options)
            boot = BOOT
            if reboots:
                machine.reboot()
                boot = "c" * 32
            again = machine.agent(boot)
            again.resume()
            again.tend()
            wanted = again.store.document(journals.wanted(again.journal))
            assert wanted in {OLD, NEW}, k
            assert machine.runs(wanted), (k, reboots)
            if again.journal.trial:
                again.cancel("mary")
            assert again.journal.under_way is None
            assert {g.document for g in again.store.history()} <= {OLD.decode(), NEW.decode()}
            assert OLD.decode() in {g.document for g in again.store.history()}
            last = document(network={"z.network": "last"})
            assert again.apply(last, "mary").state is State.GOOD
            assert machine.runs(last), k
            assert not list((root / FOLDER).rglob(".*")), "a crash left something behind for good"


def test_an_agent_that_ends_while_it_goes_back_goes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    k, ended = 0, True
    while ended:
        k += 1
        root = tmp_path / str(k)
        root.mkdir()
        machine = Machine(root)
        agent = machine.agent()
        agent.resume()
        agent.apply(OLD, "mary")
        agent.apply(NEW, "peter", mode=Mode.TRY, seconds=60)
        machine.now += 100
        try:
            with ending_at(k, monkeypatch):
                agent.tend()
            ended = False
        except Ended:
            again = machine.agent()
            again.resume()
            again.tend()
            assert machine.runs(OLD), k
            assert again.journal.trial is None
    assert k > 15


def test_a_disk_that_is_full_at_any_write_is_named_and_leaves_the_old_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_change = 0
    for k in itertools.count(1):
        root = tmp_path / str(k)
        root.mkdir()
        machine = Machine(root)
        agent = machine.agent()
        agent.resume()
        agent.apply(OLD, "mary")
        machine.done.clear()
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        refused: AdamantError | None = None
        with ending_at(k, monkeypatch, full):
            try:
                agent.apply(NEW, "peter")
            except AdamantError as error:
                refused = error
        if refused is None:
            assert k > 15, "the disk was never full"
            break
        assert "disk-full" in str(refused), k
        assert refused.reference in {"disk-full", "config-returned"}
        before_change += refused.reference == "disk-full"
        assert refused.reference != "disk-full" or machine.done == []
        agent.tend()
        assert machine.runs(OLD), k
        assert agent.apply(NEW, "peter").state is State.GOOD
        assert machine.runs(NEW)
    assert before_change == 4


def test_a_disk_that_stays_full_keeps_no_config_from_going_back(
    machine: Machine, agent: Applier, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.apply(NEW, "peter", mode=Mode.TRY, seconds=60)
    machine.now += 100
    plain = files.write_atomic

    def full(path: Path, data: bytes, mode: int = 0o644, *, durable: bool = True) -> None:
        if "state" in path.parts:
            raise files.write_failed(path, OSError(errno.ENOSPC, "No space left on device"))
        plain(path, data, mode, durable=durable)

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_atomic", full)
        agent.tend()
        assert machine.runs(OLD)
        assert agent.journal.trial is None
        with pytest.raises(AdamantError) as caught:
            agent.apply(NEW, "peter")
        assert caught.value.reference == "disk-full"
    agent.tend()
    assert Store(machine.root / FOLDER).journal == agent.journal == Journal(boot=BOOT, running=1, good=1)


def test_the_order_of_generations_does_not_hang_on_the_clock(tmp_path: Path) -> None:
    now = [2e9]
    store = Store(tmp_path, clock=lambda: now[0])
    first = store.add(OLD, "mary", Why.APPLY)
    now[0] -= 365 * 86400
    second = store.add(NEW, "mary", Why.APPLY)
    assert second.created_usec < first.created_usec
    assert [g.number for g in store.history()] == [2, 1]
    assert Store(tmp_path).add(OLD, "mary", Why.APPLY).number == 3


@settings(max_examples=40, deadline=None)
@given(
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=5) | st.booleans(),
        lambda inner: st.dictionaries(
            st.sampled_from(
                [
                    "version",
                    "boot",
                    "running",
                    "good",
                    "next",
                    "trial",
                    "under_way",
                    "generation",
                    "base",
                    "deadline",
                    "mode",
                ]
            ),
            inner,
            max_size=8,
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_journal_opens_to_a_state_that_runs(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    machine = Machine(tmp_path_factory.mktemp("garbage"))
    agent = machine.agent()
    agent.resume()
    agent.apply(OLD, "mary")
    agent.apply(NEW, "mary")
    (machine.root / FOLDER / "journal.json").write_bytes(data)
    again = machine.agent()
    again.resume()
    again.tend()
    wanted = again.store.document(journals.wanted(again.journal))
    assert machine.runs(wanted)
    if again.journal.trial:
        again.cancel("mary")
    last = document(network={"z.network": "last"})
    assert again.apply(last, "mary").state is State.GOOD
    assert machine.runs(last)
    shutil.rmtree(machine.root)


@pytest.mark.parametrize("damage", ["gone", "empty", "flipped", "other"])
def test_a_damaged_generation_is_not_run(machine: Machine, agent: Applier, damage: str) -> None:
    agent.apply(NEW, "peter")
    path = machine.root / FOLDER / "generations/00000002.json"
    if damage == "gone":
        path.unlink()
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "other":
        path.write_bytes((path.parent / "00000001.json").read_bytes())
    else:
        path.write_bytes(path.read_bytes().replace(b"more", b"less"))
    again = machine.agent()
    again.resume()
    again.tend()
    assert machine.runs(OLD)
    assert again.journal.running == 1
    assert any("generation 2" in words for words in machine.said)
    assert again.apply(NEW, "peter").generation == 3 if damage != "gone" else True


# At boot.


def _checked(data: bytes) -> bytes:
    try:
        value = json.loads(data)
    except ValueError as error:
        raise InputError("document-invalid", str(error)) from error
    if not isinstance(value, dict):
        raise InputError("document-invalid", "not a mapping")
    return data


def _boot(machine: Machine, boot: str, credential: Path | None = None) -> list[str]:
    """What adamant-config.service does."""
    path = machine.root / "proc/sys/kernel/random/boot_id"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{boot[:8]}-{boot[8:]}\n")
    said = provision.bring_up(machine.root, credential, render, _checked)
    assert (machine.root / provision.BOOTED).exists()
    return said


def test_the_files_are_there_before_those_who_read_them_start(machine: Machine, agent: Applier) -> None:
    agent.apply(NEW, "peter")
    machine.reboot()
    boot = "c" * 32
    assert _boot(machine, boot) == []
    assert machine.read("run/systemd/network") == json.loads(NEW)["network"]
    assert machine.done[-1:] != ["daemon-reload"], "a service was told something before it ran"
    for service in ("systemd-networkd.service", "systemd-sysctl.service"):
        machine.act("start", service)
    machine.done.clear()
    booted = machine.agent(boot)
    booted.resume()
    assert machine.runs(NEW)
    assert machine.done == ["daemon-reload", "restart one.service", "restart three.service"]


def test_a_machine_takes_the_config_that_it_is_passed_once(machine: Machine) -> None:
    passed = machine.root / "passed"
    passed.write_bytes(OLD)
    assert _boot(machine, BOOT, passed) == []
    agent = machine.agent()
    agent.resume()
    assert agent.journal == Journal(boot=BOOT, running=1, good=1)
    assert [(g.by, g.why) for g in agent.store.history()] == [("node", Why.PROVISION)]
    agent.apply(NEW, "peter")
    machine.reboot()
    _boot(machine, "c" * 32, passed)
    booted = machine.agent("c" * 32)
    booted.resume()
    assert booted.journal.running == 2
    assert len(booted.store.history()) == 2


def test_a_release_that_comes_back_runs_with_the_config_that_it_had(machine: Machine, agent: Applier) -> None:
    older = machine.agent("c" * 32, "1")
    older.resume()
    newer = machine.agent("d" * 32, "2")
    newer.resume()
    newer.apply(NEW, "peter")
    machine.reboot()
    again = machine.agent("e" * 32, "2")
    again.resume()
    assert machine.runs(NEW), "a boot of the same release changes nothing"
    machine.reboot()
    back = machine.agent("f" * 32, "1")
    back.resume()
    assert machine.runs(OLD)
    assert any("the release 2 is gone, and 1 ran with generation 1" in words for words in machine.said)
    machine.reboot()
    forward = machine.agent("0" * 32, "3")
    forward.resume()
    assert machine.runs(OLD), "a new release takes over what runs"


def test_a_config_of_the_release_before_is_kept_as_long_as_it_may_come_back(
    machine: Machine, agent: Applier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "GENERATIONS_SIZE", 4 * limits.GENERATION_BLOCK)
    machine.agent("c" * 32, "1").resume()
    newer = machine.agent("d" * 32, "2")
    newer.resume()
    for number in range(8):
        newer.apply(document(**{**json.loads(OLD), "network": {"a.network": str(number)}}), "peter")
    assert 2 not in newer.store.numbers(), "there was no room for all"
    machine.reboot()
    machine.agent("e" * 32, "1").resume()
    assert machine.runs(OLD)


def test_a_journal_that_a_newer_release_wrote_is_read(machine: Machine, agent: Applier) -> None:
    path = machine.root / FOLDER / "journal.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "later": {"x": 1}}))
    store = Store(machine.root / FOLDER)
    assert store.found == []
    assert store.journal == agent.store.journal


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[]"])
def test_a_config_that_is_passed_and_is_none_keeps_no_machine_from_booting(machine: Machine, data: bytes) -> None:
    passed = machine.root / "passed"
    passed.write_bytes(data)
    (said,) = _boot(machine, BOOT, passed)
    assert "the config that was passed cannot be used" in said
    assert machine.agent().store.history() == []


def test_a_config_that_this_release_does_not_understand_gives_way_to_the_one_that_was_good(
    machine: Machine, agent: Applier, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.apply(NEW, "peter", mode=Mode.BOOT)
    machine.reboot()

    def older(data: bytes) -> Any:
        if data == NEW:
            raise InputError("document-invalid", "there is no key more")
        return render(data)

    monkeypatch.setattr(config_machine, "render", older)
    (machine.root / "proc/sys/kernel/random").mkdir(exist_ok=True)
    said = provision.bring_up(machine.root, None, older, lambda data: data)
    assert any("there is no key more" in words for words in said)
    assert machine.read("run/systemd/network") == json.loads(OLD)["network"]


def test_a_full_state_partition_keeps_no_machine_from_booting(
    machine: Machine, agent: Applier, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.reboot()
    plain = files.write_atomic

    def full(path: Path, data: bytes, mode: int = 0o644, *, durable: bool = True) -> None:
        if "state" in path.parts:
            raise files.write_failed(path, OSError(errno.ENOSPC, "No space left on device"))
        plain(path, data, mode, durable=durable)

    monkeypatch.setattr(files, "write_atomic", full)
    assert any("disk-full" in words for words in _boot(machine, "c" * 32))
    assert machine.read("run/systemd/network") == json.loads(OLD)["network"]


def test_a_bug_in_the_middle_of_an_apply_leaves_no_config_half_way(machine: Machine, agent: Applier) -> None:
    def broken() -> Mapping[str, str]:
        if "new" in machine.loaded["network"].values():
            raise ZeroDivisionError
        return {}

    machine.judged = broken
    with pytest.raises(ZeroDivisionError):
        agent.apply(NEW, "peter")
    machine.judged = dict
    agent.tend()
    assert machine.runs(OLD)
    assert agent.apply(NEW, "peter").state is State.GOOD
