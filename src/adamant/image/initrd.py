"""The initrd: our one program, the kernel modules it loads, and their order.

It holds `init`, `modules/*.ko` (decompressed: the kernel's signature on each stays), the lists `modules.load` and
`modules.disks`, and `e2fsck` where `/` is on disk, as a cpio archive compressed with zstd. Equal inputs give equal
bytes. Imports model, core, packages.tools and compose.entries.
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
_CHECKER = "usr/sbin/e2fsck.static"
"""What checks the file system of `/` before it is mounted: a static program of Debian's."""


def make_initrd(
    tree: Tree, arch: Arch, kernel: str, tools: ToolsTree, store: Store, *, root_on_disk: bool = False
) -> Path:
    """The initrd for the kernel of release `kernel` in `tree`, whose `modules.dep` compose has made.

    `root_on_disk` says that `/` is on disk: then the initrd can check and mount it.

    Raises AdamantError initrd-module-missing when the kernel lacks what it takes to reach a slot.
    """
    folder = f"usr/lib/modules/{kernel}"
    dependencies = initrd_modules.parse_dependencies(entries.text(_file(tree, f"{folder}/modules.dep")))
    builtin = entries.text(_file(tree, f"{folder}/modules.builtin"))
    order = initrd_modules.load_order(kernel, arch, dependencies, builtin, root_on_disk=root_on_disk)
    lists = {
        name: [_file(tree, f"{folder}/{path}") for path in paths]
        for name, paths in (("modules.load", order.first), ("modules.disks", order.disks))
    }
    program = init_program.make_init(arch, tools, store)
    checker = _file(tree, _CHECKER) if root_on_disk else None

    def work(out: Path) -> None:
        contents = {"init": (0o755, program.read_bytes())}
        if checker is not None:
            contents["e2fsck"] = (0o755, entries.read(checker))
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
    if checker is not None:
        inputs["checker"] = checker.sha256
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
