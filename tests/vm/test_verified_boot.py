"""What only a boot can show: nothing that the signature and the root hash do not cover is run, and nothing is writable.

One signed image with a unit of its own, which tries from inside what root could try and tells the console. The broken
machines are copies of its disk with one bit changed.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adamant.core import pe, places, proc
from adamant.core.source import open_source
from adamant.image import gpt, keys, signing
from adamant.image.project import read_lock, read_project
from adamant.machine import console, fault
from adamant.machine.console import Line
from adamant.machine.machine import Machines, Options, Status
from adamant.machine.qemu import DISK
from adamant.model.arch import Arch
from adamant.model.definition import KeyPair
from adamant.packages import tools
from adamant.packages.tools import ToolsTree
from tests.image.conftest import Example, adamant, build

SECONDS = 240.0

PROBE = """\
import os, subprocess
ATTEMPTS = {
    "root": lambda: open("/written", "w"),
    "usr": lambda: open("/usr/written", "w"),
    "etc": lambda: open("/etc/written", "w"),
    "etc-file": lambda: open("/etc/passwd", "a"),
    "etc-remove": lambda: os.unlink("/etc/passwd"),
    "remount-root": lambda: subprocess.run(["mount", "-o", "remount,rw", "/"], check=True),
    "remount-etc": lambda: subprocess.run(["mount", "-o", "remount,rw", "/etc"], check=True),
    "remount-usr": lambda: subprocess.run(["mount", "-o", "remount,rw", "/usr"], check=True),
    "bind-root": lambda: (subprocess.run(["mount", "-o", "remount,bind,rw", "/"]), open("/written", "w")),
    "bind-etc": lambda: (subprocess.run(["mount", "-o", "remount,bind,rw", "/etc"]), open("/etc/written", "w")),
    "device": lambda: os.write(os.open("/dev/dm-0", os.O_RDWR), b"x"),
    "layers": lambda: os.listdir("/layers"),
}
for name, attempt in ATTEMPTS.items():
    try:
        attempt()
        result = "DONE"
    except (OSError, subprocess.CalledProcessError):
        result = "refused"
    print(f"attempt {name} {result}", flush=True)
print("uid", os.getuid(), flush=True)
print("record", open("/run/adamant/boot.json").read(), flush=True)
print("attempts over", flush=True)
"""

DEFINITION = """\
apiVersion: adamant/v1
kind: Image
name: verified
version: "1"
profile: dev
packages: [python3]
files:
- {path: /usr/lib/probe/probe.py, source: probe.py}
units:
- {name: probe.service, source: probe.service}
signing:
  secureBoot: {key: keys/secure-boot.key, certificate: keys/secure-boot.crt}
"""

UNIT = """\
[Unit]
Description=Try to write where nothing may be written
[Service]
Type=oneshot
StandardOutput=journal+console
ExecStart=/usr/bin/python3 -I /usr/lib/probe/probe.py
[Install]
WantedBy=multi-user.target
"""


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Example:
    """A signed image with the probe."""
    folder = tmp_path_factory.mktemp("verified")
    adamant("keys", "init", folder / "keys")
    (folder / "probe.py").write_text(PROBE)
    (folder / "probe.service").write_text(UNIT)
    (folder / "adamant.yaml").write_text(DEFINITION)
    adamant("lock", "-C", folder)
    return build(folder)


@pytest.fixture(scope="session")
def programs(image: Example) -> ToolsTree:
    """The tools tree of the image's lock."""
    return tools.open_tools(read_lock(read_project(image.folder)).tools, places.cache())


Boot = Callable[..., list[str]]


@pytest.fixture
def boot(image: Example, programs: ToolsTree, tmp_path: Path) -> Iterator[Boot]:
    """Boot a copy of the image, whose disk `change` may touch, until a line holds `until`: the console's lines."""
    machines = Machines(tmp_path / "machines")

    def run(until: str, change: Callable[[Path], None] | None = None) -> list[str]:
        certificate = (image.folder / "keys/secure-boot.crt").read_bytes()
        made = machines.create("m", image.output / "disk.raw", Options(Arch.AMD64, certificate=certificate))
        if change is not None:
            change(made.folder / DISK)
        machines.start("m", programs, places.cache())
        lines: list[str] = []
        watcher = console.Watcher(made.console_log)
        for seen in watcher.follow(lambda: machines.get("m").status is Status.RUNNING, SECONDS):
            if isinstance(seen, Line):
                lines.append(seen.text)
                if until in seen.text:
                    return lines
        pytest.fail(f"the console never said {until!r}:\n" + "\n".join(lines[-60:]))

    yield run
    for machine in machines.list():
        machines.delete(machine.name, force=True)


def flip(disk: Path, offset: int) -> None:
    with disk.open("r+b") as file:
        file.seek(offset)
        (byte,) = file.read(1)
        file.seek(offset)
        file.write(bytes([byte ^ 1]))


