"""The program of adamant-arguments.service: makes the ESP say what the config adds to the kernel's command line.

    /usr/lib/adamant/run arguments

It runs when the config changes that, and at each boot of a machine that ever did, so that a config which came back at
boot comes back here too. The addon counts for every release (systemd-stub(7), /loader/addons).
"""

import sys
from pathlib import Path

PACKAGES = "/usr/lib/python3/dist-packages"
WANTED = "run/adamant/arguments"
"""The words, one in a line, as the config leaves them; no file when there are none."""
MARK = "state/adamant/arguments"
"""There while an addon may lie on the ESP."""
ADDON = "efi/loader/addons/adamant.addon.efi"
_EMPTY = "usr/lib/systemd/boot/efi"


def main(root: Path = Path("/")) -> int:
    """The program. Its words go to standard error with a priority for the journal (sd-daemon(3))."""
    if PACKAGES not in sys.path:
        sys.path.append(PACKAGES)
    from adamant.model.errors import AdamantError  # noqa: PLC0415 - only now can the packages be found
    from adamant.node.update import esp  # noqa: PLC0415

    try:
        esp.mount()
        said = settle(root)
    except (AdamantError, OSError) as error:
        sys.stderr.write(f"<3>the kernel's arguments cannot be set: {' '.join(str(error).split())}\n")
        return 1
    if said:
        sys.stderr.write(f"<5>{said}\n")
    return 0


def settle(root: Path) -> str:
    """Write or remove the addon. Returns what was done, in words; nothing when it was right. Raises OSError."""
    from adamant.core import files  # noqa: PLC0415
    from adamant.node.arguments import addon  # noqa: PLC0415

    wanted, mark, place = root / WANTED, root / MARK, root / ADDON
    words = " ".join(wanted.read_text().split("\n")).strip() if wanted.exists() else ""
    if not words:
        place.unlink(missing_ok=True)
        if place.parent.is_dir():
            files.sync_folder(place.parent)
        mark.unlink(missing_ok=True)
        return "the next boot starts the kernel with the arguments of its release alone"
    (empty,) = (root / _EMPTY).glob("addon*.efi.stub")
    data = addon.make(empty.read_bytes(), words)
    if place.exists() and place.read_bytes() == data:
        return ""
    files.write_atomic(mark, f"{words}\n".encode())
    place.parent.mkdir(parents=True, exist_ok=True)
    files.write_atomic(place, data, 0o700)  # the one mode that files of the ESP have
    return f"the next boot adds to the kernel's arguments: {words}"


if __name__ == "__main__":
    sys.exit(main())
