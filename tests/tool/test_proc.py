"""The one door to programs: environment, deadline, and failures that can be pasted into a shell."""

import os
from pathlib import Path

import pytest

from adamant.core import limits, proc
from adamant.core.proc import ProgramFailed


def test_the_environment_is_explicit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD_SECRET", "x")
    out = proc.run("print the environment", ["env"], environment={"EXTRA": "1"}).stdout.decode()
    assert "LD_PRELOAD_SECRET" not in out
    assert "LC_ALL=C.UTF-8" in out
    assert "TZ=UTC" in out
    assert "EXTRA=1" in out


def test_a_failure_carries_its_stderr_and_a_pasteable_line(tmp_path: Path) -> None:
    with pytest.raises(ProgramFailed) as caught:
        proc.run("try it", ["sh", "-c", "echo no good >&2; exit 3"], cwd=tmp_path)
    assert caught.value.code == 3
    assert "no good" in caught.value.context
    assert f"cd {tmp_path} && sh -c 'echo no good >&2; exit 3'" in caught.value.context


def test_a_program_that_hangs_is_ended_with_its_children() -> None:
    with pytest.raises(ProgramFailed, match="did not end within"):
        proc.run("wait", ["sh", "-c", "sleep 60 & sleep 60"], seconds=0.3)


def test_a_missing_program_is_an_error_of_ours() -> None:
    with pytest.raises(ProgramFailed) as caught:
        proc.run("start it", ["/nonexistent/program"])
    assert caught.value.reference == "program-not-started"


def test_fed_input_larger_than_a_pipe_with_output_larger_than_a_pipe() -> None:
    data = os.urandom(1 << 20)

    def feed(fd: int) -> None:
        sent = 0
        while sent < len(data):
            sent += os.write(fd, data[sent : sent + 65536])

    assert proc.run("copy", ["cat"], feed=feed).stdout == data


def test_a_program_that_ends_before_its_input_reports_its_own_error() -> None:
    def feed(fd: int) -> None:
        while True:
            os.write(fd, b"x" * 65536)

    with pytest.raises(ProgramFailed, match="exit code 7"):
        proc.run("refuse", ["sh", "-c", "exit 7"], feed=feed)


@pytest.mark.parametrize("full", [True, False])
def test_a_program_that_goes_on_while_its_disk_is_full_is_ended(
    full: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any disk is full when the least room is more than it has."""
    monkeypatch.setattr(limits, "FULL_DISK_SECONDS", 0.5)
    monkeypatch.setattr(limits, "FULL_DISK_BYTES", 1 << 62 if full else 0)
    argv = ["/bin/sh", "-c", "exec sleep 60" if full else "exec sleep 1"]
    if full:
        with pytest.raises(ProgramFailed):
            proc.run("wait", argv, writes_to=tmp_path)
    else:
        assert proc.run("wait", argv, writes_to=tmp_path).code == 0
