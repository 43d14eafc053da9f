"""What root, and a container with all rights, can and cannot do on a machine of each posture.

The attempts are those of `attack/attack.c`, a static program, since a sealed machine runs nothing else that is brought.
What is expected stands in docs/reference/attacks.md, cell by cell: the page cannot say what no machine has shown.
"""

import json
import lzma
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from adamant.compose import entries
from adamant.core import places
from adamant.image import init_program, project
from adamant.kernel import signature
from adamant.machine.machine import Machines
from adamant.model.posture import RULES, Posture
from adamant.model.tree import Entry
from adamant.packages import fetch, layer, tools
from tests.image.conftest import adamant, build
from tests.tool.containerd import registry
from tests.unit.kernel_maker import Signer
from tests.vm.conftest import SECONDS

PAGE = Path(__file__).parents[2] / "docs/reference/attacks.md"
SOURCE = Path(__file__).parent / "attack" / "attack.c"
DEFINITION = """\
kind: Image
name: attacked
version: "1"
profile: dev
posture: {posture}
packages: [containerd, runc]
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
LINE = re.compile(r"(?P<where>host|container) (?P<attempt>\S+) (?P<result>done|no)\b")
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


@pytest.fixture(
    scope="module",
    params=[pytest.param(Posture.OPEN, marks=pytest.mark.long), Posture.GUARDED, Posture.SEALED],
    ids=lambda posture: posture.value,
)
def posture(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Posture]:
    """A posture, with a machine `attacked` of it that has been attacked once, and has its container where it may."""
    posture: Posture = request.param
    folder = tmp_path_factory.mktemp(posture.value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADAMANT_STATE", str(folder / "state"))
        patch.setenv("ADAMANT_CONFIG", str(folder / "config"))
        image = folder / "image"
        image.mkdir()
        adamant("keys", "init", image / "keys")
        (image / "attack").write_bytes(b"")
        (image / "adamant.yaml").write_text(DEFINITION.format(posture=posture.value))
        adamant("lock", "-C", image)
        _make_modules(image)
        _make_program(image)
        build(image)
        with registry(folder, ["lib/attack:1"], image / "attack") as port:
            config = folder / "machine.yaml"
            config.write_text(_config(port, privileged=posture is not Posture.SEALED))
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


def _make_modules(image: Path) -> None:
    """What the program tries to load: a module of the image's kernel that was changed, signed by nobody, or by another
    key, and one that images without rare modules leave out, as the kernel's makers signed it."""
    packages = project.read_lock(project.read_project(image)).image.packages
    kernel = next(package for package in packages if re.match(r"linux-image-\d", package.name))
    layers = layer.unpack_layers([kernel], fetch.fetch([kernel], places.cache()), places.cache())
    sound, rare = (lzma.decompress(entries.read(_module(layers[0].entries, name))) for name in ("dummy", "romfs"))
    changed = bytearray(sound)
    changed[len(changed) // 2] ^= 1
    plain = signature.read(sound).content
    signer = Signer()
    made = {"changed": bytes(changed), "plain": plain, "foreign": signer.sign(plain), "rare": rare}
    for name, data in made.items():
        (image / f"{name}.ko").write_bytes(data)
    (image / "certificate.der").write_bytes(signer.der)


def _module(found: Sequence[Entry], name: str) -> Entry:
    return next(entry for entry in found if entry.path.endswith(f"/{name}.ko.xz"))


def _config(port: int, *, privileged: bool) -> str:
    container = {
        "name": "attack",
        "image": "reg.lan/lib/attack:1",
        "command": ["/bin/busybox", "container"],
        "restart": "never",
        "privileged": privileged,
    }
    mirror = {"host": "reg.lan", "mirrors": [f"http://10.0.2.2:{port}"], "fallback": False}
    return json.dumps({"kind": "Machine", "registries": [mirror], "containers": [container]})


def _results(unit: str, where: str) -> dict[str, str]:
    """What came of each attempt in this boot, once the program has ended."""
    deadline = time.monotonic() + SECONDS
    while f"{where} end" not in (said := adamant("node", "logs", unit, check=False).stdout):
        assert time.monotonic() < deadline, said
        time.sleep(2)
    return {m["attempt"]: m["result"] for m in LINE.finditer(said) if m["where"] == where}


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
