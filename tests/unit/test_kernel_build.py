"""What surrounds a kernel's build: progress, sources of own modules, swap, the shelf, and the kernel of an image."""

import functools
import hashlib
import io
import tarfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.core import files, places
from adamant.image import own_kernel
from adamant.image.project import Project
from adamant.kernel import artifact, making, memory, provenance, shelf, sources, toolchain
from adamant.kernel.artifact import Kernel
from adamant.kernel.build import build
from adamant.kernel.progress import KNOWN, Progress
from adamant.kernel.project import KernelProject
from adamant.kernel.shelf import Shelf
from adamant.model.arch import Arch
from adamant.model.definition import Image
from adamant.model.definition import Kernel as KernelOfImage
from adamant.model.digest import Identity
from adamant.model.errors import AdamantError, BusyError, InputError, VerificationError
from adamant.model.kernel.artifact import KernelManifest
from adamant.model.kernel.definition import Module, OwnKernel
from adamant.model.kernel.lock import KernelLock
from adamant.model.lock import Lock, Package, PackageSet, encode
from adamant.packages import base
from adamant.packages.lock import this_arch
from tests.unit import kernel_maker

MODULE = Module("greeting", "greeting")
SOURCE = Package("linux-source-6.12", "6.12.1-1", "all", "linux", "6.12.1-1", "trixie", "pool/l.deb", 1, "a" * 64)
JOOL = Package("jool-dkms", "4.1-1", "all", "jool", "4.1-1", "trixie", "pool/j.deb", 1, "b" * 64)


def test_progress_counts_what_make_makes() -> None:
    progress = Progress(100)
    lines = [
        "make[1]: Entering directory '/obj'",
        "  HOSTCC  scripts/basic/fixdep",
        "  CC      init/main.o",
        "  CC [M]  net/bridge/br.o",
        "  LD [M]  net/bridge/bridge.ko",
        "fs/x.c:3:1: warning: nothing",
    ]
    assert [progress.feed(line) for line in lines] == [False, True, True, True, True, False]
    assert (progress.done, progress.last) == (4, "net/bridge/bridge.ko")
    assert list(progress.tail) == [lines[0], lines[-1]]


def test_an_estimate_comes_once_there_is_a_speed() -> None:
    progress = Progress(200)
    progress.feed("  CC      a.o")
    assert progress.left(10.0) is None
    for _ in range(99):
        progress.feed("  CC      a.o")
    assert progress.left(600.0) == 600.0
    assert progress.say(600.0) == "about 10 min left: a.o"
    for _ in range(200):
        progress.feed("  CC      b.o")
    assert progress.left(900.0) == 0.0
    assert progress.say(900.0) == "nearly done: b.o"


def test_the_next_estimate_is_of_the_last_build(tmp_path: Path) -> None:
    (tmp_path / "kernels").mkdir()
    assert making.expected(tmp_path, Arch.AMD64) == KNOWN[Arch.AMD64]
    making.remember(tmp_path, Arch.AMD64, 2345)
    assert making.expected(tmp_path, Arch.AMD64) == 2345
    (tmp_path / "kernels/lines.amd64").write_text("many")
    assert making.expected(tmp_path, Arch.AMD64) == KNOWN[Arch.AMD64]


@given(st.text(max_size=200))
def test_any_line_is_progress_or_not(line: str) -> None:
    progress = Progress(10)
    assert progress.feed(line) == (progress.done == 1)


def folder_of(place: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)


