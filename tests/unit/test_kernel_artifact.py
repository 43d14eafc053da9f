"""Artifacts of kernels: what a build leaves is whole, and whatever is changed in it is found."""

import io
import tarfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adamant.core import files
from adamant.kernel import artifact, signature
from adamant.model.errors import AdamantError, VerificationError
from adamant.model.kernel import artifact as documents
from adamant.model.tree import Kind
from tests.unit import kernel_maker
from tests.unit.kernel_maker import RELEASE, Signer

FOLDER = f"usr/lib/modules/{RELEASE}"


def problems(folder: Path) -> list[str]:
    return [problem.reference for problem in artifact.verify(artifact.read(folder)).problems]


def test_a_kernel_is_whole_and_says_what_it_is(tmp_path: Path) -> None:
    kernel = kernel_maker.make(tmp_path / "kernel")
    checked = artifact.verify(kernel)
    assert (checked.modules, checked.problems) == (2, ())
    about = kernel.manifest
    assert (about.name, about.version, about.release, about.linux) == ("mine", "1", RELEASE, "6.12.1-1")
    assert [(m.path, m.own) for m in about.modules] == [
        ("kernel/net/bridge/bridge.ko", False),
        ("updates/greeting/greeting.ko", True),
    ]
    assert about.hardened + len(about.off) == about.asked
    assert all(one.reason for one in about.off)


def test_what_own_modules_say_of_their_license_is_told(tmp_path: Path) -> None:
    signer = Signer()
    modules = {
        "kernel/net/bridge/bridge.ko": b"\x7fELF\0license=GPL\0",
        "updates/greeting/greeting.ko": b"\x7fELF\0author=me\0license=GPL\0license=GPL\0",
        "updates/both/one.ko": b"\x7fELF\0license=GPL v2\0",
        "updates/both/other.ko": b"\x7fELF\0license=Dual MIT/GPL\0",
        "updates/silent/silent.ko": b"\x7fELF",
    }
    made = kernel_maker.made(tmp_path / "work", signer, {path: signer.sign(data) for path, data in modules.items()})
    (tmp_path / "out").mkdir()
    artifact.write(made, kernel_maker.about(), tmp_path / "out")
    release, licenses = msgspec.json.decode((tmp_path / "out" / documents.SBOM).read_bytes())
    assert release == RELEASE
    assert licenses == {"greeting": "GPL", "both": "Dual MIT/GPL, GPL v2"}


def test_its_files_are_those_of_a_package_of_debians(tmp_path: Path) -> None:
    tree = artifact.tree_of(kernel_maker.make(tmp_path / "kernel"))
    files_there = {path for path, entry in tree.items() if entry.kind is Kind.FILE}
    assert files_there == {
        f"boot/vmlinuz-{RELEASE}",
        f"boot/config-{RELEASE}",
        f"{FOLDER}/modules.order",
        f"{FOLDER}/modules.builtin",
        f"{FOLDER}/kernel/net/bridge/bridge.ko",
        f"{FOLDER}/updates/greeting/greeting.ko",
    }


def test_equal_builds_give_one_digest_and_another_key_another(tmp_path: Path) -> None:
    signer = Signer()
    modules = {"kernel/a.ko": signer.sign(b"a")}
    digests = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made = kernel_maker.made(tmp_path / f"{name}.work", signer, modules)
        digests.append(artifact.write(made, kernel_maker.about(), tmp_path / name).digest)
    assert digests[0] == digests[1]
    assert kernel_maker.make(tmp_path / "three").manifest.digest != digests[0]


