"""A machine whose disk opens by a key that it is passed at each boot, and by no other.

Run by hand: `scripts/test -m long tests/vm/test_disk_credential.py`.
"""

import base64
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adamant.core import files, places
from adamant.machine import console, credential, fault
from adamant.machine.machine import Machine
from adamant.machine.qemu import CREDENTIALS
from adamant.model.encryption import CREDENTIAL
from tests.image.conftest import adamant
from tests.vm.conftest import node
from tests.vm.fleet import Fleet, await_said, machines, off, running, volumes

pytestmark = pytest.mark.long

EXTRA = "disk: {encryption: credential}\n"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with running(tmp_path_factory.mktemp("passed"), extra=EXTRA) as made:
        yield made


def test_the_first_boot_makes_the_disk_by_the_key_that_it_was_passed(fleet: Fleet) -> None:
    assert volumes() == [("credential", "aes-xts-plain64", 0, 1)] * 2
    assert sorted(node("recovery-key")) == ["state", "var"]
    assert {volume["recovery_keys"] for volume in node("encryption")} == {1}


def test_the_key_is_in_no_log_and_no_bundle(fleet: Fleet, tmp_path: Path) -> None:
    whole = (machines().get("fleet").folder / CREDENTIALS / CREDENTIAL).read_bytes()
    encoded = whole.partition(b"=")[2]
    key = base64.b64decode(encoded)
    forms = (key, encoded.rstrip(b"="), key.hex().encode())
    adamant("node", "support", "-o", tmp_path / "bundle")
    seen = [adamant("node", "logs", "--json").stdout.encode(), machines().get("fleet").console_log.read_bytes()]
    bundles = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert bundles
    for path in bundles:
        if tarfile.is_tarfile(path):
            with tarfile.open(path) as archive:
                members = [archive.extractfile(member) for member in archive if member.isfile()]
                seen += [member.read() for member in members if member]
        else:
            seen.append(path.read_bytes())
    assert sum(map(len, seen)) > 10_000
    assert not [form for form in forms for data in seen if form in data]
    for secret in ("/run/credentials/@system", "/sys/firmware/dmi/entries/11-0/raw"):
        assert adamant("node", "cat", secret, check=False).returncode != 0


def with_key(machine: Machine, name: str, value: bytes) -> None:
    """Have the machine passed this in place of its key."""
    path = machine.folder / CREDENTIALS / CREDENTIAL
    files.write_atomic(path, credential.smbios_string(name, value), 0o600)


@pytest.fixture
def key_restored(fleet: Fleet) -> Iterator[Callable[[str, bytes], Machine]]:
    """Starts the machine with something else in place of its key; afterwards it has its own again, and is off."""
    machine = off()
    path = machine.folder / CREDENTIALS / CREDENTIAL
    kept = path.read_bytes()

    def start(name: str, value: bytes) -> Machine:
        with_key(machine, name, value)
        return machines().start("fleet", fleet.tools(), places.cache())

    yield start
    machines().stop("fleet", 0)
    files.write_atomic(path, kept, 0o600)


@pytest.mark.parametrize(
    ("name", "said"),
    [(CREDENTIAL, "Key data incorrect?"), ("adamant.other", "Failed to read key file")],
)
def test_with_another_key_or_none_it_stays_shut_and_says_so(
    fleet: Fleet, key_restored: Callable[[str, bytes], Machine], name: str, said: str
) -> None:
    machine = key_restored(name, bytes(32))
    await_said(machine, said, "Starting emergency.service")
    explained = fault.explain(console.tail(machine.console_log))
    assert explained is not None
    assert explained.fault.id == "disk-shut"


def test_with_its_key_it_opens_again_and_has_what_it_had(fleet: Fleet) -> None:
    off()
    fleet.power_on()
    assert volumes() == [("credential", "aes-xts-plain64", 0, 1)] * 2
    assert {volume["recovery_keys"] for volume in node("encryption")} == {1}


def test_the_key_opens_it_in_the_next_release_and_in_the_one_before(fleet: Fleet) -> None:
    def holds() -> None:
        assert volumes() == [("credential", "aes-xts-plain64", 0, 1)] * 2
        assert {volume["recovery_keys"] for volume in node("encryption")} == {1}

    fleet.update_and_back(EXTRA, holds)
