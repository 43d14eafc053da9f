"""A service that crashes once in a boot, a moment after it was started, and runs on when it is started again."""

import sys
import time
from pathlib import Path

time.sleep(2)
before = Path("/run/stumbled")
if not before.exists():
    before.touch()
    sys.exit(3)
time.sleep(1_000_000)
