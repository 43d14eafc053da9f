"""Releases that are bad in every way: each ends on the old one, by itself, with a reason. And power that goes away.

These take minutes each, and are run by hand (`scripts/test -m long tests/vm/test_update_faults.py -s`): they print how
long each way back takes. The deadlines of the bad releases are shorter than those of real ones; all else is real.
"""

import json
import random
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import adamant as adamant_package
from adamant.core import places
from adamant.core.source import open_source
from adamant.image import gpt
from adamant.machine.machine import Machines, Stopped
from adamant.machine.qemu import DISK
from tests.image.conftest import adamant
from tests.vm.conftest import SECONDS, node
from tests.vm.fleet import Fleet, boot_id, running, runs

pytestmark = pytest.mark.long

PROGRAM = "/usr/lib/adamant/run healthy"
JUDGED = f"[Service]\\nExecStart=\\nExecStart={PROGRAM} 60\\n"
DEADLINE = "[Timer]\\nOnBootSec=\\nOnBootSec=150\\n"


def _file(unit: str, content: str) -> str:
    return f'{{path: /usr/lib/systemd/system/{unit}.d/50-test.conf, content: "{content}"}}'


FILES = f"  - {_file('adamant-healthy.service', JUDGED)}\n  - {_file('adamant-boot-deadline.timer', DEADLINE)}\n"
"""Shorter deadlines, as lines of a definition."""


def _unit(body: str) -> str:
    return "units:\n  - name: fault.service\n    content: |\n" + "".join(
        f"      {line}\n" for line in body.splitlines()
    )


HANG = _unit(
    "[Unit]\nDefaultDependencies=no\nBefore=sysinit.target\n"
    "[Service]\nType=oneshot\nTimeoutStartSec=infinity\nExecStart=/usr/bin/sleep infinity\n"
    "[Install]\nWantedBy=sysinit.target"
)
STOPPED = _unit(
    "[Unit]\nAfter=multi-user.target\n[Service]\nType=oneshot\nExecStart=/usr/bin/systemctl stop containerd\n"
    "[Install]\nWantedBy=multi-user.target"
)
FULL = _unit(
    "[Unit]\nRequiresMountsFor=/var\n[Service]\nType=oneshot\n"
    + "".join(
        f"ExecStart=-/usr/bin/fallocate -l {mib}M /var/fill.{mib}\n"
        for mib in (4096, 2048, 1024, 512, 256, 128, 64, 32)
    )
    + "[Install]\nWantedBy=multi-user.target"
)
FALSE = "[Service]\\nExecStart=\\nExecStart=/usr/bin/false\\n"
NO_AGENT = f"  - {_file('adamant-agent.service', FALSE)}\n"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with running(tmp_path_factory.mktemp("fleet")) as made:
        yield made


def _back(version: str, before: str, begun: float) -> float:
    """Wait until the machine runs release 1 again; seconds since `begun`."""
    deadline = time.monotonic() + 6 * SECONDS
    while True:
        asked = adamant("node", "version", "--json", check=False)
        if asked.returncode == 0 and json.loads(asked.stdout)["image_version"] == "1" and boot_id() not in {before, ""}:
            return time.monotonic() - begun
        assert time.monotonic() < deadline, f"the machine did not come back from release {version}"
        time.sleep(5)


