"""The locked toolchain in its sandbox: the real config, own modules, a key that nothing outside ever sees.

A whole kernel takes too long for every run: tests/vm/test_own_kernel.py builds one, by hand.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec.structs import replace as replace_struct

from adamant.core import events, files, proc
from adamant.kernel import artifact, making, objects, packaged, project, sandbox, signature, toolchain
from adamant.kernel.build import TARGETS, build, environment, require_hardened, require_wanted
from adamant.kernel.objects import Reuse
from adamant.kernel.packaged import Packaged
from adamant.kernel.progress import Progress
from adamant.kernel.project import KernelProject
from adamant.kernel.sandbox import Place
from adamant.model.arch import NAMES, Arch
from adamant.model.digest import Sha256
from adamant.model.errors import AdamantError, InputError
from adamant.model.kernel import config
from adamant.model.kernel import lock as locks
from adamant.model.kernel.config import Fragment
from adamant.model.kernel.definition import FRAGMENTS, Module, OwnKernel
from adamant.model.kernel.dkms import Conf
from adamant.model.kernel.lock import KernelLock
from adamant.packages import fetch, tools
from adamant.packages.lock import this_arch
from adamant.packages.tools import ToolsTree
from tests.image.conftest import COMMAND, require_program
from tests.tool.small_kernel import SmallKernel, small_kernel

pytestmark = pytest.mark.tool

OURS = this_arch()
OTHER = next(arch for arch in Arch if arch is not OURS)

DATA = Path(project.__file__).parent / "data" / "recipe"
PACKAGES = ("dm-writeboost-dkms", "jool-dkms", "openvpn-dco-dkms", "v4l2loopback-dkms", "xtables-addons-dkms")
"""Of Debian's: they say what to make in four ways, and one of them by conditions of a shell."""
MODULE = Path(__file__).parents[1] / "vm" / "kernel" / "greeting"
KEY = """
openssl req -new -nodes -utf8 -sha512 -days 1 -batch -x509 -subj /CN=test -newkey ec \\
    -pkeyopt ec_paramgen_curve:secp384r1 -outform PEM -out /key/key.pem -keyout /key/key.pem 2>/dev/null
openssl x509 -in /key/key.pem -outform DER -out /out/signing.x509
"""


@pytest.fixture(scope="module")
def lock(cache: Path) -> KernelLock:
    """The toolchain of the other architecture's kernels, which holds the one of ours."""
    modules = tuple(Module(name.removesuffix("-dkms"), package=name) for name in PACKAGES)
    return toolchain.make_lock(OwnKernel(name="mine", version="1", arch=OTHER, modules=modules), cache)


@pytest.fixture(scope="module")
def compiler(lock: KernelLock, cache: Path) -> ToolsTree:
    return tools.open_tools(lock.toolchain, cache)


