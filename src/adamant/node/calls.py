"""Calls under way on the API: who makes them, how many there may be, and which of them stall.

A call holds a thread of the agent while it is worked on, and a stream holds one until it ends. So streams are counted,
in all and by client, and a refusal says which limit was met. Calls with one answer are worked on as threads get free;
how many may wait for one is counted by gRPC, which knows of them before the agent does.

A client may be silent only where that means something. One that has begun a call and sends no request is told so and
its thread is free again. A stream whose client takes nothing for a while is ended: a client that is slow or dead costs
the node one thread for that long, and no memory (the next message is made only when the one before was taken).
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

from adamant.api.identity import Identity
from adamant.core import limits
from adamant.model.errors import AdamantError, BusyError


class Call(NamedTuple):
    """One call as its handler sees it. `alive` says whether the client still waits; `on_end` is called when it ends."""

    who: Identity
    peer: str
    alive: Callable[[], bool]
    on_end: Callable[[Callable[[], None]], Any]


class Gate:
    """Counts streams under way. Raises BusyError `call-limit`, naming the limit, when one more would be too many."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: Counter[str] = Counter()

    @contextmanager
    def passing(self, client: str) -> Iterator[None]:
        """One stream of `client`, from its begin to its end."""
        with self._lock:
            if self._streams[client] >= limits.RPC_STREAMS_OF_CLIENT:
                raise _refused(f"{limits.RPC_STREAMS_OF_CLIENT} streams at once by one client")
            if self._streams.total() >= limits.RPC_STREAMS_OPEN:
                raise _refused(f"{limits.RPC_STREAMS_OPEN} streams at once on this node")
            self._streams[client] += 1
        try:
            yield
        finally:
            with self._lock:
                self._streams[client] -= 1
                self._streams += Counter()  # forget clients without streams


def _refused(limit: str) -> BusyError:
    return BusyError("call-limit", f"the limit of {limit} is reached", hint="end some of them, or try again later")


class Turns:
    """Work for one at a time, at most `most` times in `seconds`. Raises BusyError `call-limit`, naming the limit."""

    def __init__(self, most: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._busy = False
        self._begun: list[float] = []

    @contextmanager
    def taken(self) -> Iterator[None]:
        """One turn, from its begin to its end."""
        with self._lock:
            now = self._clock()
            self._begun = [at for at in self._begun if now - at < self._seconds]
            if self._busy:
                raise _refused("one such call at once on this node")
            if len(self._begun) >= self._most:
                raise _refused(f"{self._most} such calls in {self._seconds:.0f} s on this node")
            self._busy = True
            self._begun.append(now)
        try:
            yield
        finally:
            with self._lock:
                self._busy = False


class Requests:
    """Takes the first message of each call from its client, who has `seconds` for it.

    gRPC waits for a message without a limit, in the thread that asks for it. Here that is a thread that only reads:
    up to `threads` of them, so that as many calls as there may be never wait for each other.
    """

    def __init__(self, threads: int, seconds: float) -> None:
        self._seconds = seconds
        self._readers = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="request")

    def first(self, messages: Iterator[bytes]) -> bytes | None:
        """The first of `messages`; None when the client ends without one. Raises AdamantError `client-silent`.

        The thread that reads is free again once the call has ended.
        """
        reading = self._readers.submit(next, messages, None)
        try:
            return reading.result(self._seconds)
        except TimeoutError as error:
            raise AdamantError(
                "client-silent",
                f"the client began the call and sent no request within the limit of {self._seconds:.0f} s",
                hint="when the connection is slow, try again",
            ) from error


class Watchdog:
    """Ends streams whose client takes nothing for `seconds`. Its thread runs only while there are streams."""

    def __init__(self, seconds: float = limits.RPC_STALL_SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[float, Callable[[], Any]]] = {}
        self._running = False

    def sending(self, key: int, cancel: Callable[[], Any]) -> None:
        """A message of the stream `key` goes out now; `cancel` ends the stream."""
        with self._lock:
            self._waiting[key] = (time.monotonic() + self._seconds, cancel)
            if self._running:
                return
            self._running = True
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def taken(self, key: int) -> None:
        """The client took the message, or the stream ended."""
        with self._lock:
            self._waiting.pop(key, None)

    def _run(self) -> None:
        idle = 0
        while True:
            time.sleep(self._seconds / 4)
            now = time.monotonic()
            with self._lock:
                late = [key for key, (until, _) in self._waiting.items() if until < now]
                cancels = [self._waiting.pop(key)[1] for key in late]
                idle = 0 if self._waiting or late else idle + 1
                if idle > 4:
                    self._running = False
                    return
            for cancel in cancels:
                cancel()
