"""The page about what our services may do, against the real systemd-analyze: each figure and each capability."""

import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from adamant.core import proc
from adamant.model.encryption import Encryption
from adamant.model.posture import Posture
from adamant.model.tree import Entry, Kind
from adamant.node import house
from adamant.packages.scripts import effects, reviewed
from adamant.packages.tools import ToolsTree

PAGE = (Path(__file__).parents[2] / "docs/reference/unit-sandboxes.md").read_text()
SLOT = 128 << 20
SERVICE = re.compile(r"(usr/lib|etc)/systemd/system/(?P<name>[^/]+\.service)")
EXPOSURE = re.compile(r"Overall exposure level for \S+: (?P<figure>\d+\.\d) (?P<words>\S+)")
OK = 5.0
NEVER = {
    *(f"RestrictNamespaces_{kind}" for kind in ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")),
    "RestrictAddressFamilies_OTHER",
    "SystemCallArchitectures",
    "CapabilityBoundingSet_CAP_SYS_PTRACE",
    "CapabilityBoundingSet_CAP_NET_ADMIN",
    "CapabilityBoundingSet_CAP_BPF",
    "CapabilityBoundingSet_CAP_SYS_BOOT",
}
"""What no confined unit may have, by systemd-analyze's names of its checks."""


class Row(NamedTuple):
    """What the page says of a unit."""

    figure: str
    capabilities: frozenset[str]
    reason: str


def _rows(heading: str) -> dict[str, Row]:
    """The rows of the table below a heading, by unit."""
    _, _, rest = PAGE.partition(f"\n## {heading}\n")
    section = rest.partition("\n## ")[0]
    found = {}
    for line in re.findall(r"^\| `.*$", section, re.MULTILINE):
        unit, figure, capabilities, reason = (cell.strip() for cell in line.strip("|").split("|"))
        names = frozenset() if capabilities == "none" else frozenset(capabilities.replace("`", "").split())
        assert unit.strip("`") not in found, unit
        found[unit.strip("`")] = Row(figure, names, reason)
    return found


CONFINED = _rows("Confined")
EXCEPTIONS = _rows("Not confined by systemd")
ENCRYPTED = _rows("With an encrypted disk")
OF_TANG = {"adamant-disk-key.service", "adamant-key-network.service"}
"""The units of ENCRYPTED that go with `disk.encryption: tang` alone."""
OF_NETWORK = frozenset({"CapabilityBoundingSet_CAP_NET_ADMIN"})
"""What of NEVER a unit may have that sets up a network."""


def of_packages() -> dict[str, str]:
    """Files of our units that stand in for a maintainer script, by path: images have them with the package."""
    known = reviewed.reviewed().values()
    found = [effect for entry in known for effect in entry.effects if isinstance(effect, effects.File)]
    return {file.path.lstrip("/"): file.content for file in found if "/adamant-" in file.path}


def _root(root: Path, entries: list[Entry]) -> Path:
    for entry in entries:
        path = root / entry.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if entry.kind is Kind.SYMLINK:
            path.symlink_to(entry.target)
        else:
            path.write_bytes(entry.content or b"")
    return root


@pytest.fixture(scope="module", params=list(Posture), ids=lambda posture: posture.value)
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with all that an image of a posture gets from us, drop-ins too."""
    root = _root(tmp_path_factory.mktemp(request.param.value), house.house_files(request.param, SLOT))
    for name, content in of_packages().items():
        (root / name).write_text(content)
    return root


def services(root: Path) -> list[str]:
    """Names of our services in an image."""
    paths = [path.relative_to(root).as_posix() for path in root.rglob("*.service") if not path.is_symlink()]
    return sorted(match["name"] for path in paths if (match := SERVICE.fullmatch(path)))


def analyze(tree: ToolsTree, root: Path, unit: str, *options: str) -> str:
    """What systemd-analyze says of a unit; of a template, of an instance of it."""
    words = ["security", "--offline=true", "--no-pager", f"--root={root}", *options, unit.replace("@.", "@one.")]
    argv = tree.argv("systemd-analyze", *words)
    return proc.run("judge a sandbox", argv, environment=tree.environment).stdout.decode()


def bound(root: Path, unit: str) -> frozenset[str]:
    """The capabilities that a unit may have, as its file says; `all` when it says nothing."""
    (path,) = [path for path in root.rglob(unit) if not path.is_symlink()]
    lines = re.findall(r"^CapabilityBoundingSet=(.*)$", path.read_text(), re.MULTILINE)
    return frozenset(" ".join(lines).split()) if lines else frozenset({"all"})


def test_the_units_that_stand_in_for_scripts_are_known() -> None:
    names = {path.rpartition("/")[2] for path in of_packages()}
    assert names == {"adamant-ssh-host-keys.service", "adamant-iscsi-name.service"}


def test_the_page_has_each_service_of_ours_once_and_no_other(image: Path) -> None:
    of_open = {"adamant-reset-root.service", "adamant-sysusers.service"}
    named = {*CONFINED, *EXCEPTIONS} - (set() if image.name.startswith("open") else of_open)
    assert not set(CONFINED) & set(EXCEPTIONS)
    assert named == set(services(image))


def test_each_figure_of_the_page_is_that_of_systemd(tree: ToolsTree, image: Path) -> None:
    said = {}
    for unit in services(image):
        found = EXPOSURE.search(analyze(tree, image, unit))
        assert found, unit
        said[unit] = found["figure"]
    rows = {**CONFINED, **EXCEPTIONS}
    assert said == {unit: rows[unit].figure for unit in said}


def test_each_capability_of_the_page_is_that_of_the_unit(image: Path) -> None:
    rows = {**CONFINED, **EXCEPTIONS}
    assert {unit: bound(image, unit) for unit in services(image)} == {
        unit: rows[unit].capabilities for unit in services(image)
    }


def test_every_confined_unit_is_in_the_range_that_systemd_calls_ok() -> None:
    assert all(float(row.figure) < OK for row in CONFINED.values())
    assert set(EXCEPTIONS) == {"containerd.service", "host-containerd.service"}
    assert all(float(row.figure) >= OK for row in EXCEPTIONS.values())
    assert all(len(row.reason) > 3 for row in (*CONFINED.values(), *EXCEPTIONS.values()))


def test_no_confined_unit_has_what_none_may_have(tree: ToolsTree, image: Path) -> None:
    for unit in sorted(set(services(image)) & set(CONFINED)):
        checks = json.loads(analyze(tree, image, unit, "--json=short"))
        exposed = {check["json_field"] for check in checks if check["exposure"]}
        assert exposed & NEVER == set(), unit


@pytest.mark.parametrize("how", list(Encryption))
def test_units_of_an_encrypted_disk_are_as_the_page_has_them(tree: ToolsTree, tmp_path: Path, how: Encryption) -> None:
    root = _root(tmp_path, house.house_files(Posture.GUARDED, SLOT, how))
    rows = {unit: row for unit, row in ENCRYPTED.items() if how is Encryption.TANG or unit not in OF_TANG}
    assert set(rows) == set(services(root)) - {*CONFINED, *EXCEPTIONS}
    for unit, row in rows.items():
        found = EXPOSURE.search(analyze(tree, root, unit))
        assert found
        assert (found["figure"], bound(root, unit)) == (row.figure, row.capabilities)
        assert float(row.figure) < OK
        checks = json.loads(analyze(tree, root, unit, "--json=short"))
        never = NEVER - OF_NETWORK if unit == "adamant-key-network.service" else NEVER
        assert not never & {check["json_field"] for check in checks if check["exposure"]}, unit


def test_a_unit_without_a_sandbox_is_seen(tree: ToolsTree, tmp_path: Path) -> None:
    folder = tmp_path / "usr/lib/systemd/system"
    folder.mkdir(parents=True)
    (folder / "bare.service").write_text("[Service]\nExecStart=/usr/bin/true\n")
    found = EXPOSURE.search(analyze(tree, tmp_path, "bare.service"))
    assert found
    assert float(found["figure"]) >= OK
    checks = json.loads(analyze(tree, tmp_path, "bare.service", "--json=short"))
    assert {check["json_field"] for check in checks if check["exposure"]} >= NEVER
