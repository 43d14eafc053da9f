"""The definition of a kernel, its fragments and its lock."""

import platform
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.kernel import build, project, toolchain
from adamant.kernel.build import require_hardened, require_wanted
from adamant.kernel.project import KernelProject, read_project
from adamant.kernel.shelf import Shelf
from adamant.model.arch import Arch
from adamant.model.errors import InputError
from adamant.model.kernel import config, definition, hardening
from adamant.model.kernel import lock as locks
from adamant.model.kernel.definition import Module, OwnKernel
from adamant.model.kernel.lock import KernelLock
from adamant.model.lock import Package, PackageSet, encode
from adamant.packages.lock import this_arch
from tests.unit.kernel_maker import finished_config

LEAST = 'kind: Kernel\nname: mine\nversion: "1"\n'


def read(tmp_path: Path, text: str) -> KernelProject:
    (tmp_path / project.DEFINITION).write_text(text)
    return read_project(tmp_path)


def refused(tmp_path: Path, text: str) -> InputError:
    with pytest.raises(InputError) as error:
        read(tmp_path, text)
    return error.value


def test_the_least_definition_has_the_rest_by_default(tmp_path: Path) -> None:
    kernel = read(tmp_path, LEAST).kernel
    assert (kernel.arch, kernel.source, kernel.fragments, kernel.modules) == (Arch.AMD64, None, (), ())


def test_the_template_is_a_definition(tmp_path: Path) -> None:
    assert read(tmp_path, project.template("mine")).kernel.name == "mine"


@pytest.mark.parametrize(
    ("more", "reference"),
    [
        ("arch: riscv64", "document-invalid"),
        ("fragments: ['adamant:none']", "kernel-fragment-unknown"),
        ("fragments: ['adamant:board']", "kernel-fragment-unknown"),
        ("fragments: [../other]", "path-not-plain"),
        ("fragments: [a, a]", "listed-twice"),
        ("fragments: [/etc/passwd]", "document-invalid"),
        ("modules: [{name: a, source: x}, {name: a, source: y}]", "listed-twice"),
        ("modules: [{name: a, source: x/../../y}]", "path-not-plain"),
        ("modules: [{name: a}]", "source-or-package"),
        ("modules: [{name: a, source: x, package: jool-dkms}]", "source-or-package"),
        (f"modules: [{{name: a, package: jool-dkms, sha256: '{'0' * 64}'}}]", "source-or-package"),
        ("modules: [{name: a, package: Jool}]", "document-invalid"),
        ("source: linux-source", "document-invalid"),
        ("flavour: cloud", "document-invalid"),
        ("accept: [{option: CONFIG_X, reason: no}]", "document-invalid"),
    ],
)
def test_what_a_definition_may_not_say(tmp_path: Path, more: str, reference: str) -> None:
    assert refused(tmp_path, f"{LEAST}{more}\n").reference == reference


def test_a_folder_without_a_definition_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read_project(tmp_path)
    assert error.value.reference == "kernel-definition-missing"


def test_a_fragment_lies_over_adamants_config(tmp_path: Path) -> None:
    (tmp_path / "more.config").write_text("# mine\nCONFIG_XFS_FS=y\n# CONFIG_ZRAM is not set\n")
    wanted = config.merge(project.fragments(read(tmp_path, f"{LEAST}fragments: [more.config]\n")))
    assert wanted["XFS_FS"] == ("y", "more.config")
    assert wanted["ZRAM"] == ("n", "more.config")
    assert wanted["EROFS_FS"] == ("y", "common.config")
    assert wanted["LOCALVERSION"] == ('"-mine-1"', project.DEFINITION)


@pytest.mark.parametrize(
    "line",
    [
        "# CONFIG_MODULE_SIG_FORCE is not set",
        "CONFIG_MODULE_FORCE_LOAD=y",
        'CONFIG_MODULE_SIG_KEY="mine.pem"',
        'CONFIG_SYSTEM_TRUSTED_KEYS="mine.pem"',
        "CONFIG_SECONDARY_TRUSTED_KEYRING=y",
        'CONFIG_LOCALVERSION="-other"',
        "CONFIG_DEVMEM=y",
    ],
)
def test_a_fragment_opens_no_kernel(tmp_path: Path, line: str) -> None:
    (tmp_path / "more.config").write_text(line + "\n")
    found = read(tmp_path, f"{LEAST}fragments: [more.config]\n")
    with pytest.raises(InputError) as error:
        project.fragments(found)
    assert error.value.reference == "kernel-fragment-reserved"