@pytest.mark.parametrize("name", documents.FILES)
def test_a_changed_file_is_found(tmp_path: Path, name: str) -> None:
    kernel = kernel_maker.make(tmp_path / "kernel")
    data = bytearray(kernel.path(name).read_bytes())
    data[len(data) // 2] ^= 1
    kernel.path(name).write_bytes(bytes(data))
    assert problems(kernel.folder) == ["kernel-file-changed"]
    with pytest.raises(VerificationError) as error:
        artifact.tree_of(kernel)
    assert error.value.reference == "kernel-file-changed"


def test_a_changed_manifest_is_refused(tmp_path: Path) -> None:
    kernel = kernel_maker.make(tmp_path / "kernel")
    path = kernel.path(documents.MANIFEST)
    path.write_bytes(path.read_bytes().replace(b'"release": "6.12.1', b'"release": "6.12.2'))
    with pytest.raises(VerificationError) as error:
        artifact.read(kernel.folder)
    assert error.value.reference == "kernel-manifest-changed"


def test_a_module_of_another_key_makes_no_kernel(tmp_path: Path) -> None:
    signer = Signer()
    (tmp_path / "out").mkdir()
    made = kernel_maker.made(tmp_path / "work", signer, {"kernel/a.ko": Signer().sign(b"a")})
    with pytest.raises(VerificationError) as error:
        artifact.write(made, kernel_maker.about(), tmp_path / "out")
    assert error.value.reference == "kernel-module-foreign"


def test_an_unsigned_module_makes_no_kernel(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    made = kernel_maker.made(tmp_path / "work", Signer(), {"kernel/a.ko": b"a"})
    with pytest.raises(VerificationError) as error:
        artifact.write(made, kernel_maker.about(), tmp_path / "out")
    assert error.value.reference == "kernel-module-unsigned"


def test_a_kernel_that_loads_foreign_modules_is_found(tmp_path: Path) -> None:
    signer = Signer()
    (tmp_path / "out").mkdir()
    text = kernel_maker.finished_config().replace("CONFIG_MODULE_SIG_FORCE=y", "# CONFIG_MODULE_SIG_FORCE is not set")
    made = kernel_maker.made(tmp_path / "work", signer, {"kernel/a.ko": signer.sign(b"a")}, text)
    with pytest.raises(VerificationError) as error:
        artifact.write(made, kernel_maker.about(), tmp_path / "out")
    assert error.value.reference == "kernel-open"


def test_a_private_key_is_found(tmp_path: Path) -> None:
    signer = Signer()
    (tmp_path / "out").mkdir()
    made = kernel_maker.made(tmp_path / "work", signer, {"kernel/a.ko": signer.sign(b"a")})
    # Where two pieces of the file meet as it is read.
    made.vmlinuz.write_bytes(b"\0" * ((1 << 20) - 9) + b"-----BEGIN EC PRIVATE KEY-----\n")
    with pytest.raises(VerificationError) as error:
        artifact.write(made, kernel_maker.about(), tmp_path / "out")
    assert error.value.reference == "kernel-key-found"


def test_a_strange_file_is_found(tmp_path: Path) -> None:
    kernel = kernel_maker.make(tmp_path / "kernel")
    (kernel.folder / "signing.pem").write_text("x")
    assert problems(kernel.folder) == ["kernel-file-strange"]


def test_a_module_that_the_manifest_does_not_name_is_refused(tmp_path: Path) -> None:
    signer = Signer()
    kernel = kernel_maker.make(tmp_path / "kernel", signer)
    with tarfile.open(kernel.path(documents.MODULES), "a") as archive:
        data = signer.sign(b"more")
        header = tarfile.TarInfo(f"{FOLDER}/kernel/more.ko")
        header.size = len(data)
        archive.addfile(header, io.BytesIO(data))
    path = kernel.path(documents.MODULES)
    changed = [
        msgspec.structs.replace(f, size=path.stat().st_size, sha256=files.sha256_file(path))
        if f.path == documents.MODULES
        else f
        for f in kernel.manifest.files
    ]
    manifest = msgspec.structs.replace(kernel.manifest, files=tuple(changed))
    manifest = msgspec.structs.replace(manifest, digest=documents.digest_of(manifest))
    kernel.path(documents.MANIFEST).write_bytes(documents.encode(manifest))
    with pytest.raises(VerificationError) as error:
        artifact.tree_of(artifact.read(kernel.folder))
    assert error.value.reference == "kernel-modules-archive"


def header(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, link
    return found


@pytest.mark.parametrize(
    "entry",
    [
        header("etc/passwd"),
        header(f"{FOLDER}/../../../../etc/passwd"),
        header(f"/{FOLDER}/a"),
        header(f"{FOLDER}/link", tarfile.SYMTYPE, "/etc"),
        header(f"{FOLDER}/hard", tarfile.LNKTYPE, f"{FOLDER}/a"),
        header(f"{FOLDER}/device", tarfile.CHRTYPE),
        header(f"{FOLDER}x/a"),
    ],
    ids=lambda entry: entry.name,
)
def test_an_archive_holds_nothing_but_modules(tmp_path: Path, entry: tarfile.TarInfo) -> None:
    path = tmp_path / "modules.tar"
    with tarfile.open(path, "w") as archive:
        archive.addfile(entry, io.BytesIO(b""))
    with pytest.raises(VerificationError) as error:
        artifact.modules_tree(RELEASE, path)
    assert error.value.reference == "kernel-modules-archive"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_damaged_archive_gives_values_or_an_error(tmp_path: Path, data: st.DataObject) -> None:
    sound = tmp_path / "sound"
    if not sound.exists():
        kernel_maker.make(sound)
    raw = bytearray((sound / documents.MODULES).read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "modules.tar"
    path.write_bytes(bytes(raw[: data.draw(st.integers(0, len(raw)))]))
    try:
        tree = artifact.modules_tree(RELEASE, path)
    except VerificationError:
        return
    assert all(name.startswith(f"{FOLDER}/") for name in tree)


@given(st.binary(max_size=400))
def test_any_bytes_are_no_manifest_or_an_error(data: bytes) -> None:
    with pytest.raises(VerificationError):
        documents.decode(data)


SIGNER = Signer()
MODULE = SIGNER.sign(b"module" * 20)


def test_a_signature_is_checked(tmp_path: Path) -> None:
    certificate = signature.certificate_of(SIGNER.der)
    signature.check(MODULE, certificate)
    for changed in (b"N" + MODULE[1:], Signer().sign(b"module" * 20)):
        with pytest.raises(VerificationError) as error:
            signature.check(changed, certificate)
        assert error.value.reference == "kernel-module-foreign"


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_no_signed_module_or_an_error(data: bytes, ends: bool) -> None:
    with pytest.raises(VerificationError):
        signature.read(data + (signature.MAGIC if ends else b""))


@given(st.lists(st.tuples(st.integers(0, len(MODULE) - 1), st.integers(1, 255)), min_size=1, max_size=6))
def test_a_damaged_module_is_never_taken(changes: list[tuple[int, int]]) -> None:
    data = bytearray(MODULE)
    for place, bits in changes:
        data[place] ^= bits
    if bytes(data) == MODULE:
        return
    try:
        found = signature.read(bytes(data))
    except VerificationError:
        return
    # Bytes that no signature covers (who signed, in words) may differ; then the contents are still what was signed.
    certificate = signature.certificate_of(SIGNER.der)
    try:
        signature.check(bytes(data), certificate)
    except AdamantError:
        return
    assert found.content == b"module" * 20
