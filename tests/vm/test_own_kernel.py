"""A kernel of one's own on a booted machine: nobody can add a module to it, and its own ones from outside load.

The kernel is the kept one (kept_kernel.py). What needs a build of its own is run by hand:
`scripts/test -m long tests/vm/test_own_kernel.py -s`.
"""

import json
import shutil
import time
from pathlib import Path

import pytest

from adamant.core import places
from adamant.image.project import read_lock, read_project
from adamant.kernel import artifact, signature
from adamant.kernel.artifact import Kernel
from adamant.machine import console
from adamant.machine.console import Line
from adamant.machine.machine import Machines, Options, Status
from adamant.model.arch import Arch
from adamant.model.kernel.artifact import CERTIFICATE, CONFIG, MODULES, VMLINUZ
from adamant.packages import tools
from benchmarks import initrd
from tests.image.conftest import Example, adamant, build
from tests.unit.kernel_maker import Signer, to_refuse
from tests.vm import kept_kernel
from tests.vm.conftest import SECONDS, node

IMAGE = """\
kind: Image
name: owned
version: "1"
profile: dev
packages: [containerd, runc, python3]
kernel: {own: @KERNEL@}
files:
  - {path: /usr/lib/probe/probe.py, source: probe.py}
  - {path: /usr/lib/probe/bpf.py, source: bpf.py}
  - {path: /usr/lib/probe/foreign, source: foreign}
  - {path: /usr/lib/probe/unsigned, source: unsigned}
  - {path: /usr/lib/probe/altered, source: altered}
units:
  - name: probe.service
    content: |
      [Unit]
      After=multi-user.target
      [Service]
      Type=oneshot
      ExecStart=/usr/bin/python3 -I /usr/lib/probe/probe.py
      StandardOutput=journal+console
      StandardError=journal+console
      [Install]
      WantedBy=multi-user.target
"""

PROBE = """\
import ctypes, os, subprocess
libc = ctypes.CDLL(None, use_errno=True)
FINIT_MODULE = 313
def say(*words):
    print("PROBE", *words, flush=True)
for name in ("foreign", "unsigned", "altered"):
    for flags in (0, 3):
        fd = os.open(f"/usr/lib/probe/{name}", os.O_RDONLY)
        done = libc.syscall(FINIT_MODULE, fd, b"", flags)
        say(name, flags, "LOADED" if done == 0 else ctypes.get_errno())
subprocess.run(["modprobe", "adamant_greeting", "greeting=well-met"])
say("own", open("/proc/adamant_greeting").read().strip())
subprocess.run(["modprobe", "dm-writeboost"])
say("packaged", os.path.isdir("/sys/module/dm_writeboost"))
for name in ("bridge", "veth", "overlay", "nf_tables"):
    say("module", name, subprocess.run(["modprobe", name]).returncode)
say("enforced", open("/sys/module/module/parameters/sig_enforce").read().strip())
say("lockdown", open("/sys/kernel/security/lockdown").read().split("[")[1].split("]")[0])
say("release", os.uname().release)
bpf = subprocess.run(["python3", "-I", "/usr/lib/probe/bpf.py"], stderr=subprocess.PIPE, text=True)
for line in bpf.stderr.splitlines():
    say("bpf-error", line)
say("end")
"""

ARM_KERNEL = """\
kind: Kernel
name: arm
version: "1"
arch: arm64
modules:
  - {name: greeting, source: greeting}
  - {name: writeboost, package: dm-writeboost-dkms}
"""

ARM_IMAGE = """\
kind: Image
name: arm
version: "1"
arch: arm64
profile: dev
posture: sealed
packages: [containerd, runc]
kernel: {own: @KERNEL@}
signing:
  secureBoot: {key: keys/secure-boot.key, certificate: keys/secure-boot.crt}
"""


def test_every_module_is_signed_and_no_key_is_left(own_kernel: Kernel) -> None:
    kernel = own_kernel
    checked = artifact.verify(kernel)
    assert checked.problems == ()
    assert checked.modules == len(kernel.manifest.modules) > 10
    assert [m.path for m in kernel.manifest.modules if m.own] == [
        "updates/greeting/adamant_greeting.ko",
        "updates/writeboost/dm-writeboost.ko",
    ]
    vmlinuz, text = kernel.path(VMLINUZ).stat().st_size, kernel.path(CONFIG).read_text()
    # the aim is 9 MB for the whole config, whose file is 0.13 MB larger than this one's (benchmarks/rows/kernel.py)
    assert vmlinuz <= 8_850_000
    assert "CONFIG_MODULE_SIG_FORCE=y" in text
    print(f"\nvmlinuz {vmlinuz}, {checked.modules} modules, {kernel.path(MODULES).stat().st_size} bytes")


