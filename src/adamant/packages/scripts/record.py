"""Recording: run the hand-written lines of a package's scripts once in a sandbox, and keep what they change.

What stays true: a recording is made twice, in two fresh roots, and counts only when both times the same came out, so
that what a script makes at random (keys, ids, dates) never gets into an image. Generated sections are not run: their
effects are known. Reads the mirror for the programs that scripts use (dpkg, debconf, adduser).
"""

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from adamant.core import events, files
from adamant.model.arch import NAMES, Arch
from adamant.model.definition import Image, ScriptName
from adamant.model.digest import Sha256
from adamant.model.errors import AdamantError, InputError
from adamant.model.lock import Package, Recording
from adamant.packages import fetch, mirror
from adamant.packages import filter as filters
from adamant.packages.apt import Apt
from adamant.packages.layer import Layer, unpack_layers
from adamant.packages.lock import this_arch
from adamant.packages.scripts import changes, sandbox
from adamant.packages.scripts.recording import Recorded, pack
from adamant.packages.scripts.review import Unreviewed, review
from adamant.packages.scripts.snippets import without_generated
from adamant.packages.tools import ToolsTree

HELPERS: Mapping[str, str] = {
    "adduser": "accounts",
    "base-files": "the root's skeleton",
    "bsdutils": "logger",
    "base-passwd": "the fixed accounts",
    "bash": "scripts that name it",
    "coreutils": "everything",
    "dash": "/bin/sh",
    "debconf": "questions, answered by their defaults",
    "debianutils": "which, update-shells",
    "diffutils": "cmp and diff",
    "dpkg": "dpkg-query, dpkg-divert, dpkg-statoverride, update-alternatives",
    "fakeroot": "owners, which an ordinary user cannot give",
    "findutils": "find and xargs",
    "grep": "grep",
    "gzip": "gzip",
    "hostname": "hostname",
    "init-system-helpers": "deb-systemd-helper, update-rc.d, invoke-rc.d",
    "libc-bin": "getent",
    "libcap2-bin": "setcap",
    "mawk": "awk",
    "passwd": "useradd and groupadd",
    "perl-base": "debconf and adduser",
    "sed": "sed",
    "tar": "tar",
    "ucf": "ucf and ucfr",
    "util-linux": "getopt",
}
"""Essential packages and others that maintainer scripts use without a dependency, with what for."""

_ALTERNATIVES = {"awk": "mawk", "nawk": "mawk", "which": "which.debianutils"}
"""Programs that are there only once a script has chosen them."""

_ARGUMENTS = {ScriptName.PREINST: ["install"], ScriptName.POSTINST: ["configure", ""]}
_PREPARE = """set -e
# ucf asks by itself, with the questions of its own package.
dpkg-deb -e /adamant/ucf.deb /tmp/ucf
cp /tmp/ucf/templates /var/lib/dpkg/info/ucf.templates
dpkg-deb -e /adamant/package.deb /tmp/control
for file in /tmp/control/*; do
    cp "$file" "/var/lib/dpkg/info/$1.${file##*/}"
done
if [ -x /usr/bin/systemd-sysusers ]; then systemd-sysusers; fi
cp /etc/passwd /etc/passwd.before
cp /etc/group /etc/group.before
"""

_RUN = """set -e
# debconf knows a package by the name of the script that runs.
place=/var/lib/dpkg/info/$1; shift
cp /adamant/script "$place"
chmod 755 "$place"
exec "$place" "$@"
"""


