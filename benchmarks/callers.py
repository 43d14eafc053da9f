"""Callers of one node: the time of each call of one of them, and what many at once get."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple

from adamant.api import client
from adamant.api.pki import Credentials
from adamant.model.errors import AdamantError
from benchmarks.measure import Series, seconds

_SECONDS = 60.0
"""Deadline of a call: many at once wait for one another."""


class Answers(NamedTuple):
    """What many callers got: how many calls were answered, and how often which error came instead."""

    answered: int
    errors: Counter[str]


def one(address: str, keys: Credentials, count: int, ask: Callable[[client.Node], object]) -> Series:
    """Seconds of each of `count` calls over one connection, one after the other; the first ones are left out."""
    with client.connect(address, keys, _SECONDS) as node:
        for _ in range(count // 10):
            ask(node)
        return Series(tuple(seconds(lambda: ask(node)) for _ in range(count)))


def many(
    address: str, keys: Credentials, callers: int, duration: float, ask: Callable[[client.Node], object]
) -> Answers:
    """`callers` that each ask again as soon as they are answered, over a connection for a dozen, for `duration` s."""
    answered = Counter[int]()
    errors = Counter[str]()
    lock = threading.Lock()
    ends = time.monotonic() + duration
    with ExitStack() as connections:
        nodes = [connections.enter_context(client.connect(address, keys, _SECONDS)) for _ in range(-(-callers // 12))]

        def call(number: int) -> None:
            while time.monotonic() < ends:
                try:
                    ask(nodes[number % len(nodes)])
                except AdamantError as error:
                    with lock:
                        errors[error.reference] += 1
                else:
                    answered[number] += 1

        threads = [threading.Thread(target=call, args=(number,)) for number in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return Answers(answered.total(), errors)
