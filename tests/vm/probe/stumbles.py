"""A service that crashes once, a moment after somebody has started it, and runs on when PID 1 starts it again.

Its runtime folder is kept while PID 1 starts it again, and goes when it is stopped.
"""

import sys
import time
from pathlib import Path

time.sleep(2)
before = Path("/run/stumbles/before")
if not before.exists():
    before.touch()
    sys.exit(3)
time.sleep(1_000_000)
