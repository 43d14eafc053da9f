"""A sealed machine whose key a tang server on this computer helps to find.

Run by hand: `scripts/test -m long tests/vm/test_disk_tang.py -s`.
"""

import time
from collections.abc import Iterator

import pytest

from adamant.core import places
from adamant.kernel.artifact import Kernel
from adamant.machine import console
from tests.image.conftest import adamant
from tests.tang import Tang, serving
from tests.vm.conftest import SECONDS, node
from tests.vm.fleet import Fleet, await_said, machines, off, running, volumes

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tang]:
    with serving(tmp_path_factory.mktemp("tang") / "keys") as found:
        yield found


@pytest.fixture(scope="module")
def extra(server: Tang, own_kernel: Kernel) -> str:
    """Lines of a definition with the server, and a kernel."""
    known = f"{{url: 'http://10.0.2.2:{server.port}', thumbprint: '{server.thumbprint}'}}"
    return f"disk: {{encryption: tang, tang: [{known}]}}\nkernel: {{own: {own_kernel.folder}}}\n"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, extra: str) -> Iterator[Fleet]:
    with running(tmp_path_factory.mktemp("bound"), "sealed", extra=extra) as made:
        yield made


def test_a_server_gives_the_key_of_the_first_boot_and_of_the_next(fleet: Fleet) -> None:
    assert volumes() == [("tang", "aes-xts-plain64", 0, 1)] * 2
    off()
    fleet.power_on()
    assert volumes() == [("tang", "aes-xts-plain64", 0, 1)] * 2
    assert sorted(node("recovery-key")) == ["state", "var"]


def test_it_is_asked_once_in_a_boot_and_its_network_ends_before_that_of_the_machine(fleet: Fleet) -> None:
    # the unit of an update wants the state, and so all that the state wants
    assert fleet.upgrade("--estimate", expect=5)["error"]["reference"] == "no-update"
    assert adamant("node", "logs", "adamant-disk-key.service").stdout.count("Starting ") == 1
    early = adamant("node", "logs", "adamant-key-network.service").stdout
    assert (early.count("Starting "), early.count("Stopped ")) == (1, 1)


def test_without_the_server_the_machine_waits_and_says_it_once_and_goes_on_when_it_is_back(
    fleet: Fleet, server: Tang
) -> None:
    machine = off()
    server.answers.clear()
    try:
        machine = machines().start("fleet", fleet.tools(), places.cache())
        await_said(machine, "this boot waits for it")
        time.sleep(30)
        said = await_said(machine, "this boot waits for it")
        assert said.count("this boot waits for it") == 1
        assert "Finished adamant-repart.service" not in said
    finally:
        server.answers.set()
    deadline = time.monotonic() + SECONDS
    while adamant("node", "health", check=False).returncode != 0:
        assert time.monotonic() < deadline, "\n".join(console.tail(machine.console_log))
        time.sleep(2)
    assert volumes() == [("tang", "aes-xts-plain64", 0, 1)] * 2


def test_the_server_is_asked_by_the_next_release_and_by_the_one_before(fleet: Fleet, server: Tang, extra: str) -> None:
    answered = server.answered

    def holds() -> None:
        nonlocal answered
        assert server.answered > answered
        answered = server.answered
        assert volumes() == [("tang", "aes-xts-plain64", 0, 1)] * 2

    fleet.update_and_back(extra, holds)
