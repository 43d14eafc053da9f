"""Renewal, on the person's side: a new key on the node, its certificate signed here, swapped while the node serves.

The node goes back to the old certificate by itself unless the last step comes over a connection that was made with the
new one. So whatever fails on the way, the node can be reached as before.
"""

import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from adamant.api import client, pki
from adamant.api import keys_pb2 as pb
from adamant.api.client import Node
from adamant.api.fingerprint import Fingerprint
from adamant.api.handshake import own_pair
from adamant.api.pki import Credentials
from adamant.api.tunnel import Tunnel
from adamant.model.errors import VerificationError

Sign = Callable[[bytes, Fingerprint, Sequence[str]], bytes]
"""Makes a certificate (PEM) of a request, the fingerprint of its key, and names."""

_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL's x509_vfy.h, which Python has no name for."""


class Renewed(Struct, frozen=True):
    """The new certificate: SHA-256 of its DER form, its names, and when it ends."""

    fingerprint: str
    names: tuple[str, ...]
    ends: datetime


def renew(node: Node, sign: Sign) -> Renewed:
    """Give a node a new key and certificate, with the names of the old one and those that its config adds."""
    answer = node.call("NewKey", pb.NewKeyRequest())
    names = list(dict.fromkeys([*pki.facts(answer.certificate).names, *answer.names]))
    signed = sign(answer.request, pki.request_fingerprint(answer.request), names)
    facts = pki.facts(signed)
    node.call("TakeCertificate", pb.TakeCertificateRequest(certificate=signed))
    with node.again() as fresh:
        kept = fresh.call("KeepCertificate", pb.KeepCertificateRequest(fingerprint=facts.fingerprint))
    return Renewed(facts.fingerprint, facts.names, datetime.fromtimestamp(kept.ends_usec / 1e6, UTC))


def renew_expired(address: str, credentials: Credentials, sign: Sign) -> Renewed:
    """The same for a node whose certificate has ended, by the clock of this computer.

    The CA's signature and the names must fit as ever; only the time is not looked at.
    """
    host, port = client.parse_address(address)
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cadata=credentials.ca.decode("ascii", "replace"))
        context.verify_flags |= _NO_CHECK_TIME
        own_pair(context, credentials)
        tunnel = Tunnel(host, port, context)
    except ssl.SSLCertVerificationError as error:
        raise _rejected(f"the node's certificate is not accepted: {error.verify_message}", address) from error
    except (ssl.SSLError, ValueError) as error:
        raise _rejected(f"the keys cannot be used: {error}", address) from error
    with tunnel, client.Node(address, credentials, target=tunnel.target) as node:
        return renew(node, sign)


def _rejected(message: str, address: str) -> VerificationError:
    return VerificationError(
        "certificate-rejected",
        message,
        context=f"node {address}",
        hint="is this the node that the context was made for, and do its files fit together?",
    )
