"""From release 1 to 2 by a patch, to 3 by delta and the machine itself, and back from a release 4 that panics.

By the commands of a person alone, who asks for an update, or configures one. Release 2 is 1 with Debian's security
updates, its kernel among them, and comes from a file.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from adamant.core import places
from adamant.core.source import open_source
from adamant.image import gpt
from adamant.machine.machine import Machines, Stopped
from adamant.machine.qemu import DISK
from adamant.reading import fat
from tests.image.conftest import adamant
from tests.vm.conftest import SECONDS, node
from tests.vm.fleet import Fleet, boot_id, running, runs

PANIC = "kernel: {arguments: [rdinit=/none]}\n"
"""A kernel that finds no program to start, which it says by a panic."""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with running(tmp_path_factory.mktemp("fleet"), extra="base: {pockets: []}\n") as made:
        yield made


def kernel() -> str:
    """Version of the kernel that runs, as it says itself."""
    return adamant("node", "cat", "/proc/version").stdout.split()[2]


def menu(fleet: Fleet) -> set[str]:
    """Names of the UKIs on the disk of the machine, which is off."""
    with open_source(fleet.home / "state" / "machines" / "fleet" / DISK) as disk:
        table = gpt.decode(disk.read, disk.size)
        esp = next(part for part in table.partitions if part.label == "esp")
        found = fat.read_files(disk.part("esp", esp.offset, esp.size))
        return {path.rpartition("/")[2] for path in found if path.lower().startswith("efi/linux/")}


def test_an_update_fetches_what_the_estimate_said_and_is_found_good(fleet: Fleet) -> None:
    assert fleet.upgrade("--estimate", expect=5)["error"]["reference"] == "no-update"
    fleet.publish(fleet.define("2", "nftables"), "--patch-from", "1")
    estimate = fleet.upgrade("--estimate", expect=0)
    export = fleet.home / "fleet-2.tar"
    adamant("repo", "export", fleet.home / "repo", "fleet", "2", "--out", export)
    sent = fleet.upgrade("--estimate", expect=0, export=export)
    assert (sent["fetched"], sent["requests"]) == (estimate["fetched"], estimate["requests"])
    assert runs() == "1"
    before = kernel()
    staged = fleet.upgrade(expect=6, export=export)
    assert (staged["fetched"], staged["requests"]) == (estimate["fetched"], estimate["requests"])
    assert "patch" in staged["message"]
    whole = (fleet.folder / "out" / "fleet_2_amd64" / "usr.erofs").stat().st_size
    assert staged["fetched"] < whole // 5, "the delta is no delta"
    fleet.cut_power()
    assert runs() == "2", "what was staged was not on the disk"
    assert kernel() != before, "the security update has a kernel"
    deadline = time.monotonic() + SECONDS
    while "this release was found good" not in adamant("node", "logs", "adamant-healthy").stdout:
        assert time.monotonic() < deadline, "nobody found the release good"
        time.sleep(2)
    fleet.cut_power()
    assert runs() == "2", "a release that was found good was lost"
    assert fleet.upgrade("--estimate", expect=5)["error"]["reference"] == "no-update"


@contextmanager
def fleet_lock() -> Iterator[tuple[int, list[str]]]:
    """The port of a FleetLock server that grants everything, and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if self.headers["fleet-lock-protocol"] == "true" and body["client_params"]["group"] == "workers":
                asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], asked
        server.shutdown()


def test_a_machine_that_is_configured_to_updates_itself_when_its_fleet_agrees(fleet: Fleet, tmp_path: Path) -> None:
    fleet.publish(fleet.define("3"))
    window = (datetime.now(UTC) - timedelta(hours=12)).strftime("%H:%M")  # open all day, and not just now
    with fleet_lock() as (port, asked):
        lock = {"url": f"http://10.0.2.2:{port}", "group": "workers"}
        update = {"repository": fleet.base, "check": "30s", "window": {"start": window}, "fleetLock": lock}
        (tmp_path / "machine.yaml").write_text(json.dumps({"kind": "Machine", "update": update}))
        adamant("node", "apply", tmp_path / "machine.yaml")
        deadline = time.monotonic() + 2 * SECONDS
        while len(asked) < 3:  # well before it, may it go down, well after it
            assert time.monotonic() < deadline, asked
            time.sleep(3)
    assert asked == ["/v1/steady-state", "/v1/pre-reboot", "/v1/steady-state"]
    assert runs() == "3"
    (updates,) = node("get", "updates")["resources"]
    assert updates["actual"]["running"] == "3"
    assert "3 is staged" in adamant("node", "logs", "adamant-update", "--boot", "-1").stdout
    adamant("node", "unset", "update")


def test_a_release_that_panics_brings_the_machine_back_by_itself(fleet: Fleet) -> None:
    fleet.publish(fleet.define("4", "nftables", extra=PANIC))
    fleet.upgrade(expect=6)
    before = boot_id()
    adamant("node", "reboot", "--no-wait")
    deadline = time.monotonic() + 3 * SECONDS
    # Three tries, each of which ends in a panic, then release 3. The agent of release 4 may answer before the panic.
    while not (boot_id() not in {before, ""} and adamant("node", "health", check=False).returncode == 0):
        assert time.monotonic() < deadline, "the machine did not come back"
        time.sleep(5)
    assert runs() == "3"
    assert fleet.upgrade("--estimate", expect=5)["error"]["reference"] == "release-failed-here"
    machines = Machines(places.state() / "machines")
    assert machines.stop("fleet", 120) is Stopped.SHUT_DOWN
    assert menu(fleet) == {"fleet_3.efi", "fleet_4+0-3.efi"}
