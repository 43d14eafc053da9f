"""What a sealed image keeps of Debian's packages: the agent's Python starts, and libraries are found."""

import ast
import fnmatch
from pathlib import Path

import pytest

from adamant.compose import elf, entries, hwdb, imports, ldcache, libraries, staging, unread
from adamant.compose.compose import ComposeRequest, Composition, compose
from adamant.core import proc
from adamant.core.store import Store
from adamant.image import runner_program
from adamant.model.arch import NAMES
from adamant.model.errors import AdamantError
from adamant.model.lock import Lock, by_name
from adamant.model.posture import Posture
from adamant.model.tree import Kind, Tree
from adamant.node import house
from adamant.node.resources.registry import KINDS
from adamant.packages import fetch
from adamant.packages.layer import Layer, unpack_layers
from adamant.packages.scripts.review import review
from adamant.packages.tools import ToolsTree

LISTED = ("containerd", "runc")
SLOT = 512 << 20
LIBPYTHON = "libpython3.13.so.1.0"


@pytest.fixture(scope="module")
def layers(lock: Lock, cache: Path) -> list[Layer]:
    return unpack_layers(lock.image.packages, fetch.fetch(lock.image.packages, cache), cache)


@pytest.fixture(scope="module")
def sealed(lock: Lock, layers: list[Layer], tree: ToolsTree, cache: Path) -> Composition:
    runner = runner_program.make_runner(lock.image.arch, LIBPYTHON, house.programs(), tree, Store(cache))
    run = entries.file(runner_program.PATH, runner.read_bytes(), 0o755)
    request = ComposeRequest(
        "example",
        "1",
        lock.image.arch,
        Posture.SEALED,
        listed=LISTED,
        house=(*house.house_files(Posture.SEALED, SLOT), run),
        switches=tuple(house.switches(Posture.SEALED, by_name(lock.image))),
        programs=tuple(house.programs().values()),
    )
    return compose(request, layers, review(layers), tree, Store(cache))


@pytest.fixture(scope="module")
def system(sealed: Composition) -> Tree:
    """The tree as a machine has it, below usr/."""
    found = {f"usr/{path}": entry.moved(f"usr/{path}") for path, entry in sealed.tree.items()}
    return found | {entry.path: entry for entry in entries.parents(found, list(found.values()))}


@pytest.fixture(scope="module")
def root(system: Tree, lock: Lock, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python's folders and the libraries of the image, as files."""
    folder = tmp_path_factory.mktemp("sealed")
    wanted = ("usr/lib/python3", f"usr/lib/{NAMES[lock.image.arch].triplet}/")
    staging.stage([e for e in system.values() if e.path.startswith(wanted) and e.kind is not Kind.DIRECTORY], folder)
    return folder


def python(tree: ToolsTree, root: Path, lock: Lock, program: str) -> str:
    """What `program` prints, by the interpreter of the tools tree with the image's modules and libraries alone."""
    path = ":".join(str(root / folder) for folder in imports.FOLDERS)
    loader = tree.root / NAMES[lock.image.arch].loader
    place = root / f"usr/lib/{NAMES[lock.image.arch].triplet}"
    argv: list[str | Path] = [loader, "--inhibit-cache", "--library-path", place]
    argv += [tree.root / "usr/bin/python3.13", "-S", "-B", "-c", program]
    environment = {"PYTHONHOME": str(root / "usr"), "PYTHONPATH": path}
    return proc.run("run the image's Python", argv, environment=environment).stdout.decode()


def test_every_module_of_the_agent_can_be_imported(tree: ToolsTree, root: Path, lock: Lock) -> None:
    """Also those that only a call imports, but for what stands in CUT and nobody calls."""
    ours = sorted(entry.path for entry in house.agent_files())
    names = [imports.module_name(path) for path in ours]
    assert {module for module, _ in house.PROGRAMS.values()} | {kind.module for kind in KINDS.values()} <= set(names)
    program = f"import importlib\nfor name in {names!r}:\n    importlib.import_module(name)\nprint('all')"
    assert python(tree, root, lock, program) == "all\n"


def test_what_the_agent_imports_only_in_a_call_can_be_imported(tree: ToolsTree, root: Path, lock: Lock) -> None:
    named = {
        node.module
        for source in house.agent_files()
        for function in ast.walk(ast.parse(entries.read(source)))
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.ImportFrom) and node.module and not node.module.startswith("cryptography")
    }  # with cryptography builders and clients check signatures: no machine has it
    assert any(name.startswith("tuf.") for name in named)
    program = f"import importlib\nfor name in {sorted(named)!r}:\n    importlib.import_module(name)\nprint('all')"
    assert python(tree, root, lock, program) == "all\n"


