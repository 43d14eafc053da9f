"""What an initrd holds: the cpio archive (format "newc") that Linux unpacks, read as Linux does (init/initramfs.c)."""

from pathlib import Path

from adamant.core import pe, proc
from adamant.core.source import open_source
from adamant.packages.tools import ToolsTree

_END = "TRAILER!!!"


def members(archive: bytes) -> list[tuple[str, int, bytes]]:
    """Path, mode with its type, and bytes of each member. All are root's and have no time, else it is none of ours."""
    at = 0
    found: list[tuple[str, int, bytes]] = []
    while True:
        assert archive[at : at + 6] == b"070701"
        fields = [int(archive[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        name = archive[at + 110 : at + 110 + fields[11] - 1].decode()
        assert archive[at + 110 + fields[11] - 1] == 0
        start = -(-(at + 110 + fields[11]) // 4) * 4
        at = -(-(start + fields[6]) // 4) * 4
        if name == _END:
            return found
        assert fields[2] == fields[3] == fields[5] == 0
        found.append((name, fields[1], archive[start : start + fields[6]]))


def paths(uki: Path, tools: ToolsTree) -> list[str]:
    """Paths of all that the initrd of a UKI holds."""
    with open_source(uki) as source:
        section = pe.read_sections(source)[".initrd"]
        packed = source.exactly(section.offset, section.size)
    unpacked = proc.run("unpack the initrd", tools.argv("zstd", "-d", "-q", "-c"), stdin=packed)
    return [path for path, _mode, _data in members(unpacked.stdout)]
