"""The agent: the program on a machine that answers the API.

    python3 -m adamant.node.agent [--address HOST:PORT] [--console] [--state FOLDER]    (machines: adamant.node.launch)

It takes its keys from systemd credentials (systemd.exec(5), CREDENTIALS_DIRECTORY), or else from the state partition,
or else waits in maintenance until it is enrolled. It tells systemd that it is ready only once it serves, and ends at
SIGTERM after the calls under way. Exit code 78 (EX_CONFIG) says that its keys are damaged: trying again would not help.
It imports model, core and api of this project, and of those only what needs no cryptography of its own. What it holds
are named tuples: a data class takes six times as long to make, and under emulation the agent's start is counted in
seconds.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from adamant.api.events_pb2 import EVENT_KIND_AGENT, EVENT_KIND_POWER
from adamant.api.methods import PORT
from adamant.model.errors import AdamantError
from adamant.node import identity, server
from adamant.node.events import Events
from adamant.node.health import Health
from adamant.node.identity import Keys, Store
from adamant.node.renewal import Renewal
from adamant.node.renewal import handlers as renewing
from adamant.node.systemd import notify

EX_CONFIG = 78
GRACE_SECONDS = 5.0
_CONSOLE_SECONDS = 15.0
"""From serving to the console's screen: the boot goes first."""
_CRASHES_SECONDS = 10.0
"""From serving to the look at the boot before; journald and systemd-pstore have moved what they keep by then."""


def _now() -> int:
    return time.monotonic_ns() // 1000


def _process_began() -> int:
    """When this process was started, in microseconds of the monotonic clock (proc_pid_stat(5), field 22)."""
    stat = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace")
    ticks = int(stat.rpartition(")")[2].split()[19])
    return ticks * 1_000_000 // os.sysconf("SC_CLK_TCK")


def _version(root: Path) -> Any:
    from adamant.node import version  # noqa: PLC0415 - nobody waits for it at boot

    return version.answer(root)


def _boot(root: Path, begin: int, ready: int) -> Any:
    from adamant.node import boot  # noqa: PLC0415 - nobody waits for it at boot

    return boot.answer(root, boot.Served(begin, ready), _now())


def _logs(request: Any, call: Any) -> Any:
    from adamant.node import journal  # noqa: PLC0415 - nobody waits for it at boot

    return journal.answer(request, call)


def _trusted(keys: Keys) -> dict[str, bytes]:
    """The certificates that this node shows: its own, and the authority's."""
    return {"node": keys.certificate, "authority": keys.ca}


def _resources(sources: Callable[[], tuple[Any, ...]]) -> Callable[[], Any]:
    """What shows resources, made when it is asked for the first time, of what `sources` are made of."""
    lock = threading.Lock()
    made: list[Any] = []

    def shown() -> Any:
        with lock:
            if not made:
                from adamant.node.resources import answers, found  # noqa: PLC0415 - nobody waits for it at boot

                made.append(answers.Resources(found.Sources(*sources())))
            return made[0]

    return shown


def _files() -> Any:
    from adamant.node import files  # noqa: PLC0415 - nobody waits for it at boot

    return files


def _capture(request: Any, call: Any) -> Any:
    from adamant.node import capture  # noqa: PLC0415 - nobody waits for it at boot

    return capture.answer(request, call)


def _crash() -> Any:
    from adamant.node import crash  # noqa: PLC0415 - nobody waits for it at boot

    return crash


def _crashes(root: Path, state: Path | None, events: Events, ended: threading.Event) -> None:
    """Keep what the boot before left behind, when it did not end by a shutdown. The boot goes first."""
    if state is None and ended.wait(_CRASHES_SECONDS):
        return
    try:
        found = state or identity.await_state(root, ended.is_set)
    except AdamantError as error:
        sys.stderr.write(f"<4>no crash records: {error.message}\n")
        return
    if found is not None:
        _crash().watch(root, found, lambda line: events.publish(EVENT_KIND_POWER, line))


class _Screen:
    """The screen on the machine's console, and what it says of how the machine is reached."""

    def __init__(self, root: Path, health: Callable[[], Any]) -> None:
        self._root = root
        self._health = health
        self._key: Callable[[], str] = str
        self._reach = ""
        self._started = False

    def say(self, key: Callable[[], str], reach: str, seconds: float) -> None:
        """Show this from now on; a screen that is not there yet begins in `seconds`."""
        self._key, self._reach = key, reach
        if not self._started:
            self._started = True
            threading.Thread(target=self._run, args=(seconds,), name="console", daemon=True).start()

    def _run(self, seconds: float) -> None:
        time.sleep(seconds)
        from adamant.node import console  # noqa: PLC0415 - nobody waits for it at boot

        console.run(self._root, self._health, lambda: console.Access(self._key(), self._reach))


