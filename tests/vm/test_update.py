"""From release 1 to release 2 by delta, and back from a release 3 that panics: by the commands of a person alone."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adamant.core import places
from adamant.core.source import open_source
from adamant.image import gpt
from adamant.machine.machine import Machines, Stopped
from adamant.machine.qemu import DISK
from adamant.reading import fat
from adamant.release.serving import make_server
from tests.image.conftest import Example, adamant, build
from tests.vm.conftest import SECONDS, node

PANIC = """\
units:
  - name: panic.service
    content: |
      [Unit]
      DefaultDependencies=no
      [Service]
      ExecStart=/usr/bin/python3 -c "open('/proc/sysrq-trigger', 'w').write('c')"
      [Install]
      WantedBy=basic.target
"""


class Fleet:
    """One machine, and the repository that it trusts."""

    def __init__(self, home: Path, base: str) -> None:
        self.home = home
        self.base = base
        self.folder = home / "image"

    def define(self, version: str, *packages: str, extra: str = "") -> Example:
        """Lock and build a release."""
        (self.folder / "adamant.yaml").write_text(
            f'kind: Image\nname: fleet\nversion: "{version}"\nprofile: dev\n'
            f"packages: [{', '.join(['containerd', 'runc', *packages])}]\n"
            "files: [{path: /usr/lib/adamant/repository/root.json, source: root.json}]\n" + extra
        )
        adamant("lock", "-C", self.folder)
        return build(self.folder)

    def publish(self, made: Example) -> None:
        adamant("repo", "publish", self.home / "repo", made.output, "--keys", self.home / "keys")

    def upgrade(self, *options: str, expect: int, export: Path | None = None) -> dict[str, Any]:
        """The last word of `adamant node upgrade`, from the repository or from an export."""
        source = ("--from", export) if export else ("--repository", self.base)
        done = adamant("node", "upgrade", *source, "--json", *options, check=False)
        assert done.returncode == expect, done.stdout + done.stderr
        last: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return last


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A machine that runs release 1, healthy, and its repository, which serves release 1."""
    home = tmp_path_factory.mktemp("fleet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADAMANT_STATE", str(home / "state"))
        patch.setenv("ADAMANT_CONFIG", str(home / "config"))
        adamant("repo", "init", home / "repo", "--keys", home / "keys")
        with make_server(home / "repo", "127.0.0.1", 0) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            made = Fleet(home, f"http://10.0.2.2:{server.server_address[1]}")
            made.folder.mkdir()
            (made.folder / "root.json").write_text(adamant("repo", "root", home / "repo").stdout)
            made.publish(made.define("1"))
            adamant("up", made.folder, "--json", "--seconds", str(SECONDS))
            yield made
            Machines(places.state() / "machines").delete("fleet", force=True)
            server.shutdown()


def runs() -> str:
    return str(node("version")["image_version"])


def boot_id() -> str:
    """Id of the boot that answers; empty when none does, or one of release 3."""
    done = adamant("node", "get", "boot", "--json", check=False)
    if done.returncode != 0 or "fleet_3" in done.stdout:
        return ""
    return str(json.loads(done.stdout)["resources"][0]["actual"]["boot_id"])


def menu(fleet: Fleet) -> set[str]:
    """Names of the UKIs on the disk of the machine, which is off."""
    with open_source(fleet.home / "state" / "machines" / "fleet" / DISK) as disk:
        table = gpt.decode(disk.read, disk.size)
        esp = next(part for part in table.partitions if part.label == "esp")
        found = fat.read_files(disk.part("esp", esp.offset, esp.size))
        return {path.rpartition("/")[2] for path in found if path.lower().startswith("efi/linux/")}


def test_an_update_fetches_what_the_estimate_said_and_is_found_good(fleet: Fleet) -> None:
    assert fleet.upgrade("--estimate", expect=5)["error"]["reference"] == "no-update"
    fleet.publish(fleet.define("2", "nftables"))
    estimate = fleet.upgrade("--estimate", expect=0)
    export = fleet.home / "fleet-2.tar"
    adamant("repo", "export", fleet.home / "repo", "fleet", "2", "--out", export)
    sent = fleet.upgrade("--estimate", expect=0, export=export)
    assert (sent["fetched"], sent["requests"]) == (estimate["fetched"], estimate["requests"])
    assert runs() == "1"
    staged = fleet.upgrade(expect=6)
    assert (staged["fetched"], staged["requests"]) == (estimate["fetched"], estimate["requests"])
    whole = (fleet.folder / "out" / "fleet_2_amd64" / "usr.erofs").stat().st_size
    assert staged["fetched"] < whole // 5, "the delta is no delta"
    adamant("node", "reboot")
    assert runs() == "2"
    deadline = time.monotonic() + SECONDS
    while "found good" not in adamant("node", "logs", "adamant-healthy").stdout:
        assert time.monotonic() < deadline, "nobody found the release good"
        time.sleep(2)
    assert fleet.upgrade("--estimate", expect=5)["error"]["reference"] == "no-update"


def test_a_release_that_panics_brings_the_machine_back_by_itself(fleet: Fleet) -> None:
    fleet.publish(fleet.define("3", "nftables", extra=PANIC))
    fleet.upgrade(expect=6)
    before = boot_id()
    adamant("node", "reboot", "--no-wait")
    deadline = time.monotonic() + 3 * SECONDS
    # Three tries, each of which ends in a panic, then release 2. The agent of release 3 may answer before the panic.
    while not (boot_id() not in {before, ""} and adamant("node", "health", check=False).returncode == 0):
        assert time.monotonic() < deadline, "the machine did not come back"
        time.sleep(5)
    assert runs() == "2"
    assert fleet.upgrade("--estimate", expect=5)["error"]["reference"] == "release-failed-here"
    machines = Machines(places.state() / "machines")
    assert machines.stop("fleet", 120) is Stopped.SHUT_DOWN
    assert menu(fleet) == {"fleet_2.efi", "fleet_3+0-3.efi"}
