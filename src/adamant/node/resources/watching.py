"""Who watches a kind of resources, and one look at it for all of them.

A watched kind is looked at by one thread, as often as its kind says and never for more than a tenth of the time,
however many watch it; nobody who watches means no thread. Each watcher compares what it has sent with what was seen
last, so one that is slow misses what came and went, and holds up nobody.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from adamant.api import node_pb2 as pb
from adamant.model.errors import AdamantError
from adamant.node.resources.registry import Kind

ADDED, CHANGED, REMOVED, READY = (pb.CHANGE_ADDED, pb.CHANGE_CHANGED, pb.CHANGE_REMOVED, pb.CHANGE_READY)
_WAIT_SECONDS = 1.0
"""How soon a watcher that has nothing to send notices that its client has gone."""
_SHARE = 9
"""How many times as long as a look took nobody looks again."""

Collect = Callable[[Kind, Collection[str]], list[pb.Resource]]
Change = tuple[pb.Change, pb.Resource | None]


class Seen(NamedTuple):
    """A resource and what a watcher compares: its bytes without the fields whose change alone tells nothing."""

    resource: pb.Resource
    key: bytes


def seen(kind: Kind, resource: pb.Resource) -> Seen:
    """A resource of `kind` as it is compared."""
    if not kind.quiet:
        return Seen(resource, resource.SerializeToString(deterministic=True))
    bare = pb.Resource()
    bare.CopyFrom(resource)
    if bare.HasField("actual"):
        message = getattr(bare.actual, kind.field)
        for field in kind.quiet:
            message.ClearField(field)
    return Seen(resource, bare.SerializeToString(deterministic=True))


def changes(before: dict[str, Seen], now: dict[str, Seen]) -> Iterator[Change]:
    """What happened between two looks: first what is gone, then the rest in the order of `now`."""
    for name, old in before.items():
        if name not in now:
            yield REMOVED, old.resource
    for name, new in now.items():
        known = before.get(name)
        if known is None:
            yield ADDED, new.resource
        elif known.key != new.key:
            yield CHANGED, new.resource


class _Look:
    """One kind that is watched: its last look, and who waits for the next."""

    def __init__(self, kind: Kind, names: Collection[str], collect: Collect) -> None:
        self._kind = kind
        self._names = names
        self._collect = collect
        self._stop = threading.Event()
        self.watchers = 0
        self.changed = threading.Condition()
        self.number = 0
        self.now: dict[str, Seen] = {}
        self.error: Exception | None = None

    def start(self) -> None:
        threading.Thread(target=self._run, name=f"watch {self._kind.name}", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            begin = time.monotonic()
            now: dict[str, Seen] = {}
            error: Exception | None = None
            try:
                now = {item.name: seen(self._kind, item) for item in self._collect(self._kind, self._names)}
            except Exception as caught:  # it is each watcher's to say, as if it had looked itself
                error = caught
            with self.changed:
                self.now, self.error = now, error
                self.number += 1
                self.changed.notify_all()
            self._stop.wait(max(self._kind.seconds, _SHARE * (time.monotonic() - begin)))


class Watches:
    """All kinds that are watched. Threads may follow at the same time."""

    def __init__(self, collect: Collect) -> None:
        self._collect = collect
        self._lock = threading.Lock()
        self._looks: dict[tuple[str, frozenset[str]], _Look] = {}

    def follow(self, kind: Kind, names: Collection[str], alive: Callable[[], bool]) -> Iterator[Change]:
        """What is, then READY, then what changes, while `alive`. Raises what a look raises."""
        key = (kind.name, frozenset(names) if kind.by_name else frozenset())
        look = self._join(key, kind)
        try:
            yield from self._follow(look, frozenset(names), alive)
        finally:
            self._leave(key, look)

    def _follow(self, look: _Look, names: frozenset[str], alive: Callable[[], bool]) -> Iterator[Change]:
        before: dict[str, Seen] = {}
        number = 0
        while alive():
            with look.changed:
                if look.number == number:
                    look.changed.wait(_WAIT_SECONDS)
                if look.number == number:
                    continue
                first, number = number == 0, look.number
                now, error = look.now, look.error
            if error is not None:
                raise _again(error)
            if names:
                now = {name: item for name, item in now.items() if name in names}
            yield from changes(before, now)
            if first:
                yield READY, None
            before = now

    def _join(self, key: tuple[str, frozenset[str]], kind: Kind) -> _Look:
        with self._lock:
            look = self._looks.get(key)
            if look is None:
                look = self._looks[key] = _Look(kind, key[1], self._collect)
                look.start()
            look.watchers += 1
            return look

    def _leave(self, key: tuple[str, frozenset[str]], look: _Look) -> None:
        with self._lock:
            look.watchers -= 1
            if look.watchers == 0:
                look.stop()
                del self._looks[key]


def _again(error: Exception) -> Exception:
    """The error anew, for one of several watchers: an exception that is raised twice collects both tracebacks."""
    if isinstance(error, AdamantError):
        return type(error)(error.reference, error.message, context=error.context, hint=error.hint)
    return error
