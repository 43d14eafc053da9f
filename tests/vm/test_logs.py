"""What a machine tells of itself, and of the boot before, which ended by a panic: by a person's commands."""

import json
import struct
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adamant.machine.machine import Machine
from tests.image.conftest import adamant, build
from tests.vm.conftest import SECONDS, Probed, node

NAME = "crashed"
DEFINITION = """\
kind: Image
name: crashing
version: "1"
posture: open  # where root may make the kernel panic
profile: dev
packages: [containerd, runc, python3]
files:
  - {path: /usr/lib/probe/crash.py, source: crash.py}
units:
  - name: crash.service
    content: |
      [Unit]
      Requires=state.mount
      After=state.mount
      [Service]
      ExecStart=/usr/bin/python3 -u /usr/lib/probe/crash.py
      [Install]
      WantedBy=multi-user.target
signing:
  secureBoot: {key: keys/secure-boot.key, certificate: keys/secure-boot.crt}
"""


@pytest.fixture(scope="module")
def machine(probed: Probed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine in its second boot, whose first one ended by a panic of the kernel that has a record now."""
    folder = tmp_path_factory.mktemp("crashing")
    (folder / "adamant.yaml").write_text(DEFINITION)
    (folder / "crash.py").write_bytes((Path(__file__).parent / "probe" / "crash.py").read_bytes())
    adamant("keys", "init", folder / "keys")
    adamant("lock", "-C", folder)
    build(folder)
    adamant("up", folder, "--name", NAME, "--seconds", str(SECONDS))
    deadline = time.monotonic() + SECONDS
    while not _records():
        assert time.monotonic() < deadline, "no crash record was made"
        time.sleep(3)
    while adamant("node", "-c", NAME, "health", check=False).returncode:
        assert time.monotonic() < deadline, "the second boot is not healthy"
        time.sleep(3)
    yield probed.machines.get(NAME)
    probed.machines.delete(NAME, force=True)


def _records() -> list[dict[str, Any]]:
    asked = adamant("node", "-c", NAME, "crashes", "list", "--json", check=False)
    return list(json.loads(asked.stdout)["crashes"]) if asked.returncode == 0 else []


def _lines(*arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in adamant("node", "-c", NAME, *arguments, "--json").stdout.splitlines()]


def test_a_panic_leaves_a_record_that_says_so(machine: Machine) -> None:
    (record,) = _records()
    assert record["boot_id"] != node("-c", NAME, "get", "boot")["resources"][0]["actual"]["boot_id"].replace("-", "")
    assert record["last_usec"] > 0
    whole = node("-c", NAME, "crashes", "show", record["boot_id"][:6])
    assert "PROBE panics" in whole["journal"]
    assert "Linux version" in whole["kernel"] or whole["pstore"]
    if whole["pstore"]:  # the firmware of this machine kept what the kernel said
        assert (record["cause"], "sysrq triggered crash" in record["reason"]) == ("panic", True)
    said = adamant("node", "-c", NAME, "events", "--kind", "power").stdout
    assert f"the boot {record['boot_id'][:8]} did not end by a shutdown" in said


def test_the_journal_of_the_boot_before_and_of_a_unit_is_there(machine: Machine) -> None:
    (record,) = _records()
    before = _lines("logs", "crash", "--boot", "-1")
    assert {entry["boot_id"] for entry in before} == {record["boot_id"]}
    assert any(entry["message"] == "PROBE panics" for entry in before)
    now = _lines("logs", "systemd-networkd", "-n", "5")
    assert 0 < len(now) <= 5
    assert {entry["unit"] for entry in now} == {"systemd-networkd.service"}


def test_the_kernel_says_which_it_is(machine: Machine) -> None:
    version = node("-c", NAME, "version")["kernel"]
    assert any(f"Linux version {version}" in entry["message"] for entry in _lines("dmesg"))


def test_a_machine_without_a_tpm_says_so(machine: Machine, tmp_path: Path) -> None:
    refused = adamant("node", "-c", NAME, "attest", "-o", tmp_path / "quote.json", check=False)
    assert (refused.returncode, "tpm-absent" in refused.stderr) == (1, True)
    assert not (tmp_path / "quote.json").exists()


def test_packets_come_from_a_process_with_one_right(machine: Machine, tmp_path: Path) -> None:
    links = [entry["path"].rpartition("/")[2] for entry in _lines("ls", "/sys/class/net")]
    (link,) = [name for name in links if name != "lo"]
    out = tmp_path / "x.pcap"
    done = adamant(
        "node", "-c", NAME, "capture", link, "-o", out, "--port", "4510", "--packets", "10", "--seconds", "60", "--json"
    )
    end = json.loads(done.stderr.splitlines()[-1])
    data = out.read_bytes()
    assert end["size"] == len(data)
    assert struct.unpack("=I", data[:4])[0] == 0xA1B23C4D
    refused = adamant("node", "-c", NAME, "capture", "none0", "-o", out, check=False)
    assert refused.returncode == 2
    assert "capture-interface" in refused.stderr
    audit = adamant("node", "-c", NAME, "events", "--kind", "call").stdout
    assert "Capture was called" in audit
    assert node("-c", NAME, "health")["overall"] == "ok"  # no task has left a failed unit


def test_what_is_secret_is_not_given(machine: Machine) -> None:
    for path in ("/state/adamant/identity", "/etc/shadow", "/proc/1/environ", "/proc/kcore"):
        refused = adamant("node", "-c", NAME, "cat", path, check=False)
        assert refused.returncode != 0, path
    assert "crashing" in adamant("node", "-c", NAME, "cat", "/usr/lib/os-release").stdout


def test_a_support_bundle_says_what_it_holds_and_holds_no_secret(machine: Machine, tmp_path: Path) -> None:
    out = tmp_path / "support.tar.gz"
    adamant("node", "-c", NAME, "support", "-o", out)
    with tarfile.open(out) as archive:
        found = {}
        for member in archive.getmembers():
            file = archive.extractfile(member)
            assert file is not None
            found[member.name] = file.read()
    (index,) = json.loads(found["support/index.json"])["nodes"]
    named = {f"support/{NAME}/{part['name']}" for part in index["parts"] if not part["error"]}
    assert named == set(found) - {"support/index.json"}
    everything = b"".join(found.values())
    assert b"PROBE panics" in everything
    assert b"planted-in" not in everything
    assert b"PRIVATE KEY" not in everything
    assert not [part for part in index["parts"] if part["error"]], index