@pytest.fixture(scope="module")
def image(own_kernel: Kernel, tmp_path_factory: pytest.TempPathFactory) -> Example:
    """An image of the kernel, with modules that it must not load."""
    home = tmp_path_factory.mktemp("owned")
    ours = kept_kernel.module(own_kernel, "adamant_greeting")
    signature.check(ours, signature.certificate_of(own_kernel.path(CERTIFICATE).read_bytes()))
    for name, data in to_refuse(ours, Signer()).items():
        (home / name).write_bytes(data)
    (home / "probe.py").write_text(PROBE)
    shutil.copy(Path(__file__).parent / "probe" / "bpf.py", home)
    (home / "adamant.yaml").write_text(IMAGE.replace("@KERNEL@", str(own_kernel.folder)))
    adamant("lock", "-C", home)
    return build(home)


@pytest.fixture(scope="module")
def said(image: Example, tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """What the probe found on a machine of the image, in words."""
    machines = Machines(tmp_path_factory.mktemp("machines"))
    programs = tools.open_tools(read_lock(read_project(image.folder)).tools, places.cache())
    made = machines.create("m", image.output / "disk.raw", Options(Arch.AMD64))
    machines.start("m", programs, places.cache())
    said: list[list[str]] = []
    watcher = console.Watcher(made.console_log)
    try:
        for seen in watcher.follow(lambda: machines.get("m").status is Status.RUNNING, SECONDS):
            if isinstance(seen, Line) and "PROBE " in seen.text:
                said.append(seen.text.split("PROBE ", 1)[1].split())
                if said[-1] == ["end"]:
                    break
        last = "\n".join(console.tail(made.console_log)[-60:])
    finally:
        machines.delete("m", force=True)
    assert said[-1:] == [["end"]], last
    return said


def test_an_image_of_the_kernel_boots_and_takes_no_foreign_module(said: list[list[str]], own_kernel: Kernel) -> None:
    for name in ("foreign", "unsigned", "altered"):
        results = [words[2] for words in said if words[0] == name]
        assert len(results) == 2
        assert "LOADED" not in results, said
    assert ["own", "well-met"] in said
    assert ["packaged", "True"] in said
    assert all(words[2] == "0" for words in said if words[0] == "module"), said
    assert ["enforced", "Y"] in said
    assert ["lockdown", "integrity"] in said
    assert ["release", own_kernel.manifest.release] in said


def test_bpf_programs_read_the_kernels_types_and_only_root_loads_them(said: list[list[str]]) -> None:
    assert all(words[0] != "bpf-error" for words in said), said
    found = {words[1]: words[2:] for words in said if words[0] == "bpf"}
    times, last, started, process = found["tp_btf"]
    assert times == started
    assert last == process
    assert all(int(found[name][0]) > 0 for name in ("raw_tracepoint", "kprobe", "tcx")), found
    assert found["cgroup_skb"] == ["done", "EPERM", "done"]
    assert found["fentry"] == found["lsm"] == ["EBUSY"]
    assert ["bpf", "filter", "root", "done"] in said
    assert ["bpf", "filter", "nobody", "EPERM"] in said


def test_the_initrd_holds_no_module(image: Example, own_kernel: Kernel) -> None:
    found = json.loads(adamant("inspect", image.output, "--json").stdout)
    (uki,) = found["ukis"]
    print(f"\ninitrd {uki['sections']['.initrd']} bytes")
    assert uki["sections"][".initrd"] < 49_000
    assert uki["kernel"] == own_kernel.manifest.release
    programs = tools.open_tools(read_lock(read_project(image.folder)).tools, places.cache())
    (file,) = image.output.glob("*.efi")
    assert initrd.paths(file, programs) == ["init", "modules.disks", "modules.load"]


@pytest.mark.long
def test_a_kernel_of_the_other_architecture_is_built_here_and_boots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = kept_kernel.build(tmp_path, ARM_KERNEL)
    checked = artifact.verify(kernel)
    assert checked.problems == ()
    assert [m.path for m in kernel.manifest.modules if m.own] == [
        "updates/greeting/adamant_greeting.ko",
        "updates/writeboost/dm-writeboost.ko",
    ]
    for variable in ("STATE", "CONFIG"):
        monkeypatch.setenv(f"ADAMANT_{variable}", str(tmp_path / variable.lower()))
    home = tmp_path / "image"
    home.mkdir()
    adamant("keys", "init", home / "keys")
    (home / "adamant.yaml").write_text(ARM_IMAGE.replace("@KERNEL@", str(kernel.folder)))
    (tmp_path / "machine.yaml").write_text("kind: Machine\nkernel: {modules: [adamant_greeting, dm_writeboost]}\n")
    machines = Machines(tmp_path / "state/machines")
    begin = time.monotonic()
    try:
        options = ("--secure-boot", "--tpm", "--config", tmp_path / "machine.yaml", "--seconds", str(3 * SECONDS))
        found = json.loads(adamant("up", home, *options, "--json").stdout)
        print(f"\nbuilt and healthy in {time.monotonic() - begin:.0f} s: {found}")
        assert set(found["health"].values()) == {"ok"}
        version = node("version")
        assert (version["arch"], version["kernel"]) == ("arm64", kernel.manifest.release)
        loaded = {item["name"]: item["actual"] for item in node("get", "modules")["resources"] if "actual" in item}
        assert loaded["adamant_greeting"]["signed"]
        assert loaded["dm_writeboost"]["signed"]
    finally:
        machines.delete("arm", force=True)
