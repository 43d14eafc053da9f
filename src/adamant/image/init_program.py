"""The initrd's program: compiled from `init/*.c` with the locked compiler of the tools tree.

The compiler proper, the assembler and the linker run one after the other, each through the tree's loader, so neither a
driver program nor a linker of the host has a say. The result is a static executable for the target architecture; equal
sources and tools give equal bytes. Imports model, core and packages.tools.
"""

from importlib import resources
from pathlib import Path

from adamant.core import files, proc
from adamant.core.store import Store
from adamant.model.arch import NAMES, Arch
from adamant.model.digest import sha256
from adamant.packages.tools import ToolsTree

FLAGS = (
    "-quiet",
    "-nostdinc",
    "-std=c11",
    "-D_GNU_SOURCE",
    "-O2",
    "-fno-pie",
    "-fno-stack-protector",  # no thread-local canary that the loader of a libc would have to fill
    "-fno-asynchronous-unwind-tables",
    "-Wall",
    "-Wextra",
    "-Wconversion",
    "-Wshadow",
    "-Werror",
)
ARCH_FLAGS: dict[Arch, tuple[str, ...]] = {
    Arch.AMD64: (),
    Arch.ARM64: ("-mno-outline-atomics",),  # they live in libgcc, which is not linked
}
LINK_FLAGS = ("-static", "-s", "--build-id=none", "-z", "noexecstack", "-z", "relro")


def sources() -> dict[str, bytes]:
    """The program's sources and headers, by file name."""
    folder = resources.files("adamant.image") / "init"
    return {
        item.name: item.read_bytes()
        for item in sorted(folder.iterdir(), key=lambda i: i.name)
        if item.name.endswith((".c", ".h"))
    }


def make_init(arch: Arch, tools: ToolsTree, store: Store) -> Path:
    """The compiled program for `arch`: a static executable of some 40 to 70 KB."""
    program = sources()

    def work(out: Path) -> None:
        with files.work_folder(out, "build") as build:
            for name, text in program.items():
                (build / name).write_bytes(text)
            objects = compile_objects(arch, tools, build, [name for name in program if name.endswith(".c")])
            link(arch, tools, objects, out / "init")

    inputs = {
        "arch": arch.value,
        "sources": {name: sha256(text) for name, text in program.items()},
        "flags": [*FLAGS, *ARCH_FLAGS[arch], *LINK_FLAGS],
        "tools": tools.identity,
    }
    return store.step("init", inputs, work).path / "init"


def _musl(arch: Arch) -> str:
    return NAMES[arch].triplet.replace("-gnu", "-musl")


def compile_objects(
    arch: Arch, tools: ToolsTree, folder: Path, names: list[str], flags: tuple[str, ...] = ()
) -> list[Path]:
    """Compile the sources `names` in `folder`, beside them, with `flags` besides our own."""
    compiler = tools.compiler(arch)
    headers = tools.target / "usr/include" / _musl(arch)
    objects: list[Path] = []
    for name in names:
        assembly, made = folder / f"{name}.s", folder / f"{name}.o"
        # Relative names: what the compiler writes of them must not depend on where the build runs.
        arguments = ("-isystem", str(headers), *FLAGS, *ARCH_FLAGS[arch], *flags, name, "-o", assembly.name)
        proc.run(f"compile {name}", tools.argv(compiler.cc1, *arguments), cwd=folder)
        assemble = tools.argv(compiler.assembler, assembly.name, "-o", made.name)
        proc.run(f"assemble {name}", assemble, cwd=folder)
        objects.append(made)
    return objects


def link(arch: Arch, tools: ToolsTree, objects: list[Path], out: Path) -> None:
    """Link `objects` with musl into the static executable `out`."""
    libc = tools.target / "usr/lib" / _musl(arch)
    arguments: list[str | Path] = [
        *LINK_FLAGS,
        *(libc / name for name in ("crt1.o", "crti.o")),
        *objects,
        *(libc / name for name in ("libc.a", "crtn.o")),
        "-o",
        out,
    ]
    proc.run(f"link {out.name}", tools.argv(tools.compiler(arch).linker, *arguments))
