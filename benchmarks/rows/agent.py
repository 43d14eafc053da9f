"""What the agent costs: from exec to serving, a call, and its memory; outside emulation, and on a booted machine."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from adamant.api import client, logs, logs_pb2
from adamant.api.client import Node
from adamant.api.pki import Credentials
from adamant.core import files
from adamant.packages import tools
from benchmarks import callers, native, place
from benchmarks.bench import Bench
from benchmarks.measure import Memory, Series
from benchmarks.result import Aim, Result, Table, Unit

_STARTS = 10
_CALLS = 2000
_EMULATED_CALLS = 200
_CALLERS = 200
_MINUTE = 60.0
_REST_SECONDS = 30.0
"""After the machine is healthy: by then the console's screen has come, and what a boot needs is done."""

_ASKED: Mapping[str, Callable[[Node], object]] = {
    "Version": lambda node: node.version(),
    "Health": lambda node: node.health(),
    "Boot": lambda node: node.boot(),
    "Get, services": lambda node: node.get("services"),
    "Get, memory": lambda node: node.get("memory"),
}


@contextmanager
def _native(bench: Bench) -> Iterator[Callable[[], AbstractContextManager[native.Native]]]:
    """Starts agents of the example's image outside emulation, each of which ends before the next, and at last."""
    image = bench.adamant.build("release") / "usr.erofs"
    tree = tools.open_tools(bench.lock.tools, bench.adamant.cache)
    with files.work_folder(bench.scratch, "agent") as work:
        native.unpack(image, tree, work / "usr")
        keys = place.Node()
        yield lambda: native.running(work / "usr", tree, keys, work)


def start(bench: Bench) -> Result:
    """Seconds from exec to serving, outside emulation."""
    samples, sizes = [], []
    with _native(bench) as run:
        for number in range(_STARTS + 1):
            with run() as agent:
                if number:  # the first one reads the files from the disk
                    samples.append(agent.seconds)
                    sizes.append(agent.memory())
    bench.say(f"agent-start: {min(samples):.3f} s at best")
    return Result(
        "agent-start",
        "The agent from exec to serving, outside emulation",
        Unit.SECONDS,
        Series(tuple(samples)),
        Aim("below 1 s", below=1.0),
        notes=(f"memory when it serves: {_range(sizes)}",),
    )


def call(bench: Bench) -> Result:
    """Seconds of a Version call over one connection, outside emulation; what 200 callers get at once."""
    medians, tails, rates, lost, sizes = [], [], [], Counter[str](), []
    with _native(bench) as run:
        for number in range(1, bench.rounds + 1):
            with run() as agent:
                times = callers.one(agent.address, agent.keys, _CALLS, _ASKED["Version"])
                medians.append(times.median)
                tails.append(times.part(0.99))
                got = callers.many(agent.address, agent.keys, _CALLERS, 10.0, _ASKED["Version"])
                rates.append(got.answered / 10.0)
                lost += got.errors
                sizes.append(agent.memory())
            bench.say(f"agent-call: round {number}: {medians[-1] * 1e3:.2f} ms")
    return Result(
        "agent-call",
        "A Version call over one connection, outside emulation, p50",
        Unit.SECONDS,
        Series(tuple(medians)),
        Aim("below 10 ms", below=0.01),
        notes=(
            f"p99: {min(tails) * 1e3:.2f} ms to {max(tails) * 1e3:.2f} ms; "
            f"{_CALLS} calls in each of {bench.rounds} rounds",
            f"{_CALLERS} callers at once for 10 s: {min(rates):.0f} to {max(rates):.0f} calls a second, {_lost(lost)}; "
            f"memory afterwards {_range(sizes)}",
            "caller and agent share the processors",
        ),
    )


def memory(bench: Bench) -> Result:
    """Resident memory at rest on a booted machine, and what calls cost there."""
    where = place.place(bench)
    node = place.Node()
    image = bench.adamant.build("dev") / "disk.raw"
    with where.running("agent", image, node.credentials(), node.healthy) as (machine, _):
        time.sleep(_REST_SECONDS)
        keys = node.keys()
        with client.connect(machine.address, keys, _MINUTE) as asked:
            rest = _taken(asked)
        rows = []
        for name, ask in _ASKED.items():
            times = callers.one(machine.address, keys, _EMULATED_CALLS, ask)
            rows.append((name, f"{times.median * 1e3:.1f} ms", f"{times.part(0.99) * 1e3:.1f} ms"))
            bench.say(f"agent-memory: {name} {times.median * 1e3:.1f} ms")
        streamed = _stream_log(machine.address, keys)
        bench.say(f"agent-memory: {streamed}")
        got = callers.many(machine.address, keys, _CALLERS, _MINUTE, _ASKED["Version"])
        time.sleep(5)
        with client.connect(machine.address, keys, _MINUTE) as asked:
            after = _taken(asked)
    assert node.said is not None
    began = next(phase for phase in node.said.phases if phase.name == "agent")
    return Result(
        "agent-memory",
        f"Resident memory of the agent at rest on a machine ({where.accelerator})",
        Unit.BYTES,
        Series((float(rest[0]),)),
        Aim("below 48 MiB", below=float(48 << 20)),
        notes=(
            f"at rest {_shown(rest)}",
            f"after {_CALLERS} callers at once for a minute {_shown(after)}; "
            f"{got.answered} calls answered, {_lost(got.errors)}",
            f"from exec to serving during the boot: {began.duration_usec / 1e6:.2f} s",
            f"its whole log over one stream: {streamed}",
        ),
        tables=(Table(f"Calls over one connection ({where.accelerator})", ("method", "p50", "p99"), tuple(rows)),),
    )


def _stream_log(address: str, keys: Credentials) -> str:
    """How fast all entries of the running boot come; the agent has them from journalctl."""
    with client.connect(address, keys, _MINUTE) as node:
        begin = time.perf_counter()
        sizes = [len(entry.message) for entry in logs.logs(node, logs_pb2.LogsRequest())]
        taken = time.perf_counter() - begin
    return f"{len(sizes)} entries in {taken:.2f} s, {len(sizes) / taken:.0f} a second"


def _lost(errors: Counter[str]) -> str:
    """How many calls were lost, and to which errors."""
    return ", ".join(["none lost"] if not errors else [f"{count} lost: {name}" for name, count in errors.items()])


def _range(found: list[Memory]) -> str:
    """Sizes for people, in MiB."""

    def between(values: list[int]) -> str:
        least, most = (f"{value / (1 << 20):.1f}" for value in (min(values), max(values)))
        return least if least == most else f"{least} to {most}"

    return (
        f"{between([m.resident for m in found])} MiB resident, {between([m.share for m in found])} MiB without what "
        f"others share, {max(m.threads for m in found)} threads"
    )


def _taken(node: Node) -> tuple[int, int]:
    """Resident bytes and threads of the agent, as the machine says: asking loads what reads processes."""
    found = [item.actual for item in node.get("processes").resources if item.actual is not None]
    (agent,) = (one for one in found if one["command"].startswith(native.AGENT))
    return agent["memory_bytes"], agent["threads"]


def _shown(taken: tuple[int, int]) -> str:
    return f"{taken[0] / (1 << 20):.1f} MiB resident, {taken[1]} threads"