def record(
    package: str,
    image: Image,
    layers: Sequence[Layer],
    tools: ToolsTree,
    cache: Path,
    watch: events.Watch = events.silent,
) -> tuple[Recording, ...]:
    """Record the scripts of `package` that nobody has reviewed or accepted. `layers` are those of the whole image.

    Raises InputError (package-not-locked, nothing-to-record), or AdamantError: sandbox-closed, script-failed,
    script-too-greedy, recording-not-stable, recording-place, recording-too-large; and the errors of fetching.
    """
    chosen = [layer for layer in layers if layer.package.name == package]
    if not chosen:
        raise InputError("package-not-locked", f"the package {package} is not in the image", hint="add it to packages")
    wanted = review(chosen, image.scripts).unreviewed
    if not wanted:
        raise InputError("nothing-to-record", f"no script of {package} needs a decision", hint="leave --record out")
    sandbox.require_namespaces(tools)
    arch = this_arch()
    helpers = _helpers(arch, image, cache, watch)
    mine = {layer.package.name for layer in layers} if image.arch == arch else set()
    further = [layer for layer in helpers if layer.package.name not in mine]
    # Programs of a foreign image cannot run here: those of the helpers stand in for them.
    order = [*layers, *further] if image.arch == arch else [*further, *layers]
    ucf = next(layer.package for layer in order if layer.package.name == "ucf")
    debs = fetch.fetch([chosen[0].package, ucf], cache, watch)
    needed = {"package.deb": debs[Sha256(chosen[0].package.sha256)], "ucf.deb": debs[Sha256(ucf.sha256)]}
    recordings = []
    for script in wanted:
        step = f"record {package} {script.script.value}"
        watch(events.Started(step, 2, "runs"))
        runs = []
        for done in (1, 2):
            runs.append(_run(script, chosen[0], order, needed, arch, tools, cache))
            watch(events.Advanced(step, done))
        recordings.append(_stable(script, runs[0], runs[1]))
    return tuple(recordings)


def _helpers(arch: Arch, image: Image, cache: Path, watch: events.Watch) -> list[Layer]:
    apt = Apt(arch, image.base, mirror.find(), cache)
    apt.update(watch)
    packages = apt.solve(HELPERS, watch).packages
    debs = fetch.fetch(packages, cache, watch)
    return unpack_layers(packages, debs, cache, watch, rules=filters.EVERYTHING)


def _stable(script: Unreviewed, first: Recording, second: Recording) -> Recording:
    if first != second:
        raise AdamantError(
            "recording-not-stable",
            f"the {script.script.value} of {script.package} leaves something else each time it runs",
            hint="what it makes (a key, an id, a date) belongs to one machine: accept the script in the definition and "
            "let a unit of your own make it at the first boot",
        )
    return first


def _run(
    script: Unreviewed,
    layer: Layer,
    layers: Sequence[Layer],
    debs: Mapping[str, Path],
    arch: Arch,
    tools: ToolsTree,
    cache: Path,
) -> Recording:
    with files.work_folder(cache / "recordings", script.package) as work:
        root, outside = work / "root", work / "outside"
        root.mkdir()
        outside.mkdir()
        try:
            found, removed = _changes(script, layer, layers, debs, arch, tools, root, outside)
        finally:
            sandbox.make_removable(root)
    return Recording(script.package, script.script, script.sha256, pack(found), removed)


def _changes(
    script: Unreviewed,
    layer: Layer,
    layers: Sequence[Layer],
    debs: Mapping[str, Path],
    arch: Arch,
    tools: ToolsTree,
    root: Path,
    outside: Path,
) -> tuple[list[Recorded], tuple[str, ...]]:
    """Fill `root`, run the script in it, find what it changed. `outside` is what the sandbox may write besides."""
    name = script.script.value
    sandbox.make_skeleton(root)
    # Before any package, so that no link of a package leads these writes elsewhere.
    _make_database(root, layers)
    digests = sandbox.add_packages(root, layers)
    _make_programs(root)
    for file, deb in debs.items():
        shutil.copyfile(deb, outside / file)
    (outside / "script").write_text(without_generated(layer.scripts[name]))
    sandbox.run(
        root,
        outside,
        tools,
        f"prepare the recording of {script.package}",
        _as_root(arch, "sh", "-c", _PREPARE, "sh", script.package),
        [],
    )
    device = root.stat().st_dev
    (outside / "owners").write_text(changes.owners_of(outside / "owners", device))
    owners = changes.read_owners(outside / "owners", device)
    before = changes.snapshot(root, digests)
    sandbox.run(
        root,
        outside,
        tools,
        f"record the {name} of {script.package}",
        _as_root(arch, "sh", "-c", _RUN, "sh", f"{script.package}.{name}", *_ARGUMENTS[script.script]),
        _variables(layer.package, name),
    )
    after = changes.read_owners(outside / "owners", device)
    return changes.find(root, before, owners, after, f"{script.package}-{name}")


