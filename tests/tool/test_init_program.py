"""The initrd's program: built for both architectures, the same everywhere, and its parsers against hostile bytes."""

import hashlib
import os
import random
import struct
from pathlib import Path

import pytest

from adamant.core import proc
from adamant.core.store import Store
from adamant.image import init_program
from adamant.model.arch import NAMES, Arch
from adamant.model.definition import Image
from adamant.packages import tools
from adamant.packages.lock import make_lock
from adamant.packages.tools import ToolsTree

HARNESS = Path(__file__).with_name("init_harness.c")
ROOT = bytes(range(32)).hex()


@pytest.fixture(scope="session")
def trees(tree: ToolsTree, cache: Path) -> dict[Arch, ToolsTree]:
    """Tools trees by the architecture that they build for."""
    arm = make_lock(Image(name="example", version="1", packages=("containerd",), arch=Arch.ARM64), cache)
    return {Arch.AMD64: tree, Arch.ARM64: tools.open_tools(arm.tools, cache)}


@pytest.mark.parametrize("arch", list(Arch))
def test_it_is_a_static_executable_of_its_architecture(
    arch: Arch, trees: dict[Arch, ToolsTree], tmp_path: Path
) -> None:
    data = init_program.make_init(arch, trees[arch], Store(tmp_path)).read_bytes()
    kind, machine = struct.unpack_from("<HH", data, 16)
    assert data[:5] == b"\x7fELF\x02"
    assert (kind, machine) == (2, NAMES[arch].elf_machine)
    offset, size, count = *struct.unpack_from("<Q", data, 32), *struct.unpack_from("<HH", data, 54)
    segments = [struct.unpack_from("<II", data, offset + i * size) for i in range(count)]
    assert not {2, 3} & {segment for segment, _flags in segments}, "a dynamic section or an interpreter"
    assert not any(flags & 3 == 3 for segment, flags in segments if segment == 1), "writable and executable"
    assert len(data) < 100_000


@pytest.mark.parametrize("arch", list(Arch))
def test_two_builds_in_different_places_are_the_same_bytes(
    arch: Arch, trees: dict[Arch, ToolsTree], tmp_path: Path
) -> None:
    first = init_program.make_init(arch, trees[arch], Store(tmp_path / "a")).read_bytes()
    previous = os.umask(0o077)
    try:
        second = init_program.make_init(arch, trees[arch], Store(tmp_path / "somewhere else" / "b")).read_bytes()
    finally:
        os.umask(previous)
    assert first == second


class Parsers:
    """The program's parsers, compiled for this computer with checks that trap on undefined behaviour."""

    def __init__(self, program: Path) -> None:
        self.program = program

    def __call__(self, kind: str, cases: list[bytes]) -> list[str]:
        stream = b"".join(kind.encode() + struct.pack("<I", len(case)) + case for case in cases)
        result = proc.run("run the parsers", [self.program], stdin=stream, seconds=120)
        return result.stdout.decode().splitlines()


@pytest.fixture(scope="session")
def parsers(trees: dict[Arch, ToolsTree], tmp_path_factory: pytest.TempPathFactory) -> Parsers:
    folder = tmp_path_factory.mktemp("harness")
    arch = trees[Arch.AMD64].arch
    for name, text in init_program.sources().items():
        (folder / name).write_bytes(text)
    (folder / "harness.c").write_bytes(HARNESS.read_bytes())
    names = ["harness.c", "modules.c", "root.c", "sha256.c", "slot.c", "superblock.c", "text.c"]
    checks = ("-fsanitize=undefined", "-fsanitize-trap=all")
    objects = init_program.compile_objects(arch, trees[arch], folder, names, checks)
    init_program.link(arch, trees[arch], objects, folder / "harness")
    return Parsers(folder / "harness")


def head(blocks: int = 1000, salt: bytes = b"s" * 32) -> bytearray:
    """Superblock and top block as veritysetup writes them."""
    block = struct.pack("<8sII16s32sIIQH6s", b"verity", 1, 1, b"u" * 16, b"sha256", 4096, 4096, blocks, len(salt), b"")
    return bytearray((block + salt).ljust(4096, b"\0") + bytes(i * 7 & 255 for i in range(4096)))


def case(data: bytes | bytearray, size: int = 1 << 30) -> bytes:
    return struct.pack("<Q", size) + data


def expected(data: bytes | bytearray, size: int) -> str | None:
    """What the format says of the same bytes: the root hash, or None."""
    magic, version, kind, _uuid, name, data_size, hash_size, blocks, salt_size, pad = struct.unpack_from(
        "<8sII16s32sIIQH6s", data
    )
    sound = (
        magic == b"verity\0\0"
        and (version, kind, name.rstrip(b"\0")) == (1, 1, b"sha256")
        and (data_size, hash_size, salt_size) == (4096, 4096, 32)
        and not any(pad)
        and not any(data[120:512])
        and 2 <= blocks <= size // 4096
    )
    return hashlib.sha256(data[88:120] + data[4096:8192]).hexdigest() if sound else None


def test_the_root_hash_is_that_of_salt_and_top_block(parsers: Parsers) -> None:
    sound = head()
    assert parsers("s", [case(sound)]) == [f"= {expected(sound, 1 << 30)}"]


def test_veritysetup_and_the_program_agree(parsers: Parsers, tree: ToolsTree, tmp_path: Path) -> None:
    data, made = tmp_path / "data", tmp_path / "tree"
    data.write_bytes(random.Random(1).randbytes(3 << 20))
    argv = tree.argv("veritysetup", "format", f"--salt={'5a' * 32}", data, made)
    said = proc.run("make a tree", argv).stdout.decode()
    root = next(line.split()[-1] for line in said.splitlines() if line.startswith("Root hash"))
    assert parsers("s", [case(made.read_bytes()[:8192], 3 << 20)]) == [f"= {root}"]


