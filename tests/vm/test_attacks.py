"""What root, and a container with all rights, can and cannot do on a machine of each posture.

The sealed machine is as sealed is meant: with a kernel of one's own (kept_kernel.py) and its modules from outside.
The attempts are those of `attack/attack.c`, a static program, since a sealed machine runs nothing else that is brought.
What is expected stands in docs/reference/attacks.md, cell by cell: the page cannot say what no machine has shown.
"""

import errno
import json
import lzma
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from adamant.compose import entries
from adamant.core import places
from adamant.image import init_program, project
from adamant.kernel.artifact import Kernel
from adamant.machine.machine import Machines
from adamant.model.posture import RULES, Posture
from adamant.packages import fetch, layer, tools
from tests.image.conftest import adamant, build
from tests.tool.containerd import registry
from tests.unit.kernel_maker import Signer, to_refuse
from tests.vm import kept_kernel
from tests.vm.conftest import SECONDS, node

PAGE = Path(__file__).parents[2] / "docs/reference/attacks.md"
SOURCE = Path(__file__).parent / "attack" / "attack.c"
DEFINITION = """\
kind: Image
name: attacked
version: "1"
profile: dev
posture: {posture}
packages: [containerd, runc]
kernel: {kernel}
files:
  - {{path: /usr/lib/probe/attack, source: attack, mode: "0755"}}
units:
  - name: attack.service
    content: |
      [Unit]
      After=multi-user.target
      [Service]
      Type=oneshot
      ExecStart=/usr/lib/probe/attack host
      [Install]
      WantedBy=multi-user.target
signing:
  secureBoot: {{key: keys/secure-boot.key, certificate: keys/secure-boot.crt}}
"""
OWN_MODULES = {
    "adamant_greeting": "updates/greeting/adamant_greeting.ko",
    "dm_writeboost": "updates/writeboost/dm-writeboost.ko",
}
REFUSED = os.strerror(errno.EKEYREJECTED)
LINE = re.compile(r"(?P<where>host|container) (?P<attempt>\S+) (?P<result>done|no)\b *(?P<why>.*)")
OF_HOST = (
    "enter-profile",
    "write:/proc",
    "write:/sys",
    "load-module",
    "kexec",
    "trust-key",
    "mounted-again",
    "bound-again",
    "renamed-again",
    "ports",
    "make-device",
    "read-packets",
    "connect",
    "set-clock",
    "new-user-namespace",
    "boot-variable",
    "io-uring",
    "read:/dev",
    "read:/proc/kcore",
    "open-to-write",
)
"""How those attempts begin that a container makes on its host; all else it would try on itself."""


@pytest.fixture(scope="module")
def debians(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], bytes]:
    """Modules of Debian's kernel by their name, as Debian signed them."""
    folder = tmp_path_factory.mktemp("debians")
    (folder / "adamant.yaml").write_text('kind: Image\nname: debians\nversion: "1"\npackages: []\n')
    adamant("lock", "-C", folder)
    packages = project.read_lock(project.read_project(folder)).image.packages
    kernel = next(package for package in packages if re.match(r"linux-image-\d", package.name))
    (found,) = layer.unpack_layers([kernel], fetch.fetch([kernel], places.cache()), places.cache())
    paths = {entry.path.rpartition("/")[2]: entry for entry in found.entries}
    return lambda name: lzma.decompress(entries.read(paths[f"{name}.ko.xz"]))


