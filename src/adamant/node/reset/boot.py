"""What wipes at boot: adamant-reset.service, before /var is mounted and anybody reads the state.

With the argument `root` it is adamant-reset-root.service, in a boot of its own, where `/` is on disk.

    /usr/lib/adamant/run reset [root]

It runs only where a request lies on the state partition, or on the disk of `/`. What it cannot do it says, and leaves
the request there: the boot fails then, and the next one tries again, because a machine that goes on would be taken for
a wiped one.
"""

import sys

PACKAGES = "/usr/lib/python3/dist-packages"


def main() -> int:
    """The program. Its words go to standard error with a priority for the journal (sd-daemon(3))."""
    sys.path.append(PACKAGES)
    from pathlib import Path  # noqa: PLC0415 - only now can the packages be found

    from adamant.model.errors import AdamantError  # noqa: PLC0415
    from adamant.node import posture  # noqa: PLC0415
    from adamant.node.reset import root, wipe  # noqa: PLC0415

    of_root = sys.argv[1:] == ["root"]  # then nothing but the console takes the words, and no priority
    notice, wrong = ("", "") if of_root else ("<5>", "<3>")

    def say(words: str) -> None:
        sys.stderr.write(f"{notice}{words}\n")

    try:
        if of_root:
            root.carry_out(Path("/"), say)
        else:
            on_disk = posture.rules(Path("/")).persistent_root
            wipe.carry_out(Path("/state"), None if on_disk else wipe.var_device(Path("/")), say)
    except AdamantError as error:
        if error.reference == "reset-request":
            sys.stderr.write(f"{wrong}{error.message}\n")
            return 0
        sys.stderr.write("".join(f"{wrong}{line}\n" for line in str(error).splitlines()))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
