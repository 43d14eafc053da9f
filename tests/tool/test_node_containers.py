"""Containers of a config by a real containerd, from a real registry: image, rights, folders, and how they end."""

import gzip
import io
import json
import os
import platform
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from adamant.api import node_pb2 as pb
from adamant.model.lock import Lock
from adamant.model.machine import yaml
from adamant.model.machine.wire import to_wire
from adamant.node.config import rendering
from adamant.node.config.host import Host
from adamant.node.config.rendered import Rendered
from adamant.node.containerd.connection import Containerd as Connection
from adamant.node.containerd.images import Images
from adamant.node.containers import accounts, bundle, spec
from adamant.node.containers.runtime import HOST, WORKLOAD, Runtime
from adamant.node.debug.ctr import Ctr as DebugCtr
from adamant.node.resources import containers as shown
from adamant.node.resources.found import Found, Sources
from adamant.node.systemd import Systemd
from tests.image.conftest import require_program
from tests.tool import containerd as real
from tests.tool import fake_registry
from tests.tool.containerd import Containerd
from tests.tool.fake_registry import Registry
from tests.unit.config_in_force import give

IMAGE = "reg.lan/lib/busybox:1"


SNAPSHOTTER = "native"
PROGRAM = """
import sys
from pathlib import Path
from adamant.node.containers.run import Place, main
place = Place(Path(sys.argv[1]), "native", tuple(sys.orig_argv[:4]))
sys.exit(main(sys.argv[2:], place))
"""
"""The program of the unit, below another root."""


