"""The agent: the program on a machine that answers the API.

    python3 -m adamant.node.agent [--address HOST:PORT] [--console] [--state FOLDER]    (machines: adamant.node.launch)

It takes its keys from systemd credentials (systemd.exec(5), CREDENTIALS_DIRECTORY), or else from the state partition,
or else waits in maintenance until it is enrolled. It tells systemd that it is ready only once it serves, and ends at
SIGTERM after the calls under way. Exit code 78 (EX_CONFIG) says that its keys are damaged: trying again would not help.
It imports model, core and api of this project, and of those only what needs no
cryptography of its own. What it holds are named tuples: a data class takes six times as long to make, and under
emulation the agent's start is counted in seconds.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from adamant.api.events_pb2 import EVENT_KIND_AGENT
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


def _upgrade(request: Any, call: Any, root: Path, events: Events) -> Any:
    from adamant.node import upgrade  # noqa: PLC0415 - nobody waits for it at boot

    return upgrade.answer(request, call, root, events)


def _files() -> Any:
    from adamant.node import files  # noqa: PLC0415 - nobody waits for it at boot

    return files


def _console(root: Path, health: Health, certificate: bytes, port: int) -> None:
    time.sleep(_CONSOLE_SECONDS)
    from adamant.node import console  # noqa: PLC0415 - nobody waits for it at boot

    console.run(root, health.answer, certificate, port)


def _keys(
    root: Path, address: str, state: Path | None, events: Events, ended: threading.Event
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

        keys = maintenance.wait(store, root, events, address, ended)
    return None if keys is None else (keys, store)


def run(root: Path, address: str, *, console: bool = False, state: Path | None = None) -> None:
    """Serve until SIGTERM or SIGINT, and with `console` show the machine's screen on its terminals.

    `state` stands in for the state partition, which is not waited for then.
    """
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    events = Events()
    known = _keys(root, address, state, events, ended)
    if known is None:
        return
    renewal = Renewal(*known, events)
    health = Health(root, ends=renewal.ends)
    served = (_process_began(), 0)
    handlers: dict[str, server.Handler] = {
        "Version": lambda _request, _call: _version(root),
        "Health": lambda _request, _call: health.answer(),
        "Boot": lambda _request, _call: _boot(root, *served),
        "Events": lambda request, call: events.follow(
            request.after, request.kinds, request.last, wait=request.follow, alive=call.alive
        ),
        "Logs": _logs,
        "Upgrade": lambda request, call: _upgrade(request, call, root, events),
        "List": lambda request, _call: _files().list_(request, root),
        "Read": lambda request, _call: _files().read(request, root),
        **renewing(renewal),
    }
    serving, port = server.start(handlers, events, address, *renewal.keys, fetch=renewal.fetch)
    served = (served[0], _now())
    notify("READY=1")
    events.publish(EVENT_KIND_AGENT, f"the API is served on port {port}")
    sys.stderr.flush()
    if console:
        arguments = (root, health, renewal.keys.certificate, port)
        threading.Thread(target=_console, args=arguments, name="console", daemon=True).start()
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
