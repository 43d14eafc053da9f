"""What a host container is shown of the host, by the words of its config.

No word shows /run, /var/lib or /state: there lie the sockets of both containerds, the files of all containers, and the
keys of the machine.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from adamant.model.machine.document import Sight

FOLDERS: Mapping[Sight, tuple[tuple[str, str], ...]] = {
    Sight.JOURNAL: (("/var/log/journal", "/var/log/journal"), ("/run/log/journal", "/run/log/journal")),
    Sight.ROOT: (("/usr", "/host/usr"), ("/etc", "/host/etc")),
}
"""Folders of the host, each with its place in the container: read-only, and without what is mounted in them."""


def folders(sees: Sequence[Sight], root: Path) -> Iterator[tuple[Path, str]]:
    """The folders below `root` that a container is shown, and where. One that is not there is left out."""
    for sight in sees:
        for source, target in FOLDERS.get(sight, ()):
            if (root / source[1:]).is_dir():
                yield root / source[1:], target
