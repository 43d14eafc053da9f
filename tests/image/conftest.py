"""Whole builds for tests: one example, locked and built once for a session, by the commands a person uses."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from adamant.core import files, places
from adamant.model import manifest
from adamant.model.manifest import Manifest

COMMAND = [sys.executable, "-m", "adamant.cli.main"]


@dataclass(frozen=True)
class Example:
    """A built example: its folder, the output folder and the manifest."""

    folder: Path
    output: Path
    manifest: Manifest


def adamant(
    *arguments: str | Path,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    prefix: Sequence[str] = (),
    check: bool = True,
    typed: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run the command as a person would; `prefix` is put in front (setpriv, unshare ...). `typed` is its input."""
    done = subprocess.run(
        [*prefix, *COMMAND, *map(str, arguments)],
        env={**os.environ, **(environment or {})},
        cwd=cwd,
        input=typed,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=1200,
    )
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    return done


def build(folder: Path, *arguments: str, **options: Any) -> Example:
    """Build the definition in `folder` and read what came out."""
    done = adamant("build", "-C", folder, "--json", *arguments, **options)
    output = Path(json.loads(done.stdout)["output"])
    return Example(folder, output, manifest.decode((output / "manifest.json").read_bytes()))


def require_program(name: str, package: str) -> str:
    """The program `name` of the host, installed from Debian's `package` as root where it is not there."""
    if shutil.which(name) is None and os.geteuid() == 0:
        with files.locked(places.cache() / "locks" / "apt-get", "apt-get of the tests"):  # tests run side by side
            print(f"installing {package} with apt-get, for a test")
            subprocess.run(["apt-get", "update", "-qq"], check=True, capture_output=True)
            install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package]
            environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            subprocess.run(install, check=True, capture_output=True, env=environment)
    found = shutil.which(name)
    assert found is not None, f"this test needs {name}: apt-get install {package}"
    return found


def seed_cache(cache: Path) -> None:
    """A cache of its own that knows the downloads and the tools, and has nothing built yet."""
    cache.mkdir(parents=True, exist_ok=True)
    for part in ("debs", "tools"):
        (cache / part).symlink_to(places.cache() / part)


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    """The definition of `adamant init`, locked and built."""
    folder = tmp_path_factory.mktemp("images") / "example"
    adamant("init", folder)
    adamant("lock", "-C", folder)
    return build(folder)
