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

from adamant.api.events_pb2 import EVENT_KIND_AGENT, EVENT_KIND_POWER
from adamant.api.methods import PORT
from adamant.core import limits
from adamant.model.errors import AdamantError
from adamant.node import encryption, identity, posture, power, server
from adamant.node.button import Button
from adamant.node.configuring import CREDENTIAL as CONFIG
from adamant.node.configuring import Configuring
from adamant.node.events import Events
from adamant.node.handlers import Machine, Revoked, certificate_names, configured, table
from adamant.node.health import Health
from adamant.node.identity import Keys, Store
from adamant.node.lookout import Lookout, telling
from adamant.node.renewal import Renewal
from adamant.node.renewal import handlers as renewing
from adamant.node.screen import Screen
from adamant.node.systemd import notify
from adamant.node.updating import Updating

EX_CONFIG = 78
GRACE_SECONDS = 5.0
_CONSOLE_SECONDS = 15.0
"""From serving to the console's screen: the boot goes first."""
_ENROLL = "port {}: adamant node enroll ADDRESS --fingerprint KEY"
_RECOVER = "port {}: adamant node recover ADDRESS --fingerprint KEY"
_CRASHES_SECONDS = 10.0
"""From serving to the look at the boot before; journald and systemd-pstore have moved what they keep by then."""


def _process_began() -> int:
    """When this process was started, in microseconds of the monotonic clock (proc_pid_stat(5), field 22)."""
    stat = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace")
    ticks = int(stat.rpartition(")")[2].split()[19])
    return ticks * 1_000_000 // os.sysconf("SC_CLK_TCK")


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
        from adamant.node import crash  # noqa: PLC0415 - nobody waits for it at boot

        crash.watch(root, found, lambda line: events.publish(EVENT_KIND_POWER, line))


def _keys(
    root: Path,
    address: str,
    state: Path | None,
    events: Events,
    ended: threading.Event,
    show: Callable[[str, str], None],
) -> tuple[Keys, Store] | None:
    """Who this machine is: credentials, or else what the state partition keeps, or else what an enrolment brings.

    None when the agent was told to end before that is known. A state partition that is shut may be opened meanwhile;
    the machine goes down afterwards. `show` gets the fingerprint of the key that it waits with, and how it is reached.
    """
    keys = identity.passed(os.environ.get("CREDENTIALS_DIRECTORY", ""))
    if keys is not None:
        return keys, Store(state or root / "state")
    # On a slow machine, disk and key together take longer than a service may that has its credentials.
    notify(f"EXTEND_TIMEOUT_USEC={int((limits.STATE_SECONDS + 3 * limits.KEY_SECONDS) * 1_000_000)}")
    waits = root / encryption.WAITS
    found = state or identity.await_state(root, lambda: ended.is_set() or waits.exists())
    if found is None:
        if not ended.is_set():
            from adamant.node import recovering  # noqa: PLC0415 - a disk is hardly ever shut

            recovering.wait(root, events, address, ended, lambda key, port: show(key, _RECOVER.format(port)))
        return None
    store = Store(found)
    keys = store.load()
    if keys is None:
        from adamant.node import maintenance  # noqa: PLC0415 - once in a machine's life

        keys = maintenance.wait(store, root, events, address, ended, lambda key, port: show(key, _ENROLL.format(port)))
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
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    configuring = Configuring(root, events, passed=bool(folder) and (Path(folder) / CONFIG).exists())
    health = Health(
        root,
        ends=lambda: renewal.ends() if renewal else None,
        more=configured(configuring, root),
        changed=telling(events),
    )
    screen = Screen(root, health.answer) if console else None
    if console and not posture.rules(root).message_bus:  # then nobody else watches it
        down = lambda: power.go_down("poweroff.target", events, "the power button", "it was pressed", "shuts down")  # noqa: E731
        Button(root, down, ended).start()

    def waits(key: str, reach: str) -> None:
        if screen:
            screen.say(lambda: key, reach, 0)

    known = _keys(root, address, state, events, ended, waits)
    if known is None:
        return
    renewal = Renewal(*known, events, names=certificate_names(configuring))
    began, ready = _process_began(), 0
    updating = Updating(root, events, configuring)
    machine = Machine(
        root,
        state or root / "state",
        events,
        health,
        configuring,
        lambda: renewal.keys,
        lambda: (began, ready),
        updating.next_look,
    )
    served = {**table(machine), **renewing(renewal)}
    revoked = Revoked(configuring)
    serving, port = server.start(served, events, address, *renewal.keys, fetch=renewal.fetch, revoked=revoked)
    ready = time.monotonic_ns() // 1000
    notify("READY=1")
    events.publish(EVENT_KIND_AGENT, f"the API is served on port {port}")
    sys.stderr.flush()
    if screen:
        screen.say(renewal.key, f"port {port}, from another computer: adamant node -c CONTEXT health", _CONSOLE_SECONDS)
    configuring.start(updating.changed)
    Lookout(events, health, ended).start()
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
