"""The program that finds the key of the disk by a tang server (adamant-disk-key.service).

    /usr/lib/adamant/run disk-key

The first boot draws the key and binds it to all servers of the image; each boot after that asks one of those for it.
The key goes to where systemd looks for credentials, in RAM, for the units that make and open the disk. Without an
answer it waits and asks again, for as long as it takes. It has the ESP mounted, and a network by the image's own
settings.
"""

import secrets
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_PACKAGES = "/usr/lib/python3/dist-packages"
if _PACKAGES not in sys.path:  # started without `site`, which would load what nobody needs
    sys.path.append(_PACKAGES)

import msgspec  # noqa: E402

from adamant.core import files, limits  # noqa: E402
from adamant.model.encryption import CREDENTIAL, SERVERS, TangServer  # noqa: E402
from adamant.model.errors import AdamantError, UnreachableError  # noqa: E402
from adamant.node.disk_key import asking, binding, tang  # noqa: E402
from adamant.node.disk_key.binding import Binding  # noqa: E402

ESP = "run/adamant/esp"
"""Where this boot has the ESP for us (run-adamant-esp.mount)."""
BINDING = "adamant/tang.json"
"""Where the binding lies on it."""
_STORE = "run/credstore"

Ask = Callable[[str, str, bytes | None], bytes]
"""Asks the server at a URL for a path, with a body or without: asking.ask."""


def read_binding(root: Path) -> Binding | None:
    """What the ESP has; None on a disk that has no volumes yet, whatever a first boot that was cut short left.

    Raises InputError and VerificationError when the disk has volumes, and no binding that can be read.
    """
    path = root / ESP / BINDING
    try:
        return binding.decode(files.read_limited(path, limits.TANG_BINDING, "binding of the key of the disk"))
    except AdamantError:
        if _has_volumes(root):
            raise
        return None


def _has_volumes(root: Path) -> bool:
    """Whether the kernel knows of a partition `state`: udev may not have named it yet."""
    return any("PARTNAME=state\n" in path.read_text() for path in (root / "sys/class/block").glob("*/uevent"))


def draw(root: Path, servers: Sequence[TangServer], ask: Ask) -> bytes:
    """A new key, bound to all `servers`, with the binding on the ESP. Raises as the parts do."""
    keys = {
        server.thumbprint: tang.exchange_key(ask(server.url, f"/adv/{server.thumbprint}", None), server.thumbprint)
        for server in servers
    }
    key = secrets.token_bytes(binding.KEY)
    path = root / ESP / BINDING
    path.parent.mkdir(exist_ok=True)
    files.write_atomic(path, binding.encode(binding.make(key, keys)), 0o700)
    files.sync_folder(path.parent.parent)
    return key


def find(bound: Binding, servers: Sequence[TangServer], ask: Ask) -> bytes:
    """The key, by the first of `servers` that gives it. Raises UnreachableError with what each of them said."""
    said = []
    urls = {server.thumbprint: server.url for server in servers}
    for one in bound.servers:
        url = urls.get(one.thumbprint)
        if url is None:
            continue
        try:
            asked = tang.question(one.client_key)
            answer = ask(url, f"/rec/{tang.thumbprint(one.server_key)}", asked.body)
            return binding.unwrap(bound, one, tang.secret(answer, one.server_key, asked.blind))
        except AdamantError as error:
            said.append(error.message if isinstance(error, UnreachableError) else f"{url}: {error.message}")
    raise UnreachableError(
        "disk-key-unreachable", "; ".join(said) or "the disk is bound to none of the servers that this release has"
    )


def hand_over(root: Path, key: bytes) -> None:
    """Put the key where PID 1 looks for credentials (systemd.exec(5), ImportCredential=)."""
    store = root / _STORE
    store.mkdir(mode=0o700, exist_ok=True)
    store.chmod(0o700)
    files.write_atomic(store / CREDENTIAL, key, 0o400, durable=False)


class Saying:
    """Says why a boot waits: not in its first seconds, and each reason once in a long while."""

    def __init__(self, now: float, write: Callable[[str], object]) -> None:
        self._begin = now
        self._write = write
        self._said: tuple[str, float] | None = None

    def hear(self, reason: str, now: float) -> None:
        """A try has failed for `reason`, at `now` (seconds of any clock)."""
        if now - self._begin < limits.TANG_QUIET_SECONDS:
            return
        if self._said is None or self._said[0] != reason or now - self._said[1] >= limits.TANG_AGAIN_SECONDS:
            self._write(f"<4>no key for the disk yet, and this boot waits for it: {reason}\n")
            self._said = reason, now


def main(root: Path = Path("/")) -> int:
    """The program: 0 when the key was handed over, 1 when no server can help."""
    try:
        document = files.read_limited(root / SERVERS, limits.TANG_BINDING, "list of tang servers")
        servers = msgspec.json.decode(document, type=tuple[TangServer, ...])
        bound = read_binding(root)
        saying, pause = Saying(time.monotonic(), sys.stderr.write), 0.5
        while True:
            try:
                key = find(bound, servers, asking.ask) if bound else draw(root, servers, asking.ask)
                break
            except AdamantError as error:
                saying.hear(error.message, time.monotonic())
            time.sleep(pause)
            pause = min(pause * 1.5, limits.TANG_PAUSE_SECONDS)
        hand_over(root, key)
    except AdamantError as error:
        sys.stderr.write(f"<3>the disk stays shut: {error.message}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
