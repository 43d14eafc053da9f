"""A kernel of one's own beside Debian's cloud kernel: the same example, of the same packages, but for its kernel.

Hardening counts the rows of model/kernel/hardening.py that a config meets, which are what kernel-hardening-checker
and the Kernel Self-Protection Project ask of the architecture.
"""

import shutil
from pathlib import Path

import msgspec

from adamant.core.source import open_source
from adamant.kernel.artifact import Kernel
from adamant.model.digest import Sha256
from adamant.model.errors import InputError
from adamant.model.kernel import config, hardening
from adamant.model.kernel.artifact import CONFIG
from adamant.model.lock import Package
from adamant.packages import deb
from adamant.packages.fetch import fetch
from adamant.reading import listing
from benchmarks import place
from benchmarks.bench import Bench
from benchmarks.measure import Series
from benchmarks.result import Aim, Result, Table, Unit, megabytes

_PHASES = ("kernel", "initrd", "system")


class _Uki(msgspec.Struct):
    sections: dict[str, int]


class _Inspected(msgspec.Struct):
    ukis: tuple[_Uki, ...]


def row(bench: Bench) -> Result:
    """Seconds from power-on to healthy, in turn; what each kernel weighs in a sealed image, and how hard it is."""
    own = bench.kernel
    if own is None:
        raise InputError("benchmark-kernel", "the row kernel needs a kernel", hint="name one with --kernel")
    sides = {"own": f"kernel.own={own.folder}", "debian": "kernel.debian=accepted"}
    folders = {name: _locked(bench, name, setting) for name, setting in sides.items()}
    columns = {
        name: {"kernel": "", **_weight(bench, folders[name], sides[name]), "hardening": _hardness(bench, lines)}
        for name, lines in (("own", _own_config(own)), ("debian", _debian_config(bench)))
    }
    columns["own"]["kernel"] = own.manifest.release
    columns["debian"]["kernel"] = _debian_package(bench).name
    samples: dict[str, list[float]] = {name: [] for name in sides}
    images = {name: bench.adamant.build("dev", folders[name], settings=(sides[name],)) for name in sides}
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
        "the same image with Debian's cloud kernel",
        tables=(Table("Kernels, in a sealed image of the release profile", ("", "own", "Debian's"), rows),),
    )


def _locked(bench: Bench, name: str, setting: str) -> Path:
    folder = bench.scratch / "kernel" / name
    shutil.rmtree(folder, ignore_errors=True)
    bench.adamant.copy_definition(folder)
    bench.adamant.run("lock", "-C", folder, "--set", setting)
    return folder


def _weight(bench: Bench, folder: Path, setting: str) -> dict[str, str]:
    made = bench.adamant.build("release", folder, settings=(setting, "posture=sealed"))
    said = bench.adamant.run("inspect", made, "--json")
    sections = msgspec.json.decode(said.stdout, type=_Inspected).ukis[0].sections
    with open_source(made / "usr.erofs") as image:
        modules = [one.size for path, one in listing.list_image(image).items() if path.endswith((".ko", ".ko.xz"))]
    return {
        "kernel's file": megabytes(sections[".linux"]),
        "initrd": megabytes(sections[".initrd"]),
        "modules": f"{len(modules)} with {megabytes(sum(modules))}",
        "usr image": megabytes((made / "usr.erofs").stat().st_size),
    }


def _hardness(bench: Bench, lines: str) -> str:
    judged = hardening.judge(bench.lock.image.arch, config.parse(lines, CONFIG).options)
    return f"{sum(one.state is hardening.State.MET for one in judged)} of {len(judged)}"


def _own_config(kernel: Kernel) -> str:
    return kernel.path(CONFIG).read_text()


def _debian_package(bench: Bench) -> Package:
    return next(p for p in bench.lock.image.packages if p.name.startswith("linux-image-6"))


def _debian_config(bench: Bench) -> str:
    package = _debian_package(bench)
    digest = Sha256(package.sha256)
    with deb.open_deb(fetch([package], bench.adamant.cache)[digest], digest) as opened:
        texts = {entry.path: b"".join(pieces) for entry, pieces in opened.data if entry.path.startswith("boot/config-")}
    (found,) = texts.values()
    return found.decode()
