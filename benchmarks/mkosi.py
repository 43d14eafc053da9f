"""The rival: Debian's mkosi, in a trixie tree of its own, so that the host needs no mkosi.

Owns the folder `mkosi` in the benchmarks' cache: the tree it runs in, the configuration that asks for the packages of
a lock, its package cache and its outputs. It needs root (mmdebstrap, pivot_root), which Adamant does not.
mkosi is set up at its best: packages downloaded, no network during a build, incremental where the work allows it.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adamant.core import files, proc
from adamant.model.errors import AdamantError, InputError
from adamant.model.lock import Lock
from adamant.packages import mirror

SECONDS = 1800.0
TREE_PACKAGES = (
    "bubblewrap", "cpio", "cryptsetup-bin", "debian-archive-keyring", "dosfstools", "e2fsprogs", "erofs-utils", "kmod",
    "mkosi", "mtools", "openssl", "python3-pefile", "squashfs-tools", "systemd-boot", "systemd-boot-efi",
    "systemd-container", "systemd-repart", "systemd-ukify", "uidmap", "xz-utils", "zstd",
)  # fmt: skip
"""What mkosi needs to build a bootable disk image of Debian."""

_ENTER = """
tree=$1 work=$2
shift 2
mount --bind "$tree" "$tree"
cd "$tree"
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mkdir -p work .host
mount --bind "$work" work
pivot_root . .host
umount -l /.host
cd /work
exec "$@"
"""
"""mkosi's sandbox wants `/` to be a mount point, so a plain chroot does not do."""


@dataclass(frozen=True, slots=True)
class Options:
    """How one build runs.

    `incremental` keeps the tree of packages between builds. `volatile` are packages that are installed after that tree
    was taken from the cache. `format` is mkosi's output format. `reproducible` fixes the time and the seed of ids.
    """

    incremental: bool = False
    volatile: tuple[str, ...] = ()
    format: str = "disk"
    reproducible: bool = False