@pytest.fixture(
    scope="module",
    params=[pytest.param(Posture.OPEN, marks=pytest.mark.long), Posture.GUARDED, Posture.SEALED],
    ids=lambda posture: posture.value,
)
def posture(
    request: pytest.FixtureRequest,
    debians: Callable[[str], bytes],
    own_kernel: Kernel,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Posture]:
    """A posture, with a machine `attacked` of it that has been attacked once, and has its container where it may."""
    posture: Posture = request.param
    sealed = posture is Posture.SEALED
    folder = tmp_path_factory.mktemp(posture.value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADAMANT_STATE", str(folder / "state"))
        patch.setenv("ADAMANT_CONFIG", str(folder / "config"))
        image = folder / "image"
        image.mkdir()
        adamant("keys", "init", image / "keys")
        (image / "attack").write_bytes(b"")
        kernel = f"{{own: {own_kernel.folder}}}" if sealed else "{}"
        (image / "adamant.yaml").write_text(DEFINITION.format(posture=posture.value, kernel=kernel))
        adamant("lock", "-C", image)
        whole = kept_kernel.module(own_kernel, "squashfs") if sealed else debians("squashfs")
        signer = Signer()
        for name, data in {"whole": whole, "debians": debians("romfs"), **to_refuse(whole, signer)}.items():
            (image / f"{name}.ko").write_bytes(data)
        (image / "certificate.der").write_bytes(signer.der)
        _make_program(image)
        build(image)
        with registry(folder, ["lib/attack:1"], image / "attack") as port:
            config = folder / "machine.yaml"
            config.write_text(_config(port, OWN_MODULES if sealed else (), privileged=not sealed))
            adamant("up", image, "--config", config, "--secure-boot", "--json", "--seconds", str(SECONDS))
            yield posture
        Machines(places.state() / "machines").delete("attacked", force=True)


def _make_program(image: Path) -> None:
    locked = project.read_lock(project.read_project(image))
    tree = tools.open_tools(locked.tools, places.cache())
    arch = locked.image.arch
    (image / SOURCE.name).write_bytes(SOURCE.read_bytes())
    objects = init_program.compile_objects(arch, tree, image, [SOURCE.name])
    init_program.link(arch, tree, objects, image / "attack")


def _config(port: int, modules: Iterable[str] = (), *, privileged: bool) -> str:
    container = {
        "name": "attack",
        "image": "reg.lan/lib/attack:1",
        "command": ["/bin/busybox", "container"],
        "restart": "never",
        "privileged": privileged,
    }
    mirror = {"host": "reg.lan", "mirrors": [f"http://10.0.2.2:{port}"], "fallback": False}
    machine = {"registries": [mirror], "containers": [container], "kernel": {"modules": list(modules)}}
    return json.dumps({"kind": "Machine", **machine})


def _said(unit: str, where: str) -> list[re.Match[str]]:
    """What the program said of each attempt in this boot, once it has ended."""
    deadline = time.monotonic() + SECONDS
    while f"{where} end" not in (said := adamant("node", "logs", unit, check=False).stdout):
        assert time.monotonic() < deadline, said
        time.sleep(2)
    return [m for m in LINE.finditer(said) if m["where"] == where]


def _results(unit: str, where: str) -> dict[str, str]:
    return {m["attempt"]: m["result"] for m in _said(unit, where)}


def _expected(column: str) -> dict[str, str]:
    """The cells of a column of the page, by attempt: a cell begins with `done` or `no`."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.read_text().splitlines() if "|" in line
    ]
    at = rows[0].index(column)
    return {row[0].strip("`"): row[at].split(",")[0].split(" ")[0] for row in rows[2:] if row[at] not in {"", "-"}}


def test_what_root_on_the_host_can_do_is_what_the_page_says(posture: Posture) -> None:
    assert _results("attack", "host") == _expected(f"{posture.value}: root")


def test_what_a_container_can_do_is_what_the_page_says(posture: Posture) -> None:
    found = _results("adamant-container@attack", "container")
    kind = "container" if posture is Posture.SEALED else "privileged container"
    of_host = {attempt: result for attempt, result in found.items() if attempt.startswith(OF_HOST)}
    assert of_host == _expected(f"{posture.value}: {kind}")


def test_a_machine_runs_modules_of_its_kernel_and_a_sealed_one_those_of_its_owner(
    posture: Posture, own_kernel: Kernel
) -> None:
    """The same module loads as it was signed, and is refused for its signature alone when that is another one."""
    sealed = posture is Posture.SEALED
    assert (node("version")["kernel"] == own_kernel.manifest.release) == sealed
    found = {item["name"]: item["actual"] for item in node("get", "modules")["resources"]}
    assert all(module["signed"] and module["state"] == "live" for module in found.values())
    assert {n: m["file"] for n, m in found.items() if m["foreign"]} == (OWN_MODULES if sealed else {})
    said = {m["attempt"].partition(":")[2]: m for m in _said("attack", "host") if m["attempt"].startswith("load-mod")}
    assert said.pop("whole")["result"] == "done"
    if sealed:
        refused = {name: m["why"].strip() for name, m in said.items()}
        assert refused == dict.fromkeys(("changed", "not-signed", "other-key", "of-debian"), REFUSED)


def test_a_sealed_machine_takes_no_config_with_a_privileged_container(posture: Posture, tmp_path: Path) -> None:
    path = tmp_path / "machine.yaml"
    path.write_text(_config(1, privileged=True))
    done = adamant("node", "diff", path, check=False)
    assert ("no container has all rights" in done.stderr) == (posture is Posture.SEALED), done.stderr


def test_an_audit_of_image_and_node_finds_nothing(posture: Posture) -> None:
    """After what root and the container did, the machine is as its image and config say."""
    _results("adamant-container@attack", "container")
    adamant("audit", places.state().parent / "image")
    deadline = time.monotonic() + SECONDS
    while (done := adamant("node", "audit", check=False)).returncode:  # the container's unit ends after its program
        assert time.monotonic() < deadline, done.stdout
        time.sleep(2)


def test_what_was_planted_runs_after_a_reboot_only_where_etc_is_on_disk(posture: Posture) -> None:
    """The plant of the first boot lies in every place that takes files, with a unit that would start it."""
    _results("attack", "host")
    adamant("node", "reboot")
    done = {attempt for attempt, result in _results("attack", "host").items() if result == "done"}
    stays = {"kept:/etc/systemd/system"} if RULES[posture].persistent_root else set()
    assert {attempt for attempt in done if attempt.startswith("kept:")} == {"kept:/var", "kept:/state", *stays}
    known = adamant("node", "get", "services", "--json").stdout
    assert ("planted.service" in known) == RULES[posture].persistent_root
