"""Makes the dm-verity tree of a usr image, by veritysetup of the tools tree. Its format: core/verity_tree.py."""

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from adamant.core import proc
from adamant.core.source import open_source
from adamant.core.verity_tree import read_root
from adamant.model.digest import RootHash, Salt
from adamant.model.errors import AdamantError
from adamant.model.layout import BLOCK
from adamant.packages.tools import ToolsTree


@dataclass(frozen=True, slots=True)
class Verity:
    """What a finished tree is known by. `data_blocks` counts blocks of 4 KiB."""

    root_hash: RootHash
    data_blocks: int


def make_verity(usr: Path, salt: Salt, uuid: UUID, tools: ToolsTree, out: Path) -> Verity:
    """Write the verity tree of the image `usr` to the new file `out`. Raises ProgramFailed."""
    out.unlink(missing_ok=True)
    options = ("--format=1", "--hash=sha256", f"--data-block-size={BLOCK}", f"--hash-block-size={BLOCK}")
    argv = tools.argv("veritysetup", "format", *options, f"--salt={salt}", f"--uuid={uuid}", usr, out)
    result = proc.run("make the verity tree", argv, environment=tools.environment)
    with open_source(out) as source:
        superblock, found = read_root(source)
    if superblock.data_blocks * BLOCK != usr.stat().st_size or found.encode() not in result.stdout:
        raise AdamantError("verity-mismatch", "veritysetup wrote another tree than it says", context=str(out))
    return Verity(found, superblock.data_blocks)


def read_root_hash(path: Path) -> RootHash:
    """Root hash of the verity tree in the file `path`: the hash of its top block. Raises VerificationError."""
    with open_source(path) as source:
        return read_root(source)[1]
