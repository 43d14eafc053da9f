"""Killed, crowded out, or two at once: no half output under its final name, and the next build works."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.image.conftest import COMMAND, Example, adamant, build, require_program, seed_cache

WHOLE = {"usr.erofs", "usr.verity", "disk.raw", "manifest.json", "sbom.spdx.json", "SHA256SUMS"}


def copy_of(example: Example, folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("adamant.yaml", "adamant.lock"):
        shutil.copy(example.folder / name, folder / name)
    return folder


def digests(output: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(output.iterdir())}


def finished_outputs(folder: Path) -> list[Path]:
    out = folder / "out"
    return [p for p in out.iterdir() if not p.name.startswith(".")] if out.exists() else []


def test_a_build_killed_at_any_moment_leaves_nothing_half_done(example: Example, tmp_path: Path) -> None:
    wanted = digests(example.output)
    folder = copy_of(example, tmp_path / "project")
    seed_cache(tmp_path / "cache")
    environment = {**os.environ, "ADAMANT_CACHE": str(tmp_path / "cache")}
    killed = 0
    for moment in (0.3, 1, 2, 3, 4.5, 6, 8, 10, 13):
        process = subprocess.Popen(
            [*COMMAND, "build", "-C", str(folder)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(moment)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()
        for output in finished_outputs(folder):
            assert digests(output) == wanted, f"killed after {moment} s"
    assert killed >= 3, "the build was too fast to be killed"
    again = build(folder, environment={"ADAMANT_CACHE": str(tmp_path / "cache")})
    assert digests(again.output) == wanted
    assert not list((folder / "out").glob(".*.new.*")), "what the killed builds left is still there"


def test_two_builds_at_once_end_with_one_whole_output(example: Example, tmp_path: Path) -> None:
    folder = copy_of(example, tmp_path / "project")
    seed_cache(tmp_path / "cache")
    environment = {**os.environ, "ADAMANT_CACHE": str(tmp_path / "cache")}
    processes = [
        subprocess.Popen(
            [*COMMAND, "build", "-C", str(folder)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    errors = [process.communicate()[1] for process in processes]
    codes = sorted(process.returncode for process in processes)
    assert codes[0] == 0, errors
    assert codes[1] in {0, 5}, errors
    assert digests(finished_outputs(folder)[0]) == digests(example.output)


@pytest.mark.parametrize("megabytes", [40, 450])
def test_a_full_disk_is_named_and_leaves_no_output(example: Example, tmp_path: Path, megabytes: int) -> None:
    """40 MB end while packages are unpacked, 450 MB (with 300 MB of layers) while images are written."""
    require_program("mount", "mount")
    script = tmp_path / "small-disk"
    script.write_text(
        "set -e\n"
        f"mount -t tmpfs -o size={megabytes}m small {tmp_path}/small\n"
        f"mkdir {tmp_path}/small/cache {tmp_path}/small/project\n"
        f"for part in debs tools; do ln -s $(readlink -f {tmp_path}/seed/$part) {tmp_path}/small/cache/$part; done\n"
        f"cp {example.folder}/adamant.* {tmp_path}/small/project\n"
        f"code=0; ADAMANT_CACHE={tmp_path}/small/cache {sys.executable} -m adamant.cli.main "
        f"build --json -C {tmp_path}/small/project || code=$?\n"
        f"ls -A {tmp_path}/small/project/out 2>/dev/null | grep -v '^\\.' && exit 99\n"
        "exit $code\n"
    )
    (tmp_path / "small").mkdir()
    seed_cache(tmp_path / "seed")
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", str(script)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 1, done.stdout + done.stderr
    error = json.loads(done.stdout.splitlines()[-1])["error"]
    assert error["reference"] == "disk-full", error
    assert "free some space" in error["hint"]


def test_a_touched_output_is_made_again(example: Example, tmp_path: Path) -> None:
    folder = copy_of(example, tmp_path / "project")
    first = build(folder)
    wanted = digests(first.output)
    with (first.output / "usr.erofs").open("r+b") as image:
        image.seek(1 << 20)
        image.write(b"tampered")
    assert digests(build(folder).output) == wanted


def test_nothing_changed_reuses_every_step(example: Example) -> None:
    done = json.loads(adamant("build", "-C", example.folder, "--json").stdout)
    assert done["steps"]
    assert all(step["reused"] for step in done["steps"]), done["steps"]
    assert {p.name for p in example.output.iterdir()} >= WHOLE
