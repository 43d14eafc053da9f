"""Files of settings in several folders: a name counts once, and files are read in the order of their names."""

from collections.abc import Iterable
from pathlib import Path


def files(root: Path, folders: Iterable[str]) -> list[Path]:
    """The files NAME.conf that count: of two with one name, that in the folder named first."""
    found: dict[str, Path] = {}
    for folder in folders:
        try:
            names = sorted(path.name for path in (root / folder).iterdir() if path.name.endswith(".conf"))
        except OSError:
            continue
        for name in names:
            found.setdefault(name, root / folder / name)
    return [found[name] for name in sorted(found)]
