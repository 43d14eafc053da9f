"""PID 1: its state and its units over D-Bus, and the word that this service is ready.

It speaks to systemd's own socket, not to the message bus: that is one program less which must run, and the socket
answers root alone. Interfaces: org.freedesktop.systemd1(5). jeepney is loaded at the first question, so that the agent
serves before it.
"""

import os
import re
import socket
import struct
import time
import types
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from adamant.core import limits
from adamant.model.errors import AdamantError

if TYPE_CHECKING:
    from jeepney import DBusAddress, Message

SOCKET = "/run/systemd/private"
NAME = "org.freedesktop.systemd1"
_MANAGER = "/org/freedesktop/systemd1"
_UNITS = f"{_MANAGER}/unit/"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_ESCAPED = re.compile(r"_([0-9a-f]{2})")


_JOB_SECONDS = 0.1
"""How often it is looked whether a job is done."""
_RETRY_SECONDS = 0.1
"""Between a connection that was dropped and the next."""

Verb = Literal["start", "stop", "restart", "reload"]
_VERBS: dict[Verb, str] = {
    "start": "StartUnit",
    "stop": "StopUnit",
    "restart": "RestartUnit",
    "reload": "ReloadOrRestartUnit",
}


class Unit(NamedTuple):
    """A unit as systemd lists it. `load`, `active` and `sub` are its states, `path` is its object's."""

    name: str
    load: str
    active: str
    sub: str
    path: str
    description: str = ""


