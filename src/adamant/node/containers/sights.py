"""What a host container is shown of the host, by the words of its config: options of `ctr run` for each.

No word shows /run, /var/lib or /state: there lie the sockets of both containerds, the files of all containers, and the
keys of the machine.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from adamant.model.machine.document import Sight

FOLDERS: Mapping[Sight, tuple[tuple[str, str], ...]] = {
    Sight.JOURNAL: (("/var/log/journal", "/var/log/journal"), ("/run/log/journal", "/run/log/journal")),
    Sight.ROOT: (("/usr", "/host/usr"), ("/etc", "/host/etc")),
}
"""Folders of the host, each with its place in the container: read-only, and without what is mounted in them."""
WORDS: Mapping[Sight, tuple[str, ...]] = {
    Sight.NETWORK: ("--net-host",),
    Sight.PROCESSES: ("--with-ns", "pid:/proc/self/ns/pid"),
}
"""What else a word is to ctr. Namespaces are named as containerd's runtime sees its own, which are the host's."""


def words(sees: Sequence[Sight], root: Path) -> list[str]:
    """The options for what a container sees on the machine below `root`. A folder that is not there is left out."""
    found: list[str] = []
    for sight in sees:
        found += WORDS.get(sight, ())
        for source, target in FOLDERS.get(sight, ()):
            if (root / source[1:]).is_dir():
                found += ["--mount", f"type=bind,src={root / source[1:]},dst={target},options=bind:ro"]
    return found