@pytest.mark.parametrize("line", ["XFS_FS=y", "CONFIG_XFS_FS", "CONFIG_XFS_FS=yes", "config_xfs=y", "CONFIG_X=y # why"])
def test_what_is_no_line_of_a_config_is_refused_with_its_number(line: str) -> None:
    with pytest.raises(InputError) as error:
        config.parse(f"# first\n{line}\n", "more.config")
    assert error.value.reference == "kconfig-malformed"
    assert "more.config, line 2" in error.value.message


@given(st.text(max_size=200))
def test_any_text_is_a_fragment_or_an_error(text: str) -> None:
    try:
        found = config.parse(text, "x")
    except InputError:
        return
    assert config.parse("".join(config.line(o, v) + "\n" for o, v in found.options.items()), "x") == found


def test_lines_that_did_not_come_through_are_named() -> None:
    wanted = config.merge([config.parse("CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D=8\n", "more.config")])
    final = config.parse("CONFIG_A=y\nCONFIG_C=y\nCONFIG_D=4\n", ".config").options
    with pytest.raises(InputError) as error:
        require_wanted(wanted, final)
    assert error.value.reference == "kernel-config-missing"
    assert error.value.context.splitlines() == [
        "CONFIG_B=m (more.config): the config has # CONFIG_B is not set",
        "# CONFIG_C is not set (more.config): the config has CONFIG_C=y",
        "CONFIG_D=8 (more.config): the config has CONFIG_D=4",
    ]
    require_wanted({k: v for k, v in wanted.items() if k == "A"}, final)


@pytest.mark.parametrize("arch", list(Arch))
def test_adamants_own_config_follows_the_table_but_where_it_says_why(arch: Arch) -> None:
    options = {option: value for option, (value, _) in config.merge(project.own_configs(arch)).items()}
    for ask in hardening.asks(arch):
        if ask.option in options and options[ask.option] not in ask.values:
            assert ask.off, ask.option
    judged = hardening.judge(arch, config.parse(finished_config(arch), ".config").options)
    assert hardening.missing(judged) == []


@pytest.mark.parametrize("arch", list(Arch))
def test_every_row_stands_once_and_no_required_one_is_off(arch: Arch) -> None:
    rows = hardening.asks(arch)
    names = [ask.option for ask in rows]
    assert len(set(names)) == len(names)
    assert not [ask.option for ask in rows if ask.required and ask.off]
    assert {ask.option for ask in rows if ask.required} == set(hardening.required())


def test_what_both_architectures_have_stands_in_the_common_config() -> None:
    common, one = (fragment.options for fragment in project.own_configs(Arch.AMD64))
    also, other = (fragment.options for fragment in project.own_configs(Arch.ARM64))
    assert common == also
    assert not common.keys() & (one.keys() | other.keys())
    assert {option: (one[option], other[option]) for option in one.keys() & other.keys()} == {
        "ARCH_MMAP_RND_BITS": ("32", "33"),
        "KEXEC_FILE": ("y", "n"),
        "KVM": ("m", "y"),
    }


@pytest.mark.parametrize("arch", list(Arch))
def test_fragments_of_adamants_own_lie_over_its_config_like_a_persons(tmp_path: Path, arch: Arch) -> None:
    (tmp_path / "adamant:server").write_text("CONFIG_TIGON3=y\n")
    (tmp_path / "more.config").write_text("# CONFIG_TIGON3 is not set\n")
    text = f"{LEAST}arch: {arch.value}\nfragments: ['adamant:server', more.config]\n"
    found = read(tmp_path, text)
    wanted = config.merge(project.fragments(found))
    assert wanted["MEGARAID_SAS"] == ("y", "adamant:server")
    assert wanted["TIGON3"] == ("n", "more.config")
    assert ("EDAC_GHES" in wanted, "EDAC_AMD64" in wanted) == (arch is Arch.ARM64, arch is Arch.AMD64)


def test_every_shipped_fragment_is_there_and_opens_no_kernel(tmp_path: Path) -> None:
    for name, arches in definition.FRAGMENTS.items():
        for arch in arches:
            found = read(tmp_path, f"{LEAST}arch: {arch.value}\nfragments: ['{name}']\n")
            assert len(project.fragments(found)) == 4
    files = {
        f"{part}.config" for arches in definition.FRAGMENTS.values() for parts in arches.values() for part in parts
    }
    there = {p.name for p in (Path(project.__file__).parent / "data/config").iterdir()}
    assert there == files | {"common.config"} | {f"{arch.value}.config" for arch in Arch}