@pytest.mark.parametrize(
    ("version", "files", "extra", "said"),
    [
        ("2", FILES, HANG, "Deadline of a release on trial"),
        ("3", FILES, STOPPED, "containerd is inactive"),
        ("4", FILES + NO_AGENT, "", "agent"),
        ("5", FILES, FULL, "/var is full"),
    ],
    ids=["hangs", "fails-its-health", "has-no-agent", "fills-var"],
)
def test_a_bad_release_ends_on_the_old_one(
    fleet: Fleet, version: str, files: str, extra: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.publish(fleet.define(version, "coreutils", files=files, extra=extra))
    fleet.upgrade("--version", version, expect=6)
    before, begun = boot_id(), time.monotonic()
    adamant("node", "reboot", "--no-wait")
    seconds = _back(version, before, begun)
    assert said in adamant("node", "logs", "--boot", "-1", check=False).stdout
    assert fleet.upgrade("--version", version, "--estimate", expect=5)["error"]["reference"] == "release-failed-here"
    (updates,) = node("get", "updates")["resources"]
    assert version in updates["actual"]["failed"]
    with capsys.disabled():
        print(f"\nrelease {version}: back after {seconds:.0f} s")


def test_a_release_whose_initrd_hangs_ends_on_the_old_one(
    fleet: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its program stands still after it has started the watchdog, as a driver or a disk may make it do."""
    shutil.copytree(Path(adamant_package.__file__).parent, tmp_path / "adamant")
    program = tmp_path / "adamant/image/init/init.c"
    source = program.read_text()
    assert source.count("watchdog_arm();") == 1
    program.write_text(source.replace("watchdog_arm();", "watchdog_arm();\n\tfor (;;)\n\t\tpause();"))
    fleet.publish(fleet.define("7", "nftables", environment={"PYTHONPATH": str(tmp_path)}))
    fleet.upgrade("--version", "7", expect=6)
    before, begun = boot_id(), time.monotonic()
    adamant("node", "reboot", "--no-wait")
    seconds = _back("7", before, begun)
    assert fleet.upgrade("--version", "7", "--estimate", expect=5)["error"]["reference"] == "release-failed-here"
    with capsys.disabled():
        print(f"\nhangs in the initrd: back after {seconds:.0f} s")


def test_a_slot_that_rots_before_its_first_boot_ends_on_the_old_one(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.publish(fleet.define("6", "nftables"))
    fleet.upgrade("--version", "6", expect=6)
    before = boot_id()
    machines = Machines(places.state() / "machines")
    assert machines.stop("fleet", 120) is Stopped.SHUT_DOWN
    path = fleet.home / "state/machines/fleet" / DISK
    with open_source(path) as disk:
        slot = next(p for p in gpt.decode(disk.read, disk.size).partitions if p.label == "usr-b-verity")
    with path.open("r+b") as out:
        out.seek(slot.offset + 8192)
        out.write(random.Random(6).randbytes(256 << 10))
    begun = time.monotonic()
    machines.start("fleet", fleet.tools(), places.cache())
    seconds = _back("6", before, begun)
    assert fleet.upgrade("--version", "6", "--estimate", expect=5)["error"]["reference"] == "release-failed-here"
    with capsys.disabled():
        print(f"\nrotten slot: back after {seconds:.0f} s")


CUTS = 20


def test_power_that_goes_at_any_moment_of_an_update_leaves_a_machine_that_boots_and_is_updated(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    """Releases 10 and on, one after the other: QEMU is killed while each is staged, or boots for the first time."""
    chance = random.Random(time.time())
    machines = Machines(places.state() / "machines")
    version = runs()
    for number in range(CUTS):
        wanted = str(10 + number)
        fleet.publish(fleet.define(wanted, *(["nftables"] if number % 2 else [])))
        after = chance.uniform(0.0, 40.0)
        cutting = threading.Timer(after, lambda: machines.stop("fleet", 0))
        cutting.start()
        said = adamant("node", "upgrade", "--repository", fleet.base, "--json", check=False)
        adamant("node", "reboot", "--no-wait", check=False)
        cutting.join()
        fleet.power_on()
        found = runs()
        assert found in {version, wanted}, f"cut {number} after {after:.1f} s: {said.stdout}{said.stderr}{_told()}"
        if found != wanted:
            _finish(fleet)
        version = runs()
        assert version == wanted, f"cut {number} after {after:.1f} s: {_told()}"
        _await_good()
        with capsys.disabled():
            print(f"\ncut {number + 1}: after {after:.1f} s, came up with {found}, now runs {version}")


def _finish(fleet: Fleet) -> None:
    """Do the update that was cut; what was cut in its first boot is on trial still, or is staged already."""
    deadline = time.monotonic() + SECONDS
    while True:
        done = adamant("node", "upgrade", "--repository", fleet.base, "--json", check=False)
        if done.returncode == 6:
            break
        assert time.monotonic() < deadline, done.stdout + done.stderr
        time.sleep(5)
    adamant("node", "reboot")


def _told() -> str:
    """What every boot that is kept said of the releases."""
    return adamant("node", "logs", "--all-boots", "adamant-healthy", "adamant-update", "adamant-agent").stdout


def _await_good() -> None:
    deadline = time.monotonic() + SECONDS
    while "this release was found good" not in adamant("node", "logs", "adamant-healthy").stdout:
        assert time.monotonic() < deadline, "nobody found the release good"
        time.sleep(2)
