"""The tools tree: whole or not there, the same everywhere, and nothing of the host in what it runs."""

import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from adamant.core import proc
from adamant.model import lock as locks
from adamant.model.arch import NAMES, Arch
from adamant.model.definition import Image
from adamant.model.digest import Sha256
from adamant.model.errors import AdamantError, InputError, VerificationError
from adamant.model.lock import Lock, Package, PackageSet
from adamant.packages import base, fetch, mirror, tools
from adamant.packages.lock import is_stale, make_lock, this_arch
from adamant.packages.tools import ToolsTree
from tests.tool.repository import deb

VERSIONS = {
    "mkfs.erofs": "-V", "fsck.erofs": "-V", "veritysetup": "--version", "ukify": "--version", "depmod": "--version",
    "mkfs.fat": "--help", "mcopy": "-V", "sbsign": "--help", "sbverify": "--help", "mksquashfs": "-version",
    "zstd": "--version", "qemu-img": "--version", "swtpm": "--version", "swtpm_setup": "--help",
    "virt-fw-vars": "--help", "systemd-hwdb": "--version", "journalctl": "--version", "systemctl": "--version",
    "mke2fs": "-V", "debugfs": "-V", "sfdisk": "--version", "openssl": "version", "bwrap": "--version",
    "systemd-sbsign": "--version", "systemd-repart": "--version", "protoc": "--version", "bootctl": "--version",
    "qemu-system-x86_64": "--version",
}  # fmt: skip


@pytest.mark.parametrize("program", VERSIONS)
def test_a_tool_starts(tree: ToolsTree, program: str) -> None:
    proc.run(f"start {program}", tree.argv(program, VERSIONS[program]), environment=tree.environment)


@pytest.mark.parametrize("program", ["python3", "mcopy", "ukify", "swtpm"])
def test_a_wrapper_starts_its_program_by_name(tree: ToolsTree, program: str) -> None:
    option = "-V" if program == "mcopy" else "--version"
    proc.run(f"start {program}", ["sh", "-c", f"{program} {option}"], environment=tree.environment)


def test_no_library_of_the_host_is_loaded(tree: ToolsTree) -> None:
    script = "import ssl, cryptography.hazmat.bindings._rust, sqlite3; print(open('/proc/self/maps').read())"
    maps = proc.run("list libraries", tree.argv("python3", "-c", script), environment=tree.environment).stdout.decode()
    files = set(re.findall(r" (/\S.*)$", maps, re.MULTILINE))
    assert files
    assert sorted(path for path in files if not path.startswith(str(tree.root))) == []


def test_the_trees_python_writes_nothing_into_it(tree: ToolsTree) -> None:
    before = {p: p.stat().st_mtime_ns for p in (tree.root / "usr/lib/python3").rglob("*")}
    proc.run("import modules", tree.argv("python3", "-c", "import json.tool, wave, pefile"))
    assert {p: p.stat().st_mtime_ns for p in (tree.root / "usr/lib/python3").rglob("*")} == before


def test_no_link_leads_out_of_the_tree(tree: ToolsTree) -> None:
    for folder, names, files in os.walk(tree.root):
        for name in [*names, *files]:
            path = Path(folder, name)
            if path.is_symlink():
                target = os.path.normpath(Path(folder, os.readlink(path)))  # noqa: PTH115
                assert target.startswith(f"{tree.root}/"), path


def test_what_is_not_in_the_tree_is_an_error(tree: ToolsTree) -> None:
    for missing in (lambda: tree.argv("nosuch"), lambda: tree.path("usr/nosuch")):
        with pytest.raises(AdamantError) as caught:
            missing()
        assert caught.value.reference == "tool-missing"


