"""The EFI system partition: FAT32, with sd-boot where firmware looks for it and the UKIs where sd-boot looks.

Made without mounting anything by mkfs.fat and mtools of the tools tree; serial number and times are fixed, so equal
files give equal bytes. Imports model, core and packages.tools.
"""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from adamant.core import proc
from adamant.model.arch import Arch
from adamant.model.boot_loader import boot_path, loader_path
from adamant.model.definition import EnrollOn
from adamant.model.errors import InputError
from adamant.packages.tools import ToolsTree

LOADER_CONF = b"timeout 0\nconsole-mode keep\neditor no\n"
"""loader.conf(5). Without `editor no` whoever is at the console could change a command line, where it is not signed."""
_ENROLL = {EnrollOn.VIRTUAL: b"secure-boot-enroll if-safe\n", EnrollOn.ANY: b"secure-boot-enroll force\n"}
_NO_ENROLL = b"secure-boot-enroll off\n"
_KEYS = "loader/keys/auto"
"""Where sd-boot looks for what it enrols by itself."""
_SECTOR = 512
_FAT32_CLUSTERS = 65525
"""A FAT file system of fewer clusters is not FAT32 (Microsoft FAT specification, section 3.5)."""
_SMALLEST = 34 << 20
_FIRST_TIME = "315532800"
"""1 January 1980, when FAT's time begins."""
_FIXED: Mapping[str, str] = {
    "SOURCE_DATE_EPOCH": _FIRST_TIME,
    "HOME": "/nonexistent",  # no ~/.mtoolsrc
    "MTOOLSRC": "/dev/null",
    "MTOOLS_SKIP_CHECK": "0",
    "MTOOLS_FAT_COMPATIBILITY": "0",
    "MTOOLS_LOWER_CASE": "0",
    "MTOOLS_NO_VFAT": "0",
    "MTOOLS_DOTTED_DIR": "0",
    "MTOOLS_NAME_NUMERIC_TAIL": "1",
    "MTOOLS_TWENTY_FOUR_HOUR_CLOCK": "1",
}


def uki_path(release: str) -> str:
    """Where the UKI of a release (`NAME_VERSION`) lies. It is good already, so its name has no counter of tries."""
    return f"EFI/Linux/{release}.efi"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """Keys that a firmware in setup mode gets: signed variables (`PK.auth` and so on) by name, and where."""

    variables: Mapping[str, bytes]
    on: EnrollOn


def contents(
    arch: Arch, release: str, loader: Path, uki: Path, work: Path, enrolment: Enrolment | None = None
) -> dict[str, Path]:
    """The files of the ESP of `release` (`NAME_VERSION`). `work` is a folder for what is written on the way."""
    conf = work / "loader.conf"
    conf.write_bytes(LOADER_CONF + (_ENROLL[enrolment.on] if enrolment else _NO_ENROLL))
    found = {
        boot_path(arch): loader,
        loader_path(arch): loader,
        uki_path(release): uki,
        "loader/loader.conf": conf,
    }
    for name, data in (enrolment.variables if enrolment else {}).items():
        (work / name).write_bytes(data)
        found[f"{_KEYS}/{name}"] = work / name
    return found


def _cluster_sectors(size: int) -> int:
    for sectors in (8, 4, 2):
        if size // (_SECTOR * sectors) > _FAT32_CLUSTERS * 11 // 10:
            return sectors
    return 1


def _check_room(contents: Mapping[str, Path], size: int) -> None:
    # An update puts the next release's UKI beside this one, so there must be room for the files twice.
    used = 2 * sum(-(-path.stat().st_size // 4096) * 4096 for path in contents.values())
    room = size - size // 32 - (1 << 20)  # two tables of 4 bytes for each cluster of 512 bytes or more; folders
    if size < _SMALLEST or used > room:
        need = max(_SMALLEST, used * 33 // 31 + (2 << 20))
        raise InputError(
            "esp-too-small",
            f"the EFI system partition of {size >> 20} MiB has no room for two releases",
            context="$.disk.esp",
            hint=f"set disk.esp to {-(-need >> 20)}M or more",
        )


def make_esp(contents: Mapping[str, Path], size: int, serial: int, tools: ToolsTree, out: Path) -> None:
    """Write a FAT32 file system of `size` bytes (whole MiB) with the files `contents` to `out`, which must not exist.

    `serial` is its 32-bit serial number. Raises InputError esp-too-small.
    """
    _check_room(contents, size)
    with out.open("xb") as image:
        image.truncate(size)

    def tool(purpose: str, program: str, *arguments: str | Path) -> None:
        proc.run(purpose, tools.argv(program, *arguments), environment=_FIXED)

    sectors = str(_cluster_sectors(size))
    options = (
        "--invariant",
        "-F",
        "32",
        "-S",
        str(_SECTOR),
        "-s",
        sectors,
        "-h",
        "0",
        "-i",
        f"{serial:08x}",
        "-n",
        "ESP",
    )
    tool("make the EFI system partition", "mkfs.fat", *options, out)
    folders: set[str] = set()
    for path in contents:
        folder = posixpath.dirname(path)
        while folder:
            folders.add(folder)
            folder = posixpath.dirname(folder)
    tool("make folders in the EFI system partition", "mmd", "-i", out, *(f"::{folder}" for folder in sorted(folders)))
    for path in sorted(contents):
        tool(
            f"copy {posixpath.basename(path)} to the EFI system partition",
            "mcopy",
            "-i",
            out,
            contents[path],
            f"::{path}",
        )