class Systemd:
    """A connection to PID 1. Every answer has a deadline. Errors are AdamantError `systemd-silent`."""

    def __init__(self, path: str = SOCKET, seconds: float = limits.DBUS_SECONDS) -> None:
        from jeepney import Parser  # noqa: PLC0415

        self._serial = 0
        self._parser = Parser()
        end = time.monotonic() + seconds
        try:
            while not self._connected(path, seconds, end):
                time.sleep(_RETRY_SECONDS)
        except OSError as error:
            raise AdamantError("systemd-silent", f"systemd cannot be asked: {error}") from error

    def _connected(self, path: str, seconds: float, end: float) -> bool:
        """Whether systemd takes us. Now and then it drops a connection at its beginning, and takes the next one."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            self._socket.settimeout(seconds)
            self._socket.connect(path)
            self._authenticate()
        except OSError as error:
            self._socket.close()
            if not isinstance(error, ConnectionError) or time.monotonic() > end:
                raise
            return False
        return True

    def _authenticate(self) -> None:
        """Say who we are (D-Bus Specification, Authentication Protocol), and wait until that is accepted.

        BEGIN goes with it, not after it: a question that systemd reads together with BEGIN lies in its buffer until
        more bytes come. There is no message bus behind this socket, hence no Hello.
        """
        self._socket.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\nBEGIN\r\n")
        answer = b""
        while not answer.endswith(b"\r\n"):
            data = self._socket.recv(256)
            if not data or len(answer) > 1024:
                raise ConnectionResetError("the connection was closed")
            answer += data
        if not answer.startswith(b"OK "):
            raise PermissionError("systemd refuses this user")

    def __enter__(self) -> "Systemd":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self._socket.close()

    def _address(self, path: str, interface: str) -> "DBusAddress":
        from jeepney import DBusAddress  # noqa: PLC0415

        return DBusAddress(path, bus_name=NAME, interface=interface)

    def _ask_all(self, questions: "Sequence[Message]") -> list[tuple[Any, ...]]:
        """Bodies of the answers to `questions`, which are all sent before the first answer is read."""
        from jeepney import HeaderFields, MessageType  # noqa: PLC0415

        first = self._serial + 1
        self._serial += len(questions)
        bodies: dict[int, tuple[Any, ...]] = {}
        try:
            for serial, question in enumerate(questions, first):
                self._socket.sendall(question.serialise(serial=serial))
            while len(bodies) < len(questions):
                answer = self._receive()
                index = answer.header.fields.get(HeaderFields.reply_serial, 0) - first
                if 0 <= index < len(questions):
                    failed = answer.header.message_type is MessageType.error
                    bodies[index] = () if failed else answer.body
        except (OSError, ValueError, LookupError, struct.error) as error:  # jeepney raises all of them
            raise AdamantError("systemd-silent", f"systemd does not answer: {error}") from error
        return [bodies[index] for index in range(len(questions))]

    def _receive(self) -> "Message":
        while (message := self._parser.get_next_message()) is None:
            data = self._socket.recv(1 << 16)
            if not data:
                raise ConnectionResetError("the connection was closed")
            self._parser.add_data(data)
        return message

    def get(self, wanted: Sequence[tuple[str, str, str]]) -> list[Any]:
        """Values of properties, each wanted as (object's path, interface below NAME, property); None where none is."""
        from jeepney import new_method_call  # noqa: PLC0415

        questions = [
            new_method_call(self._address(path, _PROPERTIES), "Get", "ss", (f"{NAME}.{interface}", name))
            for path, interface, name in wanted
        ]
        return [body[0][1] if body else None for body in self._ask_all(questions)]

    def manager(self, *names: str) -> list[Any]:
        """Properties of the manager, in the order asked for."""
        return self.get([(_MANAGER, "Manager", name) for name in names])

    def units(self, states: Sequence[str], patterns: Sequence[str]) -> list[Unit]:
        """Loaded units in one of `states` (any, when empty) whose names match one of `patterns` (any, when empty)."""
        from jeepney import new_method_call  # noqa: PLC0415

        question = new_method_call(
            self._address(_MANAGER, f"{NAME}.Manager"), "ListUnitsByPatterns", "asas", (list(states), list(patterns))
        )
        body = self._ask_all([question])[0]
        if not body:
            raise AdamantError("systemd-silent", "systemd does not list its units")
        return [Unit(name=u[0], load=u[2], active=u[3], sub=u[4], path=u[6], description=u[1]) for u in body[0]]

    def changes(self, seconds: float) -> Iterator[tuple[str, dict[str, Any]]]:
        """Names of units whose state changes within `seconds`, each with the properties that PID 1 tells of.

        They are those of org.freedesktop.systemd1.Unit and `Result`, the last one that was told of that unit. PID 1
        sends them to whoever is connected to its own socket, without being asked to. The connection must be for nothing
        else: who waits for an answer drops what comes before it.
        """
        from jeepney import HeaderFields  # noqa: PLC0415

        end = time.monotonic() + seconds
        results: dict[str, Any] = {}
        while (left := end - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                message = self._receive()
            except TimeoutError:
                return
            except (OSError, ValueError, LookupError, struct.error) as error:
                raise AdamantError("systemd-silent", f"systemd tells nothing more: {error}") from error
            fields = message.header.fields
            path = fields.get(HeaderFields.path, "")
            if fields.get(HeaderFields.member) != "PropertiesChanged" or not path.startswith(_UNITS):
                continue
            unit = _ESCAPED.sub(lambda code: chr(int(code[1], 16)), path.removeprefix(_UNITS))
            values = {name: value for name, (_, value) in message.body[1].items()}
            if message.body[0] == f"{NAME}.Unit":
                yield unit, {**values, **({"Result": results.pop(unit)} if unit in results else {})}
            elif "Result" in values:  # of the unit's own type, which is told first
                results[unit] = values["Result"]

    def act(self, verb: Verb, unit: str) -> None:
        """Start, stop, restart or reload a unit, and wait until that is done.

        Raises AdamantError `unit-refused`, `unit-failed`, `unit-slow`.
        """
        self._job(_VERBS[verb], unit, "ss", (unit, "replace"))

    def enqueue(self, verb: Verb, unit: str, mode: str) -> None:
        """Have a unit started, stopped, restarted or reloaded, and do not wait. `mode` as in systemctl(1), --job-mode=.

        Raises AdamantError `unit-refused`.
        """
        if self._call(_VERBS[verb], "ss", (unit, mode)) is None:
            raise AdamantError("unit-refused", f"systemd refuses to {verb} {unit}", hint="is there such a unit?")

    def forget(self, unit: str) -> None:
        """Have systemd forget that a unit failed."""
        self._call("ResetFailedUnit", "s", (unit,))

    def daemon_reload(self) -> None:
        """Have systemd read its unit files again."""
        self._call("Reload", "", ())

    def run(self, unit: str, argv: Sequence[str]) -> None:
        """Run a program as the service `unit`, which is made for it, and wait for its end."""
        properties = [
            ("Type", ("s", "oneshot")),
            ("ExecStart", ("a(sasb)", [(argv[0], list(argv), False)])),
            ("CollectMode", ("s", "inactive-or-failed")),
        ]
        self._job("StartTransientUnit", unit, "ssa(sv)a(sa(sv))", (unit, "replace", properties, []))

    def _call(self, member: str, signature: str, body: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """The answer of the manager to a call that changes something; None when it refuses."""
        from jeepney import HeaderFields, MessageType, new_method_call  # noqa: PLC0415

        self._serial += 1
        question = new_method_call(self._address(_MANAGER, f"{NAME}.Manager"), member, signature, body)
        try:
            self._socket.sendall(question.serialise(serial=self._serial))
            while True:
                answer = self._receive()
                if answer.header.fields.get(HeaderFields.reply_serial) == self._serial:
                    return None if answer.header.message_type is MessageType.error else answer.body
        except (OSError, ValueError, LookupError, struct.error) as error:
            raise AdamantError("systemd-silent", f"systemd does not answer: {error}") from error

    def _job(self, member: str, unit: str, signature: str, body: tuple[Any, ...]) -> None:
        answer = self._call(member, signature, body)
        if answer is None:
            raise AdamantError("unit-refused", f"systemd refuses {member} of {unit}", hint="is there such a unit?")
        end = time.monotonic() + limits.UNIT_SECONDS
        while self.get([(answer[0], "Job", "State")])[0] is not None:
            if time.monotonic() > end:
                raise AdamantError("unit-slow", f"{unit} was not done within {limits.UNIT_SECONDS:.0f} s")
            time.sleep(_JOB_SECONDS)
        if member != "StopUnit" and any(found.active == "failed" for found in self.units(["failed"], [unit])):
            raise AdamantError("unit-failed", f"{unit} failed", hint=f"adamant node logs {unit} says why")


def notify(message: str) -> None:
    """Tell the service manager something (sd_notify(3)), such as READY=1. Without one, nothing is told."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        out.connect("\0" + path[1:] if path.startswith("@") else path)
        out.sendall(message.encode())
