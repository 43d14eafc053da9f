"""A machine in a folder, for tests of the config: its services read their files when they are told, as systemd's do.

What it runs lies in a file too, so that it outlives the process that changes it.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from adamant.model.errors import AdamantError
from adamant.node.config import rendered as r
from adamant.node.config.applier import Applier, Clock
from adamant.node.config.generations import FOLDER, Store
from adamant.node.config.host import Host
from adamant.node.config.journal import Boot

BOOT = "b" * 32


def render(document: bytes) -> r.Rendered:
    """A small renderer: each key of the document is a file, `sysctl` sets variables, `unit` starts one."""
    value = json.loads(document)
    made = {f"run/systemd/network/{name}": r.File(text.encode()) for name, text in value.get("network", {}).items()}
    made |= {f"{r.UNITS}/{name}": r.File(text.encode()) for name, text in value.get("units", {}).items()}
    return r.with_sysctls(
        r.Rendered(
            made,
            value.get("sysctls", {}),
            frozenset(value.get("units", {})),
            reboot={"etc": value["etc"]} if "etc" in value else {},
        )
    )


class Ended(BaseException):
    """The agent's end: nothing of ours catches it."""


class Machine:
    """A machine in a folder. Its services know what they read when they were last told to read it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.failing: dict[str, str] = {}
        self.judged: Callable[[], Mapping[str, str]] = lambda: self.failing
        self.now = 1000.0
        self.said: list[str] = []
        self.done: list[str] = []
        self.fails: set[str] = set()
        self.forgotten: list[str] = []
        for name, value in (("net/ipv4/ip_forward", "0"), ("kernel/hostname", "localhost")):
            path = root / "proc/sys" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                path.write_text(f"{value}\n")
        (root / "run").mkdir(exist_ok=True)

    @property
    def loaded(self) -> dict[str, dict[str, str]]:
        """What services have read, and the units that run, by their name."""
        path = self.root / "loaded.json"
        found: dict[str, dict[str, str]] = json.loads(path.read_text()) if path.exists() else {}
        return found

    def load(self, **areas: Mapping[str, str]) -> None:
        """Services have read what they read."""
        (self.root / "loaded.json").write_text(json.dumps({**self.loaded, **areas}))

    def __enter__(self) -> "Machine":
        return self

    def __exit__(self, *_: object) -> None:
        return

    def act(self, verb: str, unit: str) -> None:
        """Do what systemd does."""
        self.done.append(f"{verb} {unit}")
        if unit in self.fails and verb != "stop":
            raise AdamantError("unit-failed", f"{unit} failed")
        if unit == "systemd-networkd.service":
            self.load(network=self.read("run/systemd/network"))
        elif unit == "systemd-sysctl.service":
            for data in self.read("run/sysctl.d").values():
                for line in data.splitlines():
                    name, value = line.split(" = ")
                    (self.root / "proc/sys" / name).write_text(f"{value}\n")
        elif verb == "stop":
            self.load(running={name: data for name, data in self.running.items() if name != unit})
        else:
            self.load(running={**self.running, unit: self.loaded.get("units", {})[unit]})

    def forget(self, unit: str) -> None:
        """Forget a failure."""
        self.forgotten.append(unit)

    def daemon_reload(self) -> None:
        """Read unit files."""
        self.done.append("daemon-reload")
        self.load(units=self.read(r.UNITS))

    def run(self, unit: str, argv: tuple[str, ...]) -> None:
        """Run a program."""
        self.done.append(f"run {unit} {' '.join(argv)}")

    @property
    def running(self) -> dict[str, str]:
        """Units that run, and the contents that they were started with."""
        return self.loaded.get("running", {})

    def read(self, folder: str) -> dict[str, str]:
        """Texts of the files in a folder."""
        paths = (self.root / folder).glob("*")
        return {path.name: path.read_text() for path in sorted(paths) if not path.name.startswith(".")}

    def look(self) -> Mapping[str, str]:
        """What is not well."""
        return self.judged()

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def reboot(self) -> None:
        """Lose all but the disk."""
        shutil.rmtree(self.root / "run")
        (self.root / "run").mkdir()
        (self.root / "proc/sys/net/ipv4/ip_forward").write_text("0\n")
        (self.root / "loaded.json").unlink(missing_ok=True)

    def agent(self, boot: str = BOOT, release: str = "") -> Applier:
        """The agent begins."""
        store = Store(self.root / FOLDER, clock=lambda: 1.5)
        host = Host(self.root, lambda: self)
        return Applier(
            store,
            host,
            render,
            self.look,
            lambda message, _fields: self.said.append(message),
            Boot(boot, release),
            Clock(lambda: self.now, self.sleep),
        )

    def runs(self, document: bytes) -> bool:
        """Whether files, services and variables are those of `document`, and of nothing else."""
        wanted = render(document) if document else r.NOTHING
        have = {
            f"{folder}/{name}": data
            for folder in ("run/systemd/network", r.UNITS)
            for name, data in self.read(folder).items()
        }
        files_wanted = {path: file.data.decode() for path, file in wanted.files.items() if path != r.SYSCTLS}
        network = {p.rpartition("/")[2]: d for p, d in files_wanted.items() if "network" in p}
        units = {p.rpartition("/")[2]: d for p, d in files_wanted.items() if p.startswith(r.UNITS)}
        forward = (self.root / "proc/sys/net/ipv4/ip_forward").read_text().strip()
        return (
            have == files_wanted
            and self.loaded.get("network", {}) == network
            and self.running == units
            and forward == wanted.sysctls.get("net/ipv4/ip_forward", "0")
        )


def document(**keys: Any) -> bytes:
    """A document that the small renderer takes."""
    return json.dumps(keys, sort_keys=True, separators=(",", ":")).encode()


OLD = document(network={"a.network": "old", "b.network": "same"}, units={"one.service": "1", "two.service": "2"})
NEW = document(
    network={"a.network": "new", "b.network": "same", "c.network": "more"},
    units={"one.service": "1+", "three.service": "3"},
    sysctls={"net/ipv4/ip_forward": "1"},
)
