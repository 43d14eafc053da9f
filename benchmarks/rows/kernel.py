"""A kernel of one's own beside Debian's cloud kernel: the same example, of the same packages, but for its kernel.

Hardening counts the rows of model/kernel/hardening.py that a config meets, which are what kernel-hardening-checker
and the Kernel Self-Protection Project ask of the architecture. How long a kernel's build takes `adamant kernel build
--json` says: no row builds one.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from adamant.core import files, limits
from adamant.core.source import open_source
from adamant.kernel.artifact import Kernel
from adamant.model.arch import Arch
from adamant.model.digest import Sha256
from adamant.model.errors import InputError
from adamant.model.kernel import config, hardening
from adamant.model.kernel.artifact import CONFIG
from adamant.model.lock import Package
from adamant.packages import deb, tools
from adamant.packages.fetch import fetch
from adamant.reading import listing
from benchmarks import initrd, place
from benchmarks.bench import Bench
from benchmarks.measure import Series
from benchmarks.result import Aim, Result, Table, Unit, megabytes

_PHASES = ("kernel", "initrd", "system")
_DEBIAN = "Debian's"
_SAME_IMAGE = "the same image with Debian's cloud kernel"


class _Uki(msgspec.Struct):
    sections: dict[str, int]


class _Inspected(msgspec.Struct):
    ukis: tuple[_Uki, ...]


@dataclass(frozen=True, slots=True)
class _Weight:
    """What a kernel comes to in a sealed image of the release profile: bytes, and counts of modules."""

    kernel: int
    initrd: int
    loaded: int
    """Modules in the initrd."""
    modules: int
    modules_size: int
    image: int


def start(bench: Bench) -> Result:
    """Seconds from power-on to healthy, in turn."""
    sides = _sides(bench)
    columns: dict[str, dict[str, str]] = {
        "own": {"kernel": _own(bench).manifest.release},
        "debian": {"kernel": _debian_package(bench).name},
    }
    samples: dict[str, list[float]] = {name: [] for name in sides}
    images = {
        name: bench.adamant.build("dev", _locked(bench, name, setting), settings=(setting,))
        for name, setting in sides.items()
    }
    where = place.place(bench)
    for number in range(1, bench.rounds + 1):
        for name in sides:
            node = place.Node()
            samples[name].append(where.boot("adamant", images[name] / "disk.raw", node.credentials(), node.healthy))
            bench.say(f"kernel: round {number} of {bench.rounds}: {name} {samples[name][-1]:.1f} s")
            assert node.said is not None
            columns[name] |= {
                f"{phase.name}, of the last boot": f"{phase.duration_usec / 1e6:.2f} s"
                for phase in node.said.phases
                if phase.name in _PHASES
            }
    rows = tuple((label, columns["own"][label], columns["debian"][label]) for label in columns["own"])
    return Result(
        "kernel",
        f"Power-on to healthy API with a kernel of one's own ({where.accelerator})",
        Unit.SECONDS,
        Series(tuple(samples["own"])),
        Aim("below 20 s", below=20.0),
        Series(tuple(samples["debian"])),
        _SAME_IMAGE,
        tables=(Table("Where the time went", ("", "own", _DEBIAN), rows),),
    )


def size(bench: Bench) -> Result:
    """Bytes of the kernel's file; the table has what else each kernel weighs."""
    own, debian = _weights(bench)
    rows = (
        ("kernel's file", megabytes(own.kernel), megabytes(debian.kernel)),
        ("initrd", megabytes(own.initrd), megabytes(debian.initrd)),
        ("modules", *(f"{one.modules} with {megabytes(one.modules_size)}" for one in (own, debian))),
        ("usr image", megabytes(own.image), megabytes(debian.image)),
    )
    return Result(
        "kernel-size",
        "File of a kernel of one's own",
        Unit.BYTES,
        Series((float(own.kernel),)),
        Aim("at most 9 MB", below=9e6 + 1),
        Series((float(debian.kernel),)),
        "Debian's cloud kernel",
        tables=(Table("Kernels, in a sealed image of the release profile", ("", "own", _DEBIAN), rows),),
    )