def test_a_row_that_is_not_met_needs_a_reason_and_a_required_one_has_none() -> None:
    text = finished_config().replace("# CONFIG_USERFAULTFD is not set", "CONFIG_USERFAULTFD=y")
    final = config.parse(text, ".config").options
    with pytest.raises(InputError) as error:
        require_hardened(Arch.AMD64, final, {})
    assert error.value.reference == "kernel-hardening"
    assert "USERFAULTFD" in error.value.context
    require_hardened(Arch.AMD64, final, {"USERFAULTFD": "machines move"})
    states = {j.ask.option: j for j in hardening.judge(Arch.AMD64, final, {"USERFAULTFD": "machines move"})}
    assert states["USERFAULTFD"].state is hardening.State.ACCEPTED
    assert states["USERFAULTFD"].reason == "machines move"
    open_ = dict(final) | {"MODULE_SIG_FORCE": "n"}
    with pytest.raises(InputError):
        require_hardened(Arch.AMD64, open_, {"USERFAULTFD": "machines move", "MODULE_SIG_FORCE": "mine"})


def package(name: str) -> Package:
    return Package(name, "1", "amd64", "linux", "1", "trixie", f"pool/{name}.deb", 1, "0" * 64)


def lock_of(kernel: OwnKernel, *names: str) -> KernelLock:
    request = toolchain.request_identity(kernel)
    return KernelLock(PackageSet(this_arch(), request, (), tuple(package(name) for name in names)))


def test_a_lock_is_read_as_it_was_written_and_names_the_source() -> None:
    lock = lock_of(OwnKernel(name="mine", version="1"), "gcc", "linux-source", "linux-source-6.12")
    assert locks.decode(encode(lock)) == lock
    assert locks.source(lock).name == "linux-source-6.12"
    assert locks.package(lock, "gcc").name == "gcc"
    with pytest.raises(InputError) as error:
        locks.package(lock, "jool-dkms")
    assert error.value.reference == "kernel-package-missing"


def test_a_lock_of_another_source_or_toolchain_is_stale() -> None:
    kernel = OwnKernel(name="mine", version="1")
    lock = lock_of(kernel, "linux-source-6.12")
    assert not toolchain.is_stale(lock, kernel)
    assert not toolchain.is_stale(lock, msgspec.structs.replace(kernel, version="2", fragments=("a",)))
    assert toolchain.is_stale(lock, msgspec.structs.replace(kernel, source="linux-source-6.18"))
    assert not toolchain.is_stale(lock, msgspec.structs.replace(kernel, modules=(Module("a", "folder"),)))
    assert toolchain.is_stale(lock, msgspec.structs.replace(kernel, modules=(Module("a", package="jool-dkms"),)))


def test_a_lock_of_another_computer_is_stale_and_a_build_says_what_to_do(tmp_path: Path) -> None:
    found = read(tmp_path, LEAST)
    other = next(arch for arch in Arch if arch is not this_arch())
    lock = lock_of(found.kernel, "linux-source-6.12")
    theirs = msgspec.structs.replace(lock, toolchain=msgspec.structs.replace(lock.toolchain, arch=other))
    found.lock_path.write_bytes(encode(theirs))
    with pytest.raises(InputError) as error:
        build.build(found, Shelf(tmp_path / "shelf"), tmp_path / "cache")
    assert error.value.reference == "kernel-lock-stale"
    assert f"its compiler runs on {other}, this computer is {this_arch()}" in error.value.message
    assert "adamant kernel lock" in error.value.hint


@pytest.mark.parametrize(
    ("host", "target", "more", "environment"),
    [
        ("x86_64", Arch.AMD64, set(), {}),
        ("aarch64", Arch.ARM64, {"bsdextrautils"}, {}),
        (
            "x86_64",
            Arch.ARM64,
            {"bsdextrautils", "gcc-aarch64-linux-gnu", "binutils-aarch64-linux-gnu"},
            {"ARCH": "arm64", "CROSS_COMPILE": "aarch64-linux-gnu-"},
        ),
        (
            "aarch64",
            Arch.AMD64,
            {"gcc-x86-64-linux-gnu", "binutils-x86-64-linux-gnu"},
            {"ARCH": "x86", "CROSS_COMPILE": "x86_64-linux-gnu-"},
        ),
    ],
)
def test_a_kernel_for_another_architecture_takes_a_compiler_more(
    monkeypatch: pytest.MonkeyPatch, host: str, target: Arch, more: set[str], environment: dict[str, str]
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: host)
    kernel = OwnKernel(name="mine", version="1", arch=target)
    assert set(toolchain.request(kernel)) - {*toolchain.TOOLCHAIN, toolchain.SOURCE} == more
    assert build.environment(kernel) == environment


@given(st.binary(max_size=200))
def test_any_bytes_are_no_lock_or_an_error(data: bytes) -> None:
    with pytest.raises(InputError):
        locks.decode(data)


def test_a_lock_without_a_source_is_refused() -> None:
    with pytest.raises(InputError) as error:
        locks.source(lock_of(OwnKernel(name="mine", version="1"), "gcc"))
    assert error.value.reference == "kernel-source-missing"
