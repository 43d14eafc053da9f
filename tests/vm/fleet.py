"""One machine and the repository that it trusts, for tests of updates."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from adamant.core import places, proc
from adamant.core.source import open_source
from adamant.image import gpt, project
from adamant.machine import console, up
from adamant.machine.machine import Machine, Machines
from adamant.machine.qemu import DISK
from adamant.packages import tools
from adamant.packages.tools import ToolsTree
from adamant.release.serving import make_server
from tests.image.conftest import Example, adamant, build
from tests.vm.conftest import SECONDS, node


class Fleet:
    """One machine, and the repository that it trusts."""

    def __init__(self, home: Path, base: str, posture: str = "guarded") -> None:
        self.home = home
        self.posture = posture
        self.base = base
        self.folder = home / "image"

    def define(
        self,
        version: str,
        *packages: str,
        files: str = "",
        extra: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> Example:
        """Lock and build a release. `files` are lines of its definition, one a file; `extra` are further sections.

        `environment` is for the command that builds it.
        """
        (self.folder / "adamant.yaml").write_text(
            f'kind: Image\nname: fleet\nversion: "{version}"\nprofile: dev\nposture: {self.posture}\n'
            f"packages: [{', '.join(['containerd', 'runc', *packages])}]\n"
            f"files:\n  - {{path: /usr/lib/adamant/repository/root.json, source: root.json}}\n{files}{extra}"
        )
        adamant("lock", "-C", self.folder)
        return build(self.folder, environment=environment)

    def publish(self, made: Example, *options: str) -> None:
        """Publish a release."""
        adamant("repo", "publish", self.home / "repo", made.output, "--keys", self.home / "keys", *options)

    def cut_power(self) -> None:
        """Take the power from the machine at once, give it back, and wait until it is healthy."""
        machines().stop("fleet", 0)
        self.power_on()

    def power_on(self) -> None:
        """Give the machine its power, and wait until it is healthy."""
        up.start(machines(), "fleet", self.tools(), places.cache(), lambda _phase: None, SECONDS)

    def update_and_back(self, extra: str, holds: Callable[[], None]) -> None:
        """Update the machine from release 1 to release 2, and roll it back. `holds` looks at it in each of the two.

        It keeps its config (on state) and the journal of the boots before (on var). `extra` is as for `define`.
        """
        (self.home / "machine.yaml").write_text("kind: Machine\nhostname: kept\n")
        adamant("node", "apply", self.home / "machine.yaml")
        before = boot_id().replace("-", "")
        self.publish(self.define("2", files="  - {path: /usr/lib/two, content: two}\n", extra=extra))
        self.upgrade(expect=6)
        for release in ("2", "1"):
            if release == "1":
                adamant("node", "rollback", check=False)
            adamant("node", "reboot")
            assert runs() == release
            holds()
            assert node("version")["hostname"] == "kept"
            entries = adamant(
                "node", "logs", "--all-boots", "--contains", "Linux version", "--json"
            ).stdout.splitlines()
            assert before in {json.loads(entry)["boot_id"] for entry in entries}

    def esp(self, program: str, *words: str | Path) -> None:
        """Run one of the mtools on the ESP of the machine, which must not run. Its paths there begin with `::`."""
        path = machines().get("fleet").folder / DISK
        with open_source(path) as disk:
            esp = next(part for part in gpt.decode(disk.read, disk.size).partitions if part.label == "esp")
        argv = self.tools().argv(program, "-i", f"{path}@@{esp.offset}", *words)
        proc.run("change the ESP", argv, environment={"MTOOLSRC": "/dev/null"})

    def partition(self, label: str) -> bytes:
        """The bytes of a partition of the machine, which is off; the first 80 MiB of it."""
        with open_source(machines().get("fleet").folder / DISK) as disk:
            found = next(part for part in gpt.decode(disk.read, disk.size).partitions if part.label == label)
            return disk.exactly(found.offset, min(found.size, 80 << 20))

    def opens(self, label: str, key: str, scratch: Path) -> bool:
        """Whether a key opens an encrypted partition of the machine, which is off."""
        volume = scratch / label
        volume.write_bytes(self.partition(label))
        argv = self.tools().argv("cryptsetup", "open", "--test-passphrase", "--key-file=-", volume)
        done = proc.run("open", argv, stdin=key.encode(), check=False, environment=self.tools().environment)
        assert done.code in {0, 2}, done.stderr
        return done.code == 0

    def tools(self) -> ToolsTree:
        """The tools that its releases are built with, which run the machine."""
        locked = project.read_lock(project.read_project(self.folder))
        return tools.open_tools(locked.tools, places.cache())

    def upgrade(self, *options: str, expect: int, export: Path | None = None) -> dict[str, Any]:
        """The last word of `adamant node upgrade`, from the repository or from an export."""
        source = ("--from", export) if export else ("--repository", self.base)
        done = adamant("node", "upgrade", *source, "--json", *options, check=False)
        assert done.returncode == expect, done.stdout + done.stderr
        last: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return last


@contextmanager
def running(
    home: Path,
    posture: str = "guarded",
    *options: str | Path,
    extra: str = "",
    prepare: Callable[[Path], str] = lambda folder: "",
) -> Iterator[Fleet]:
    """A machine that runs release 1, healthy, and its repository, which serves release 1; all below `home`.

    `options` are further ones of `adamant up`, `extra` further sections of its definition, and so is what `prepare`
    gives, which may put files beside the definition.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADAMANT_STATE", str(home / "state"))
        patch.setenv("ADAMANT_CONFIG", str(home / "config"))
        adamant("repo", "init", home / "repo", "--keys", home / "keys")
        with make_server(home / "repo", "127.0.0.1", 0) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            made = Fleet(home, f"http://10.0.2.2:{server.server_address[1]}", posture)
            made.folder.mkdir()
            (made.folder / "root.json").write_text(adamant("repo", "root", home / "repo").stdout)
            made.publish(made.define("1", extra=extra + prepare(made.folder)))
            adamant("up", made.folder, "--json", "--seconds", str(SECONDS), *options)
            yield made
            machines().delete("fleet", force=True)
            server.shutdown()


