"""Lays the config's files over the image's /etc, before anything of the system reads them.

    /usr/lib/adamant/run layer

As in the initrd (docs/adr/0002), the new /etc is an overlay of lower layers only, and the layer with the files lies in
a small tmpfs of its own that is read-only and mounted nowhere by the time it is seen: nobody can write to either. Where
/etc is on disk, the files are put into it instead (node.config.placing).
"""

import sys
from pathlib import Path

PACKAGES = "/usr/lib/python3/dist-packages"
_LAYER = "run/adamant/etc-layer"
_SIZE = "80m"
"""The files of a config are smaller (model.machine.wire.SIZE), but for the bundle of certificates."""


def main(root: Path = Path("/")) -> int:
    """The program. Its words go to standard error with a priority for the journal (sd-daemon(3))."""
    if PACKAGES not in sys.path:
        sys.path.append(PACKAGES)
    from adamant.model.errors import AdamantError  # noqa: PLC0415 - only now can the packages be found
    from adamant.node import posture  # noqa: PLC0415
    from adamant.node.config import placing  # noqa: PLC0415

    try:
        if posture.rules(root).persistent_root:
            placing.place(root)
        else:
            lay(root)
    except (AdamantError, OSError) as error:
        sys.stderr.write(f"<3>/etc stays as it is: {' '.join(str(error).split())}\n")
        return 1
    return 0


def lay(root: Path) -> None:
    """Make the layer and put it over /etc. Raises AdamantError and OSError; then /etc is what it was."""
    from adamant.core import proc  # noqa: PLC0415
    from adamant.node.config.etc import FACTORY, FOLDER  # noqa: PLC0415

    layer = root / _LAYER
    layer.mkdir(mode=0o700, parents=True, exist_ok=True)
    mount, unmount = "/usr/bin/mount", "/usr/bin/umount"
    proc.run("make a layer", [mount, "-t", "tmpfs", "-o", f"mode=0755,size={_SIZE},nosuid,nodev", "tmpfs", layer])
    try:
        copy(root / FOLDER, layer)
        # PID 1 has mounted the machine's identity over the image's empty file, which would be seen again.
        (layer / "machine-id").write_bytes((root / "etc/machine-id").read_bytes())
        (layer / "machine-id").chmod(0o444)
        proc.run("seal the layer", [mount, "-o", "remount,ro", layer])
        lower = f"lowerdir={layer}:{root / FACTORY}"
        proc.run(
            "lay it over /etc", [mount, "-t", "overlay", "-o", f"ro,nosuid,nodev,{lower}", "overlay", root / "etc"]
        )
    finally:
        proc.run("put the layer out of reach", [unmount, "-l", layer], check=False)
    layer.rmdir()


def copy(source: Path, target: Path) -> None:
    """Copy a tree of files and folders with the modes of the files; folders are open to all."""
    for path in sorted(source.rglob("*")):
        place = target / path.relative_to(source)
        if path.is_dir():
            place.mkdir()
            place.chmod(0o755)
        else:
            place.write_bytes(path.read_bytes())
            place.chmod(path.stat().st_mode & 0o7777)


if __name__ == "__main__":
    sys.exit(main())