class Mkosi:
    """mkosi with its state below `cache`, building the packages of `lock`."""

    def __init__(self, cache: Path, lock: Lock) -> None:
        self._home = cache / "mkosi"
        self._tree = self._home / "tree"
        self._work = self._home / "work"
        self._names = [p.name for p in lock.image.packages]
        self._suites = [r.suite for r in lock.image.releases]
        self._kernel = next((n for n in self._names if n.startswith("linux-image-") and n[12].isdigit()), "")

    def prepare(self) -> str:
        """Make the tree and download the packages if need be; the version of mkosi."""
        if os.geteuid() != 0:
            raise InputError(
                "benchmark-needs-root",
                "mkosi's side of the benchmark needs root: mmdebstrap and pivot_root",
                hint="run it with sudo, or leave out mkosi with --only-adamant",
            )
        if not self._tree.is_dir():
            self._bootstrap()
        answer = self._inside(["mkosi", "--version"])
        version = answer.stdout.decode().split()[-1]
        if not self._downloaded():
            self.build(Options(), network=True)
            (self._work / "downloaded").write_text(self._package_list())
        return version

    def build(self, options: Options, *, network: bool = False) -> Path:
        """Build an image anew (of the incremental tree, only what is missing); the path of the image or folder."""
        self._configure(options)
        shutil.rmtree(self._work / "output", ignore_errors=True)
        (self._work / "output").mkdir(parents=True)
        cache_only = "never" if network else "always"
        self._inside(["mkosi", "--force", f"--cache-only={cache_only}", "build"])
        return self._work / "output" / ("base" if options.format == "directory" else "base.raw")

    def forget(self) -> None:
        """Drop the incremental tree, keep the downloaded packages."""
        shutil.rmtree(self._work / "cache", ignore_errors=True)

    def squashfs(self, source: Path, out: Path, arguments: Sequence[str]) -> None:
        """An image of the folder `source` (below this rival's work folder) by mksquashfs of the tree."""
        inside = [Path("/work") / p.relative_to(self._work) for p in (source, out)]
        self._inside(["mksquashfs", *[str(p) for p in inside], "-noappend", "-quiet", "-no-progress", *arguments])

    @property
    def work(self) -> Path:
        """The folder that programs in the tree see as /work."""
        return self._work

    def _downloaded(self) -> bool:
        try:
            return (self._work / "downloaded").read_text() == self._package_list()
        except FileNotFoundError:
            return False

    def _package_list(self) -> str:
        return "".join(f"{name}\n" for name in self._names)

    def _bootstrap(self) -> None:
        found = mirror.find()
        sources = "".join(f"deb [signed-by={_keyring()}] {found.uri(suite)} {suite} main\n" for suite in self._suites)
        with files.work_folder(self._home, "tree") as folder:
            proc.run(
                "make the tree that mkosi runs in",
                [
                    "mmdebstrap", "--mode=root", "--variant=apt", f"--include={','.join(TREE_PACKAGES)}",
                    *[f"--aptopt={line}" for line in _proxy_settings()],
                    "trixie", folder / "tree", "-",
                ],
                stdin=sources.encode(),
                seconds=SECONDS,
            )  # fmt: skip
            (folder / "tree" / "work").mkdir()
            (folder / "tree").rename(self._tree)

    def _configure(self, options: Options) -> None:
        found = mirror.find()
        conf = self._work
        # a tree is of no use to the other kind of build, so each keeps its own
        cache = "cache-volatile" if options.volatile else "cache"
        packages = [n for n in self._names if n not in options.volatile]
        lines = [
            "[Distribution]", "Distribution=debian", "Release=trixie",
            "[Output]", f"Format={options.format}", "Output=base", "OutputDirectory=/work/output",
            "ManifestFormat=json",
            "[Content]", "Bootable=yes", "Bootloader=systemd-boot", "WithDocs=no", "WithRecommends=no",
            "KernelCommandLine=console=ttyS0",
            "Packages=", *[f"  {name}" for name in packages],
            "VolatilePackages=", *[f"  {name}" for name in options.volatile],
            *(["SourceDateEpoch=0", "Seed=00000000-0000-4000-8000-000000000001"] if options.reproducible else []),
            "[Build]", "BuildSources=", f"Incremental={'yes' if options.incremental else 'no'}",
            f"CacheDirectory=/work/{cache}",
            "PackageCacheDirectory=/work/packages", "WorkspaceDirectory=/work/workspace",
            "[Validation]", "SecureBoot=no",
        ]  # fmt: skip
        for name in (cache, "packages", "workspace"):
            (conf / name).mkdir(parents=True, exist_ok=True)
        (conf / "mkosi.conf").write_text("\n".join(line for line in lines) + "\n")
        sources = conf / "mkosi.sandbox" / "etc" / "apt" / "sources.list.d" / "mkosi.sources"
        sources.parent.mkdir(parents=True, exist_ok=True)
        sources.write_text(
            "\n".join(
                f"Types: deb\nURIs: {found.uri(suite)}\nSuites: {suite}\nComponents: main\n"
                "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
                for suite in self._suites
            )
        )
        apt = conf / "mkosi.sandbox" / "etc" / "apt" / "apt.conf.d" / "90-host"
        apt.parent.mkdir(parents=True, exist_ok=True)
        apt.write_text("".join(f"{line}\n" for line in _proxy_settings()))

    def _inside(self, argv: Sequence[str], environment: Mapping[str, str] | None = None) -> proc.Result:
        self._work.mkdir(parents=True, exist_ok=True)
        resolv = Path("/etc/resolv.conf")
        if resolv.exists():
            (self._tree / "etc" / "resolv.conf").unlink(missing_ok=True)
            (self._tree / "etc" / "resolv.conf").write_bytes(resolv.read_bytes())
        return proc.run(
            f"run {argv[0]} in its tree",
            [
                "unshare", "--mount", "--propagation", "private", "sh", "-euc", _ENTER, "sh", self._tree, self._work,
                "env", "--unset=SOURCE_DATE_EPOCH", "HOME=/root", *argv,
            ],
            environment=environment,
            seconds=SECONDS,
        )  # fmt: skip


def _keyring() -> Path:
    path = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    if not path.exists():
        raise AdamantError(
            "benchmark-keyring", "Debian's keyring is not here", hint="apt-get install debian-archive-keyring"
        )
    return path


def _proxy_settings() -> list[str]:
    """The host's settings of apt that a mirror may need: proxies, retries, checks of dates."""
    answer = proc.run("ask apt for its settings", ["apt-config", "dump", "Acquire"], seconds=20)
    wanted = ("proxy", "retries", "check-valid-until", "check-date")
    return [
        line for line in answer.stdout.decode().splitlines() if any(w in line.split(" ")[0].lower() for w in wanted)
    ]
