"""Runs inside a machine under test: writes secrets into the log, as careless programs do, then the kernel panics.

Once in the life of a machine, when its first boot is up and the agent has marked it.
"""

import glob
import os
import subprocess
import time

DONE = "/var/lib/probe-crashed"
MARKS = "/state/adamant/crash/running/*"

if not os.path.exists(DONE):  # noqa: PTH110
    while subprocess.run(["systemctl", "is-system-running", "--quiet"]).returncode or not glob.glob(MARKS):  # noqa: PTH207
        time.sleep(1)
    print("GET /x HTTP/1.1 Authorization: Bearer planted-in-a-header", flush=True)
    print('{"password": "planted-in-json", "n": 1}', flush=True)
    time.sleep(45)  # whoever waits for this machine sees that it is up
    print("PROBE panics", flush=True)
    with open(DONE, "w") as out:  # noqa: PTH123
        os.fsync(out.fileno())
    subprocess.run(["journalctl", "--sync"], check=True)
    os.sync()
    with open("/proc/sysrq-trigger", "w") as out:  # noqa: PTH123
        out.write("c")
