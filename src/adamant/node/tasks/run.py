"""Starts a task on a machine.

    /usr/lib/adamant/run task NAME     (standard input is the socket)

Without `site` (-S) this module says itself where our package is.
"""

import sys

PACKAGES = "/usr/lib/python3/dist-packages"


def main() -> int:
    """Find our package, then be the task."""
    sys.path.append(PACKAGES)
    from adamant.node.tasks import serve  # noqa: PLC0415 - only now can it be found

    return serve.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