def test_a_c_program_for_the_target_is_compiled_and_linked(tree: ToolsTree, tmp_path: Path) -> None:
    kernel = NAMES[tree.arch].kernel
    (tmp_path / "a.c").write_text('#include <unistd.h>\nint main(void){return write(1,"built\\n",6)!=6;}\n')
    headers, libc = (tree.target / f"usr/{place}/{kernel}-linux-musl" for place in ("include", "lib"))
    tool = tree.compiler(tree.arch)
    for argv in (
        tree.argv(tool.cc1, "-quiet", "-nostdinc", "-isystem", headers, tmp_path / "a.c", "-o", tmp_path / "a.s"),
        tree.argv(tool.assembler, tmp_path / "a.s", "-o", tmp_path / "a.o"),
        tree.argv(tool.linker, "-static", "-o", tmp_path / "a", libc / "crt1.o", tmp_path / "a.o", libc / "libc.a"),
    ):
        proc.run("compile", argv)
    assert proc.run("run it", [tmp_path / "a"]).stdout == b"built\n"


@pytest.mark.parametrize("arch", list(Arch))
def test_every_package_of_the_tables_is_in_trixie(cache: Path, arch: Arch) -> None:
    image = Image(name="all", version="1", arch=arch, packages=("nftables",))
    lock = make_lock(image, cache)
    assert is_stale(lock, image) == []
    names = set(locks.by_name(lock.image))
    assert set(base.image_request(image)) <= names
    assert set(base.tools_request(this_arch(), arch)) | set(base.TARGET_FILES) <= set(locks.by_name(lock.tools))
    assert not names & {"bash", "dash", "apt", "dpkg", "debconf", "perl-base", "initramfs-tools"}
    assert {p.architecture for p in lock.image.packages} == {arch.value, "all"}
    assert [r.suite for r in lock.image.releases] == ["trixie", "trixie-security"]


def test_no_mirror_and_no_path_of_this_computer_is_in_a_lock(lock: Lock, cache: Path) -> None:
    text = locks.encode(lock).decode()
    known = mirror.find()
    assert "://" not in text
    assert str(cache) not in text
    assert known.archive.split("/")[2] not in text
    assert locks.decode(text.encode()) == lock


def test_a_new_lock_of_the_same_lists_is_the_same(lock: Lock, cache: Path) -> None:
    again = make_lock(Image(name="other", version="2", packages=("runc", "containerd")), cache)
    assert locks.encode(again) == locks.encode(lock)


def small(*files: bytes) -> tuple[PackageSet, list[bytes]]:
    packages = []
    for data in files:
        digest = hashlib.sha256(data).hexdigest()
        name = f"p{digest[:8]}"
        packages.append(Package(name, "1", "all", name, "1", "trixie", f"pool/{name}.deb", len(data), digest))
    return PackageSet(this_arch(), "0" * 64, (), tuple(packages)), list(files)


def debs(folder: Path, files: Sequence[bytes]) -> dict[Sha256, Path]:
    found = {}
    for data in files:
        digest = Sha256(hashlib.sha256(data).hexdigest())
        found[digest] = folder / f"{digest}.deb"
        found[digest].write_bytes(data)
    return found


def control(name: str) -> str:
    return f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: T <t@test.invalid>\nDescription: t\n"


def listing(root: Path) -> list[tuple[str, int, bytes]]:
    found = []
    for path in sorted(root.rglob("*")):
        plain = path.is_file() and not path.is_symlink()
        data = os.fsencode(os.readlink(path)) if path.is_symlink() else path.read_bytes() if plain else b""  # noqa: PTH115
        found.append((str(path.relative_to(root)), path.lstat().st_mode, data))
    return found


def python_set(lock: Lock) -> PackageSet:
    """Enough of the tools for its Python: small, with programs, links and byte code."""
    wanted = re.compile(r"(lib)?python3(\.13)?(-minimal|-stdlib)?|libc6|zlib1g|libexpat1|mtools|zstd|libffi8")
    chosen = tuple(p for p in lock.tools.packages if wanted.fullmatch(p.name))
    return PackageSet(lock.tools.arch, lock.tools.request, lock.tools.releases, chosen)


