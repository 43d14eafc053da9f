"""Enrolment, on the person's side: give a machine in maintenance its certificate.

The machine is known by the fingerprint of its key, which its console shows, so whoever stands in between can pass bytes
on or cut them off, and nothing else. The key never leaves the machine and the CA's key never leaves the person: what
travels is a request and certificates.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import grpc

from adamant.api import client, methods, pinned, pki
from adamant.api import fingerprint as fingerprints
from adamant.api import keys_pb2 as pb
from adamant.api.attest import Calls
from adamant.api.fingerprint import Fingerprint
from adamant.api.pki import Credentials
from adamant.api.types import Version
from adamant.core import limits
from adamant.model.errors import AdamantError, BusyError, InputError, UnreachableError, VerificationError

_FIRST = ("Identify", "Enroll")
"""What every machine in maintenance answers."""
_POLL_SECONDS = 0.5
_TRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A machine in maintenance: its key's fingerprint, proved by TLS, and what it says of itself, which is not."""

    key: Fingerprint
    request: bytes
    machine_id: str
    hostname: str
    image: str


Sign = Callable[[Waiting], bytes]
"""Makes the certificate (PEM) for a machine, on the person's side."""
Examine = Callable[[Waiting, Calls], object]
"""Asks a machine what it must prove before its certificate is made, and raises when it does not."""


def enroll(
    address: str, expected: Fingerprint | None, ca: bytes, sign: Sign, examine: Examine | None = None
) -> Waiting:
    """Enroll the machine at `address`, and return what it said. `expected` is the fingerprint that its console shows.

    Without one, whatever machine answers is trusted: only for networks where nobody else can. Raises VerificationError
    `fingerprint-differs` or `request-other-key`, BusyError `node-enrolled`, UnreachableError, or what `examine` does.
    Nothing has changed on the machine when it raises, but for `enrolment-unanswered`, which says so.
    """
    with pinned.channel(address, expected, lambda shown: _check_waits(shown, address, ca)) as (channel, key):
        asked = _machine(channel, address)
        told = asked.call("Identify", pb.IdentifyRequest())
        waiting = Waiting(key, told.request, told.machine_id, told.hostname, f"{told.image} {told.image_version}")
        if examine is not None:
            examine(waiting, asked)
        asked.call("Enroll", pb.EnrollRequest(certificate=sign(waiting), ca=ca))
    return waiting


def await_serving(
    address: str, credentials: Credentials, key: Fingerprint, seconds: float = limits.ENROLMENT_SECONDS
) -> Version:
    """The version of the machine, once it answers with its certificate; `key` is that of the enrolment.

    Raises AdamantError `enrolment-unanswered` when it does not within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            with client.connect(address, credentials, _TRY_SECONDS) as node:
                return node.version()
        except (UnreachableError, VerificationError) as error:
            if time.monotonic() > deadline:
                raise AdamantError(
                    "enrolment-unanswered",
                    "the machine took its certificate, and does not answer with it",
                    context=f"key {fingerprints.show(key)}\n{error}",
                    hint="try again: adamant context add NAME --address ADDRESS --cluster NAME\n"
                    "when it never does, look at its console",
                ) from error
        time.sleep(_POLL_SECONDS)


def _check_waits(certificate: bytes, address: str, ca: bytes) -> None:
    """A machine in maintenance shows a certificate that it signed itself; another has an owner."""
    if pki.is_self_signed(certificate):
        return
    if pki.is_issued_by(certificate, ca):
        raise BusyError(
            "node-enrolled",
            f"the machine at {address} has been enrolled in this cluster already",
            hint="reach it by a context: adamant context add NAME --address ADDRESS --cluster NAME",
        )
    raise BusyError(
        "node-enrolled",
        f"the machine at {address} obeys another CA, not yours",
        context=f"its certificate was issued by {pki.issuer(certificate)}",
        hint="when that is nobody you know, somebody was faster: do not use the machine, reset it from its image, and "
        "enroll it in a network of your own",
    )


def _machine(channel: grpc.Channel, address: str) -> pinned.Machine:
    def unknown(name: str) -> AdamantError:
        if name in _FIRST:
            return InputError(
                "enrolment-unknown",
                "what answers there does not enroll",
                context=f"{name} of {address}",
                hint="is the address right?",
            )
        return AdamantError(
            "proof-unknown",
            "the machine does not know how to prove its release before it is enrolled",
            context=f"{name} of {address}",
            hint="it runs an older release: enroll it without --release, and ask it afterwards: adamant node prove",
        )

    return pinned.Machine(channel, address, methods.ENROLMENT, unknown)
