"""What should be beside what is, by a real agent whose machine has a config, with the network of this computer."""

import datetime
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adamant.api import client, contexts, pki
from adamant.api.client import Node
from adamant.api.contexts import Context
from adamant.api.identity import Role
from adamant.api.pki import Credentials
from adamant.api.resources import Resource
from adamant.cli import main
from adamant.node.identity import CREDENTIALS
from tests.tool.agent import free_port
from tests.unit.config_in_force import give

NOW = datetime.datetime.now(datetime.UTC)
CA = pki.make_authority("cluster", NOW)
SERVER = pki.issue_node(CA, ["m1"], NOW)
READER = pki.issue_client(CA, "mary", Role.READER, now=NOW)
SECONDS = 60.0

CONFIG = """\
network:
  interfaces:
    - {name: lo, mtu: 1300, addresses: [127.0.0.1/8, 192.0.2.7/24], routes: [{to: 198.51.100.0/24}]}
    - {name: office, vlan: {id: 7, link: lo}}
  dns: {servers: [192.0.2.53]}
time: {servers: [ntp.invalid], zone: Europe/Berlin}
kernel: {arguments: [of.the.config=1, key.token=hush]}
volumes: [{name: data, disk: {serial: no-such-disk}}]
containers: [{name: web, image: reg.lan/web:1, environment: {TOKEN: hush}}]
"""

_AGENT = """
import sys
from pathlib import Path
from adamant.node import agent
root = Path(sys.argv[1])
agent.run(root, sys.argv[2], state=root / "state")
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real agent that serves, of a machine whose kernel and disks are those of this computer."""
    folder = tmp_path_factory.mktemp("desired")
    root, keys = folder / "root", folder / "keys"
    root.mkdir()
    keys.mkdir()
    for name in ("proc", "sys", "dev"):
        (root / name).symlink_to(f"/{name}")
    for name in ("etc", "run", "usr"):
        (root / name).mkdir()
    give(root, CONFIG)
    for name, data in zip(CREDENTIALS, (CA.certificate, SERVER.certificate, SERVER.key), strict=True):
        (keys / name).write_bytes(data)
    address = f"127.0.0.1:{free_port()}"
    environment = {**os.environ, "CREDENTIALS_DIRECTORY": str(keys), "GRPC_VERBOSITY": "NONE"}
    log = folder / "log"
    with (
        log.open("wb") as out,
        subprocess.Popen([sys.executable, "-c", _AGENT, root, address], env=environment, stderr=out) as process,
    ):
        try:
            deadline = time.monotonic() + SECONDS
            while "the API is served" not in log.read_text():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            yield address
        finally:
            process.kill()


@pytest.fixture
def node(address: str) -> Iterator[Node]:
    with client.connect(address, Credentials(CA.certificate, READER.certificate, READER.key), seconds=SECONDS) as node:
        yield node


def _get(node: Node, kind: str) -> dict[str, Resource]:
    return {item.name: item for item in node.get(kind).resources}


def test_what_the_kernel_has_stands_beside_what_the_config_asks_for(node: Node) -> None:
    links = _get(node, "links")
    assert links["lo"].desired == {"mtu_bytes": 1300}
    assert links["lo"].reason == "the config asks for mtu 1300"
    assert links["office"].actual is None
    assert links["office"].desired == {"kind": "vlan", "vlan": 7, "below": "lo", "state": "up"}
    assert [name for name, link in links.items() if link.reason and link.desired is None] == []
    addresses = _get(node, "addresses")
    assert addresses["lo/127.0.0.1/8"].desired == {"link": "lo", "address": "127.0.0.1/8", "family": 4}
    assert addresses["lo/127.0.0.1/8"].reason == ""
    assert (addresses["lo/192.0.2.7/24"].actual, addresses["lo/192.0.2.7/24"].reason) == (None, "no link has it")
    route = _get(node, "routes")["198.51.100.0/24@lo"]
    assert (route.actual, route.reason) == (None, "there is no such route")


def test_each_kind_that_the_config_speaks_of_has_it(node: Node) -> None:
    assert _get(node, "resolvers")["all"].reason == "the config asks for servers 192.0.2.53"
    clock = _get(node, "time")["clock"]
    assert clock.desired == {"zone": "Europe/Berlin", "servers": ["ntp.invalid"], "synchronized": True}
    assert clock.reason == "the config asks for zone Europe/Berlin; no server has set it"
    arguments = _get(node, "kernel-arguments")
    assert (arguments["of.the.config"].actual, arguments["of.the.config"].reason) == (None, "it waits for a reboot")
    assert arguments["key.token"].desired == {"value": "(masked)"}
    assert _get(node, "disks")["no-such-disk"].reason == "no disk fits serial no-such-disk"
    assert _get(node, "mounts")["/var/mnt/data"].reason == "nothing is mounted there"
    web = _get(node, "containers")["adamant/web"]
    assert (web.actual, (web.desired or {})["state"]) == (None, "running")
    assert _get(node, "images")["adamant/reg.lan/web:1"].reason == "it was not pulled"


def test_a_thing_that_is_not_there_can_be_asked_for_and_watched_by_its_name(node: Node) -> None:
    (found,) = node.get("addresses", ["lo/192.0.2.7/24"]).resources
    assert found.reason == "no link has it"
    watched = node.watch("addresses", ["lo/192.0.2.7/24"])
    assert next(iter(watched)).resource == found
    watched.close()


def test_the_table_says_why_and_shows_no_secret(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "config"
    monkeypatch.setenv("ADAMANT_CONFIG", str(home))
    monkeypatch.delenv("ADAMANT_CONTEXT", raising=False)
    pki.save(home, "ca", CA)
    pki.save(home, "mary", READER)
    contexts.put("here", Context(address, "ca.crt", "mary.crt", "mary.key"))

    def run(*arguments: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main.main(["node", "get", *arguments])
        assert ended.value.code == 0
        return capsys.readouterr().out

    table = run("links").splitlines()
    assert table[0].split()[-1] == "REASON"
    (office,) = [line for line in table if line.startswith("office ")]
    assert office.endswith("there is no such link")
    for kind in ("containers", "images", "kernel-arguments"):
        assert "hush" not in run(kind) + json.dumps(json.loads(run(kind, "--json")))


def test_who_asks_for_other_kinds_loads_no_config() -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from adamant.api import node_pb2 as pb\n"
        "from adamant.node.resources import answers, found\n"
        "shown = answers.Resources(found.Sources(Path('/'), pb.BootResponse, pb.HealthResponse))\n"
        "for kind in ('memory', 'processes', 'cpu', 'sockets'):\n"
        "    assert shown.get(pb.GetRequest(kind=kind)).resources\n"
        "name = 'adamant.model.machine.document'\n"
        "assert name not in sys.modules\n"
        "shown.get(pb.GetRequest(kind='links'))\n"
        "assert name in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
