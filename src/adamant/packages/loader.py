"""How a program of a tools tree is started: through the tree's own loader, or its own Python.

Pure but for a look at the first bytes of the program. It must not import what makes or holds a tree.
"""

from pathlib import Path

from adamant.model.arch import NAMES, Arch
from adamant.model.errors import AdamantError

_ELF = b"\x7fELF"
_PRIVATE = ("systemd", "swtpm")
"""Folders of libraries that a program knows by its run path, which the library path beats."""
_PYTHON = "usr/bin/python3"


def command(root: Path, arch: Arch, file: Path, name: str) -> list[str]:
    """How the program in `file`, called `name`, is started in the tree at `root`: by its loader, or its Python.

    The name matters: kmod is depmod, and mtools is mcopy, by the name they are called by.
    """
    with file.open("rb") as start:
        head = start.read(128)
    if head.startswith(_ELF):
        # an inhibited cache keeps the host's libraries out; a library path, unlike LD_LIBRARY_PATH, is not inherited
        real = file.resolve()
        # Python finds its library by its full path, and must not write into the tree (-B)
        if real.name.startswith("python3"):
            return [*loader(root, arch), "--argv0", str(real), str(real), "-B"]
        return [*loader(root, arch), "--argv0", name.rsplit("/", 1)[-1], str(real)]
    line = head.split(b"\n", 1)[0]
    if line.startswith(b"#!") and b"python3" in line:
        python = (root / _PYTHON).resolve()
        # isolated (-I) from the person's modules and variables
        return [*loader(root, arch), "--argv0", str(python), str(python), "-I", "-B", str(file.resolve())]
    raise AdamantError("tool-not-runnable", f"{name} is neither a program nor a Python script")


def loader(root: Path, arch: Arch) -> list[str]:
    """The tree's dynamic loader with the tree's libraries."""
    libraries = root / "usr/lib" / NAMES[arch].triplet
    path = ":".join([str(libraries), *(str(libraries / private) for private in _PRIVATE)])
    return [str(root / NAMES[arch].loader), "--inhibit-cache", "--library-path", path]
