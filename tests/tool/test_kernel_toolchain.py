"""The locked toolchain in its sandbox: the real config, an own module, a key that nothing outside ever sees.

A whole kernel takes too long for every run: tests/vm/test_own_kernel.py builds one, by hand.
"""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from adamant.core import proc
from adamant.kernel import making, project, sandbox, signature, toolchain
from adamant.kernel.build import TARGETS, require_hardened, require_wanted
from adamant.kernel.progress import Progress
from adamant.kernel.sandbox import Place
from adamant.model.arch import Arch
from adamant.model.errors import AdamantError, InputError
from adamant.model.kernel import config
from adamant.model.kernel import lock as locks
from adamant.model.kernel.config import Fragment
from adamant.model.kernel.definition import OwnKernel
from adamant.model.kernel.lock import KernelLock
from adamant.packages import tools
from adamant.packages.lock import this_arch
from adamant.packages.tools import ToolsTree

pytestmark = [
    pytest.mark.tool,
    pytest.mark.skipif(this_arch() is not Arch.AMD64, reason="kernels are built on their own architecture"),
]

DATA = Path(project.__file__).parent / "data" / "recipe"
MODULE = Path(__file__).parents[1] / "vm" / "kernel" / "greeting"
KEY = """
openssl req -new -nodes -utf8 -sha512 -days 1 -batch -x509 -subj /CN=test -newkey ec \\
    -pkeyopt ec_paramgen_curve:secp384r1 -outform PEM -out /key/key.pem -keyout /key/key.pem 2>/dev/null
openssl x509 -in /key/key.pem -outform DER -out /out/signing.x509
"""


@pytest.fixture(scope="module")
def lock(cache: Path) -> KernelLock:
    return toolchain.make_lock(OwnKernel(name="mine", version="1"), cache)


@pytest.fixture(scope="module")
def compiler(lock: KernelLock, cache: Path) -> ToolsTree:
    return tools.open_tools(lock.toolchain, cache)


@pytest.fixture(scope="module")
def work(lock: KernelLock, compiler: ToolsTree, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source, with Adamant's own config made."""
    home = tmp_path_factory.mktemp("kernel")
    for name in ("src", "obj"):
        (home / name).mkdir()
    wanted = project.own_config(Arch.AMD64).options
    (home / "wanted").write_text("".join(config.line(o, v) + "\n" for o, v in wanted.items()))
    source = f"/usr/src/{locks.source(lock).name}.tar.xz"
    places = [Place(home / "src", "/src", True), Place(home / "obj", "/obj", True), Place(home / "wanted", "/wanted")]
    command = ["sh", "/recipe/configure.sh", source, *TARGETS[Arch.AMD64].configs]
    proc.run("configure", sandbox.argv(compiler, [*places, Place(DATA, "/recipe")], command))
    return home


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
    wanted = config.merge([project.own_config(Arch.AMD64)])
    require_wanted(wanted, final)
    require_hardened(final, {})
    more = Fragment("mine.config", {"SCHED_STACK_END_CHECK": "m", "NO_SUCH_OPTION": "y"})
    with pytest.raises(InputError) as error:
        require_wanted(config.merge([project.own_config(Arch.AMD64), more]), final)
    assert len(error.value.context.splitlines()) == 2


def test_an_own_module_is_built_and_signed_and_the_key_is_gone(compiler: ToolsTree, work: Path) -> None:
    modules, out = work / "modules", work / "out"
    shutil.copytree(MODULE, modules / "greeting")
    out.mkdir()
    script = f"""
make -C /src O=/obj -j2 modules_prepare
make -C /obj M=/modules/greeting KBUILD_MODPOST_WARN=1 modules
{KEY}
cp /modules/greeting/adamant_greeting.ko /out/greeting.ko
/obj/scripts/sign-file sha512 /key/key.pem /out/signing.x509 /out/greeting.ko
perl /recipe/search.pl /key/key.pem /key /out /modules
"""
    places = [Place(work / "src", "/src"), Place(work / "obj", "/obj", True), Place(DATA, "/recipe")]
    places += [Place(modules, "/modules", True), Place(out, "/out", True)]
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
