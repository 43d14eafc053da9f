"""The request of a reset: a file on the state partition that says what is wiped at the next boot.

Where `/` is on disk, what lies there is asked for by a request of its own (adamant.node.reset.root).

It is written whole before the node reboots, and goes when all is done. Each step can be done twice, so a power cut
anywhere leads to a boot that goes on with it. It is read before anything else is: by a machine that may be damaged, so
it is checked like what a stranger sends.
"""

import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from adamant.core import files, limits
from adamant.model.errors import AdamantError

FILE = "adamant/reset.json"
"""Below the state partition."""
PARTS = ("config", "identity", "logs", "containers", "var", "root", "all")


class Item(NamedTuple):
    """Something that can be wiped: a folder, whose contents go, or a whole file system, when `whole`.

    `path` is as on the running machine, below /state or /var.
    """

    part: str
    path: str
    description: str
    whole: bool = False


ITEMS: tuple[Item, ...] = (
    Item("config", "/state/adamant/config", "generations of the config"),
    Item("identity", "/state/adamant/identity", "the node's key and certificate"),
    Item("logs", "/var/log", "logs"),
    Item("logs", "/var/lib/systemd/pstore", "crash records"),
    Item("logs", "/state/adamant/crash", "crash records"),
    Item("containers", "/var/lib/containerd", "containers, images and snapshots"),
    Item("containers", "/var/lib/host-containerd", "host containers, images and snapshots"),
    Item("containers", "/var/lib/cni", "networks of containers"),
    Item("var", "/var", "all of /var", whole=True),
    Item("root", "/", "all that lies on the disk of /", whole=True),
    Item("all", "/state", "all of the machine's state: config, identity and what else it keeps", whole=True),
)


def chosen(parts: Collection[str], *, on_disk: bool = False) -> list[Item]:
    """What is wiped for `parts`, in the order of its wiping: each thing once, and nothing inside another.

    `on_disk` says that `/` is on disk, and /var a folder of it.
    """
    wanted = set(parts)
    if "all" in wanted:
        wanted.add("root" if on_disk else "var")
    items = [item for item in ITEMS if item.part in wanted]
    roots = [item.path for item in items if item.whole]
    inner = [item for item in items if not any(_inside(item.path, root) for root in roots)]
    return [item for item in inner if item.path != "/state"] + [item for item in inner if item.path == "/state"]


def on_state(item: Item) -> bool:
    """Whether it lies on the state partition."""
    return item.path == "/state" or item.path.startswith("/state/")


def _inside(path: str, root: str) -> bool:
    """Whether `path` is wiped with `root`, another one: the state partition is no part of `/`."""
    if root == "/":
        return path != "/" and not path.startswith("/state")
    return path.startswith(f"{root}/")


def encode(items: Iterable[Item]) -> bytes:
    """The request as its file holds it."""
    return json.dumps({"version": 1, "wipe": [item.path for item in items]}).encode() + b"\n"


def decode(data: bytes) -> list[Item]:
    """The request in a file. Raises AdamantError `reset-request` for one that names anything but ITEMS."""
    known = {item.path: item for item in ITEMS if item.path != "/"}
    try:
        value = json.loads(data)
        if value["version"] != 1 or not isinstance(value["wipe"], list):
            raise ValueError("another form")
        return [known[path] for path in value["wipe"]]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise AdamantError("reset-request", "the request of a reset cannot be read: nothing is wiped") from error


def write(state: Path, items: Iterable[Item]) -> None:
    """Ask for a reset at the next boot. `state` is the state partition's mount point."""
    files.write_atomic(state / FILE, encode(items), 0o600)


def read(state: Path) -> list[Item] | None:
    """What is to be wiped; None when nothing is. Raises AdamantError `reset-request`."""
    if not (state / FILE).exists():
        return None
    return decode(files.read_limited(state / FILE, limits.RESET_REQUEST_SIZE, "request of a reset"))
