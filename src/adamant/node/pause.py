"""Waits, so that a person can read the console of a boot that has failed.

/usr/lib/adamant/run pause SECONDS
"""

import sys
import time


def main(arguments: list[str]) -> int:
    """Wait as many seconds as the one argument says."""
    time.sleep(float(arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