@pytest.fixture(scope="module")
def work(lock: KernelLock, compiler: ToolsTree, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source, with Adamant's own config made."""
    home = tmp_path_factory.mktemp("kernel")
    for name in ("src", "obj"):
        (home / name).mkdir()
    write_wanted(home, project.own_configs(OURS))
    source = f"/usr/src/{locks.source(lock).name}.tar.xz"
    places = [Place(home / "src", "/src", True), Place(home / "obj", "/obj", True), Place(home / "wanted", "/wanted")]
    command = ["sh", "/recipe/configure.sh", source, *TARGETS[OURS].configs]
    proc.run("configure", sandbox.argv(compiler, [*places, Place(DATA, "/recipe")], command))
    return home


def write_wanted(home: Path, fragments: list[Fragment]) -> None:
    lines = (config.line(option, value) + "\n" for option, (value, _) in config.merge(fragments).items())
    (home / "wanted").write_text("".join(lines))


def inside(compiler: ToolsTree, script: str, *places: Place, memory: dict[str, int] | None = None) -> proc.Result:
    argv = sandbox.argv(compiler, places, ["sh", "-euc", script], memory=memory or {}, seconds=300)
    return proc.run("run a script", argv, check=False)


def test_the_sandbox_has_no_network_and_sees_nothing_of_this_computer(compiler: ToolsTree, tmp_path: Path) -> None:
    sandbox.require(compiler)
    script = "ls / /tmp; ls /sys/class/net /home /root || true; cat /proc/net/dev; touch /usr/x || echo readonly"
    found = inside(compiler, script).stdout.decode()
    assert set(found.split("\n\n")[0].split()) >= {"usr", "proc", "dev", "tmp", "links"}
    assert "readonly" in found
    devices = [line.split(":")[0].strip() for line in found.splitlines() if ":" in line and "|" not in line]
    assert "eth0" not in devices
    assert "ls: cannot access '/home'" in found


def test_adamants_own_config_comes_through_and_is_hardened(work: Path) -> None:
    final = config.parse((work / "obj/.config").read_text(), ".config").options
    wanted = config.merge(project.own_configs(OURS))
    require_wanted(wanted, final)
    require_hardened(OURS, final, {})
    more = Fragment("mine.config", {"SCHED_STACK_END_CHECK": "m", "NO_SUCH_OPTION": "y"})
    with pytest.raises(InputError) as error:
        require_wanted(config.merge([*project.own_configs(OURS), more]), final)
    assert len(error.value.context.splitlines()) == 2


@pytest.mark.parametrize(
    ("arch", "fragment"),
    [(OTHER, ""), *((arch, name) for name, arches in FRAGMENTS.items() for arch in arches)],
)
def test_what_adamant_ships_comes_through_for_each_architecture(
    compiler: ToolsTree, work: Path, tmp_path: Path, arch: Arch, fragment: str
) -> None:
    kernel = OwnKernel(name="mine", version="1", arch=arch, fragments=(fragment,) if fragment else ())
    fragments = project.fragments(KernelProject(tmp_path, kernel))
    write_wanted(tmp_path, fragments)
    (tmp_path / "obj").mkdir()
    places = [Place(work / "src", "/src"), Place(tmp_path / "obj", "/obj", True), Place(tmp_path / "wanted", "/wanted")]
    # the recipe, but for the source, which is there
    script = 'grep -v ^tar /recipe/configure.sh > /tmp/configure.sh; sh /tmp/configure.sh "$@"'
    command = ["sh", "-euc", script, "sh", "none", *TARGETS[arch].configs]
    argv = sandbox.argv(compiler, [*places, Place(DATA, "/recipe")], command, environment=environment(kernel))
    proc.run("configure", argv)
    final = config.parse((tmp_path / "obj/.config").read_text(), ".config").options
    require_wanted(config.merge(fragments), final)
    require_hardened(arch, final, {})


def test_an_own_module_is_built_and_signed_and_the_key_is_gone(compiler: ToolsTree, work: Path) -> None:
    modules, out = work / "modules", work / "out"
    shutil.copytree(MODULE, modules / "greeting")
    out.mkdir()
    empty = work / "objects"
    empty.mkdir()
    script = f"""
make -C /src O=/obj -j2 modules_prepare
mkdir -p /obj/certs
export KBUILD_MODPOST_WARN=1
sh /recipe/apart.sh /modules/greeting /obj "make -C /obj M=/modules/greeting modules"
{KEY}
cp /modules/greeting/adamant_greeting.ko /out/greeting.ko
/obj/scripts/sign-file sha512 /key/key.pem /out/signing.x509 /out/greeting.ko
perl /recipe/search.pl /key/key.pem /key /out /modules
"""
    places = [Place(work / "src", "/src"), Place(work / "obj", "/obj", True), Place(DATA, "/recipe")]
    places += [Place(modules, "/modules", True), Place(out, "/out", True), Place(empty, "/objects")]
    ran = inside(compiler, script, *places, memory={"/key": 1 << 20})
    assert ran.code == 0, ran.stdout.decode()[-3000:]
    assert "0 have it" in ran.stdout.decode()
    certificate = signature.certificate_of((out / "signing.x509").read_bytes())
    module = (out / "greeting.ko").read_bytes()
    signature.check(module, certificate)
    assert signature.read(module).content == (modules / "greeting/adamant_greeting.ko").read_bytes()
    assert not list(work.rglob("key.pem"))
    # Another build makes another key: what it signs is foreign to this one.
    again = inside(compiler, KEY + "cat /key/key.pem > /dev/null", Place(out, "/out", True), memory={"/key": 1 << 20})
    assert again.code == 0
    with pytest.raises(Exception, match="kernel-module-foreign"):
        signature.check(module, signature.certificate_of((out / "signing.x509").read_bytes()))


def test_what_the_source_of_a_module_runs_does_not_see_the_key(compiler: ToolsTree, work: Path, tmp_path: Path) -> None:
    """Neither when it is built nor when it is installed and signed: the lines are those of data/recipe/compile.sh."""
    for name in ("modules", "objects", "out"):
        (tmp_path / name).mkdir()
    shutil.copytree(MODULE, tmp_path / "modules/greeting")
    with (tmp_path / "modules/greeting/Kbuild").open("a") as makefile:
        makefile.write("$(shell ls -A /obj/certs /objects >> /modules/greeting/seen; echo >> /modules/greeting/ran)\n")
    recipe = (DATA / "compile.sh").read_text()
    lines = recipe[recipe.index("    sh /recipe/apart.sh") : recipe.index("done\ncp ")]
    script = f"""
[ -x /obj/scripts/sign-file ] || make -C /src O=/obj -j2 modules_prepare
{KEY.replace("/key/key.pem", "/obj/certs/signing_key.pem").replace("/out/signing.x509", "/obj/certs/signing_key.x509")}
touch /objects/kept
export KBUILD_MODPOST_WARN=1
jobs=1
name=greeting
{lines}
find /out/root -name '*.ko' | grep -q /updates/greeting/
"""
    places = [Place(work / "src", "/src"), Place(work / "obj", "/obj", True), Place(DATA, "/recipe")]
    places += [Place(tmp_path / name, f"/{name}", True) for name in ("modules", "objects", "out")]
    ran = inside(compiler, script, *places, memory={"/obj/certs": 1 << 20})
    assert ran.code == 0, ran.stdout.decode()[-3000:]
    assert (tmp_path / "modules/greeting/ran").read_text()
    seen = (tmp_path / "modules/greeting/seen").read_text()
    assert "signing_key" not in seen
    assert "kept" not in seen


def compile_some(compiler: ToolsTree, work: Path, lock: KernelLock, home: Path, options: str = "") -> Reuse:
    """Compile what holds the certificate, and two files that do not, as compile.sh would, with a key of their own.

    `home` has the folders `objects`, which a later call may have too, and `out`, which gets what was compiled.
    """
    script = f"""
[ -x /obj/scripts/sign-file ] || make -C /src O=/obj -j2 modules_prepare
rm -f /obj/lib/argv_split.o /obj/lib/uuid.o /obj/certs/*.o /obj/objects.log
sh /recipe/reusing.sh make -C /src O=/obj {options} certs/system_certificates.o lib/argv_split.o lib/uuid.o
cp /obj/certs/signing_key.x509 /obj/certs/system_certificates.o /obj/lib/argv_split.o /obj/lib/uuid.o /out
cp /obj/certs/signing_key.pem /out/key.pem
perl /recipe/search.pl /obj/certs/signing_key.pem /obj/certs /obj /objects
"""
    for name in ("objects", "out"):
        (home / name).mkdir(exist_ok=True)
    places = [Place(work / "src", "/src"), Place(work / "obj", "/obj", True), Place(DATA, "/recipe")]
    places += [objects.place(home / "objects"), Place(home / "out", "/out", True)]
    argv = sandbox.argv(
        compiler,
        places,
        ["sh", "-euc", script],
        memory={"/obj/certs": 1 << 24},
        environment=objects.environment(lock),
    )
    proc.run("compile some", argv)
    return objects.reuse(work / "obj")


def test_objects_serve_again_and_none_holds_a_key_or_a_certificate(
    compiler: ToolsTree, work: Path, lock: KernelLock, tmp_path: Path
) -> None:
    def made(name: str) -> bytes:
        return (tmp_path / "out" / name).read_bytes()

    first = compile_some(compiler, work, lock, tmp_path)
    assert (first.reused, first.compiled >= 2) == (0, True)
    before = {name: made(name) for name in ("argv_split.o", "uuid.o", "signing_key.x509", "key.pem")}
    second = compile_some(compiler, work, lock, tmp_path)
    assert second.reused == first.compiled
    assert second.compiled == 0
    for name in ("argv_split.o", "uuid.o"):
        assert made(name) == before[name]
    for name in ("signing_key.x509", "key.pem"):
        assert made(name) != before[name]
    assert made("signing_key.x509") in made("system_certificates.o")
    assert before["signing_key.x509"] not in made("system_certificates.o")
    kept = b"".join(p.read_bytes() for p in (tmp_path / "objects").rglob("*") if p.is_file())
    assert made("uuid.o") in kept, "ccache packs what it keeps, so nobody can search it"
    for secret in (before["key.pem"], made("key.pem"), before["signing_key.x509"], made("signing_key.x509")):
        assert secret not in kept


def test_no_object_of_another_compiler_or_other_options_is_taken(
    compiler: ToolsTree, work: Path, lock: KernelLock, tmp_path: Path
) -> None:
    compile_some(compiler, work, lock, tmp_path)
    assert compile_some(compiler, work, lock, tmp_path, "KCFLAGS=-DMINE").compiled >= len(("argv_split.o", "uuid.o"))
    packages = [p for p in lock.toolchain.packages if p.source != "isl"]
    other = replace_struct(lock, toolchain=replace_struct(lock.toolchain, packages=tuple(packages)))
    assert compile_some(compiler, work, other, tmp_path).reused == 0


@pytest.fixture(scope="module")
def sources(lock: KernelLock, cache: Path) -> dict[str, Packaged]:
    """What the packages ship."""
    packages = [locks.package(lock, name) for name in PACKAGES]
    debs = fetch.fetch(packages, cache)
    return {p.name: packaged.read(p, debs[Sha256(p.sha256)]) for p in packages}


def conf_of(found: Packaged, release: str = "6.12.1-mine-1") -> Conf:
    return packaged.conf_of(found, "/modules/mine", "/obj", release, NAMES[OURS].kernel)


def test_what_debians_packages_want_to_be_made_is_read(sources: dict[str, Packaged]) -> None:
    assert conf_of(sources["dm-writeboost-dkms"]).make == "make all KERNEL_TREE=/obj V=1"
    jool = conf_of(sources["jool-dkms"])
    assert jool.modules == ("src/mod/common/jool_common", "src/mod/nat64/jool", "src/mod/siit/jool_siit")
    assert f"make -C /obj M=/modules/mine/jool/{jool.version}/build/src/mod/siit modules" in jool.make
    dco = conf_of(sources["openvpn-dco-dkms"])
    assert dco.make == f"make VER=6.12.1-mine-1 KERNEL_SRC=/obj REVISION={dco.version}"
    tables = conf_of(sources["xtables-addons-dkms"])
    assert f"XA_TOPSRCDIR=/modules/mine/xtables-addons/{tables.version}/build" in tables.make.split()
    assert "extensions/ACCOUNT/xt_ACCOUNT" in tables.modules
    with pytest.raises(InputError) as error:
        conf_of(sources["v4l2loopback-dkms"])
    assert error.value.reference == "kernel-dkms-conf"
    assert error.value.context.endswith("if [ -f $kernel_source_dir/.config ]; then")


def test_a_package_says_for_which_kernels_it_is(sources: dict[str, Packaged], compiler: ToolsTree) -> None:
    found = sources["dm-writeboost-dkms"]
    conf = replace(
        conf_of(found), kernel=r"^6\.1[0-9]\.", arch="x86.*|arm64", config=("CONFIG_MD", "!CONFIG_PREEMPT_RT")
    )
    packaged.require_fitting(found, conf, "6.12.1-mine-1", "x86_64", {"MD": "y"}, compiler)
    for release, machine, options in (
        ("6.9.1-mine-1", "x86_64", {"MD": "y"}),
        ("6.12.1-mine-1", "riscv64", {"MD": "y"}),
        ("6.12.1-mine-1", "x86_64", {"MD": "n"}),
        ("6.12.1-mine-1", "x86_64", {"MD": "m", "PREEMPT_RT": "y"}),
    ):
        with pytest.raises(InputError) as error:
            packaged.require_fitting(found, conf, release, machine, options, compiler)
        assert error.value.reference == "kernel-dkms-excluded"
        assert len(error.value.context.splitlines()) == 1


def make_package(found: Packaged, conf: Conf, compiler: ToolsTree, work: Path, out: Path) -> tuple[proc.Result, Path]:
    """Run data/recipe/packaged.sh with a key in memory, on a kernel that is configured and not built."""
    home = out / "home"
    places = [Place(work / "src", "/src"), Place(work / "obj", "/obj", True), Place(DATA, "/recipe")]
    for name in ("modules", "orders", "out", "objects"):
        (home / name).mkdir(parents=True)
        places.append(Place(home / name, f"/{name}", name != "orders"))
    packaged.stage(found, conf, "mine", home / "modules", home / "orders")
    script = f"""
[ -x /obj/scripts/sign-file ] || make -C /src O=/obj -j2 modules_prepare
{KEY.replace("/key/key.pem", "/obj/certs/signing_key.pem").replace("/out/signing.x509", "/obj/certs/signing_key.x509")}
cp /obj/certs/signing_key.x509 /out/signing.x509
export KBUILD_MODPOST_WARN=1
sh /recipe/packaged.sh 2 mine
perl /recipe/search.pl /obj/certs/signing_key.pem /obj/certs /out /modules
"""
    return inside(compiler, script, *places, memory={"/obj/certs": 1 << 20}), home


@pytest.mark.parametrize("name", [pytest.param("jool-dkms", marks=pytest.mark.long), "openvpn-dco-dkms"])
def test_the_modules_of_a_package_are_built_and_signed(
    sources: dict[str, Packaged], compiler: ToolsTree, work: Path, tmp_path: Path, name: str
) -> None:
    release = (work / "obj/release").read_text().strip()
    conf = conf_of(sources[name], release)
    ran, home = make_package(sources[name], conf, compiler, work, tmp_path)
    assert ran.code == 0, ran.stdout.decode()[-3000:]
    certificate = signature.certificate_of((home / "out/signing.x509").read_bytes())
    made = home / "out/root/lib/modules" / release / "updates/mine"
    assert {p.name for p in made.iterdir()} == {f"{Path(m).name}.ko" for m in conf.modules}
    for module in made.iterdir():
        signature.check(module.read_bytes(), certificate)


def test_what_a_package_runs_neither_sees_the_key_nor_changes_the_build(
    sources: dict[str, Packaged], compiler: ToolsTree, work: Path, tmp_path: Path
) -> None:
    found = sources["dm-writeboost-dkms"]
    command = """
python3 -c 'import ctypes; print("umount", ctypes.CDLL(None).umount2(b"/obj/certs", 2))'
ls -A /obj/certs
for process in /proc/[0-9]*; do ls -A $process/root/obj/certs/; done
touch mine /obj/mine /out/mine /objects/mine
exit 1
"""
    ran, home = make_package(found, replace(conf_of(found), make=command), compiler, work, tmp_path)
    said = ran.stdout.decode()
    assert ran.code == 1
    assert "umount -1" in said
    assert "/root/obj/certs/': Permission denied" in said
    assert "signing_key.pem" not in said.split("umount -1")[1]
    assert not (work / "obj/mine").exists()
    assert not (home / "out/mine").exists()
    assert not (home / "objects/mine").exists()
    assert len(list(home.glob("modules/mine/*/*/build/mine"))) == 1


@pytest.fixture
def small(cache: Path, lock: KernelLock, compiler: ToolsTree, work: Path) -> Iterator[SmallKernel]:
    """The definition of a kernel that is built in seconds."""
    final = config.parse((work / "obj/.config").read_text(), ".config").options
    with small_kernel(cache, lock, compiler, work / "src", final) as found:
        yield found


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_build_has_its_key_in_memory_only_and_leaves_none_when_it_ends_early(
    small: SmallKernel, number: signal.Signals, code: int
) -> None:
    argv = [*COMMAND, "kernel", "build", str(small.project.folder)]
    ours = subprocess.Popen(argv, env=small.environment, stderr=subprocess.PIPE)
    while small.work is None or not (small.work / "obj/certs-are").exists():
        assert ours.poll() is None, ours.communicate()
        time.sleep(0.05)
    assert (small.work / "obj/certs-are").read_text() == "tmpfs\n"
    assert list((small.work / "obj/certs").iterdir()) == []
    ours.send_signal(number)
    ours.communicate()
    assert ours.returncode == code
    assert (small.work is None) is (number is signal.SIGINT)
    left = [path for path in (small.cache / "kernels").rglob("*") if path.is_file()]
    assert not [path for path in left if b"BEGIN PRIVATE KEY" in path.read_bytes()]
    assert small.shelf.kernels() == ()


def at_the_key(small: SmallKernel, do: Callable[[Path], object]) -> events.Watch:
    """A watch that calls `do` with the work folder once the key is there, and lets the build go on."""

    def watch(event: events.Event) -> None:
        if isinstance(event, events.Advanced) and event.detail.endswith("signing_key.pem"):
            assert small.work is not None
            do(small.work)
            (small.work / "obj/go").touch()

    return watch


def test_the_next_build_removes_what_a_killed_one_left(small: SmallKernel) -> None:
    left = small.cache / "kernels/.build.left"
    (left / "obj").mkdir(parents=True)
    seen: list[bool] = []
    built = build(small.project, small.shelf, small.cache, at_the_key(small, lambda _: seen.append(left.exists())))
    assert seen == [False]
    assert small.work is None
    assert artifact.verify(built.kernel).modules == 1
    again = build(small.project, small.shelf, small.cache)
    assert (again.kernel, again.reused) == (built.kernel, True)


def test_a_build_takes_the_objects_of_the_one_before_unless_it_is_to_be_fresh(small: SmallKernel) -> None:
    made = []
    for version, fresh in (("1", False), ("2", True), ("3", False)):
        other = KernelProject(small.project.folder, replace_struct(small.project.kernel, version=version))
        built = build(other, small.shelf, small.cache, at_the_key(small, lambda _: None), fresh=fresh)
        made.append(built.objects)
    assert made == [Reuse(0, 1), Reuse(0, 1), Reuse(1, 0)]


def test_nothing_is_kept_of_a_build_whose_key_got_out(small: SmallKernel) -> None:
    watch = at_the_key(small, lambda work: (work / "obj/leaking").touch())
    with pytest.raises(AdamantError) as error:
        build(small.project, small.shelf, small.cache, watch)
    assert error.value.reference == "kernel-key-leaked"
    assert small.work is None
    assert small.shelf.kernels() == ()


@pytest.mark.parametrize(
    "leak", ["cp /key/key.pem /out/leak", "openssl pkey -in /key/key.pem -outform DER -out /out/leak"]
)
def test_a_key_in_a_file_is_found(compiler: ToolsTree, tmp_path: Path, leak: str) -> None:
    script = f"{KEY}\n{leak}\nperl /recipe/search.pl /key/key.pem /key /out"
    ran = inside(compiler, script, Place(tmp_path, "/out", True), Place(DATA, "/recipe"), memory={"/key": 1 << 20})
    assert ran.code == 3
    assert "the key is in /out/leak" in ran.stdout.decode()


def test_a_compiler_that_fails_says_what_it_said(compiler: ToolsTree, tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("all:\n\t@echo '  CC      mine.o'\n\tgcc -c /out/mine.c -o /tmp/mine.o\n")
    (tmp_path / "mine.c").write_text("int x = nothing;\n")
    progress = Progress(10)
    argv = sandbox.argv(compiler, [Place(tmp_path, "/out")], ["make", "-C", "/out"])
    with pytest.raises(AdamantError) as error:
        making.run("build the kernel", argv, progress)
    assert error.value.reference == "kernel-build-failed"
    assert "mine.c:1:9: error: 'nothing' undeclared" in error.value.context
    assert "CC      mine.o" not in error.value.context
    assert progress.done == 1


def test_a_compiler_that_is_missing_is_told(compiler: ToolsTree, tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("all:\n\tno-such-compiler -c mine.c\n")
    argv = sandbox.argv(compiler, [Place(tmp_path, "/out")], ["make", "-C", "/out"])
    with pytest.raises(AdamantError, match="a program that it needs is missing") as error:
        making.run("build the kernel", argv, Progress(10))
    assert "no-such-compiler" in error.value.context


@pytest.mark.skipif(os.geteuid() != 0, reason="file systems are mounted by root")
def test_a_build_that_fills_the_disk_says_so(compiler: ToolsTree, tmp_path: Path) -> None:
    require_program("mount", "mount")
    (tmp_path / "Makefile").write_text("all:\n\thead -c 8388608 /dev/zero > /small/out\n")
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", small], check=True)
    try:
        places = [Place(tmp_path, "/out"), Place(small, "/small", True)]
        argv = sandbox.argv(compiler, places, ["make", "-C", "/out"])
        with pytest.raises(AdamantError) as error, files.telling_full_disks(small):
            making.run("build the kernel", argv, Progress(10))
        assert error.value.reference == "disk-full"
    finally:
        subprocess.run(["umount", "--lazy", small], check=True)


@pytest.mark.parametrize(("code", "reference"), [(3, "kernel-key-leaked"), (4, "kernel-build-failed")])
def test_the_search_of_the_key_has_an_error_of_its_own(compiler: ToolsTree, code: int, reference: str) -> None:
    argv = sandbox.argv(compiler, [], ["sh", "-c", f"echo the key is in /out/vmlinuz; exit {code}"])
    with pytest.raises(AdamantError) as error:
        making.run("build the kernel", argv, Progress(10))
    assert error.value.reference == reference
    assert error.value.context == "the key is in /out/vmlinuz"


def test_a_build_that_takes_too_long_or_is_ended_says_so(compiler: ToolsTree) -> None:
    with pytest.raises(AdamantError, match="did not end within"):
        making.run("build the kernel", sandbox.argv(compiler, [], ["sleep", "60"], seconds=1), Progress(10))
    with pytest.raises(AdamantError, match="ended by a signal"):
        making.run("build the kernel", sandbox.argv(compiler, [], ["sh", "-c", "kill -9 $$"]), Progress(10))


def test_a_kernel_that_trusts_another_certificate_is_found(compiler: ToolsTree, tmp_path: Path) -> None:
    (tmp_path / "vmlinux").write_bytes(b"kernel certificate code")
    (tmp_path / "mine").write_bytes(b"certificate")
    (tmp_path / "other").write_bytes(b"another")
    places = [Place(tmp_path, "/out"), Place(DATA, "/recipe")]
    codes = [inside(compiler, f"perl /recipe/holds.pl /out/vmlinux /out/{n}", *places).code for n in ("mine", "other")]
    assert codes == [0, 4]


def test_a_build_that_is_killed_leaves_no_key_and_no_process(compiler: ToolsTree, tmp_path: Path) -> None:
    places = [Place(tmp_path, "/out", True)]
    script = f"{KEY}\ntouch /out/ready; exec sleep 4242"
    argv = sandbox.argv(compiler, places, ["sh", "-euc", script], memory={"/out/certs": 1 << 20, "/key": 1 << 20})
    ours = proc.spawn("run a build that is killed", argv, log=tmp_path.parent / "log")
    while not (tmp_path / "ready").exists():
        time.sleep(0.05)
    os.kill(ours, signal.SIGKILL)
    while sleepers():
        time.sleep(0.05)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["certs", "ready", "signing.x509"]
    assert list((tmp_path / "certs").iterdir()) == []


def sleepers() -> list[str]:
    found = []
    for place in Path("/proc").iterdir():
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            continue
        if words[:2] == [b"sleep", b"4242"]:
            found.append(place.name)
    return found