def archive_of(entries: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:xz") as archive:
        for header, data in entries:
            header.size = len(data)
            archive.addfile(header, io.BytesIO(data))
    return out.getvalue()


def test_a_folder_and_its_archive_are_the_same_source(tmp_path: Path) -> None:
    folder_of(tmp_path / "greeting", {"Kbuild": "obj-m := a.o\n", "src/a.c": "int a;\n"})
    names = ("Kbuild", "src/a.c")
    data = archive_of([(tarfile.TarInfo(f"a-1/{n}"), (tmp_path / "greeting" / n).read_bytes()) for n in names])
    (tmp_path / "a-1.tar.xz").write_bytes(data)
    packed = Module("greeting", "a-1.tar.xz", hashlib.sha256(data).hexdigest())
    assert sources.digest(packed, tmp_path) == sources.digest(MODULE, tmp_path)
    sources.stage(packed, tmp_path, tmp_path / "staged")
    assert (tmp_path / "staged/src/a.c").read_text() == "int a;\n"
    (tmp_path / "greeting/src/a.c").write_text("int b;\n")
    assert sources.digest(packed, tmp_path) != sources.digest(MODULE, tmp_path)


def test_a_source_needs_something_to_make(tmp_path: Path) -> None:
    folder_of(tmp_path / "greeting", {"a.c": "int a;\n"})
    with pytest.raises(InputError) as error:
        sources.read(MODULE, tmp_path)
    assert error.value.reference == "kernel-module-source"


def test_a_folder_with_a_link_is_refused(tmp_path: Path) -> None:
    folder_of(tmp_path / "greeting", {"Kbuild": ""})
    (tmp_path / "greeting/passwd").symlink_to("/etc/passwd")
    with pytest.raises(InputError) as error:
        sources.read(MODULE, tmp_path)
    assert error.value.reference == "kernel-module-source"


@pytest.mark.parametrize("digest", ["", "0" * 64])
def test_an_archive_is_the_one_of_the_definition(tmp_path: Path, digest: str) -> None:
    (tmp_path / "a.tar").write_bytes(archive_of([(tarfile.TarInfo("a/Kbuild"), b"")]))
    with pytest.raises(InputError) as error:
        sources.read(Module("greeting", "a.tar", digest), tmp_path)
    assert error.value.reference == "kernel-module-digest"


def header(name: str, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, "/etc/passwd"
    return found


@pytest.mark.parametrize(
    "names",
    [
        [header("../Kbuild")],
        [header("/Kbuild")],
        [header("a/Kbuild", tarfile.SYMTYPE)],
        [header("a/Kbuild"), header("a/Kbuild")],
        [header("a/Kbuild"), header("a/Kbuild/x"), header("b")],
    ],
    ids=["climbs", "absolute", "link", "twice", "below a file"],
)
def test_an_archive_writes_nothing_elsewhere(tmp_path: Path, names: list[tarfile.TarInfo]) -> None:
    with pytest.raises(InputError):
        sources.unpack(MODULE, archive_of([(name, b"") for name in names]))


@given(st.binary(max_size=300))
def test_any_bytes_are_no_archive_or_an_error(data: bytes) -> None:
    module = Module("a", "a.tar", hashlib.sha256(data).hexdigest())
    try:
        sources.unpack(module, data)
    except (InputError, tarfile.TarError, EOFError, OSError, ValueError):
        return
    raise AssertionError("an archive of noise was taken")


def swaps_of(tmp_path: Path, *places: str) -> Path:
    lines = ["Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority"]
    lines += [f"{place:40}partition\t100\t0\t100" for place in places]
    (tmp_path / "swaps").write_text("".join(line + "\n" for line in lines))
    return tmp_path / "swaps"


@pytest.mark.parametrize(
    ("places", "on_disk"),
    [
        ((), ""),
        (("/dev/zram0", "/dev/zram1"), ""),
        (("/dev/zram0", "/dev/zram2"), "/dev/zram2"),
        (("/dev/zram3",), "/dev/zram3"),
        (("/dev/zram0", "/dev/vda2"), "/dev/vda2"),
        (("/dev/zram0/swapfile",), "/dev/zram0/swapfile"),
    ],
    ids=["none", "memory", "backed by a disk", "not known", "disk", "file"],
)
def test_swap_on_a_disk_stops_a_build_and_swap_in_memory_does_not(
    tmp_path: Path, places: tuple[str, ...], on_disk: str
) -> None:
    blocks = {"zram0/disksize": "4096\n", "zram1/backing_dev": "none\n", "zram2/backing_dev": "/dev/vda3\n"}
    folder_of(tmp_path / "block", blocks)
    swaps = swaps_of(tmp_path, *places)
    if not on_disk:
        memory.require_none_on_disk(swaps, tmp_path / "block")
        return
    with pytest.raises(AdamantError) as error:
        memory.require_none_on_disk(swaps, tmp_path / "block")
    assert error.value.reference == "kernel-swap"
    assert f"to {on_disk}," in error.value.message


def test_a_computer_without_a_list_of_swap_has_none(tmp_path: Path) -> None:
    memory.require_none_on_disk(tmp_path / "none")


def test_no_key_is_made_where_memory_may_go_to_a_disk_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = OwnKernel(name="mine", version="1", arch=this_arch())
    lock = KernelLock(PackageSet(this_arch(), toolchain.request_identity(kernel), (), (SOURCE,)))
    found = KernelProject(tmp_path, kernel)
    found.lock_path.write_bytes(encode(lock))
    swaps = swaps_of(tmp_path, "/dev/vda2")
    monkeypatch.setattr(memory, "require_none_on_disk", functools.partial(memory.require_none_on_disk, swaps))
    with files.locked(tmp_path / "locks/kernel-build", "a build"):
        with pytest.raises(AdamantError, match="kernel-swap"):
            build(found, Shelf(tmp_path / "shelf"), tmp_path)
        # it goes on, as far as the lock that we hold
        with pytest.raises(BusyError):
            build(found, Shelf(tmp_path / "shelf"), tmp_path, with_swap=True)


def put(kernels: Shelf, tmp_path: Path, name: str, version: str, inputs: str = "1") -> Kernel:
    def make(out: Path) -> KernelManifest:
        signer = kernel_maker.Signer()
        work = tmp_path / f"{name}-{version}-{out.parent.name}"
        made = kernel_maker.made(work, signer, {"kernel/a.ko": signer.sign(b"a")})
        about = kernel_maker.about(OwnKernel(name=name, version=version), Identity(inputs * 64))
        return artifact.write(made, about, out)

    return kernels.add(make)


def test_a_kernel_is_found_by_name_digest_and_path(tmp_path: Path) -> None:
    kernels = Shelf(tmp_path / "shelf")
    old, new = put(kernels, tmp_path, "mine", "1.9"), put(kernels, tmp_path, "mine", "1.10", "2")
    other = put(kernels, tmp_path, "other", "1", "3")
    assert [k.manifest.version for k in kernels.kernels()] == ["1.10", "1.9", "1"]
    assert kernels.find("mine") == new
    assert kernels.find(old.manifest.digest[:12]) == old
    assert kernels.find(f"./{other.folder.name}", tmp_path / "shelf") == other
    assert kernels.of_inputs(Identity("2" * 64)) == new
    assert kernels.of_inputs(Identity("4" * 64)) is None
    kernels.delete(new)
    assert kernels.find("mine") == old


def test_a_name_that_stands_for_two_kernels_is_refused(tmp_path: Path) -> None:
    kernels = Shelf(tmp_path / "shelf")
    put(kernels, tmp_path, "mine", "1")
    put(kernels, tmp_path, "mine", "1", "2")
    with pytest.raises(InputError) as error:
        kernels.find("mine")
    assert error.value.reference == "kernel-ambiguous"


def test_a_kernel_that_is_not_there_is_an_error_that_names_those_that_are(tmp_path: Path) -> None:
    kernels = Shelf(tmp_path / "shelf")
    put(kernels, tmp_path, "mine", "1")
    with pytest.raises(InputError) as error:
        kernels.find("yours")
    assert error.value.reference == "kernel-missing"
    assert "mine" in error.value.message


def test_a_build_that_fails_leaves_nothing_on_the_shelf(tmp_path: Path) -> None:
    kernels = Shelf(tmp_path / "shelf")

    def make(out: Path) -> KernelManifest:
        (out / "vmlinuz").write_text("half")
        raise AdamantError("kernel-build-failed", "no")

    with pytest.raises(AdamantError):
        kernels.add(make)
    assert list((tmp_path / "shelf").iterdir()) == []


PACKAGES = PackageSet(Arch.AMD64, "0" * 64, (), ())


def image_of(folder: Path, own: str | None) -> Project:
    return Project(folder, Image(name="web", version="1", packages=(), kernel=KernelOfImage(own=own)))


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    monkeypatch.setenv("ADAMANT_STATE", str(tmp_path / "state"))
    assert places.state() == tmp_path / "state"
    return put(shelf.of_this_computer(), tmp_path, "mine", "1")


def test_an_image_asks_for_no_kernel_of_debians_when_it_has_its_own(tmp_path: Path) -> None:
    own, debians = (base.image_request(image_of(tmp_path, kernel).image) for kernel in ("mine", None))
    assert set(debians) - set(own) == {"linux-image-cloud-amd64"}


def test_a_lock_pins_the_kernel_and_a_newer_one_does_not_move_it(tmp_path: Path, mine: Kernel) -> None:
    found = image_of(tmp_path, "mine")
    lock = Lock(PACKAGES, PACKAGES, kernel=own_kernel.choose(found))
    assert lock.kernel == mine.manifest.digest
    newer = put(shelf.of_this_computer(), tmp_path, "mine", "2", "2")
    assert own_kernel.is_stale(found, lock) == []
    assert own_kernel.open_kernel(found, lock) == mine
    assert own_kernel.choose(found) == newer.manifest.digest


def test_a_lock_of_another_kernel_is_stale(tmp_path: Path, mine: Kernel) -> None:
    put(shelf.of_this_computer(), tmp_path, "yours", "1", "2")
    lock = Lock(PACKAGES, PACKAGES, kernel=mine.manifest.digest)
    assert own_kernel.is_stale(image_of(tmp_path, "yours"), lock)
    assert own_kernel.is_stale(image_of(tmp_path, "0" * 12), lock)
    assert own_kernel.is_stale(image_of(tmp_path, None), lock)
    assert own_kernel.is_stale(image_of(tmp_path, "mine"), Lock(PACKAGES, PACKAGES))
    assert own_kernel.is_stale(image_of(tmp_path, mine.manifest.digest[:12]), lock) == []


def test_a_name_that_begins_a_digest_is_a_name(tmp_path: Path, mine: Kernel) -> None:
    lock = Lock(PACKAGES, PACKAGES, kernel=mine.manifest.digest)
    assert own_kernel.is_stale(image_of(tmp_path, mine.manifest.digest[:11]), lock)


def test_another_kernel_in_the_folder_is_not_the_locked_one(tmp_path: Path, mine: Kernel) -> None:
    other = kernel_maker.make(tmp_path / "other")
    found = image_of(tmp_path, "./other")
    lock = Lock(PACKAGES, PACKAGES, kernel=mine.manifest.digest)
    with pytest.raises(VerificationError) as error:
        own_kernel.open_kernel(found, lock)
    assert error.value.reference == "kernel-not-locked"
    fitting = Lock(PACKAGES, PACKAGES, kernel=other.manifest.digest)
    assert own_kernel.open_kernel(found, fitting) == other


def test_a_unit_that_needs_the_types_of_the_kernel_is_not_left_without(mine: Kernel) -> None:
    own_kernel.require_for(mine, restricts_file_systems=False)
    with pytest.raises(InputError) as error:
        own_kernel.require_for(mine, restricts_file_systems=True)
    assert error.value.reference == "kernel-types-missing"


def sbom_of_a_kernel() -> bytes:
    """With two own modules: a folder, and a package of Debian whose module says a license."""
    kernel = OwnKernel(name="mine", version="1")
    modules = {"greeting": "c" * 64, "nat64": JOOL.sha256}
    return provenance.sbom(kernel, "6.12.1-mine-1", SOURCE, modules, {"nat64": JOOL}, {"nat64": "GPL v2"})


def test_scanners_find_the_debian_source_of_a_module() -> None:
    found = {p["SPDXID"]: p for p in msgspec.json.decode(sbom_of_a_kernel())["packages"]}
    references = found["SPDXRef-Module-nat64"]["externalRefs"]
    assert [r["referenceLocator"] for r in references] == ["pkg:deb/debian/jool@4.1-1?arch=source&distro=debian-13"]
    assert found["SPDXRef-Linux"]["versionInfo"] == "6.12.1-1"
    assert "externalRefs" not in found["SPDXRef-Module-greeting"]


def test_no_license_is_declared_that_a_module_only_hints_at() -> None:
    found = {p["SPDXID"]: p for p in msgspec.json.decode(sbom_of_a_kernel())["packages"]}
    own = [found[f"SPDXRef-Module-{name}"] for name in ("greeting", "nat64")]
    assert [one["licenseDeclared"] for one in own] == ["NOASSERTION", "NOASSERTION"]
    assert [one.get("licenseComments") for one in own] == [None, "MODULE_LICENSE: GPL v2"]


def test_a_statement_names_each_input_and_output_by_its_digest() -> None:
    package = Package("gcc", "1", "amd64", "gcc", "1", "trixie", "pool/gcc.deb", 1, "a" * 64)
    kernel = OwnKernel(name="mine", version="1")
    data = provenance.statement(
        kernel, {"vmlinuz": "b" * 64}, [package], {"module:a": "c" * 64}, {"compiler": "gcc 14"}, {"name": "mine"}
    )
    found = msgspec.json.decode(data)
    assert found["_type"] == "https://in-toto.io/Statement/v1"
    assert found["predicateType"] == "https://slsa.dev/provenance/v1"
    assert found["subject"] == [{"name": "vmlinuz", "digest": {"sha256": "b" * 64}}]
    inputs = found["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert [(i["name"], i["digest"]["sha256"]) for i in inputs] == [("gcc", "a" * 64), ("module:a", "c" * 64)]
