"""Booted machines for tests: an image with a probe in it, and machines that leave their console when a test fails."""

import json
import os
import shutil
import signal
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from adamant.api import contexts
from adamant.core import places
from adamant.image import project
from adamant.kernel.artifact import Kernel
from adamant.machine import console
from adamant.machine.machine import Machine, Machines
from adamant.model.errors import ExitCode
from adamant.packages import tools
from adamant.packages.tools import ToolsTree
from tests.image.conftest import Example, adamant, build
from tests.vm import kept_kernel

SECONDS = 400.0
"""How long a boot may take: machines are shared, and an emulated one has no clock of its own to trust."""

DEFINITION = """\
kind: Image
name: probed
version: "1"
profile: dev
packages: [containerd, runc, python3]
files:
  - {path: /usr/lib/probe/probe.py, source: probe.py}
  - {path: /usr/lib/probe/stumbles.py, source: stumbles.py}
units:
  - name: probe.service
    content: |
      [Unit]
      After=multi-user.target
      [Service]
      Type=oneshot
      ExecStart=/usr/bin/python3 /usr/lib/probe/probe.py
      StandardOutput=journal+console
      StandardError=journal+console
      [Install]
      WantedBy=multi-user.target
  - name: stumbles.service
    enable: false
    content: |
      [Service]
      ExecStart=/usr/bin/python3 /usr/lib/probe/stumbles.py
      Restart=always
      RuntimeDirectory=stumbles
      RuntimeDirectoryPreserve=restart
signing:
  secureBoot: {key: keys/secure-boot.key, certificate: keys/secure-boot.crt}
"""

_QUESTIONS = {"crashes", "get", "health", "history", "show", "status", "version"}
"""Words of the commands of `adamant node` that change nothing."""


@dataclass(frozen=True)
class Probed:
    """The probed image, its tools, and where its machines are."""

    example: Example
    tools: ToolsTree
    machines: Machines


@pytest.fixture(scope="session")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Probed]:
    """An image with a probe whose words are on its console, signed with keys of its own."""
    home = tmp_path_factory.mktemp("probed")
    os.environ["ADAMANT_STATE"] = str(home / "state")
    os.environ["ADAMANT_CONFIG"] = str(home / "config")
    folder = home / "image"
    folder.mkdir()
    (folder / "adamant.yaml").write_text(DEFINITION)
    for name in ("probe.py", "stumbles.py"):
        shutil.copy(Path(__file__).parent / "probe" / name, folder)
    adamant("keys", "init", folder / "keys")
    adamant("lock", "-C", folder)
    example = build(folder)
    tree = tools.open_tools(project.read_lock(project.read_project(folder)).tools, places.cache())
    machines = Machines(places.state() / "machines")
    yield Probed(example, tree, machines)
    for machine in machines.list():
        machines.delete(machine.name, force=True)


@pytest.fixture(scope="session")
def brought_up(probed: Probed) -> Iterator[None]:
    """The machine of `healthy`: each boot costs half a minute, so files that change nothing share one."""
    done = adamant("up", probed.example.folder, "--secure-boot", "--tpm", "--json", "--seconds", str(SECONDS))
    assert json.loads(done.stdout)["health"]
    yield
    probed.machines.delete("probed", force=True)


@pytest.fixture
def healthy(probed: Probed, brought_up: None) -> Machine:
    """A healthy machine with Secure Boot and a TPM, the current context. Tests ask it, restart it and leave it so."""
    contexts.use("probed")
    return probed.machines.get("probed")


@pytest.fixture(scope="session")
def own_kernel(tmp_path_factory: pytest.TempPathFactory) -> Kernel:
    """A kernel of one's own, with the module adamant_greeting."""
    return kept_kernel.kernel(tmp_path_factory.mktemp("own-kernel"))


def pytest_configure() -> None:
    """A test run that CI ends takes its machines with it: SIGTERM is an interrupt, after which fixtures are closed."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the consoles of all machines with a failure, before fixtures remove them: CI keeps nothing else of them."""
    report = yield
    if report.failed:
        rooms = [places.state() / "machines"]
        own = item.funcargs.get("tmp_path")
        if isinstance(own, Path):
            rooms.append(own / "machines")
        for machine in (machine for room in rooms for machine in Machines(room).list()):
            lines = console.tail(machine.console_log)[-150:]
            report.sections.append((f"console of {machine.name} ({machine.status.value})", "\n".join(lines)))
    return report


def probe_lines(log: Path) -> list[list[str]]:
    """What the probe said, in words; of the last boot in the log."""
    lines: list[list[str]] = []
    for line in console.tail(log, 4 << 20):
        if "PROBE " in line:
            words = line.split("PROBE ", 1)[1].split()
            if words[:1] == ["boots"]:
                lines = []
            lines.append(words)
    return lines


def node(*arguments: str) -> Any:
    """The JSON answer of `adamant node`. A question that a machine on a busy computer did not answer is asked again."""
    for _ in range(5 if _QUESTIONS.intersection(arguments) else 1):
        done = adamant("node", *arguments, "--json", check=False)
        if done.returncode != ExitCode.UNREACHABLE:
            break
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)