class Machine(NamedTuple):
    """A root with a config in place, its containerd, and the port of its registry."""

    root: Path
    containerd: Containerd
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

    def argv(self, verb: str, name: str) -> list[str]:
        """The program of the unit."""
        return [sys.executable, "-c", PROGRAM, str(self.root), verb, self.runtime.name, name]

    def start(self, name: str) -> "subprocess.Popen[bytes]":
        """It runs."""
        return subprocess.Popen(self.argv("run", name), stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def clean(self, name: str) -> None:
        """What systemd does after it."""
        subprocess.run(self.argv("clean", name), check=True)

    def output(self, name: str) -> tuple[int, str]:
        """How a container ended, and what it wrote."""
        with self.start(name) as running:
            out, errors = running.communicate(timeout=60)
        said = [line for line in errors.decode().splitlines(keepends=True) if not line.startswith("<6>")]
        return running.returncode, out.decode() + "".join(said)

    def ctr(self, *words: str) -> list[str]:
        """What containerd's own tool prints."""
        argv = [self.containerd.ctr, *self.containerd.common, "-n", self.runtime.namespace, *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.splitlines()

    def connect(self) -> Connection:
        """A connection for its namespace."""
        return Connection(self.root, self.runtime, self.runtime.namespace, 60)


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
def root() -> Iterator[Path]:
    """A folder with a short name: an address of a socket has room for 107 bytes (unix(7))."""
    with tempfile.TemporaryDirectory(prefix="m-") as folder:
        yield Path(folder)


@pytest.fixture
def machine(root: Path, served: tuple[Containerd, int]) -> Iterator[Machine]:
    yield from _machine(root, served, WORKLOAD)


@pytest.fixture
def host(root: Path, served: tuple[Containerd, int]) -> Iterator[Machine]:
    """The same, whose containers are host containers."""
    yield from _machine(root, served, HOST)


def _machine(root: Path, served: tuple[Containerd, int], runtime: Runtime) -> Iterator[Machine]:
    containerd, port = served
    (root / "usr/lib/adamant").mkdir(parents=True)
    (root / "usr/lib/adamant/posture").write_text("guarded\n")
    (root / runtime.socket).parent.mkdir(parents=True)
    (root / runtime.socket).symlink_to(containerd.folder / "containerd.sock")
    made = Machine(root, containerd, port, runtime)
    yield made
    for name in made.ctr("containers", "ls", "-q"):
        made.clean(name)
    with made.connect() as connection:
        Images(connection, root, SNAPSHOTTER).forget(made.ctr("images", "ls", "-q"))


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
    assert machine.ctr("containers", "ls", "-q") == []
    assert list((machine.root / "run/adamant/container-output").iterdir()) == []


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
        running.send_signal(signal.SIGTERM)
        assert running.communicate(timeout=30)[0] == b"bye\n"
    assert running.returncode == 3


def test_a_container_whose_program_was_killed_is_gone_before_the_next_one_starts(machine: Machine) -> None:
    machine.configure(json.dumps({"name": "web", "image": IMAGE, "command": ["sh", "-c", "echo up; sleep 1000"]}))
    with machine.start("web") as running:
        assert running.stdout is not None
        running.stdout.readline()
        running.kill()
    assert len(machine.ctr("tasks", "ls", "-q")) == 1
    machine.configure(json.dumps({"name": "web", "image": IMAGE, "command": ["echo", "again"]}))
    assert machine.output("web") == (0, "again\n")
    assert machine.ctr("tasks", "ls", "-q") == []


def test_what_runs_stands_beside_what_the_config_wants(machine: Machine) -> None:
    loop = {"name": "web", "image": IMAGE, "command": ["sh", "-c", "echo up; while true; do sleep 1; done"]}
    late = {"name": "late", "image": "reg.lan/lib/busybox:2"}
    machine.configure(json.dumps(loop))
    give(machine.root, f"containers: {json.dumps([loop, late])}\n")
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
        machine.ctr("tasks", "kill", "-s", "SIGKILL", "web")
        running.communicate(timeout=60)
    assert reasons(shown.collect_containers)["adamant/web"] == missing.format("web")


def test_an_image_that_no_container_wants_is_removed(machine: Machine) -> None:
    machine.configure(f"{{name: web, image: '{IMAGE}', command: ['true']}}")
    machine.output("web")
    assert machine.ctr("images", "ls", "-q") == [IMAGE]
    other = "reg.lan/lib/busybox:2"
    machine.configure(f"{{name: web, image: '{other}', command: ['true']}}")
    machine.output("web")
    assert machine.ctr("images", "ls", "-q") == [other]


def test_an_image_that_is_nowhere_is_told_by_its_name(machine: Machine) -> None:
    machine.configure("{name: web, image: 'reg.lan/lib/none:1'}")
    code, said = machine.output("web")
    assert code == 1
    assert "the node cannot pull reg.lan/lib/none:1 [image-pull]" in said
    assert f"http://127.0.0.1:{machine.port}: it answers 404" in said


def test_a_debug_session_takes_its_image_from_the_same_mirror(machine: Machine) -> None:
    machine.configure()
    mirrors = str(machine.root / "run/adamant/containerd/certs.d")
    containerd = machine.containerd
    session = DebugCtr("0-2-0", machine.root, containerd.ctr, containerd.common, SNAPSHOTTER, mirrors)
    try:
        assert session.digest(session.pull(IMAGE)).startswith("sha256:")
    finally:
        session.clean()


def test_a_secret_variable_lies_where_root_alone_reads_it(machine: Machine) -> None:
    command = ["sh", "-c", "echo $TOKEN; sleep 1000"]
    made = machine.configure(
        json.dumps({"name": "web", "image": IMAGE, "environment": {"TOKEN": "hush"}, "command": command})
    )
    holding = [path for path, file in made.files.items() if b"hush" in file.data]
    assert holding == [WORKLOAD.variables("web")]
    assert (machine.root / holding[0]).stat().st_mode & 0o777 == 0o600
    with machine.start("web") as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"hush\n"
        assert b"hush" not in Path(f"/proc/{running.pid}/cmdline").read_bytes()
        assert b"hush" not in Path(f"/proc/{running.pid}/environ").read_bytes()
        running.kill()


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


BOTH: dict[str, dict[str, Any]] = {
    "plain": {
        "environment": {"WORD": "two words"},
        "mounts": [
            {"source": "/var/lib/web", "target": "/data"},
            {"source": "/var/lib/only", "target": "/only", "readOnly": True},
        ],
        "memory": "64M",
        "cpus": 0.5,
    },
    "none": {"network": "none"},
    "privileged": {"privileged": True},
}
OPTIONS = {
    "plain": ["--net-host", "--memory-limit", str(64 << 20), "--cpus", "0.5", "--seccomp", "--cap-drop", "CAP_NET_RAW"],
    "none": ["--seccomp"],
    "privileged": ["--net-host", "--privileged"],
}
"""What containerd's own tool is told for the same."""


@pytest.mark.parametrize("name", BOTH)
def test_a_container_is_what_containerd_s_own_tool_would_make_of_it(machine: Machine, name: str) -> None:
    machine.configure(json.dumps({"name": name, "image": IMAGE, "command": ["sh", "-c", "echo up"], **BOTH[name]}))
    assert machine.output(name) == (0, "up\n")
    wanted = spec.read(machine.root, WORKLOAD, name)
    with machine.connect() as connection:
        image = Images(connection, machine.root, SNAPSHOTTER).open(IMAGE)
    account = accounts.find(image.config.process.user, [])
    variables = {"WORD": "two words"} if wanted.variables else {}
    program = bundle.Program(image.config.process, account, variables)
    ours = bundle.compose(wanted, program, WORKLOAD, machine.root, of_systemd=False)
    words = [*OPTIONS[name]]
    for mount in wanted.mounts:
        kind = "ro" if mount.read_only else "rw"
        words += ["--mount", f"type=bind,src={machine.root}{mount.source},dst={mount.target},options=rbind:{kind}"]
    words += ["--env", "WORD=two words"] if variables else []
    words += ["--detach", "--snapshotter", SNAPSHOTTER, "--runc-root", str(machine.root / WORKLOAD.runc_root)]
    machine.ctr("run", *words, IMAGE, name, "sh", "-c", "echo up")
    theirs = json.loads("".join(machine.ctr("containers", "info", name)))["Spec"]
    assert _comparable(ours) == _comparable(theirs)


def test_no_container_may_load_modules_or_read_the_kernel_s_log(machine: Machine) -> None:
    command = '["grep", "CapBnd", "/proc/self/status"]'
    machine.configure(f"{{name: a, image: '{IMAGE}', privileged: true, command: {command}}}")
    said = machine.output("a")[1]
    assert "CapBnd:" in said, said
    mask = int(said.partition("CapBnd:")[2].split()[0], 16)
    assert mask >> 21 & 1, "CAP_SYS_ADMIN"
    assert not mask & (1 << 16 | 1 << 34), "CAP_SYS_MODULE, CAP_SYSLOG"


SWEPT = PROGRAM.replace(
    "place = ",
    """
from adamant.node.containerd import leases_pb2, types_pb2
from adamant.node.containers import accounts
from adamant.node.containers.runtime import RUNTIMES
from adamant.node.containerd.connection import Containerd
found = accounts.find

def find(*arguments):
    with Containerd(Path(sys.argv[1]), RUNTIMES[sys.argv[3]], RUNTIMES[sys.argv[3]].namespace, 60) as other:
        other.call("leases.v1.Leases/Create", leases_pb2.CreateRequest(id="sweep"), leases_pb2.CreateResponse)
        other.call("leases.v1.Leases/Delete", leases_pb2.DeleteRequest(id="sweep", sync=True), types_pb2.Empty)
    return found(*arguments)

accounts.find = find
place = """,
)
"""The same, and containerd collects what nothing holds after the container's file system was made."""


def test_a_collection_between_leaves_the_file_system_of_a_container_that_starts(machine: Machine) -> None:
    machine.configure(f"{{name: a, image: '{IMAGE}', command: [echo, it runs]}}")
    argv = [SWEPT if word == PROGRAM else word for word in machine.argv("run", "a")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "it runs\n"), done.stderr


def _comparable(made: dict[str, Any]) -> dict[str, Any]:
    """Without order where it says nothing, and without what differs on purpose: files, a usual weight, two rights."""
    made["process"]["rlimits"] = []
    cpu = made["linux"]["resources"].setdefault("cpu", {})
    assert cpu.pop("shares", 1024) == 1024
    made["process"]["env"].sort()
    for kind, rights in made["process"]["capabilities"].items():
        made["process"]["capabilities"][kind] = sorted(set(rights) - {"CAP_SYS_MODULE", "CAP_SYSLOG"})
    devices = made["linux"].get("devices", [])
    made["linux"]["devices"] = sorted(devices, key=lambda device: str(device["path"]))
    for rule in made["linux"].get("seccomp", {}).get("syscalls", []):
        rule["names"].sort()
    return made


def _publish(there: Registry, config: dict[str, Any], layer: bytes) -> None:
    """Have an image of one layer, for this kind of machine and for another, as `1`."""
    told = json.dumps(config).encode()
    for data in (told, layer):
        there.hold(data)
    manifest = {
        "mediaType": fake_registry.MANIFEST,
        "config": fake_registry.descriptor(told, fake_registry.CONFIG),
        "layers": [fake_registry.descriptor(layer, fake_registry.LAYER)],
    }
    data = there.publish("own", manifest)
    images = [
        fake_registry.descriptor(b"", fake_registry.MANIFEST, platform={"os": "linux", "architecture": "s390x"}),
        fake_registry.descriptor(
            data, fake_registry.MANIFEST, platform={"os": "linux", "architecture": _architecture()}
        ),
    ]
    there.publish("1", {"mediaType": fake_registry.INDEX, "manifests": images}, fake_registry.INDEX)


def _architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]


def _layer(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o755
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


@pytest.fixture
def foreign(machine: Machine) -> Iterator[tuple[Machine, Registry, dict[str, Any], bytes]]:
    """A machine whose registry has an image for several kinds of machines, packed, which runs as an account of its
    own; with the image's config and its layer."""
    busybox = Path(require_program("busybox", "busybox-static")).read_bytes()
    files = {
        "bin/sh": busybox,
        "bin/id": busybox,
        "bin/sleep": busybox,
        "etc/passwd": b"web:x:7:8::/:/bin/sh\n",
        "etc/group": b"mail:x:9:web\n",
    }
    layer = _layer(files)
    config = {
        "architecture": _architecture(),
        "os": "linux",
        "config": {
            "User": "web",
            "Entrypoint": ["/bin/sh", "-c"],
            "Cmd": ["id"],
            "WorkingDir": "/etc",
            "StopSignal": "SIGUSR1",
        },
        "rootfs": {"type": "layers", "diff_ids": [fake_registry.digest(layer)]},
    }
    there = Registry()
    with fake_registry.serving(there) as address:
        yield machine._replace(port=int(address.rpartition(":")[2])), there, config, gzip.compress(layer)


def test_an_image_says_who_runs_it_where_and_how_it_is_ended(
    foreign: tuple[Machine, Registry, dict[str, Any], bytes],
) -> None:
    machine, there, config, layer = foreign
    _publish(there, config, layer)
    script = "id; pwd; trap 'echo bye; exit 5' USR1; echo up; while true; do sleep 1; done"
    machine.configure(json.dumps({"name": "web", "image": IMAGE, "command": [script]}))
    with machine.start("web") as running:
        assert running.stdout is not None
        said = [running.stdout.readline() for _ in range(3)]
        running.terminate()
        rest, errors = running.communicate(timeout=60)
    assert (rest[-4:], errors.replace(b"<6>pulling reg.lan/lib/busybox:1\n", b"")) == (b"bye\n", b"")
    assert said == [b"uid=7(web) gid=8 groups=8,9(mail)\n", b"/etc\n", b"up\n"]
    assert running.returncode == 5


@pytest.mark.parametrize("lie", ["layer", "config", "more layers", "no archive"])
def test_an_image_that_lies_is_not_run_and_nothing_of_it_stays(
    foreign: tuple[Machine, Registry, dict[str, Any], bytes], lie: str
) -> None:
    machine, there, config, layer = foreign
    if lie == "no archive":
        layer = gzip.compress(b"no archive at all")
    elif lie == "config":
        config["rootfs"]["diff_ids"] = ["sha256:" + "1" * 64]
    elif lie == "more layers":
        config["rootfs"]["diff_ids"] *= 2
    _publish(there, config, layer)
    if lie == "layer":
        there.blobs[fake_registry.digest(layer)] = layer[:-1] + b"x"
    machine.configure(json.dumps({"name": "web", "image": IMAGE}))
    code, said = machine.output("web")
    assert code == 1
    assert "<3>" in said, said
    assert machine.ctr("images", "ls", "-q") == []
    assert [line for line in machine.ctr("snapshots", "--snapshotter", SNAPSHOTTER, "ls") if "Active" in line] == []
