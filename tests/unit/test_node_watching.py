"""Who watches a kind sees all of it once, then each change, and many who watch share one look."""

import threading
from collections.abc import Callable, Collection, Iterator

import pytest

from adamant.api import node_pb2 as pb
from adamant.api import resources_pb2
from adamant.model.errors import AdamantError
from adamant.node.resources.registry import Kind
from adamant.node.resources.watching import ADDED, CHANGED, READY, REMOVED, Change, Watches

KIND = Kind("modules", "module", "", "x:y", "", 0.01, ("uses",))
SETTINGS = Kind("sysctls", "sysctl", "", "x:y", "", 0.01, by_name=True)


class Machine:
    """Modules that a test changes, and how often it was looked at them."""

    def __init__(self, **sizes: int) -> None:
        self.lock = threading.Lock()
        self.modules = {name: resources_pb2.Module(size_bytes=size) for name, size in sizes.items()}
        self.looks: list[frozenset[str]] = []
        self.threads: set[int] = set()
        self.error: Exception | None = None

    def collect(self, _kind: Kind, names: Collection[str]) -> list[pb.Resource]:
        with self.lock:
            self.looks.append(frozenset(names))
            self.threads.add(threading.get_ident())
            if self.error:
                raise self.error
            return [
                pb.Resource(name=name, actual=pb.Spec(module=module)) for name, module in sorted(self.modules.items())
            ]

    def change(self, name: str, size: int, uses: int = 0) -> None:
        with self.lock:
            self.modules[name] = resources_pb2.Module(size_bytes=size, uses=uses)

    def remove(self, name: str) -> None:
        with self.lock:
            del self.modules[name]


def _told(change: Change) -> tuple[int, str, int]:
    kind, resource = change
    return kind, resource.name if resource else "", resource.actual.module.size_bytes if resource else 0


def _next(changes: Iterator[Change]) -> tuple[int, str, int]:
    return _told(next(changes))


def _always() -> bool:
    return True


def _until(holds: Callable[[], bool]) -> None:
    for _ in range(3000):
        if holds():
            return
        threading.Event().wait(0.01)
    pytest.fail("it never came to hold")


def test_a_watcher_sees_what_is_then_what_changes() -> None:
    machine = Machine(a=1, b=2)
    changes = Watches(machine.collect).follow(KIND, (), _always)
    assert [_next(changes) for _ in range(3)] == [(ADDED, "a", 1), (ADDED, "b", 2), (READY, "", 0)]
    machine.change("a", 10)
    assert _next(changes) == (CHANGED, "a", 10)
    machine.change("c", 3)
    assert _next(changes) == (ADDED, "c", 3)
    machine.remove("b")
    assert _next(changes) == (REMOVED, "b", 2)


def test_a_change_of_a_quiet_field_alone_tells_nothing() -> None:
    machine = Machine(a=1)
    changes = Watches(machine.collect).follow(KIND, (), _always)
    assert [_next(changes)[0] for _ in range(2)] == [ADDED, READY]
    machine.change("a", 1, uses=5)
    looks = len(machine.looks)
    _until(lambda: len(machine.looks) > looks + 2)
    machine.change("a", 2, uses=6)
    assert _next(changes) == (CHANGED, "a", 2)


def test_only_what_is_named_is_sent_also_when_it_comes_later() -> None:
    machine = Machine(a=1)
    changes = Watches(machine.collect).follow(KIND, ("b",), _always)
    assert _next(changes) == (READY, "", 0)
    machine.change("a", 2)
    machine.change("b", 3)
    assert _next(changes) == (ADDED, "b", 3)


def test_many_watchers_share_one_look_and_nobody_means_none() -> None:
    machine = Machine(a=1)
    watches = Watches(machine.collect)
    several = [watches.follow(KIND, (), _always) for _ in range(20)]
    for changes in several:
        assert [_next(changes)[0] for _ in range(2)] == [ADDED, READY]
    assert len(machine.threads) == 1
    machine.change("a", 2)
    for changes in several:
        assert _next(changes) == (CHANGED, "a", 2)
        changes.close()  # type: ignore[attr-defined]
    _until(lambda: not any(thread.name == "watch modules" for thread in threading.enumerate()))


def test_a_kind_that_goes_by_names_is_looked_at_for_those() -> None:
    machine = Machine(a=1)
    watches = Watches(machine.collect)
    one, two = watches.follow(SETTINGS, ("a",), _always), watches.follow(SETTINGS, ("b",), _always)
    assert (_next(one), _next(two)) == ((ADDED, "a", 1), (READY, "", 0))
    assert {frozenset({"a"}), frozenset({"b"})} <= set(machine.looks)


def test_what_goes_wrong_is_told_to_every_watcher() -> None:
    machine = Machine(a=1)
    watches = Watches(machine.collect)
    several = [watches.follow(KIND, (), _always) for _ in range(3)]
    for changes in several:
        next(changes)
        next(changes)
    machine.error = AdamantError("systemd-silent", "it does not answer")
    for changes in several:
        with pytest.raises(AdamantError) as caught:
            next(changes)
        assert caught.value.reference == "systemd-silent"


def test_a_watch_ends_when_its_client_has_gone() -> None:
    alive = threading.Event()
    alive.set()
    changes = Watches(Machine(a=1).collect).follow(KIND, (), alive.is_set)
    next(changes)
    next(changes)
    alive.clear()
    assert list(changes) == []
