"""Who this machine is to its clients: a key, a certificate for it, and the CA whose clients it obeys.

Passed at provisioning as systemd credentials, or else kept on the state partition, in a folder of mode 0700:

    key.pem         a key that was made here and has no certificate yet
    fingerprint     the fingerprint of that key, for the console
    identity.pem    key, certificate and CA together, so that one rename replaces all of it

A folder without identity.pem is a machine that waits to be enrolled.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from adamant.core import limits
from adamant.model.errors import AdamantError

if TYPE_CHECKING:
    import ssl

CREDENTIALS = ("adamant.ca", "adamant.cert", "adamant.key")
FOLDER = "adamant/identity"
"""Below the state partition."""
RESET = "state/adamant/reset.json"
"""The request of a reset, which may take the identity away: nobody reads that before it is carried out."""
_IDENTITY = "identity.pem"
_KEY = "key.pem"
_FINGERPRINT = "fingerprint"
_POLL_SECONDS = 0.2


class Keys(NamedTuple):
    """All in PEM."""

    ca: bytes
    certificate: bytes
    key: bytes


def passed(folder: str) -> Keys | None:
    """The identity among the credentials in `folder` (systemd.exec(5), CREDENTIALS_DIRECTORY), or None without any.

    Raises AdamantError `node-keys` that names what is missing when there is a part of one.
    """
    if not folder or not any((Path(folder) / name).exists() for name in CREDENTIALS):
        return None
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
                hint="pass all three of adamant.ca, adamant.cert and adamant.key, or none",
            ) from error
        if not data or len(data) > limits.PEM_SIZE:
            raise AdamantError("node-keys", f"the credential {name} is empty or larger than {limits.PEM_SIZE} bytes")
        found.append(data)
    return Keys(*found)


def await_state(root: Path, ended: Callable[[], bool], seconds: float = limits.STATE_SECONDS) -> Path | None:
    """The state partition, once it is mounted; None when `ended` before.

    Only a machine without credentials waits: an agent that has its keys needs no disk. Raises AdamantError
    `state-missing` when it is not there within `seconds`.
    """
    from adamant.node import mounts  # noqa: PLC0415 - an agent with credentials needs none of this

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        mounted = mounts.top(mounts.read(root), "/state") is not None
        if mounted and not (root / RESET).exists():
            return root / "state"
        if ended():
            return None
        time.sleep(_POLL_SECONDS)
    raise AdamantError(
        "state-missing",
        f"the state partition was not mounted within {seconds:.0f} s",
        hint="the log of state.mount says why",
    )


class Store:
    """The folder. Every change is one file that appears or is replaced as a whole."""

    def __init__(self, state: Path) -> None:
        self.folder = state / FOLDER

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """The folder, made when it is not there, while nobody else changes it."""
        from adamant.core import files  # noqa: PLC0415

        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise files.write_failed(self.folder, error) from error
        with files.locked(self.folder / ".lock", "the machine's identity"):
            for debris in self.folder.glob(".*.pem.*"):  # of a write that a crash has cut off; it may hold a key
                debris.unlink()
            yield

    def load(self) -> Keys | None:
        """The identity, or None when the machine has none. Raises AdamantError `identity-damaged`."""
        from adamant.node import certificate  # noqa: PLC0415

        try:
            with (self.folder / _IDENTITY).open("rb") as source:
                data = source.read(3 * limits.PEM_SIZE + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _damaged(str(error)) from error
        parts = certificate.split(data)
        labels = [label for label, _ in parts]
        if labels[1:] != ["CERTIFICATE", "CERTIFICATE"] or not labels[0].endswith("PRIVATE KEY"):
            raise _damaged(f"it holds {labels}")
        return Keys(ca=parts[2][1], certificate=parts[1][1], key=parts[0][1])

    def stamp(self) -> tuple[int, int] | None:
        """What differs once the identity was replaced; None when there is none."""
        try:
            found = (self.folder / _IDENTITY).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino

    def own_key(self) -> bytes:
        """The key that the machine has made itself; made now when there is none yet."""
        from adamant.core import files  # noqa: PLC0415
        from adamant.node import key  # noqa: PLC0415

        path = self.folder / _KEY
        with self._changing():
            if not path.exists():
                files.write_new(path, key.make(), 0o600)
            return files.read_limited(path, limits.PEM_SIZE, "machine's key")

    def show(self, fingerprint: str) -> None:
        """Leave the fingerprint where the console finds it. What stands there needs no room a second time."""
        from adamant.core import files  # noqa: PLC0415

        path, data = self.folder / _FINGERPRINT, f"{fingerprint}\n".encode()
        if not path.exists() or files.read_limited(path, limits.PEM_SIZE, "fingerprint") != data:
            files.write_atomic(path, data, 0o600)

    def enroll(self, keys: Keys) -> None:
        """Keep the first identity. Raises BusyError `node-enrolled` when there is one already, whoever wrote it."""
        from adamant.core import files  # noqa: PLC0415
        from adamant.model.errors import BusyError, InputError  # noqa: PLC0415

        with self._changing():
            try:
                files.write_new(self.folder / _IDENTITY, _bundle(keys), 0o600)
            except InputError as error:
                raise BusyError("node-enrolled", "the node has been enrolled already") from error
            for name in (_KEY, _FINGERPRINT):
                (self.folder / name).unlink(missing_ok=True)

    def replace(self, keys: Keys) -> None:
        """Keep another identity in place of the one that is there, if there is one."""
        from adamant.core import files  # noqa: PLC0415

        with self._changing():
            files.write_atomic(self.folder / _IDENTITY, _bundle(keys), 0o600)


def _bundle(keys: Keys) -> bytes:
    return b"\n".join(part.strip() for part in (keys.key, keys.certificate, keys.ca)) + b"\n"


def _damaged(why: str) -> AdamantError:
    return AdamantError(
        "identity-damaged",
        "the machine's identity on the state partition cannot be read",
        context=why,
        hint="pass it a new one as credentials at provisioning, or reset the machine and enroll it again",
    )


def prove(keys: Keys) -> None:
    """Make sure that the keys work before anything depends on them: one handshake in memory (RFC 8446).

    The certificate must be for this key, by this CA, and good for a server. Its time is not looked at: the clock of
    this machine may be the one that is wrong. Raises VerificationError `certificate-unusable`.
    """
    import ssl  # noqa: PLC0415 - rare work

    from adamant.model.errors import VerificationError  # noqa: PLC0415

    try:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        _load_pair(server, keys)
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname = False
        client.load_verify_locations(cadata=keys.ca.decode("ascii"))
        client.verify_flags |= _NO_CHECK_TIME
        _shake_hands(server, client)
    except (ssl.SSLError, ValueError) as error:
        raise VerificationError(
            "certificate-unusable",
            "the certificate does not fit the node's key and this CA",
            context=str(error),
            hint="have it signed again: the CA must sign it as a server's, for the key of the request",
        ) from error


_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL's x509_vfy.h, which Python has no name for."""


def _load_pair(context: "ssl.SSLContext", keys: Keys) -> None:
    """Python takes a key only from a file; this one is in memory and has no name."""
    pair = os.memfd_create("pair", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(pair), "wb") as out:
            out.write(keys.key + b"\n" + keys.certificate)
        context.load_cert_chain(f"/proc/self/fd/{pair}", password=lambda: b"")
    finally:
        os.close(pair)


def _shake_hands(server_context: "ssl.SSLContext", client_context: "ssl.SSLContext") -> None:
    import ssl  # noqa: PLC0415

    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    client = client_context.wrap_bio(to_client, to_server)
    waiting = {client, server}
    for _ in range(10):
        for side in (client, server):
            if side in waiting:
                try:
                    side.do_handshake()
                    waiting.discard(side)
                except ssl.SSLWantReadError:
                    pass
        if not waiting:
            return
    raise ValueError("the handshake did not come to an end")
