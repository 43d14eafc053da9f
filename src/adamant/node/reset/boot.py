"""What wipes at boot: adamant-reset.service, before /var is mounted and anybody reads the state.

    /usr/lib/adamant/run reset

It runs only where a request lies on the state partition. What it cannot do it says, and leaves the request there: the
boot fails then, and the next one tries again, because a machine that goes on would be taken for a wiped one.
"""

import sys

PACKAGES = "/usr/lib/python3/dist-packages"


def main() -> int:
    """The program. Its words go to standard error with a priority for the journal (sd-daemon(3))."""
    sys.path.append(PACKAGES)
    from pathlib import Path  # noqa: PLC0415 - only now can the packages be found

    from adamant.model.errors import AdamantError  # noqa: PLC0415
    from adamant.node.reset import wipe  # noqa: PLC0415

    try:
        wipe.carry_out(Path("/state"), Path(wipe.VAR_DEVICE), lambda words: sys.stderr.write(f"<5>{words}\n"))
    except AdamantError as error:
        if error.reference == "reset-request":
            sys.stderr.write(f"<3>{error.message}\n")
            return 0
        sys.stderr.write("".join(f"<3>{line}\n" for line in str(error).splitlines()))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