def machines() -> Machines:
    """The machines of the state folder that holds now."""
    return Machines(places.state() / "machines")


def off(name: str = "fleet", seconds: float = 120) -> Machine:
    """The machine, shut down or, after `seconds`, cut off."""
    machines().stop(name, seconds)
    return machines().get(name)


def await_said(machine: Machine, *texts: str) -> str:
    """What the machine's console shows, once all `texts` are part of it."""
    deadline = time.monotonic() + SECONDS
    while True:
        said = "\n".join(console.tail(machine.console_log, 1 << 20))
        if all(text in said for text in texts):
            return said
        assert time.monotonic() < deadline, said[-8000:]
        time.sleep(1)


def check(name: str) -> dict[str, str]:
    """A health check of the machine, once it answers and nothing of it waits any more."""
    deadline = time.monotonic() + SECONDS
    while True:
        asked = adamant("node", "health", "--json", check=False)
        checks = json.loads(asked.stdout).get("checks", []) if asked.stdout.startswith("{") else []
        found: dict[str, str] = next((one for one in checks if one["name"] == name), {"state": asked.stderr})
        if found["state"] in ("ok", "failing"):
            return found
        assert time.monotonic() < deadline, asked
        time.sleep(2)


def volumes() -> list[tuple[str, str, int, int]]:
    """Of each encrypted volume: what opens it, its cipher, how many keys a TPM gives, and how many others there are."""
    found = node("encryption")
    return [(one["opened_by"], one["cipher"], len(one["tpm_keys"]), one["other_keys"]) for one in found]


def await_health(context: str, seconds: float) -> None:
    """Wait until every check of a machine is well."""
    deadline = time.monotonic() + seconds
    while (asked := adamant("node", "-c", context, "health", check=False)).returncode != 0:
        assert time.monotonic() < deadline, asked.stdout + asked.stderr
        time.sleep(2)


def runs() -> str:
    return str(node("version")["image_version"])


def boot_id() -> str:
    """Id of the boot that answers; empty when none does, or one of release 4."""
    done = adamant("node", "get", "boot", "--json", check=False)
    if done.returncode != 0 or "fleet_4" in done.stdout:
        return ""
    return str(json.loads(done.stdout)["resources"][0]["actual"]["boot_id"])