def _as_root(arch: Arch, *command: str) -> list[str]:
    """The command under fakeroot, which goes on from the owners that it saved before."""
    library = f"/usr/lib/{NAMES[arch].triplet}/libfakeroot/libfakeroot-sysv.so"
    state = "/adamant/owners"
    fakeroot = ["fakeroot-sysv", "--lib", library, "--faked", "/usr/bin/faked-sysv", "-s", state]
    return ["sh", "-c", f'[ -f {state} ] || : > {state}; exec "$@"', "sh", *fakeroot, "-i", state, "--", *command]


def _variables(package: Package, script: str) -> Iterable[str]:
    """What dpkg tells a maintainer script (dpkg(1), environment)."""
    return [
        f"DPKG_MAINTSCRIPT_PACKAGE={package.name}",
        f"DPKG_MAINTSCRIPT_ARCH={package.architecture}",
        f"DPKG_MAINTSCRIPT_NAME={script}",
        "DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1",
        "DPKG_ROOT=",
        "DPKG_RUNNING_VERSION=1.22",
    ]


def _make_database(root: Path, layers: Sequence[Layer]) -> None:
    """dpkg's database with all packages installed, and the fixed accounts."""
    admin = root / "var/lib/dpkg"
    for folder in ("updates", "triggers", "alternatives", "parts"):
        (admin / folder).mkdir()
    paragraphs = []
    for layer in layers:
        fields = {"Package": layer.package.name, "Status": "install ok installed"}
        fields |= {k: v for k, v in layer.control.items() if k not in fields}
        paragraphs.append("".join(f"{key}: {value}\n" for key, value in fields.items()))
        same = f":{layer.package.architecture}" if layer.control.get("Multi-Arch") == "same" else ""
        listing = "/.\n" + "".join(f"/{entry.path}\n" for entry in layer.entries)
        (admin / "info" / f"{layer.package.name}{same}.list").write_text(listing, errors="surrogateescape")
    (admin / "status").write_text("\n".join(paragraphs), errors="surrogateescape")
    for name in ("available", "diversions", "statoverride"):
        (admin / name).touch()
    for name, shadow, rest in (("passwd", "shadow", ":::::::"), ("group", "gshadow", "::")):
        master = _content(layers, f"usr/share/base-passwd/{name}.master")
        (root / "etc" / name).write_bytes(master)
        names = [line.split(":")[0] for line in master.decode(errors="replace").splitlines()]
        (root / "etc" / shadow).write_text("".join(f"{account}:*{rest}\n" for account in names))


def _content(layers: Sequence[Layer], path: str) -> bytes:
    for entry in (entry for layer in layers for entry in layer.entries):
        if entry.path == path and entry.extent is not None:
            with Path(entry.extent.path).open("rb") as source:
                source.seek(entry.extent.offset)
                return source.read(entry.size)
    return b""


def _make_programs(root: Path) -> None:
    """Programs that a script finds and that no package has: those of alternatives, a policy that starts no service."""
    for name, target in _ALTERNATIVES.items():
        place = root / "usr/bin" / name
        if not os.path.lexists(place) and os.path.lexists(root / "usr/bin" / target):
            place.symlink_to(target)
    _write_program(root / "usr/sbin/policy-rc.d", "exit 101")
    setcap = root / "usr/sbin/setcap"
    if os.path.lexists(setcap):
        # fakeroot would keep capabilities to itself; the namespace may set them on its own files.
        setcap.rename(setcap.with_name("setcap.real"))
        _write_program(setcap, 'unset LD_PRELOAD FAKEROOTKEY; exec /usr/sbin/setcap.real "$@"')


def _write_program(place: Path, text: str) -> None:
    place.unlink(missing_ok=True)
    place.write_text(f"#!/bin/sh\n{text}\n")
    place.chmod(0o755)
