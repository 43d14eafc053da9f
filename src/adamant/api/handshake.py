"""Why a connection to a node did not come about.

gRPC says only that a node is unavailable. One plain TLS handshake more, with the same keys, says which side refused
what: it makes the error, and nothing else depends on it.
"""

import os
import socket
import ssl

from adamant.api.pki import Credentials
from adamant.core import limits
from adamant.model.errors import AdamantError, UnreachableError, VerificationError


def _context(credentials: Credentials) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cadata=credentials.ca.decode("ascii", "replace"))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    own_pair(context, credentials)
    return context


def own_pair(context: ssl.SSLContext, credentials: Credentials) -> None:
    """Let `context` show the certificate of `credentials`. Python takes a key only from a file; this one has no name.

    Raises ssl.SSLError or ValueError when they do not belong together.
    """
    pair = os.memfd_create("pair", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(pair), "wb") as out:
            out.write(credentials.key + b"\n" + credentials.certificate)
        context.load_cert_chain(f"/proc/self/fd/{pair}")
    finally:
        os.close(pair)


def _rejected(address: str, who: str, why: str, hint: str) -> VerificationError:
    return VerificationError("certificate-rejected", f"{who}: {why}", context=f"node {address}", hint=hint)


def explain(host: str, port: int, credentials: Credentials, details: str) -> AdamantError:
    """The error for a connection that failed; `details` is what gRPC said of it."""
    address = f"{host}:{port}"
    unreachable = UnreachableError(
        "node-unreachable",
        f"no node answers at {address}",
        context=details[:400],
        hint="does the machine run, and is the address right? adamant machine list shows those of this computer",
    )
    try:
        context = _context(credentials)
    except (ssl.SSLError, ValueError) as error:
        return _rejected(address, "the keys cannot be used", str(error), "check the files of this context")
    try:
        plain = socket.create_connection((host, port), timeout=limits.HANDSHAKE_SECONDS)
    except OSError:
        return unreachable
    with plain:
        try:
            secure = context.wrap_socket(plain, server_hostname=host)
        except ssl.SSLCertVerificationError as error:
            return _rejected(
                address,
                "the node's certificate is not accepted",
                error.verify_message,
                "is this the node that the context was made for, and do both clocks agree?",
            )
        except ssl.SSLError as error:
            # TLS 1.2: the node judges our certificate within the handshake, and says so by an alert.
            return _not_accepted(address, error.reason) if "ALERT" in str(error.reason).upper() else unreachable
        except OSError:
            return unreachable
        with secure:
            return unreachable if _greets(secure) else _not_accepted(address, None)


def _not_accepted(address: str, why: str | None) -> VerificationError:
    return _rejected(
        address,
        "the node does not accept the client's certificate",
        why or "it closed the connection when it saw it",
        "it must come from the same CA as the node's and be valid by the node's clock",
    )


def _greets(secure: ssl.SSLSocket) -> bool:
    """Whether the node sends its first words (RFC 9113, 3.4). In TLS 1.3 it judges our certificate before those, and
    after what is the end of the handshake for us."""
    try:
        return bool(secure.recv(1))
    except TimeoutError:
        return True
    except OSError:
        return False
