"""dpkg's status and file lists, for scanners and for people who look: nothing here installs or removes.

What stays true: it lies in usr/lib/dpkg, where syft and others find it in the usr image as well, and tmpfiles.d links
/var/lib/dpkg there, where trivy and grype look on a machine. Format: deb-src-control(5) paragraphs as in dpkg's status.
Imports model and packages.layer only (and `entries`).
"""

from collections.abc import Iterable

from adamant.compose import entries
from adamant.model.tree import Entry, Kind, Tree
from adamant.packages.layer import Layer

FOLDER = "usr/lib/dpkg"
STATUS = f"{FOLDER}/status"

_FIRST = ("Package", "Status")
_LEFT_OUT = frozenset({"Conffiles", "Status"})


def make(layers: Iterable[Layer], tree: Tree) -> list[Entry]:
    """The status file, and for each package the list of its files that are in the image."""
    layers = sorted(layers, key=lambda layer: layer.package.name)
    files: dict[str, list[str]] = {}
    for path, entry in tree.items():
        if entry.package and entry.kind is not Kind.DIRECTORY and path.startswith(("usr/", "etc/")):
            files.setdefault(entry.package, []).append(f"/{path}")
    made = [entries.file(STATUS, "".join(paragraph(layer.control) for layer in layers))]
    # Version 1 of the folder's format: names of lists may carry the architecture.
    made.append(entries.file(f"{FOLDER}/info/format", "1\n"))
    for layer in layers:
        listed = "".join(f"{path}\n" for path in sorted(files.get(layer.package.name, []), key=_bytes))
        made.append(entries.file(f"{FOLDER}/info/{_stem(layer)}.list", f"/.\n{listed}"))
    return made + entries.parents(tree, made)


def paragraph(control: dict[str, str]) -> str:
    """A paragraph of the status file from a package's control fields, with the empty line after it."""
    fields = {"Package": control["Package"], "Status": "install ok installed"}
    fields |= {name: value for name, value in control.items() if name not in _LEFT_OUT and name not in _FIRST}
    return "".join(f"{name}: {_fold(value)}\n" for name, value in fields.items()) + "\n"


def _fold(value: str) -> str:
    """A value whose further lines start with a space, as in a control file."""
    first, *rest = value.split("\n")
    return "\n".join([first, *(line if line.startswith((" ", "\t")) else f" {line or '.'}" for line in rest)])


def _stem(layer: Layer) -> str:
    """dpkg names the lists of packages that may be there for several architectures with the architecture."""
    same = layer.control.get("Multi-Arch") == "same"
    return f"{layer.package.name}:{layer.package.architecture}" if same else layer.package.name


def _bytes(path: str) -> bytes:
    return path.encode(errors="surrogateescape")


def tmpfiles() -> list[str]:
    """The line that lets a scanner on the machine find it."""
    return [f"L+ /var/lib/dpkg - - - - /{FOLDER}"]