def first(bench: Bench) -> Result:
    """How many modules the initrd has."""
    own, debian = _weights(bench)
    return Result(
        "kernel-initrd",
        "Modules in the initrd of a kernel of one's own",
        Unit.COUNT,
        Series((float(own.loaded),)),
        Aim("none", below=1.0),
        Series((float(debian.loaded),)),
        _SAME_IMAGE,
        notes=(f"the initrd is {own.initrd} bytes, with Debian's kernel {debian.initrd}",),
    )


def hardened(bench: Bench) -> Result:
    """How many rows of the hardening table the config meets, beside Debian's and those of --config."""
    own = _own(bench)
    others = {_DEBIAN: _debian_config(bench)} | {
        path.name: files.read_limited(path, limits.KERNEL_FRAGMENT_SIZE, "config").decode(errors="replace")
        for path in bench.configs
    }
    return compared(own.manifest.arch, own.path(CONFIG).read_text(), others)


def compared(arch: Arch, own: str, others: Mapping[str, str]) -> Result:
    """The row of texts of configs: ours meets more rows than any of `others`, by name, Debian's first.

    Raises InputError kconfig-malformed.
    """
    judged = hardening.judge(arch, _options(own, CONFIG))
    met = {name: _met(hardening.judge(arch, _options(text, name))) for name, text in others.items()}
    rows = tuple((name, str(count)) for name, count in {"own": _met(judged), **met}.items())
    return Result(
        "kernel-hardening",
        f"Rows of the hardening table that a kernel of one's own meets, of {len(judged)}",
        Unit.COUNT,
        Series((float(_met(judged)),)),
        Aim(f"more than {' and '.join(others)}", least=max(met.values()) + 1.0),
        Series((float(met[_DEBIAN]),)),
        "Debian's cloud kernel",
        tables=(Table("Rows that a config meets", ("config", "met"), rows),),
    )


def _own(bench: Bench) -> Kernel:
    if bench.kernel is None:
        raise InputError("benchmark-kernel", "rows of kernels need a kernel", hint="name one with --kernel")
    if bench.kernel.manifest.arch is not bench.lock.image.arch:
        raise InputError("benchmark-kernel", f"the kernel is not for {bench.lock.image.arch}, as the example is")
    return bench.kernel


def _sides(bench: Bench) -> dict[str, str]:
    """The setting of each side's image, ours first."""
    return {"own": f"kernel.own={_own(bench).folder}", "debian": "kernel.debian=accepted"}


def _locked(bench: Bench, name: str, setting: str) -> Path:
    folder = bench.scratch / "kernel" / name
    shutil.rmtree(folder, ignore_errors=True)
    bench.adamant.copy_definition(folder)
    bench.adamant.run("lock", "-C", folder, "--set", setting)
    return folder


def _weights(bench: Bench) -> tuple[_Weight, _Weight]:
    own, debian = (_weight(bench, _locked(bench, name, setting), setting) for name, setting in _sides(bench).items())
    return own, debian


def _weight(bench: Bench, folder: Path, setting: str) -> _Weight:
    made = bench.adamant.build("release", folder, settings=(setting, "posture=sealed"))
    said = bench.adamant.run("inspect", made, "--json")
    sections = msgspec.json.decode(said.stdout, type=_Inspected).ukis[0].sections
    with open_source(made / "usr.erofs") as image:
        modules = [one.size for path, one in listing.list_image(image).items() if path.endswith((".ko", ".ko.xz"))]
    held = initrd.paths(next(made.glob("*.efi")), tools.open_tools(bench.lock.tools, bench.adamant.cache))
    return _Weight(
        kernel=sections[".linux"],
        initrd=sections[".initrd"],
        loaded=sum(path.endswith(".ko") for path in held),
        modules=len(modules),
        modules_size=sum(modules),
        image=(made / "usr.erofs").stat().st_size,
    )


def _options(text: str, name: str) -> config.Config:
    return config.parse(text, name).options


def _met(judged: tuple[hardening.Judged, ...]) -> int:
    return sum(one.state is hardening.State.MET for one in judged)


def _debian_package(bench: Bench) -> Package:
    return next(p for p in bench.lock.image.packages if p.name.startswith("linux-image-6"))


def _debian_config(bench: Bench) -> str:
    package = _debian_package(bench)
    digest = Sha256(package.sha256)
    with deb.open_deb(fetch([package], bench.adamant.cache)[digest], digest) as opened:
        texts = {entry.path: b"".join(pieces) for entry, pieces in opened.data if entry.path.startswith("boot/config-")}
    (found,) = texts.values()
    return found.decode()
