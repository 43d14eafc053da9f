"""Containers of a config by a real containerd, from a real registry: image, rights, folders, and how they end."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from adamant.api import node_pb2 as pb
from adamant.model.errors import AdamantError
from adamant.model.lock import Lock
from adamant.model.machine import yaml
from adamant.model.machine.wire import to_wire
from adamant.node.config import rendering
from adamant.node.config.host import Host
from adamant.node.config.rendered import Rendered
from adamant.node.containerd.ctr import Ctr
from adamant.node.containers import run, spec
from adamant.node.containers.runtime import HOST, WORKLOAD, Runtime
from adamant.node.debug.ctr import Ctr as DebugCtr
from adamant.node.resources import containers as shown
from adamant.node.resources.found import Found, Sources
from adamant.node.systemd import Systemd
from tests.tool import containerd as real
from tests.tool.containerd import Containerd
from tests.unit.config_in_force import give

IMAGE = "reg.lan/lib/busybox:1"


class Machine(NamedTuple):
    """A root with a config in place, its containerd, and the port of its registry."""

    root: Path
    ctr: Ctr
    port: int
    runtime: Runtime = WORKLOAD

    def configure(self, *containers: str) -> Rendered:
        """Put a config with these containers in place, of the kind that `runtime` has."""
        listed = f"containers: [{', '.join(containers)}]"
        text = (
            f"registries: [{{host: reg.lan, mirrors: ['http://127.0.0.1:{self.port}'], fallback: false}}]\n"
            f"{f'hostContainers: {{{listed}}}' if self.runtime is HOST else listed}\n"
        )
        wire = to_wire(yaml.read(b"kind: Machine\n" + text.encode(), "machine.yaml"))
        made = rendering.renderer(self.root)(wire)
        Host(self.root, Systemd).place(made, 1)
        return made

    def start(self, name: str) -> "subprocess.Popen[bytes]":
        """What the program of the unit comes to."""
        wanted = spec.read(self.root, self.runtime, name)
        run.prepare(self.ctr, self.runtime, wanted, self.root)
        words = run.argv(self.ctr, self.runtime, wanted, self.root)
        return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def output(self, name: str) -> tuple[int, str]:
        """How a container ended, and what it wrote."""
        with self.start(name) as running:
            out, errors = running.communicate(timeout=60)
        return running.returncode, (out + errors).decode()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, lock: Lock, cache: Path) -> Iterator[tuple[Containerd, int]]:
    """containerd, and the port of a registry."""
    folder = tmp_path_factory.mktemp("containers")
    (folder / "containerd").mkdir()
    with (
        real.running(folder / "containerd", lock, cache) as containerd,
        real.registry(folder, ["lib/busybox:1", "lib/busybox:2"]) as port,
    ):
        yield containerd, port


@pytest.fixture
def machine(tmp_path: Path, served: tuple[Containerd, int]) -> Iterator[Machine]:
    yield from _machine(tmp_path, served, WORKLOAD)


@pytest.fixture
def host(tmp_path: Path, served: tuple[Containerd, int]) -> Iterator[Machine]:
    """The same, whose containers are host containers."""
    yield from _machine(tmp_path, served, HOST)


def _machine(tmp_path: Path, served: tuple[Containerd, int], runtime: Runtime) -> Iterator[Machine]:
    containerd, port = served
    (tmp_path / "usr/lib/adamant").mkdir(parents=True)
    (tmp_path / "usr/lib/adamant/posture").write_text("guarded\n")
    mirrors = str(tmp_path / "run/adamant/containerd/certs.d")
    folder = tmp_path / runtime.specs
    folder.mkdir(parents=True)
    ctr = Ctr(runtime.namespace, folder, containerd.ctr, containerd.common, "native", mirrors)
    yield Machine(tmp_path, ctr, port, runtime)
    for name in ctr.ask("list", "containers", "ls", "-q"):
        ctr.remove(name)
    ctr.forget(ctr.images())


def test_a_container_has_what_the_config_says_and_no_more(machine: Machine) -> None:
    script = "echo $WORD; cat /proc/self/status; ls /data; touch /data/x; touch /only/x"
    machine.configure(
        json.dumps(
            {
                "name": "web",
                "image": IMAGE,
                "command": ["sh", "-c", script],
                "environment": {"WORD": "two words"},
                "mounts": [
                    {"source": "/var/lib/web", "target": "/data"},
                    {"source": "/var/lib/only", "target": "/only", "readOnly": True},
                ],
            }
        )
    )
    code, said = machine.output("web")
    assert code == 1
    assert said.startswith("two words\n")
    assert "Read-only file system" in said
    assert (machine.root / "var/lib/web/x").exists()
    status = dict(line.split(":\t", 1) for line in said.splitlines() if ":\t" in line)
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert int(status["CapEff"], 16) & 1 << 21 == 0, "CAP_SYS_ADMIN"
    assert machine.ctr.ask("list", "containers", "ls", "-q") == []


def test_its_network_is_the_host_s_or_none(machine: Machine) -> None:
    command = '["cat", "/proc/net/dev"]'
    machine.configure(
        f"{{name: a, image: '{IMAGE}', command: {command}}}",
        f"{{name: b, image: '{IMAGE}', command: {command}, network: none}}",
    )
    links = [{line.split(":")[0].strip() for line in machine.output(n)[1].splitlines()[2:]} for n in ("a", "b")]
    assert links[0] == {path.name for path in Path("/sys/class/net").iterdir()}
    assert links[1] <= {"lo", "tunl0", "sit0", "gre0"}


def test_the_signal_that_ends_the_unit_reaches_the_program(machine: Machine) -> None:
    script = "trap 'echo bye; exit 3' TERM; echo up; while true; do sleep 1; done"
    machine.configure(json.dumps({"name": "web", "image": IMAGE, "command": ["sh", "-c", script]}))
    with machine.start("web") as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"up\n"
        time.sleep(1)  # ctr begins to pass signals on a moment after the program has started
        running.send_signal(signal.SIGTERM)
        assert running.communicate(timeout=30)[0] == b"bye\n"
    assert running.returncode == 3


def test_a_container_whose_program_was_killed_is_gone_before_the_next_one_starts(machine: Machine) -> None:
    machine.configure(json.dumps({"name": "web", "image": IMAGE, "command": ["sh", "-c", "echo up; sleep 1000"]}))
    with machine.start("web") as running:
        assert running.stdout is not None
        running.stdout.readline()
        running.kill()
    assert len(machine.ctr.ask("list", "tasks", "ls", "-q")) == 1
    machine.configure(json.dumps({"name": "web", "image": IMAGE, "command": ["echo", "again"]}))
    assert machine.output("web") == (0, "again\n")
    assert machine.ctr.ask("list", "tasks", "ls", "-q") == []


def test_what_runs_stands_beside_what_the_config_wants(machine: Machine) -> None:
    loop = {"name": "web", "image": IMAGE, "command": ["sh", "-c", "echo up; while true; do sleep 1; done"]}
    late = {"name": "late", "image": "reg.lan/lib/busybox:2"}
    machine.configure(json.dumps(loop))
    give(machine.root, f"containers: {json.dumps([loop, late])}\n")
    socket = machine.root / WORKLOAD.socket
    socket.parent.mkdir(parents=True)
    socket.symlink_to(machine.ctr.common[1])
    sources = Sources(machine.root, pb.BootResponse, pb.HealthResponse)

    def reasons(collect: Callable[[Sources], list[Found]]) -> dict[str, str]:
        return {item.name: item.reason for item in collect(sources) if item.name.startswith("adamant/")}

    missing = "it does not run: adamant node logs adamant-container@{}.service"
    assert reasons(shown.collect_containers) == {f"adamant/{n}": missing.format(n) for n in ("web", "late")}
    with machine.start("web") as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"up\n"
        assert reasons(shown.collect_containers) == {"adamant/web": "", "adamant/late": missing.format("late")}
        assert reasons(shown.collect_images) == {
            f"adamant/{IMAGE}": "",
            "adamant/reg.lan/lib/busybox:2": "it was not pulled",
        }
        machine.ctr.kill("web")
        running.communicate(timeout=60)
    assert reasons(shown.collect_containers)["adamant/web"] == missing.format("web")


def test_an_image_that_no_container_wants_is_removed(machine: Machine) -> None:
    machine.configure(f"{{name: web, image: '{IMAGE}', command: ['true']}}")
    machine.output("web")
    assert machine.ctr.images() == [IMAGE]
    other = "reg.lan/lib/busybox:2"
    machine.configure(f"{{name: web, image: '{other}', command: ['true']}}")
    machine.output("web")
    assert machine.ctr.images() == [other]


def test_an_image_that_is_nowhere_is_told_by_its_name(machine: Machine) -> None:
    machine.configure("{name: web, image: 'reg.lan/lib/none:1'}")
    with pytest.raises(AdamantError) as caught:
        run.prepare(machine.ctr, WORKLOAD, spec.read(machine.root, WORKLOAD, "web"), machine.root)
    assert caught.value.reference == "image-pull"
    assert "reg.lan/lib/none:1" in str(caught.value)


def test_a_debug_session_takes_its_image_from_the_same_mirror(machine: Machine) -> None:
    machine.configure()
    plain = machine.ctr
    session = DebugCtr("0-2-0", plain.folder, plain.program, plain.common, "native", plain.mirrors)
    try:
        assert session.plain.digest(session.plain.pull(IMAGE)).startswith("sha256:")
    finally:
        session.clean()


def test_a_secret_variable_lies_where_root_alone_reads_it(machine: Machine) -> None:
    made = machine.configure(f"{{name: web, image: '{IMAGE}', environment: {{TOKEN: hush}}}}")
    holding = [path for path, file in made.files.items() if b"hush" in file.data]
    assert holding == [WORKLOAD.variables("web")]
    assert (machine.root / holding[0]).stat().st_mode & 0o777 == 0o600
    wanted = spec.read(machine.root, WORKLOAD, "web")
    assert not any("hush" in word for word in run.argv(machine.ctr, WORKLOAD, wanted, machine.root))


LOOK = "ls /host; ls /var/log/journal; cat /proc/net/dev; ls /proc; touch /host/etc/x /host/usr/x /var/log/journal/x"


def _look(host: Machine, *sees: str) -> str:
    host.configure(json.dumps({"name": "a", "image": IMAGE, "command": ["sh", "-c", LOOK], "sees": sees}))
    return host.output("a")[1]


def test_a_host_container_sees_what_its_words_show_and_may_only_read_it(host: Machine) -> None:
    for path in ("etc/hostname", "usr/lib/os-release", "var/log/journal/0123/system.journal"):
        (host.root / path).parent.mkdir(parents=True, exist_ok=True)
        (host.root / path).touch()
    links = {path.name for path in Path("/sys/class/net").iterdir()} - {"lo", "tunl0", "sit0", "gre0"}
    mine = str(os.getpid())

    nothing = _look(host)
    assert not {"etc", "usr"} & set(nothing.split())
    assert "ls: /var/log/journal: No such file" in nothing
    assert not any(f"{link}:" in nothing for link in links)
    assert mine not in nothing.split()

    everything = _look(host, "journal", "network", "processes", "root")
    assert {"etc", "usr", "0123", mine} <= set(everything.split())
    assert all(f"{link}:" in everything for link in links)
    assert everything.count("Read-only file system") == 3
