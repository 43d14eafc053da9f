"""libzstd as images use it: where no memory may become code, and with frames that `zstd --patch-from` makes as well."""

import subprocess
import sys
from pathlib import Path

import pytest

from adamant.core import zstd
from tests.image.conftest import require_program

_CONFINED = """
import ctypes, mmap, os, sys
if len(sys.argv) == 1:
    if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):  # PR_SET_MDWE of Linux 6.3, as MemoryDenyWriteExecute=
        sys.exit(77)
    os.execv(sys.executable, [sys.executable, __file__, "confined"])
from adamant.core import zstd
try:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
except PermissionError:
    assert zstd.decompress(zstd.compress(b"new" * 99, b"old" * 99), b"old" * 99, 297) == b"new" * 99
    print("unpacked")
"""


def test_it_unpacks_where_no_memory_may_become_code(tmp_path: Path) -> None:
    program = tmp_path / "confined.py"
    program.write_text(_CONFINED)
    done = subprocess.run([sys.executable, program], capture_output=True, text=True)
    if done.returncode == 77:
        pytest.skip("the kernel cannot refuse such memory")
    assert done.stdout == "unpacked\n", done.stderr


def test_frames_are_those_of_the_program(tmp_path: Path) -> None:
    old, new = b"".join(b"%d\n" % n for n in range(50_000)), b"".join(b"%d\n" % (n * 3) for n in range(20_000))
    (tmp_path / "old").write_bytes(old)
    (tmp_path / "new").write_bytes(new)
    (tmp_path / "ours").write_bytes(zstd.compress(new, old))
    argv = [require_program("zstd", "zstd"), "-q", f"--patch-from={tmp_path / 'old'}"]
    subprocess.run([*argv, "-d", tmp_path / "ours", "-o", tmp_path / "unpacked"], check=True)
    assert (tmp_path / "unpacked").read_bytes() == new
    subprocess.run([*argv, tmp_path / "new", "-o", tmp_path / "theirs"], check=True)
    assert zstd.decompress((tmp_path / "theirs").read_bytes(), old, len(new)) == new
