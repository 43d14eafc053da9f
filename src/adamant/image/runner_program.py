"""The image's runner: the one program on a machine that runs Python, for the agent's own modules (`runner/runner.c`).

It is compiled by the locked compiler of the tools tree and linked with libpython and libc by their names: what the
linker reads are two stand-ins that export the few functions it needs, so no library of any image or host has a say.
"""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from adamant.core import files, proc
from adamant.core.store import Store
from adamant.image.init_program import compile_objects
from adamant.model.arch import NAMES, Arch
from adamant.model.digest import sha256
from adamant.packages.tools import ToolsTree

PATH = "usr/lib/adamant/run"
"""Where an image has it."""
_FLAGS = ("-fPIE", "-fno-builtin")
_LINK_FLAGS = ("-s", "--build-id=none", "-z", "noexecstack", "-z", "relro", "-z", "now", "--hash-style=gnu")
_STAND_INS = ("libc", "libpython")


def sources(programs: Mapping[str, str]) -> dict[str, bytes]:
    """The sources by file name, with the table of `programs`: the path below / of each by its name."""
    folder = resources.files("adamant.image") / "runner"
    found = {item.name: item.read_bytes() for item in folder.iterdir() if item.name.endswith(".c")}
    rows = "".join(f'\t{{ "{name}", "/{path}" }},\n' for name, path in sorted(programs.items()))
    header = "struct program {\n\tconst char *name, *path;\n};\n\nstatic const struct program programs[] = {\n"
    return {**found, "programs.h": f"{header}{rows}\t{{ 0, 0 }},\n}};\n".encode()}


def make_runner(arch: Arch, soname: str, programs: Mapping[str, str], tools: ToolsTree, store: Store) -> Path:
    """The compiled program for an image of `arch` whose interpreter is the library `soname` (libpython3.13.so.1.0)."""
    program = sources(programs)
    sonames = {"libpython": soname, "libc": "libc.so.6"}

    def work(out: Path) -> None:
        with files.work_folder(out, "build") as build:
            for name, text in program.items():
                (build / name).write_bytes(text)
            libraries = [_stand_in(arch, tools, build, name, sonames[name]) for name in _STAND_INS]
            (main,) = compile_objects(arch, tools, build, ["runner.c"], _FLAGS)
            loader = f"/{NAMES[arch].loader}"
            arguments: tuple[str | Path, ...] = (
                "-pie",
                *_LINK_FLAGS,
                "-dynamic-linker",
                loader,
                main,
                *libraries,
                "-o",
                out / "run",
            )
            proc.run("link the runner", tools.argv(tools.compiler(arch).linker, *arguments))

    inputs = {
        "arch": arch.value,
        "sources": {name: sha256(text) for name, text in program.items()},
        "sonames": sonames,
        "flags": [*_FLAGS, *_LINK_FLAGS],
        "tools": tools.identity,
    }
    return store.step("runner", inputs, work).path / "run"


def _stand_in(arch: Arch, tools: ToolsTree, folder: Path, name: str, soname: str) -> Path:
    (made,) = compile_objects(arch, tools, folder, [f"{name}.c"], ("-fPIC", "-fno-builtin"))
    library = folder / f"{name}.so"
    arguments: tuple[str | Path, ...] = ("-shared", *_LINK_FLAGS, "-soname", soname, made, "-o", library)
    proc.run(f"link a stand-in of {name}", tools.argv(tools.compiler(arch).linker, *arguments))
    return library