def test_a_tree_is_the_same_whatever_umask_folder_and_order(lock: Lock, cache: Path, tmp_path: Path) -> None:
    chosen = python_set(lock)
    found = fetch.fetch(chosen.packages, cache)
    old = os.umask(0o077)
    try:
        one = tools.tools_tree(chosen, found, tmp_path / "a cache")
        os.umask(0o002)
        turned = PackageSet(chosen.arch, chosen.request, (), tuple(reversed(chosen.packages)))
        two = tools.tools_tree(turned, found, tmp_path / "b")
    finally:
        os.umask(old)
    assert one.identity == two.identity
    assert listing(one.root) == listing(two.root)
    assert proc.run("run it", two.argv("python3", "-I", "-c", "print(1)")).stdout == b"1\n"


def test_a_killed_unpacking_leaves_no_tree_and_the_next_one_works(lock: Lock, cache: Path, tmp_path: Path) -> None:
    chosen = python_set(lock)
    found = fetch.fetch(chosen.packages, cache)
    (tmp_path / "lock").write_bytes(locks.encode(Lock(chosen, chosen)))
    script = (
        "import sys; from pathlib import Path\n"
        "from adamant.model import lock; from adamant.packages import fetch, tools\n"
        "s = lock.decode(Path(sys.argv[1]).read_bytes()).tools\n"
        "tools.tools_tree(s, fetch.fetch(s.packages, Path(sys.argv[2])), Path(sys.argv[3]))"
    )
    own = tmp_path / "cache"
    child = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "lock"), str(cache), str(own)])
    deadline = time.monotonic() + 30
    while not list(own.glob("tools/.*/made/usr/bin/*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert tools.find_tools(chosen, own) is None
    assert list(own.glob("tools/.*"))
    tree = tools.tools_tree(chosen, found, own)
    assert [p.name for p in (own / "tools").iterdir()] == [tree.identity]


def test_a_write_that_fails_leaves_nothing(lock: Lock, cache: Path, tmp_path: Path) -> None:
    chosen = python_set(lock)
    fetch.fetch(chosen.packages, cache)
    (tmp_path / "lock").write_bytes(locks.encode(Lock(chosen, chosen)))
    script = (
        "import resource, sys; from pathlib import Path; from adamant.model.errors import AdamantError\n"
        "from adamant.model import lock; from adamant.packages import fetch, tools\n"
        "s = lock.decode(Path(sys.argv[1]).read_bytes()).tools; found = fetch.fetch(s.packages, Path(sys.argv[2]))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))\n"
        "try: tools.tools_tree(s, found, Path(sys.argv[3]))\n"
        "except AdamantError as error: print(error.reference)"
    )
    argv = [sys.executable, "-c", script, str(tmp_path / "lock"), str(cache), str(tmp_path / "cache")]
    out = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    assert out.strip() == "write-failed"
    assert list((tmp_path / "cache" / "tools").iterdir()) == []


def test_two_packages_with_the_same_file_are_refused(tmp_path: Path) -> None:
    chosen, files = small(deb(control("same"), b"1"), deb(control("same"), b"2"))
    with pytest.raises(VerificationError) as caught:
        tools.tools_tree(chosen, debs(tmp_path, files), tmp_path / "cache")
    assert caught.value.reference == "tools-clash"
    assert list((tmp_path / "cache" / "tools").iterdir()) == []


def test_a_package_with_other_bytes_is_refused(tmp_path: Path) -> None:
    chosen, files = small(deb(control("one"), b"1"))
    found = debs(tmp_path, files)
    for path in found.values():
        path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(VerificationError):
        tools.tools_tree(chosen, found, tmp_path / "cache")
    assert tools.find_tools(chosen, tmp_path / "cache") is None


def test_tools_for_another_architecture_are_refused(tmp_path: Path) -> None:
    other = next(a for a in Arch if a != this_arch())
    with pytest.raises(InputError) as caught:
        tools.tools_tree(PackageSet(other, "0" * 64, (), ()), {}, tmp_path)
    assert caught.value.reference == "tools-architecture"
