"""The program that runs the agent's modules: what it is linked with, and that it runs nothing else."""

import re
import struct
import subprocess
from pathlib import Path

import pytest

from adamant.core import proc
from adamant.core.store import Store
from adamant.image import runner_program
from adamant.model.arch import NAMES, Arch
from adamant.node import house
from adamant.packages.tools import ToolsTree
from tests.image.conftest import require_program

SONAME = "libpython3.13.so.1.0"


@pytest.fixture(scope="module")
def runner(tree: ToolsTree, tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = Store(tmp_path_factory.mktemp("runner"))
    return runner_program.make_runner(Arch.AMD64, SONAME, house.programs(), tree, store)


def _needed(tree: ToolsTree, program: Path) -> set[str]:
    shown = proc.run("read it", tree.argv("readelf", "--dynamic", program)).stdout.decode()
    return set(re.findall(r"\(NEEDED\).*\[(.+)\]", shown))


def test_it_is_linked_with_python_and_the_c_library_by_name_alone(tree: ToolsTree, runner: Path) -> None:
    data = runner.read_bytes()
    kind, machine = struct.unpack_from("<HH", data, 16)
    assert (kind, machine) == (3, NAMES[Arch.AMD64].elf_machine), "an executable that lies where it likes"
    assert _needed(tree, runner) == {SONAME, "libc.so.6"}
    assert f"/{NAMES[Arch.AMD64].loader}".encode() in data
    assert len(data) < 32_000


def test_two_builds_in_different_places_are_the_same_bytes(tree: ToolsTree, runner: Path, tmp_path: Path) -> None:
    again = runner_program.make_runner(Arch.AMD64, SONAME, house.programs(), tree, Store(tmp_path / "elsewhere"))
    assert again.read_bytes() == runner.read_bytes()


def test_every_program_of_a_unit_is_in_its_table(runner: Path) -> None:
    folder = Path(house.__file__).parent / "data"
    units = [path.read_text() for path in folder.rglob("*") if path.suffix in {".service", ".conf"}]
    named = {name for text in units for name in re.findall(r"/usr/lib/adamant/run (\S+)", text)}
    assert named == set(house.PROGRAMS)
    data = runner.read_bytes()
    assert all(f"/{path}\0".encode() in data for path in house.programs().values())


LIBRARY = """
int printf(const char *format, ...);
int Py_BytesMain(int count, char **arguments)
{
	extern char **environ;
	for (int i = 0; i < count; i++)
		printf("%s\\n", arguments[i]);
	for (char **variable = environ; *variable; variable++)
		printf("$%s\\n", *variable);
	return 5;
}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library in Python's place that prints what it is given, made by the host's compiler for the host's libc."""
    folder = tmp_path_factory.mktemp("library")
    (folder / "shown.c").write_text(LIBRARY)
    compiler = require_program("gcc", "gcc")
    words = ["-shared", "-nostdlib", "-fPIC", "-fno-stack-protector"]  # what it needs of libc, the runner has loaded
    subprocess.run([compiler, *words, "-o", folder / SONAME, folder / "shown.c"], check=True)
    return folder


def _run(runner: Path, library: Path, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    variables = {"LD_LIBRARY_PATH": str(library), **environment}
    return subprocess.run([runner, *words], env=variables, capture_output=True, text=True, check=False, timeout=60)


def test_python_gets_a_fixed_file_and_nothing_of_the_environment(runner: Path, library: Path) -> None:
    given = {"PYTHONPATH": "/tmp/evil", "PYTHONSTARTUP": "/x", "NOTIFY_SOCKET": "/run/n", "HOME": "/root", "LANG": "de"}
    done = _run(runner, library, "agent", "--console", "-c", "evil", **given)
    assert done.returncode == 5
    words = [line for line in done.stdout.splitlines() if not line.startswith("$")]
    variables = [line for line in done.stdout.splitlines() if line.startswith("$")]
    script = f"/{house.programs()['agent']}"
    assert words == ["adamant", "-I", "-S", script, "--console", "-c", "evil"], "all behind the script is the script's"
    assert variables == ["$NOTIFY_SOCKET=/run/n"]


@pytest.mark.parametrize(
    "words", [[], ["-c"], ["-m", "http.server"], ["/tmp/evil.py"], ["agent2"], ["Agent"], ["agent", *["x"] * 62]]
)
def test_it_runs_nothing_else(runner: Path, library: Path, words: list[str]) -> None:
    done = _run(runner, library, *words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "usage" in done.stderr
