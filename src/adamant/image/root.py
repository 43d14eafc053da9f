"""The root file system of a machine whose `/` is on disk: a small, empty ext4, as a disk image has it.

Made by mke2fs of the tools tree with every choice written down, so that neither a configuration of the host nor the
clock has a say: equal arguments give equal bytes. The first boot fills it and makes it as large as the disk is. Imports
model, core and packages.tools.
"""

from pathlib import Path
from uuid import UUID

from adamant.core import files, proc
from adamant.model import derive, layout
from adamant.packages.tools import ToolsTree

FEATURES = (
    "has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,huge_file,"
    "dir_nlink,extra_isize,metadata_csum,metadata_csum_seed"
)
"""Those of ext4 that Debian's mke2fs.conf turns on, but for orphan_file, whose contents hold a random number."""
_JOURNAL_MIB = 64
"""As large as on the disks that it grows to: a journal does not grow."""


def make_root(uuid: UUID, tools: ToolsTree, out: Path) -> None:
    """Write the file system with the identity `uuid` to `out`, a sparse file of layout.ROOT_SIZE bytes."""
    with files.work_folder(out.parent, "mke2fs") as work:
        config = work / "mke2fs.conf"
        config.write_text("[defaults]\n")
        extended = f"root_owner=0:0,hash_seed={derive.guid('hash', str(uuid))},lazy_itable_init=1,lazy_journal_init=1"
        argv = tools.argv(
            *("mke2fs", "-q", "-F", "-t", "ext4", "-b", str(layout.BLOCK), "-I", "256", "-i", "16384", "-m", "0"),
            *("-O", f"none,{FEATURES}", "-J", f"size={_JOURNAL_MIB}", "-E", extended),
            *("-U", str(uuid), "-L", layout.ROOT_LABEL, out, f"{layout.ROOT_SIZE >> 20}M"),
        )
        # A time of 0 is none to mke2fs.
        environment = {**tools.environment, "MKE2FS_CONFIG": str(config), "E2FSPROGS_FAKE_TIME": "1"}
        proc.run("make the root file system", argv, environment=environment)
    out.chmod(0o644)
