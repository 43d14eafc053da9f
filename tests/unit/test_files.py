"""Writes are whole or not at all."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from adamant.core import files
from adamant.model.errors import AdamantError, BusyError, InputError


def test_a_write_has_the_exact_mode_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        files.write_atomic(tmp_path / "a", b"x", 0o644)
    finally:
        os.umask(old)
    assert (tmp_path / "a").stat().st_mode & 0o7777 == 0o644
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a"
    files.write_atomic(target, b"old")

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(AdamantError) as caught:
        files.write_atomic(target, b"new")
    assert caught.value.reference == "disk-full"
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_lock_held_by_another_is_busy(tmp_path: Path) -> None:
    with (
        files.locked(tmp_path / "l", "the output"),
        pytest.raises(BusyError, match="the output is in use"),
        files.locked(tmp_path / "l", "the output", wait=False),
    ):
        pass


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 11)
    with pytest.raises(InputError, match="larger than 10"):
        files.read_limited(tmp_path / "a", 10, "definition")


def test_holes_stay_holes(tmp_path: Path) -> None:
    source, target = tmp_path / "s", tmp_path / "t"
    with source.open("wb") as out:
        out.seek(8 << 20)
        out.write(b"end")
    with target.open("wb") as out:
        out.truncate(32 << 20)
    files.copy_range(source, target, 4 << 20)
    with target.open("rb") as check:
        check.seek(12 << 20)
        assert check.read(3) == b"end"
    assert target.stat().st_blocks * 512 < 1 << 20


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EOPNOTSUPP])
def test_a_copy_to_another_file_system_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_arguments: int) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "copy_file_range", refuse)
    source, target = tmp_path / "s", tmp_path / "t"
    with source.open("wb") as out:
        out.write(b"start")
        out.seek(8 << 20)
        out.write(b"end" * 100_000)
    with target.open("wb") as out:
        out.truncate(32 << 20)
    files.copy_range(source, target, 4 << 20)
    with target.open("rb") as check:
        check.seek(4 << 20)
        assert check.read(source.stat().st_size) == source.read_bytes()
    assert target.stat().st_blocks * 512 < 1 << 20


def test_a_copy_that_the_disk_refuses_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "copy_file_range", full)
    (tmp_path / "s").write_bytes(b"data")
    (tmp_path / "t").write_bytes(b"")
    with pytest.raises(OSError, match="No space left"):
        files.copy_range(tmp_path / "s", tmp_path / "t")


@pytest.mark.parametrize("layout", [b"", b"D", b"H", b"HD", b"DH", b"DHD", b"HDHDH"])
def test_a_digest_is_that_of_all_bytes_also_of_holes(tmp_path: Path, layout: bytes) -> None:
    path = tmp_path / "sparse"
    part = (1 << 20) + 4096
    with path.open("wb") as out:
        for number, kind in enumerate(layout):
            if kind == ord("D"):
                out.seek(number * part)
                out.write(os.urandom(part))
        out.truncate(len(layout) * part)
    assert files.sha256_file(path) == hashlib.sha256(path.read_bytes()).hexdigest()