def test_what_no_source_shows_is_there(tree: ToolsTree, root: Path, lock: Lock) -> None:
    program = f"""
import importlib
for name in {[name for name in sorted(imports.BY_NAME) if "*" not in name]!r}:
    importlib.import_module(name)
import datetime, socket, json, msgspec, ssl, time, traceback, zoneinfo
datetime.datetime.strptime("2026-01-02", "%Y-%m-%d")
time.strptime("2026", "%Y")
"Bücher.example".encode("idna")
b"a\\0".decode("utf-16-le").encode("utf-16-be").decode("utf-16-be").encode("iso-8859-15")
zoneinfo.ZoneInfo("Europe/Berlin")
msgspec.json.decode(b'"2026-01-02T03:04:05Z"', type=datetime.datetime)
ssl.create_default_context()
try:
    json.loads("{{")
except ValueError as error:
    print("traceback:", len(traceback.format_exception(error)) > 1)
"""
    assert python(tree, root, lock, program) == "traceback: True\n"


def test_grpc_serves_and_calls(tree: ToolsTree, root: Path, lock: Lock) -> None:
    program = """
from concurrent import futures
import grpc
echo = grpc.method_handlers_generic_handler(
    "t.Echo", {"Say": grpc.unary_unary_rpc_method_handler(lambda said, _: said[::-1])}
)
server = grpc.server(futures.ThreadPoolExecutor(2))
server.add_generic_rpc_handlers((echo,))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
    print(channel.unary_unary("/t.Echo/Say")(b"abc", timeout=20).decode())
server.stop(0).wait()
"""
    assert python(tree, root, lock, program) == "cba\n"


def test_no_source_stays_beside_byte_code_and_no_test_at_all(system: Tree) -> None:
    modules = [e for e in system.values() if e.path.startswith("usr/lib/python3") and e.kind is Kind.FILE]
    assert {e.path for e in modules if e.path.endswith(".py")} == set(house.programs().values())
    assert f"{house.PYTHON}/node/agent.pyc" in system
    assert not [path for path in system if path.startswith(("usr/lib/python3.13/unittest", "usr/lib/python3.13/pydoc"))]


def test_each_library_that_something_asks_for_is_there_and_in_the_cache(system: Tree, lock: Lock) -> None:
    listed = {library.name for library in ldcache.libraries(system, lock.image.arch)}
    private = {e.path.rpartition("/")[2] for e in entries.below(system, "usr/lib", ".so")}  # of systemd alone
    missing = {}
    for entry in system.values():
        if entry.kind is Kind.FILE and entries.read(entry, head=6) == elf.MAGIC:
            own = {e.path.rpartition("/")[2] for e in entries.inside(system, entry.path.rpartition("/")[0])}
            lost = set(elf.read(entries.read(entry)).needed) - listed - own - private
            if lost:
                missing[entry.path] = lost
    assert missing == {}
    assert LIBPYTHON in listed
    assert not {"libsqlite3.so.0", "libdb-5.3.so", "libreadline.so.8"} & listed
    assert libraries.unread(system, lock.image.arch, ()) == []


def test_every_row_of_the_tables_names_something(layers: list[Layer]) -> None:
    """A row that matches nothing is of a package that is no longer so."""
    paths = [entry.path for each in layers for entry in each.entries]
    assert [p for p in unread.UNREAD if not any(fnmatch.fnmatchcase(path, p) for path in paths)] == []
    assert {f"usr/lib/udev/hwdb.d/{name}" for name in hwdb.NAMES} <= set(paths)
    modules = {imports.module_name(p) for p in paths if p.startswith(imports.FOLDERS) and p.endswith((".py", ".so"))}
    assert set(imports.CUT) <= modules
    assert [p for p in imports.BY_NAME if not any(fnmatch.fnmatchcase(name, p) for name in modules)] == []


def test_licences_and_lists_for_scanners_stay(system: Tree, layers: list[Layer]) -> None:
    shipped = {e.path for each in layers for e in each.entries if e.path.startswith("usr/share/doc/")}
    kept = {path for path in system if path.startswith("usr/share/doc/")}
    assert {path for path in shipped if path.endswith("/copyright")} <= kept
    status = entries.text(system["usr/lib/dpkg/status"])
    assert all(f"Package: {each.package.name}\n" in status for each in layers)
    listed = entries.text(system["usr/lib/dpkg/info/libsqlite3-0:amd64.list"])
    assert "libsqlite3.so" not in listed


def test_a_module_that_cannot_start_without_one_that_is_cut_is_told(
    layers: list[Layer], tree: ToolsTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    merged = {e.path: e for each in layers if "python3" in each.package.name for e in each.entries}
    merged |= {e.path: e for e in house.agent_files()}
    monkeypatch.setitem(imports.CUT, "json", "a mistake")
    with pytest.raises(AdamantError, match=r"imports json") as caught:
        imports.unread(merged, (), tree, Store(tmp_path))
    assert caught.value.reference == "python-cut"


def test_a_module_that_the_agent_needs_and_that_is_not_there_is_told(
    layers: list[Layer], tree: ToolsTree, tmp_path: Path
) -> None:
    merged = {e.path: e for each in layers if "python3" in each.package.name for e in each.entries}
    merged |= {e.path: e for e in house.agent_files()}
    del merged["usr/lib/python3/dist-packages/securesystemslib/exceptions.py"]
    with pytest.raises(AdamantError) as caught:
        imports.unread(merged, (), tree, Store(tmp_path))
    assert caught.value.reference == "python-cut"
    assert "tuf.api.exceptions imports securesystemslib.exceptions, which is not there" in caught.value.context
