"""The rules of the house: which room imports which, and which doors there are once."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "adamant"
ALLOWED = {
    "model": set(),
    "core": {"model"},
    "packages": {"model", "core"},
    "compose": {"model", "core", "packages"},
    "kernel": {"model", "core", "packages", "compose"},
    "image": {"model", "core", "packages", "compose", "node", "kernel"},
    "api": {"model", "core"},
    "node": {"model", "core", "api", "release"},
    "machine": {"model", "core", "packages", "api"},
    "attestation": {"model", "core"},
    "reading": {"model", "core", "packages", "compose", "image", "release"},
    "release": {"model", "core"},
    "audit": {"model", "core", "packages", "compose", "image", "release", "reading", "api"},
    "cli": {
        *("model", "core", "packages", "compose", "kernel", "image", "reading", "release", "api", "attestation"),
        *("audit", "machine", "node"),
    },
}
MODULES = sorted(p for p in SOURCE.rglob("*.py") if not p.name.endswith("_pb2.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            yield module
            if module == "adamant":
                yield from (f"adamant.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_room_imports_only_from_the_rooms_left_of_it(path: Path) -> None:
    room = path.relative_to(SOURCE).parts[0]
    if room == "__init__.py":
        assert not list(imports(path))
        return
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "adamant" and len(parts) > 1:
            assert parts[1] in ALLOWED[room] | {room}, f"{room} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_only_the_one_door_starts_programs(path: Path) -> None:
    if path != SOURCE / "core" / "proc.py":
        assert not {"subprocess", "pty", "multiprocessing"} & {n.split(".")[0] for n in imports(path)}
        text = path.read_text()
        assert "os.system(" not in text
        assert "os.exec" not in text
        assert "os.spawn" not in text


@pytest.mark.parametrize("room", ["node", "model/machine"])
def test_what_threads_decode_at_the_same_time_has_one_door(room: str) -> None:
    alone = SOURCE / "node/disk_key"  # a program of its own, without threads
    for path in (p for p in MODULES if p.is_relative_to(SOURCE / room) and not p.is_relative_to(alone)):
        text = path.read_text()
        assert "msgspec.json.decode(" not in text, path
        assert "msgspec.convert(" not in text, path


def test_no_room_for_what_has_no_name() -> None:
    for path in MODULES:
        assert path.stem not in {"util", "utils", "helpers", "misc", "common"}, path


def test_init_files_hold_no_logic() -> None:
    for path in SOURCE.rglob("__init__.py"):
        body = ast.parse(path.read_bytes()).body
        assert all(isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant) for n in body), path
