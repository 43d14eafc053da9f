"""The program of adamant-volume@NAME.service, which mounts one volume of the machine's config, and takes it away.

    /usr/lib/adamant/run volume mount|unmount NAME

A device gets a file system only when it is empty: no known content, and nothing but zeros at its beginning.
"""

import sys
from pathlib import Path

PACKAGES = "/usr/lib/python3/dist-packages"


def main(arguments: list[str], root: Path = Path("/")) -> int:
    """The program. Its words go to standard error with a priority for the journal (sd-daemon(3))."""
    if PACKAGES not in sys.path:
        sys.path.append(PACKAGES)
    from adamant.model.errors import AdamantError  # noqa: PLC0415 - only now can the packages be found
    from adamant.node.volumes import mount, spec  # noqa: PLC0415

    if len(arguments) != 2 or arguments[0] not in ("mount", "unmount"):
        sys.stderr.write("<3>usage: run mount|unmount NAME\n")
        return 2
    verb, name = arguments
    try:
        if verb == "mount":
            sys.stderr.write(f"<5>{mount.mount(root, spec.read(root, name))}\n")
        else:
            mount.unmount(root, name)
    except AdamantError as error:
        sys.stderr.write("".join(f"<3>{line}\n" for line in f"volume {name}: {error}".splitlines()))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