@pytest.mark.parametrize(
    ("offset", "value", "why"),
    [
        (0, b"verify", "no verity tree"),
        (8, b"\2", "another version"),
        (12, b"\0", "another version"),
        (32, b"sha512", "another algorithm"),
        (38, b"x", "another algorithm"),
        (64, struct.pack("<I", 512), "another block size"),
        (68, struct.pack("<I", 8192), "another block size"),
        (72, struct.pack("<Q", 0), "another size of data"),
        (72, struct.pack("<Q", 1), "another size of data"),
        (72, struct.pack("<Q", (1 << 30) // 4096 + 1), "another size of data"),
        (72, b"\xff" * 8, "another size of data"),
        (80, struct.pack("<H", 256), "another salt"),
        (80, struct.pack("<H", 0), "another salt"),
        (83, b"x", "malformed"),
        (120, b"x", "malformed"),
        (511, b"x", "malformed"),
    ],
)
def test_each_lie_in_a_superblock_is_refused(parsers: Parsers, offset: int, value: bytes, why: str) -> None:
    lie = head()
    lie[offset : offset + len(value)] = value
    (said,) = parsers("s", [case(lie)])
    assert said.startswith("! ")
    assert why in said


def test_on_thousands_of_damaged_superblocks_the_program_and_the_format_agree(parsers: Parsers) -> None:
    dice = random.Random(20261123)
    cases, wanted = [], []
    for _ in range(4000):
        data = head(blocks=dice.choice((2, 1000, 1 << 18, dice.getrandbits(64))), salt=dice.randbytes(32))
        for _ in range(dice.choice((0, 1, 1, 2, 5))):
            data[dice.choice((dice.randrange(128), dice.randrange(512), dice.randrange(8192)))] = dice.getrandbits(8)
        size = dice.choice((1 << 30, 1 << 20, dice.getrandbits(50)))
        cases.append(case(data, size))
        wanted.append(expected(data, size))
    said = parsers("s", cases)
    assert len([w for w in wanted if w]) > 500
    assert [line[2:] if line.startswith("= ") else None for line in said] == wanted


@pytest.mark.parametrize(
    "line",
    [
        f"adamant.usrhash={ROOT}",
        f"quiet adamant.usrhash={ROOT}\n",
        f'panic=10 x="a b" adamant.usrhash={ROOT} console=ttyS0',
        f"\tadamant.usrhash={ROOT}\tusrhash={'0' * 64}",
    ],
)
def test_the_root_hash_is_taken_from_the_command_line(parsers: Parsers, line: str) -> None:
    assert parsers("c", [line.encode()]) == [f"= {ROOT}"]


@pytest.mark.parametrize(
    "line",
    [
        "",
        " \n",
        f"usrhash={ROOT}",
        f"xadamant.usrhash={ROOT}",
        f'note="adamant.usrhash={ROOT}"',
        f'note="a adamant.usrhash={ROOT}"',
        f'"adamant.usrhash={ROOT}"',
        f"adamant.usrhash={ROOT} adamant.usrhash={ROOT}",
        f"adamant.usrhash={ROOT}0",
        f"adamant.usrhash={ROOT[:-1]}",
        f"adamant.usrhash={ROOT.upper()}",
        "adamant.usrhash=",
        f"adamant.usrhash={'g' * 64}",
        f"adamant.usrhash={ROOT},{ROOT}",
    ],
)
def test_a_command_line_that_is_not_clear_starts_nothing(parsers: Parsers, line: str) -> None:
    (said,) = parsers("c", [line.encode()])
    assert said.startswith("! ")


ON_DISK, IN_RAM = f"= {1:064x}", f"= {0:064x}"


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("", IN_RAM),
        (f"quiet adamant.usrhash={ROOT}", IN_RAM),
        ("root=disk xadamant.root=disk", IN_RAM),
        ('note="adamant.root=disk"', IN_RAM),
        ('note="a adamant.root=disk b"', IN_RAM),
        ("adamant.root=disk", ON_DISK),
        (f"quiet adamant.usrhash={ROOT} adamant.root=disk console=ttyS0\n", ON_DISK),
    ],
)
def test_where_the_root_is_stands_on_the_command_line(parsers: Parsers, line: str, answer: str) -> None:
    assert parsers("r", [line.encode()]) == [answer]


@pytest.mark.parametrize(
    "line",
    [
        "adamant.root=",
        "adamant.root=disks",
        "adamant.root=dis",
        "adamant.root=DISK",
        "adamant.root=ram",
        'adamant.root="disk"',
        "adamant.root=disk adamant.root=disk",
        "adamant.root=disk adamant.root=ram",
    ],
)
def test_a_root_that_is_not_clear_starts_nothing(parsers: Parsers, line: str) -> None:
    (said,) = parsers("r", [line.encode()])
    assert said.startswith("! ")


def test_any_command_line_has_an_answer(parsers: Parsers) -> None:
    dice = random.Random(7)
    words = [
        b"adamant.usrhash=",
        b"adamant.root=",
        b"disk",
        ROOT.encode(),
        b" ",
        b'"',
        b"\n",
        b"=",
        b"\xff",
        b"a" * 300,
    ]
    lines = [b"".join(dice.choices(words, k=dice.randrange(12))) for _ in range(3000)]
    assert len(parsers("c", lines)) == len(lines)
    assert len(parsers("r", lines)) == len(lines)
