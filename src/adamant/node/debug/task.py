"""The program of a debug session: adamant-debug@.service, one for each connection to adamant-debug.socket.

    /usr/lib/adamant/run debug run|clean SESSION

With `run`, standard input is the connection to the agent.
"""

import sys

PACKAGES = "/usr/lib/python3/dist-packages"
FOLDER = "/run/adamant/debug"


def main(arguments: list[str]) -> int:
    """The program. Its words go to standard error with a priority for the journal (sd-daemon(3))."""
    sys.path.append(PACKAGES)
    import socket  # noqa: PLC0415 - only now can the packages be found
    from pathlib import Path  # noqa: PLC0415

    from adamant.model.errors import AdamantError  # noqa: PLC0415
    from adamant.node.debug import session  # noqa: PLC0415
    from adamant.node.debug.ctr import Ctr  # noqa: PLC0415

    if len(arguments) != 2 or arguments[0] not in ("run", "clean"):
        sys.stderr.write("<3>usage: task run|clean SESSION\n")
        return 2
    ctr = Ctr(arguments[1], Path(FOLDER))
    try:
        if arguments[0] == "run":
            session.run(socket.socket(fileno=0), ctr)
        else:
            session.clean(ctr)
    except AdamantError as error:
        sys.stderr.write("".join(f"<3>{line}\n" for line in str(error).splitlines()))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
