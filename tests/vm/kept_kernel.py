"""The kernel of the tests: kept beside its definition, and built anew where its inputs have changed.

`tests/vm/kernel/kept` is what `adamant kernel build tests/vm/kernel` made, copied from the shelf: its key is gone, so
no run can make the same again, and a build takes a quarter of an hour and more. When its config, a fragment, a
module or the build's recipe is another one, the tests lock and build it anew, and keep that on a shelf of the cache.
Newer packages of the mirror are no reason to.

To keep a new one: `python -m tests.vm.kept_kernel`, and commit the folder.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

from adamant.compose import entries
from adamant.core import files, places
from adamant.kernel import artifact, shelf, toolchain
from adamant.kernel.artifact import Kernel
from adamant.kernel.build import inputs_of
from adamant.kernel.project import DEFINITION, read_project
from adamant.model.kernel import lock as locks
from adamant.model.kernel.artifact import LOCK
from tests.image.conftest import COMMAND, adamant

FOLDER = Path(__file__).parent / "kernel"
KEPT = FOLDER / "kept"
SHELF = places.cache() / "test-kernels"
"""The state folder of a kernel that is built anew."""


def kernel(home: Path) -> Kernel:
    """The kept kernel where it is of today's inputs, else a new one; `home` is an empty folder for its definition."""
    if is_current():
        return artifact.read(KEPT)
    with files.locked(places.cache() / "locks" / "test-kernel", "the kernel of the tests"):
        return build(home)


def module(made: Kernel, name: str) -> bytes:
    """The module `name`, as the kernel's build signed it."""
    (path,) = [m.path for m in made.manifest.modules if m.path.endswith(f"/{name}.ko")]
    return entries.read(artifact.tree_of(made)[f"{artifact.ROOT}/{made.manifest.release}/{path}"])


def is_current() -> bool:
    """Whether the kept kernel is of the inputs that a build with its own packages would have now."""
    if not KEPT.is_dir():
        return False
    kept, project = artifact.read(KEPT), read_project(FOLDER)
    lock = locks.decode(kept.path(LOCK).read_bytes())
    if toolchain.is_stale(lock, project.kernel):
        return False
    return kept.manifest.inputs == inputs_of(project, lock, places.cache())


def build(home: Path, definition: str = "") -> Kernel:
    """A kernel of what the mirror has now, by the commands of a person; one of the same inputs is not built again.

    `definition` stands in for the kept kernel's; its modules are there too.
    """
    shutil.copytree(FOLDER, home / "kernel", ignore=shutil.ignore_patterns("kept"))
    if definition:
        (home / "kernel" / DEFINITION).write_text(definition)
    environment = {"ADAMANT_STATE": str(SHELF)}
    adamant("kernel", "lock", home / "kernel", environment=environment)
    argv = [*COMMAND, "kernel", "build", str(home / "kernel"), "--json"]
    done = subprocess.run(argv, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, capture_output=True)
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")
    found = json.loads(done.stdout)
    print(f"\nthe kernel of the tests: built in {found['seconds']} s, objects: {found['objects']}")
    return shelf.Shelf(SHELF / "kernels").find(found["digest"])


def keep() -> None:
    """Build the kernel, and put it where the tests find it."""
    with files.work_folder(places.cache(), "kept-kernel") as work:
        made = build(work)
        shutil.rmtree(KEPT, ignore_errors=True)
        shutil.copytree(made.folder, KEPT)
    assert is_current()


if __name__ == "__main__":
    keep()