def partition(disk: Path, label: str) -> gpt.Placed:
    with disk.open("rb") as file:
        table = gpt.decode(gpt.read_at(file.fileno()), disk.stat().st_size)
    return next(p for p in table.partitions if p.label == label)


def test_root_can_write_to_no_part_of_the_system(boot: Boot, image: Example) -> None:
    lines = boot("attempts over")
    said = {line.split()[-2]: line.split()[-1] for line in lines if "attempt " in line}
    assert len(said) == 12
    assert set(said.values()) == {"refused"}, said
    assert any("uid 0" in line for line in lines)
    assert any(f'"root_hash":"{image.manifest.root_hash}"' in line for line in lines)


def test_a_flipped_bit_in_the_usr_image_stops_the_machine(boot: Boot) -> None:
    def change(disk: Path) -> None:
        # One bit in each of the first MiBs: PID 1 cannot start without reading one of them.
        usr = partition(disk, "usr-a")
        for mib in range(1, 48):
            for part in range(16):
                flip(disk, usr.offset + (mib << 20) + part * 65536)

    lines = boot("Kernel panic", change)
    assert any("is corrupted" in line for line in lines)
    assert not any("Reached target" in line and "multi-user" in line for line in lines)
    explained = fault.explain(lines)
    assert explained
    assert explained.fault.id == "usr-corrupted"


def test_a_flipped_bit_in_the_verity_tree_leaves_no_slot(boot: Boot, image: Example) -> None:
    lines = boot("rebooting", lambda disk: flip(disk, partition(disk, "usr-a-verity").offset + 4096 + 100))
    assert any("no slot holds the usr image of this release" in line for line in lines)
    assert any("usr-a: another root hash" in line and image.manifest.root_hash not in line for line in lines)


def test_a_uki_with_a_changed_byte_is_refused(boot: Boot, image: Example) -> None:
    uki = next(image.output.glob("*.efi")).read_bytes()

    def change(disk: Path) -> None:
        esp = partition(disk, "esp")
        middle = len(uki) // 2 // 4096 * 4096
        needle = uki[middle : middle + 512]
        with disk.open("rb") as file:
            file.seek(esp.offset)
            found = file.read(esp.size).find(needle)
        assert found > 0
        flip(disk, esp.offset + found)

    lines = boot("ccess denied", change)
    assert not any("Linux version" in line for line in lines)


def other_command_line(uki: Path, out: Path) -> None:
    """The UKI with one letter of its command line changed, and its signature as it was."""
    data = bytearray(uki.read_bytes())
    with open_source(uki) as source:
        line = pe.read_sections(source)[".cmdline"]
    data[line.offset] ^= 1
    out.write_bytes(data)


@pytest.mark.parametrize("whose", ["nobody's", "another owner's", "of another command line"])
def test_a_uki_that_the_owner_did_not_sign_is_refused(
    boot: Boot, image: Example, programs: ToolsTree, tmp_path: Path, whose: str
) -> None:
    signed = next(image.output.glob("*.efi"))
    uki = tmp_path / "uki.efi"
    if whose == "of another command line":
        other_command_line(signed, uki)
    else:
        uki.write_bytes(signed.read_bytes())
        proc.run("take the signature away", programs.argv("sbattach", "--remove", uki))
    if whose == "another owner's":
        now = datetime.now(UTC)
        keys.make_keys(tmp_path / "keys", "other", now)
        pair = keys.load_pair(KeyPair("secure-boot.key", "secure-boot.crt"), tmp_path / "keys", now)
        signing.sign_efi(uki, pair, programs, tmp_path / "other.efi")
        uki = tmp_path / "other.efi"

    def change(disk: Path) -> None:
        at = f"{disk}@@{partition(disk, 'esp').offset}"
        copy = programs.argv("mcopy", "-o", "-i", at, uki, f"::EFI/Linux/{signed.name}")
        proc.run("put another UKI on the ESP", copy, environment={"MTOOLSRC": "/dev/null"})

    lines = boot("ccess denied", change)
    assert not any("Linux version" in line for line in lines)


def test_a_boot_loader_with_a_changed_byte_is_refused(boot: Boot, programs: ToolsTree) -> None:
    loader = programs.path("usr/lib/systemd/boot/efi/systemd-bootx64.efi").read_bytes()
    needle = loader[len(loader) // 2 : len(loader) // 2 + 256]

    def change(disk: Path) -> None:
        esp = partition(disk, "esp")
        with disk.open("rb") as file:
            file.seek(esp.offset)
            data = file.read(esp.size)
        found = data.find(needle)
        while found >= 0:
            flip(disk, esp.offset + found)
            found = data.find(needle, found + 1)

    lines = boot("Access Denied", change)
    assert not any("Linux version" in line for line in lines)
