"""Host containers: apart from the workload in all that a containerd has, and shown what their config says alone."""

import shutil
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from adamant.image import policy
from adamant.model.machine.document import ContainerNetwork, Sight
from adamant.model.posture import POLICY
from adamant.node.containerd.oci import Process
from adamant.node.containers import bundle, run
from adamant.node.containers.accounts import Account
from adamant.node.containers.bundle import Program
from adamant.node.containers.runtime import HOST, RUNTIMES, WORKLOAD, Runtime
from adamant.node.containers.spec import Spec

DATA = resources.files("adamant.node") / "data/every"
SYSTEM = DATA / "usr/lib/systemd/system"
CONFIG = "usr/lib/adamant/host-containerd.toml"


def made(root: Path, runtime: Runtime, spec: Spec) -> dict[str, Any]:
    """What `spec` is to runc."""
    return bundle.compose(spec, Program(Process(), Account(0, 0, (0,)), {}), runtime, root, of_systemd=True)


def binds(told: dict[str, Any]) -> dict[str, str]:
    """What is bound, with its place in the container."""
    return {mount["source"]: mount["destination"] for mount in told["mounts"] if mount["type"] == "bind"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine with the folders of one whose journal is on disk."""
    for folder in ("usr", "etc", "var/log/journal", "run/systemd/private"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def test_the_two_containerds_share_nothing_that_has_a_name() -> None:
    assert set(RUNTIMES) == {WORKLOAD.name, HOST.name}
    for field in (*Runtime._fields, "unit", "socket", "runc_root"):
        assert getattr(WORKLOAD, field) != getattr(HOST, field), field
    assert WORKLOAD.spec("a") != HOST.spec("a")


def test_the_second_containerd_has_the_folders_that_the_code_knows() -> None:
    config = tomllib.loads((DATA / CONFIG).read_text())
    assert config["grpc"]["address"] == f"/{HOST.socket}"
    assert (config["root"], config["state"]) == (f"/var/lib/{HOST.name}", f"/run/{HOST.name}")
    assert "io.containerd.grpc.v1.cri" in config["disabled_plugins"]
    assert all("/var/lib/containerd" not in value["path"] for value in config["plugins"].values())
    unit = (SYSTEM / HOST.unit).read_text()
    assert f"--config /{CONFIG}\n" in unit
    assert f"\nSlice={HOST.slice}\n" in unit
    assert f"RequiresMountsFor=/var/lib/{HOST.name}\n" in unit
    assert "[Install]" not in unit, "only a config starts it"


def test_a_container_is_shown_nothing_that_its_config_does_not_name(root: Path) -> None:
    alone = made(root, HOST, Spec("a", "x.io/a", network=ContainerNetwork.NONE))
    assert binds(alone) == {}
    namespaces = {one["type"]: one.get("path") for one in alone["linux"]["namespaces"]}
    assert namespaces == dict.fromkeys(("pid", "ipc", "uts", "mount", "network"))
    assert alone["linux"]["seccomp"]["defaultAction"] == "SCMP_ACT_ERRNO"
    assert "CAP_SYS_ADMIN" not in alone["process"]["capabilities"]["bounding"]
    assert alone["linux"]["cgroupsPath"] == f"{HOST.slice}:adamant:a"


@pytest.mark.parametrize(
    ("sight", "shown"),
    [
        (Sight.JOURNAL, {"/var/log/journal": "/var/log/journal"}),
        (Sight.NETWORK, {}),
        (Sight.PROCESSES, {}),
        (Sight.ROOT, {"/usr": "/host/usr", "/etc": "/host/etc"}),
    ],
)
def test_each_word_shows_what_the_guide_says_and_no_more(root: Path, sight: Sight, shown: dict[str, str]) -> None:
    network = ContainerNetwork.NONE
    plain = made(root, HOST, Spec("a", "x.io/a", network=network))
    seen = made(root, HOST, Spec("a", "x.io/a", network=network, sees=(sight,)))
    assert binds(seen) == {f"{root}{source}": target for source, target in shown.items()}
    assert all(mount["options"] == ["bind", "ro"] for mount in seen["mounts"] if mount["type"] == "bind")
    pid = next(one for one in seen["linux"]["namespaces"] if one["type"] == "pid")
    assert pid.get("path") == ("/proc/self/ns/pid" if sight is Sight.PROCESSES else None)
    for told in (plain, seen):
        told["mounts"] = [mount for mount in told["mounts"] if mount["type"] != "bind"]
        told["linux"]["namespaces"] = [one for one in told["linux"]["namespaces"] if one["type"] != "pid"]
    assert seen == plain


def test_no_word_shows_a_place_with_sockets_keys_or_files_of_containers(root: Path) -> None:
    for folder in ("run/log/journal", "var/lib/containerd", "state"):
        (root / folder).mkdir(parents=True)
    found = binds(made(root, HOST, Spec("a", "x.io/a", sees=tuple(Sight))))
    sources = {source.removeprefix(str(root)) for source in found if source.startswith(str(root))}
    assert sources == {"/usr", "/etc", "/var/log/journal", "/run/log/journal"}


def test_each_kind_runs_under_a_profile_of_its_own_unless_it_has_all_rights(root: Path) -> None:
    (root / POLICY).parent.mkdir(parents=True, exist_ok=True)
    (root / POLICY).touch()
    for runtime, profile in ((WORKLOAD, "&adamant-container"), (HOST, "&adamant-host-container")):
        assert made(root, runtime, Spec("a", "x.io/a"))["process"]["apparmorProfile"] == profile
        assert "apparmorProfile" not in made(root, runtime, Spec("a", "x.io/a", privileged=True))["process"]


def test_a_container_on_the_network_of_the_host_sees_no_packets_unless_it_has_all_rights(root: Path) -> None:
    def rights(runtime: Runtime, network: ContainerNetwork, *, privileged: bool = False) -> list[str]:
        told = made(root, runtime, Spec("a", "x.io/a", network=network, privileged=privileged))
        return list(told["process"]["capabilities"]["bounding"])

    for runtime in (WORKLOAD, HOST):
        assert "CAP_NET_RAW" in rights(runtime, ContainerNetwork.NONE)
        assert "CAP_NET_RAW" not in rights(runtime, ContainerNetwork.HOST)
        assert "CAP_NET_RAW" in rights(runtime, ContainerNetwork.HOST, privileged=True)


def test_devices_that_come_and_go_keep_no_container_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """udev makes links by other names first, and renames them."""
    for name in ("char/.#4:0", "gone/null", "stays"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    iterdir = Path.iterdir

    def removing(folder: Path) -> Iterator[Path]:
        found = list(iterdir(folder))
        if folder.name == "char":
            found[0].unlink()
        elif folder == tmp_path:
            shutil.rmtree(tmp_path / "gone")
            (tmp_path / "gone").mkdir()
        elif folder.name == "gone":
            folder.rmdir()
            raise FileNotFoundError(folder)
        return iter(found)

    monkeypatch.setattr(Path, "iterdir", removing)
    assert list(bundle._devices(tmp_path)) == []


def test_host_containers_may_what_others_may_and_containerd_may_start_both() -> None:
    sources = {name: text.decode() for name, text in policy.sources().items()}
    rules = {name: [line for line in text.splitlines() if line[:1] != "#"] for name, text in sources.items()}
    others, own = ("\n".join(rules[name]) for name in ("container.apparmor", "host-container.apparmor"))
    stack = '"adamant-container//&adamant-containerd"'
    assert others.count(stack) == 2
    expected = others.replace(stack, '"adamant-containerd//&adamant-host-container"')
    assert own == expected.replace("profile adamant-container ", "profile adamant-host-container ")
    for runtime in RUNTIMES.values():
        assert f"\nprofile {runtime.profile[1:]} " in "".join(sources.values())
    assert "change_profile -> &adamant-{,host-}container," in sources["containerd.apparmor"]


@pytest.mark.parametrize("arguments", [[], ["run", "web"], ["run", "other", "web"], ["start", "containerd", "web"]])
def test_the_program_says_how_it_is_called(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(arguments) == 2
    assert "containerd|host-containerd NAME" in capsys.readouterr().err
