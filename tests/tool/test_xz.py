"""Files are made again as the program xz makes them, with threads and without: the kernel's build packs modules so."""

import random
import subprocess
from pathlib import Path

import pytest

from adamant.core import xz
from adamant.core.xz import Packing
from tests.image.conftest import require_program


@pytest.mark.parametrize(("threads", "dictionary"), [(2, 16), (2, 8), (1, 16)])
@pytest.mark.parametrize("size", [1, 20_000, 3_200_000], ids=str)
def test_a_file_is_that_of_the_program(tmp_path: Path, threads: int, dictionary: int, size: int) -> None:
    words = [b"%x " % n for n in random.Random(1).choices(range(5000), k=900_000)]
    (tmp_path / "module.ko").write_bytes(b"".join(words)[:size])
    packing = Packing(threads > 1, 6, dictionary)
    argv = [require_program("xz", "xz-utils"), f"-T{threads}", "--check=crc32"]
    subprocess.run([*argv, f"--lzma2=dict={packing.dictionary_size}", "-k", tmp_path / "module.ko"], check=True)
    packed = (tmp_path / "module.ko.xz").read_bytes()
    assert xz.pack((tmp_path / "module.ko").read_bytes(), packing) == packed
    assert packing in xz.candidates(packed)
