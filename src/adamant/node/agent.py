"""The agent: the program on a machine that answers the API.

    python3 -m adamant.node.agent [--address HOST:PORT] [--console]      (on a machine: adamant.node.launch)

It takes its keys from systemd credentials (systemd.exec(5), CREDENTIALS_DIRECTORY), tells systemd that it is ready only
once it serves, and ends at SIGTERM after the calls under way. Exit code 78 (EX_CONFIG) says that there are no keys:
trying again would not help. It imports model, core and api of this project, and of those only what needs no
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
from adamant.core import limits
from adamant.model.errors import AdamantError
from adamant.node import server
from adamant.node.events import Events
from adamant.node.health import Health
from adamant.node.systemd import notify

CREDENTIALS = ("adamant.ca", "adamant.cert", "adamant.key")
EX_CONFIG = 78
GRACE_SECONDS = 5.0
_CONSOLE_SECONDS = 15.0
"""From serving to the console's screen: the boot goes first."""


def read_credentials(folder: str) -> tuple[bytes, bytes, bytes]:
    """CA, certificate and key. Raises AdamantError `node-keys` that names what is missing."""
    found = []
    for name in CREDENTIALS:
        try:
            with (Path(folder) / name).open("rb") as source:
                data = source.read(limits.PEM_SIZE + 1)
        except OSError as error:
            raise AdamantError(
                "node-keys",
                f"the machine got no credential {name}",
                context=str(error),
                hint="adamant up passes them to machines of this computer",
            ) from error
        if not data or len(data) > limits.PEM_SIZE:
            raise AdamantError("node-keys", f"the credential {name} is empty or larger than {limits.PEM_SIZE} bytes")
        found.append(data)
    return found[0], found[1], found[2]


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


def _console(root: Path, health: Health, certificate: bytes, port: int) -> None:
    time.sleep(_CONSOLE_SECONDS)
    from adamant.node import console  # noqa: PLC0415 - nobody waits for it at boot

    console.run(root, health.answer, certificate, port)


def run(root: Path, address: str, *, console: bool = False) -> None:
    """Serve until SIGTERM or SIGINT, and with `console` show the machine's screen on its terminals."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    ca, certificate, key = read_credentials(os.environ.get("CREDENTIALS_DIRECTORY", ""))
    events = Events()
    health = Health(root)
    served = (_process_began(), 0)
    handlers: dict[str, server.Handler] = {
        "Version": lambda _request, _call: _version(root),
        "Health": lambda _request, _call: health.answer(),
        "Boot": lambda _request, _call: _boot(root, *served),
        "Events": lambda request, call: events.follow(
            request.after, request.kinds, request.last, wait=request.follow, alive=call.alive
        ),
    }
    serving, port = server.start(handlers, events, address, ca, certificate, key)
    served = (served[0], _now())
    notify("READY=1")
    events.publish(EVENT_KIND_AGENT, f"the API is served on port {port}")
    sys.stderr.flush()
    if console:
        threading.Thread(target=_console, args=(root, health, certificate, port), name="console", daemon=True).start()
    ended.wait()
    notify("STOPPING=1")
    serving.stop(GRACE_SECONDS).wait()


def main(arguments: list[str]) -> int:
    """The program. Its words go to standard error with a priority for the journal (sd-daemon(3))."""
    address = f"[::]:{PORT}"
    rest = list(arguments)
    console = "--console" in rest
    if console:
        rest.remove("--console")
    if rest[:1] == ["--address"] and len(rest) == 2:
        address = rest[1]
    elif rest:
        sys.stderr.write("<3>usage: agent [--address HOST:PORT] [--console]\n")
        return 2
    try:
        run(Path("/"), address, console=console)
    except AdamantError as error:
        sys.stderr.write("".join(f"<3>{line}\n" for line in str(error).splitlines()))
        return EX_CONFIG if error.reference == "node-keys" else int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
