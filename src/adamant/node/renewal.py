"""The identity that the API is served with, and how it is replaced while the API goes on.

A new key lives in memory until its certificate has been confirmed over a connection that was made with it; then key and
certificate are stored by one rename. So a crash, or a client that goes away, at any point leaves the old identity or
the new one. The server asks `fetch` at each handshake.

A machine that was given its identity at provisioning, and renewed since, has two: it serves with the passed one, which
needs no disk, until it sees the other on the state partition. That is taken when it is of the same CA and ends later.
"""

import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from adamant.api import keys_pb2 as pb
from adamant.api.events_pb2 import EVENT_KIND_KEYS
from adamant.core import limits
from adamant.model.errors import AdamantError, BusyError
from adamant.node.calls import Call
from adamant.node.events import Events
from adamant.node.identity import Keys, Store


class _Offered(NamedTuple):
    """An identity that nobody has confirmed yet, and until when, by the monotonic clock, it is served."""

    keys: Keys
    until: float


class Renewal:
    """What the node is served with. Threads may call any method at the same time."""

    def __init__(
        self,
        keys: Keys,
        store: Store,
        events: Events,
        monotonic: Callable[[], float] = time.monotonic,
        names: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """`names` are the host names and addresses that the config adds to those of the certificate."""
        self._names = names
        self._keys = keys
        self._store = store
        self._events = events
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._fresh: bytes | None = None
        self._offered: _Offered | None = None
        self._served = keys

    @property
    def keys(self) -> Keys:
        """The confirmed identity."""
        return self._keys

    def fetch(self) -> Keys | None:
        """The identity for the next handshake, or None when it is that of the last one."""
        with self._lock:
            self._look()
            self._drop_unconfirmed()
            now = self._offered.keys if self._offered else self._keys
            changed, self._served = now != self._served, now
            return now if changed else None

    def _look(self) -> None:
        """Take the identity on the state partition, when there is one that was not seen before and it is newer."""
        stamp = self._store.stamp()
        if stamp is None or stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            found = self._store.load()
            if found and found != self._keys and found.ca == self._keys.ca and _ends(found) > _ends(self._keys):
                self._keys = found
        except AdamantError as error:
            sys.stderr.write(f"<4>the identity on the state partition is not used: {error.message}\n")

    def _drop_unconfirmed(self) -> None:
        if self._offered and self._offered.until < self._monotonic():
            self._offered = None
            sys.stderr.write("<4>nobody confirmed the new certificate: the old one is served again\n")

    def new_key(self, _request: pb.NewKeyRequest, _call: Call) -> pb.NewKeyResponse:
        """Make a key, and ask for a certificate for it. A key of a renewal that was not finished is forgotten."""
        from adamant.node import key  # noqa: PLC0415 - rare work

        made = key.make()
        request = key.request(made)
        with self._lock:
            self._fresh = made
            return pb.NewKeyResponse(request=request, certificate=self._keys.certificate, names=self._names())

    def take(self, request: pb.TakeCertificateRequest, _call: Call) -> pb.TakeCertificateResponse:
        """Serve with the new certificate from now on, for a while."""
        from adamant.node import certificate, identity  # noqa: PLC0415 - rare work

        certificate.read_pem(request.certificate)
        with self._lock:
            if self._fresh is None:
                raise BusyError(
                    "renewal-not-begun", "the node has made no new key", hint="begin anew: adamant node renew"
                )
            offered = Keys(self._keys.ca, request.certificate, self._fresh)
            identity.prove(offered)
            self._fresh = None
            self._offered = _Offered(offered, self._monotonic() + limits.RENEWAL_SECONDS)
        return pb.TakeCertificateResponse(seconds=int(limits.RENEWAL_SECONDS))

    def keep(self, request: pb.KeepCertificateRequest, call: Call) -> pb.KeepCertificateResponse:
        """Store the new identity: the caller came over a connection that was made with it."""
        from adamant.node import certificate  # noqa: PLC0415 - rare work

        with self._lock:
            self._drop_unconfirmed()
            if self._offered is None:
                raise BusyError(
                    "renewal-not-begun", "no new certificate waits to be kept", hint="begin anew: adamant node renew"
                )
            found = certificate.read_pem(self._offered.keys.certificate)
            if found.own != request.fingerprint:
                raise BusyError(
                    "renewal-overtaken",
                    "another renewal has brought another certificate",
                    hint="begin anew: adamant node renew",
                )
            self._store.replace(self._offered.keys)
            self._keys, self._offered = self._offered.keys, None
            self._stamp = self._store.stamp()
        self._events.publish(EVENT_KIND_KEYS, "the node has a new certificate", {"client": call.who.name})
        return pb.KeepCertificateResponse(ends_usec=found.not_after * 1_000_000)

    def key(self) -> str:
        """The fingerprint of the confirmed key; empty when its certificate cannot be read."""
        from adamant.node import certificate  # noqa: PLC0415

        try:
            return certificate.read_pem(self._keys.certificate).key
        except AdamantError:
            return ""

    def ends(self) -> int | str:
        """When the confirmed certificate ends, in seconds since the Unix epoch; or why that cannot be said."""
        try:
            return _ends(self._keys)
        except AdamantError as error:
            return error.message


def _ends(keys: Keys) -> int:
    from adamant.node import certificate  # noqa: PLC0415 - read at a renewal and for the health check

    return certificate.read_pem(keys.certificate).not_after


def handlers(renewal: Renewal) -> dict[str, Callable[[Any, Call], Any]]:
    """The methods of the API that renew the identity."""
    return {"NewKey": renewal.new_key, "TakeCertificate": renewal.take, "KeepCertificate": renewal.keep}
