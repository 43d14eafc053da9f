"""The initrd: our one program, the kernel modules it loads, and their order.

It holds `init`, `modules/*.ko` (decompressed: the kernel's signature on each stays), and the lists `modules.load` and
`modules.disks`, as a cpio archive compressed with zstd. Equal inputs give equal bytes. Imports model, core,
packages.tools and compose.entries.
"""

import lzma
from pathlib import Path

from adamant.compose import entries
from adamant.core import limits, proc
from adamant.core.store import Store
from adamant.image import cpio, init_program, initrd_modules
from adamant.model.arch import Arch
from adamant.model.errors import AdamantError, VerificationError
from adamant.model.tree import Entry, Kind, Tree
from adamant.packages.tools import ToolsTree

_LEVEL = "-9"
"""Level 19 saves a tenth and takes thirty times the time, beside mkfs.erofs, which wants the processors."""
_XZ = ".xz"


def make_initrd(tree: Tree, arch: Arch, kernel: str, tools: ToolsTree, store: Store) -> Path:
    """The initrd for the kernel of release `kernel` in `tree`, whose `modules.dep` compose has made.

    Raises AdamantError initrd-module-missing when the kernel lacks what it takes to reach a slot.
    """
    folder = f"usr/lib/modules/{kernel}"
    dependencies = initrd_modules.parse_dependencies(entries.text(_file(tree, f"{folder}/modules.dep")))
    builtin = entries.text(_file(tree, f"{folder}/modules.builtin"))
    order = initrd_modules.load_order(kernel, arch, dependencies, builtin)
    lists = {
        name: [_file(tree, f"{folder}/{path}") for path in paths]
        for name, paths in (("modules.load", order.first), ("modules.disks", order.disks))
    }
    program = init_program.make_init(arch, tools, store)

    def work(out: Path) -> None:
        contents = {"init": (0o755, program.read_bytes())}
        for name, modules in lists.items():
            files = {f"{initrd_modules.module_name(entry.path)}.ko": entry for entry in modules}
            contents[name] = (0o644, "".join(f"{file}\n" for file in files).encode())
            contents.update({f"modules/{file}": (0o644, _module(entry)) for file, entry in files.items()})
        archive = cpio.archive(contents)
        argv = tools.argv("zstd", _LEVEL, "--single-thread", "--no-progress", "-q", "-c")
        packed = proc.run("compress the initrd", argv, stdin=archive)
        (out / "initrd").write_bytes(packed.stdout)

    inputs = {
        "program": program.parent.name,
        "modules": {name: [[entry.path, entry.sha256] for entry in modules] for name, modules in lists.items()},
        "level": _LEVEL,
        "tools": tools.identity,
        "format": 1,
    }
    return store.step("initrd", inputs, work).path / "initrd"


def _file(tree: Tree, path: str) -> Entry:
    found = tree.get(path)
    if found is None or found.kind is not Kind.FILE:
        raise AdamantError("kernel-file-missing", f"the image has no {path}, which its kernel needs")
    return found


def _module(entry: Entry) -> bytes:
    """A module as the kernel takes it."""
    data = entries.read(entry)
    if not entry.path.endswith(_XZ):
        return data
    reader = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=limits.XZ_MEMORY)
    try:
        plain = reader.decompress(data, limits.MODULE_SIZE)
    except lzma.LZMAError as error:
        raise VerificationError("module-malformed", f"{entry.path} is not sound xz: {error}") from error
    if not reader.eof:
        raise VerificationError("module-malformed", f"{entry.path} ends early, or is too large for a module")
    return plain
