"""Asks a server whether this machine may reboot now, and says when it is back.

The FleetLock protocol (coreos/airlock, docs/fleetlock): a machine takes a slot of its group before it reboots, and
gives it back once it is well. Both can be said again at any time. All of an answer has one deadline and one cap.
"""

import hashlib
import hmac
import http.client
import json
import socket
import threading
import urllib.parse
from typing import Any

from adamant.core import limits
from adamant.model.errors import AdamantError, BusyError, InputError, UnreachableError

_APPLICATION = bytes.fromhex("5c39e4b1d7f04a6c9d0b8e2f61a7c350")
"""Our id among applications, for ids that are made from a machine's."""
_WORDS = 200
"""Characters of a server's word that are shown."""


def client_id(machine_id: str) -> str:
    """The id by which a server knows this machine: made from its own, which is told to nobody.

    It is what `systemd-id128 machine-id --app-specific=5c39e4b1d7f04a6c9d0b8e2f61a7c350` says
    (sd_id128_get_machine_app_specific(3)). Raises AdamantError `machine-id`.
    """
    try:
        key = bytes.fromhex(machine_id)
    except ValueError:
        key = b""
    if len(key) != 16:
        raise AdamantError("machine-id", "this machine has no id", hint="/etc/machine-id holds 32 hexadecimal digits")
    made = bytearray(hmac.digest(key, _APPLICATION, hashlib.sha256)[:16])
    made[6] = made[6] & 0x0F | 0x40  # a UUID of version 4 (RFC 9562, 5.4)
    made[8] = made[8] & 0x3F | 0x80
    return made.hex()


class FleetLock:
    """The server at `url`, as the machine `identity` of `group` sees it. `seconds` is the deadline of an answer."""

    def __init__(self, url: str, group: str, identity: str, seconds: float = limits.FLEET_LOCK_SECONDS) -> None:
        self._url = url.rstrip("/")
        self._body = json.dumps({"client_params": {"id": identity, "group": group}}).encode()
        self._seconds = seconds

    def pre_reboot(self) -> None:
        """Take a slot: from here on this machine may reboot.

        Raises BusyError `fleet-lock-refused`, UnreachableError `fleet-lock-unreachable`, AdamantError
        `fleet-lock-failed`, InputError `fleet-lock-address`.
        """
        self._post("pre-reboot")

    def steady_state(self) -> None:
        """Give the slot back, if this machine has one: it is well. Raises as `pre_reboot`."""
        self._post("steady-state")

    def _post(self, what: str) -> None:
        address = f"{self._url}/v1/{what}"
        try:
            status, body = self._answer(address)
        except (http.client.HTTPException, OSError) as error:
            raise UnreachableError(
                "fleet-lock-unreachable", f"the FleetLock server does not answer: {error}", context=address
            ) from error
        if status == http.HTTPStatus.OK:
            return
        kind, value = _reason(body)
        if kind:
            raise BusyError(
                "fleet-lock-refused",
                f"the FleetLock server refuses {what}: {value or kind} ({kind})",
                context=address,
                hint="other machines of the group hold the lock, or the server knows no such group",
            )
        raise AdamantError(
            "fleet-lock-failed",
            f"the FleetLock server answers {status} to {what}, and not by the protocol",
            context=address,
            hint="is update.fleetLock.url the address of a FleetLock server, without /v1?",
        )

    def _answer(self, address: str) -> tuple[int, bytes]:
        """The status and the body; a body that is larger than the cap is cut there."""
        connection = self._connection(address)
        late = threading.Event()
        try:
            connection.connect()
            timer = threading.Timer(self._seconds, _cut, (connection.sock, late))
            timer.daemon = True
            timer.start()
            try:
                path = urllib.parse.urlsplit(address).path
                headers = {"fleet-lock-protocol": "true", "Content-Type": "application/json", "User-Agent": "adamant"}
                connection.request("POST", path, self._body, headers)
                answer = connection.getresponse()
                body = answer.read(limits.FLEET_LOCK_SIZE)
            finally:
                timer.cancel()
            if late.is_set():
                raise TimeoutError(f"it took longer than {self._seconds:g} s")
            return answer.status, body
        except (http.client.HTTPException, OSError) as error:
            if late.is_set():
                raise TimeoutError(f"it took longer than {self._seconds:g} s") from error
            raise
        finally:
            connection.close()

    def _connection(self, address: str) -> http.client.HTTPConnection:
        try:
            parts = urllib.parse.urlsplit(address)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise InputError("fleet-lock-address", f"not an address of a FleetLock server: {error}") from error
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        return kind(host, port, timeout=self._seconds)


def _cut(connected: socket.socket, late: threading.Event) -> None:
    late.set()
    try:
        socket.socket.shutdown(connected, socket.SHUT_RDWR)  # that of TLS would pull it from under its reader
    except OSError:
        return  # it has ended by itself


def _reason(body: bytes) -> tuple[str, str]:
    """Kind and value of a refusal; empty when the body is none."""
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(found, dict):
        return "", ""
    return _shown(found.get("kind")), _shown(found.get("value"))


def _shown(word: Any) -> str:
    """A word of the server as one line of an event."""
    return "".join(c if c.isprintable() else "?" for c in word[:_WORDS]) if isinstance(word, str) else ""
