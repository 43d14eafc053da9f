"""The agent killed for good, by SIGKILL in a process of its own, at every write of an apply."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from adamant.node.config import journal as journals
from adamant.node.config.applier import State
from tests.unit.config_machine import NEW, OLD, Machine, document

PROGRAM = """
import os, signal, sys
from pathlib import Path
from tests.unit.config_machine import NEW, Machine

plain, left = os.rename, int(sys.argv[2])

def rename(*arguments, **options):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return plain(*arguments, **options)

agent = Machine(Path(sys.argv[1])).agent()
agent.resume()
os.rename = rename
agent.apply(NEW, "peter")
"""


def test_an_agent_that_is_killed_at_any_write_leaves_the_old_config_or_the_new(tmp_path: Path) -> None:
    k, code = 0, -signal.SIGKILL
    while code == -signal.SIGKILL:
        k += 1
        root = tmp_path / str(k)
        root.mkdir()
        agent = Machine(root).agent()
        agent.resume()
        agent.apply(OLD, "mary")
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        code = subprocess.run([sys.executable, "-c", PROGRAM, root, str(k)], env=environment, check=False).returncode
        assert code in {0, -signal.SIGKILL}
        machine = Machine(root)
        again = machine.agent()
        again.resume()
        again.tend()
        wanted = again.store.document(journals.wanted(again.journal))
        assert wanted == (OLD if code else NEW), k
        assert machine.runs(wanted), k
        last = document(network={"z.network": "last"})
        assert again.apply(last, "mary").state is State.GOOD
        assert machine.runs(last), k
    assert k > 10
