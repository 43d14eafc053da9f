"""A machine whose state is shut waits for its recovery keys: without state it has no identity.

It serves over TLS with a key that it made in RAM, to anybody, and nothing but the three methods of the table
`methods.RECOVERY`: it has its TPM prove how it was booted, and takes recovery keys. Nobody can prove to it who they
are, and nobody has to: what they bring opens the disk, or does not. A person knows the machine by the fingerprint of
that key, which the console shows; it is another one at each boot.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import grpc

from adamant.api import encryption_pb2 as pb
from adamant.api import fingerprint, methods
from adamant.api.events_pb2 import EVENT_KIND_KEYS
from adamant.api.fingerprint import Fingerprint
from adamant.core import limits
from adamant.model.errors import InputError
from adamant.node import certificate, encrypting, encryption, key, maintenance, power
from adamant.node.events import Events
from adamant.node.systemd import notify
from adamant.node.tasks import task


class Recovery:
    """The three methods, of a machine that shows the key `shown`.

    One caller at a time brings keys; whose key opens nothing has all of them wait a little.
    """

    def __init__(self, shown: Fingerprint, root: Path, restart: Callable[[], None], folder: Path = task.FOLDER) -> None:
        self._proof = maintenance.Proof(shown, folder)
        self._given = root, restart, folder
        self._lock = threading.Lock()

    def recover(self, request: pb.RecoverRequest, _context: grpc.ServicerContext) -> pb.RecoverResponse:
        """Bind what is shut by its recovery keys, and restart."""
        with self._lock:
            try:
                return encrypting.recover(request, *self._given)
            except InputError:
                time.sleep(limits.RECOVERY_PAUSE_SECONDS)
                raise

    def handlers(self) -> dict[methods.Method, maintenance.Handle]:
        """What answers the methods."""
        handles: dict[str, maintenance.Handle] = {"Recover": self.recover, **self._proof.handles()}
        return {method: handles[method.name] for method in methods.RECOVERY}


def wait(
    root: Path, events: Events, address: str, ended: threading.Event, show: Callable[[Fingerprint, int], None]
) -> None:
    """Wait for recovery keys until the machine goes down. `show` gets the fingerprint and the port, for the screen."""
    own_key = key.make()
    own_certificate = key.self_signed(own_key)
    shown = certificate.read_pem(own_certificate).key
    recovery = Recovery(shown, root, lambda: power.after_recovery(events, "who brought them"))
    running, port = maintenance.serve(recovery.handlers(), events, own_certificate, own_key, address)
    show(shown, port)
    notify(f"READY=1\nSTATUS=Waits for recovery keys, key {fingerprint.show(shown)}")
    names = " and ".join(encryption.shut(root))
    events.publish(EVENT_KIND_KEYS, f"{names} did not open, and the machine waits for recovery keys on port {port}")
    maintenance.say(
        f"This machine's TPM gave no key for {names}. It waits for recovery keys. The fingerprint of its key now is",
        fingerprint.show(shown),
        "On your computer: adamant node recover ADDRESS --fingerprint FINGERPRINT < recovery-key.txt",
    )
    ended.wait()
    running.stop(maintenance.GRACE_SECONDS).wait()
