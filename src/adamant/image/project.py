"""A definition on disk: the folder with `adamant.yaml`, the lock beside it, and the files that it names."""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from adamant.core import files, limits
from adamant.model import definition, document, lock
from adamant.model.definition import Image
from adamant.model.errors import BusyError, InputError

DEFINITION = "adamant.yaml"
LOCK = "adamant.lock"


@dataclass(frozen=True, slots=True)
class Project:
    """A checked definition and the folder it stands in (absolute)."""

    folder: Path
    image: Image

    @property
    def lock_path(self) -> Path:
        """Where the lock of this definition is."""
        return self.folder / LOCK

    @property
    def output(self) -> Path:
        """Where a build of this definition goes."""
        image = self.image
        return self.folder / "out" / f"{image.name}_{image.version}_{image.arch.value}"

    def source(self, name: str, what: str) -> bytes:
        """The bytes of a file that the definition names, relative to it."""
        return files.read_limited(self.folder / name, limits.EXTRA_FILE_SIZE, what)


def read_project(folder: Path, overrides: tuple[str, ...] = ()) -> Project:
    """Read and check `adamant.yaml` in `folder`, with overrides such as `version=2`."""
    path = folder / DEFINITION
    if not path.exists():
        raise InputError(
            "definition-missing",
            f"there is no {DEFINITION} in {folder}",
            hint="write one with: adamant init DIR\nor name its folder with: -C DIR",
        )
    data = files.read_limited(path, limits.DEFINITION_SIZE, "definition")
    image = document.checked(data, Image, DEFINITION, definition.check, overrides)
    return Project(folder.resolve(), image)


def read_lock(project: Project) -> lock.Lock:
    """Read the lock beside the definition."""
    if not project.lock_path.exists():
        raise InputError("lock-missing", f"there is no {LOCK} beside {DEFINITION}", hint="make one with: adamant lock")
    return lock.decode(files.read_limited(project.lock_path, limits.LOCK_SIZE, "lock"))


def write_template(folder: Path, name: str) -> Path:
    """Write the commented definition that builds as it is into `folder`, which is made if need be."""
    path = folder / DEFINITION
    if path.exists():
        raise BusyError("definition-exists", f"{path} is there already", hint="choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    files.write_atomic(path, template(name).encode())
    return path


def template(name: str) -> str:
    """A commented definition that builds as it is."""
    return resources.files("adamant.image").joinpath("data/adamant.yaml").read_text().replace("@NAME@", name)