def _keys(
    root: Path,
    address: str,
    state: Path | None,
    events: Events,
    ended: threading.Event,
    show: Callable[[str, int], None],
) -> tuple[Keys, Store] | None:
    """Who this machine is: credentials, or else what the state partition keeps, or else what an enrolment brings.

    None when the agent was told to end before that is known.
    """
    keys = identity.passed(os.environ.get("CREDENTIALS_DIRECTORY", ""))
    if keys is not None:
        return keys, Store(state or root / "state")
    found = state or identity.await_state(root, ended.is_set)
    if found is None:
        return None
    store = Store(found)
    keys = store.load()
    if keys is None:
        from adamant.node import maintenance  # noqa: PLC0415 - once in a machine's life

        keys = maintenance.wait(store, root, events, address, ended, show)
    return None if keys is None else (keys, store)


def run(root: Path, address: str, *, console: bool = False, state: Path | None = None) -> None:
    """Serve until SIGTERM or SIGINT, and with `console` show the machine's screen on its terminals.

    `state` stands in for the state partition, which is not waited for then.
    """
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    events = Events()
    renewal: Renewal | None = None
    health = Health(root, ends=lambda: renewal.ends() if renewal else None)
    screen = _Screen(root, health.answer) if console else None

    def waits(key: str, port: int) -> None:
        if screen:
            screen.say(lambda: key, f"port {port}: adamant node enroll ADDRESS --fingerprint KEY", 0)

    known = _keys(root, address, state, events, ended, waits)
    if known is None:
        return
    renewal = Renewal(*known, events)
    served = (_process_began(), 0)
    shown = _resources(lambda: (root, lambda: _boot(root, *served), health.answer, lambda: _trusted(renewal.keys)))
    handlers: dict[str, server.Handler] = {
        "Version": lambda _request, _call: _version(root),
        "Health": lambda _request, _call: health.answer(),
        "Boot": lambda _request, _call: _boot(root, *served),
        "Events": lambda request, call: events.follow(
            request.after, request.kinds, request.last, wait=request.follow, alive=call.alive
        ),
        "Logs": _logs,
        "List": lambda request, _call: _files().list_(request, root),
        "Read": lambda request, _call: _files().read(request, root),
        "Kinds": lambda _request, _call: shown().kinds(),
        "Get": lambda request, _call: shown().get(request),
        "Watch": lambda request, call: shown().watch(request, call.alive),
        "Capture": _capture,
        "Crashes": lambda _request, _call: _crash().list_(state or root / "state"),
        "Crash": lambda request, _call: _crash().show(request, state or root / "state"),
        **renewing(renewal),
    }
    serving, port = server.start(handlers, events, address, *renewal.keys, fetch=renewal.fetch)
    served = (served[0], _now())
    notify("READY=1")
    events.publish(EVENT_KIND_AGENT, f"the API is served on port {port}")
    sys.stderr.flush()
    if screen:
        screen.say(renewal.key, f"port {port}, from another computer: adamant node -c CONTEXT health", _CONSOLE_SECONDS)
    threading.Thread(target=_crashes, args=(root, state, events, ended), name="crashes", daemon=True).start()
    ended.wait()
    notify("STOPPING=1")
    serving.stop(GRACE_SECONDS).wait()


def main(arguments: list[str]) -> int:
    """The program. Its words go to standard error with a priority for the journal (sd-daemon(3))."""
    options = {"--address": f"[::]:{PORT}", "--state": ""}
    rest = list(arguments)
    console = "--console" in rest
    if console:
        rest.remove("--console")
    while len(rest) >= 2 and rest[0] in options:
        options[rest[0]] = rest[1]
        del rest[:2]
    if rest:
        sys.stderr.write("<3>usage: agent [--address HOST:PORT] [--console] [--state FOLDER]\n")
        return 2
    state = Path(options["--state"]) if options["--state"] else None
    try:
        run(Path("/"), options["--address"], console=console, state=state)
    except AdamantError as error:
        sys.stderr.write("".join(f"<3>{line}\n" for line in str(error).splitlines()))
        return EX_CONFIG if error.reference in {"node-keys", "identity-damaged"} else int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
