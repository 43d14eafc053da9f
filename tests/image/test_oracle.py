"""The image against what dpkg installs from the same .debs: every difference has a reason that is written down."""

import pytest

from adamant.compose.compose import ComposeRequest, Composition, compose
from adamant.core import places
from adamant.core.store import Store
from adamant.model.definition import Image
from adamant.model.posture import Posture
from adamant.packages import fetch, tools
from adamant.packages.filter import IMAGE
from adamant.packages.layer import unpack_layers
from adamant.packages.lock import make_lock
from adamant.packages.scripts.review import require_reviewed, review
from tests.oracle import install
from tests.oracle.compare import System, compare, ours, theirs
from tests.oracle.rules import RULES, explain

ESSENTIAL = (
    "base-files",
    "base-passwd",
    "bash",
    "bsdutils",
    "coreutils",
    "dash",
    "debconf",
    "debianutils",
    "diffutils",
    "dpkg",
    "findutils",
    "grep",
    "gzip",
    "hostname",
    "init-system-helpers",
    "libc-bin",
    "login",
    "ncurses-base",
    "ncurses-bin",
    "passwd",
    "perl-base",
    "sed",
    "sysvinit-utils",
    "tar",
    "util-linux",
)
"""What Debian installs whether asked or not (Policy 3.8), and what its scripts ask questions with."""

PACKAGES = (
    "containerd",
    "cron",
    "dbus",
    "fuse3",
    "haproxy",
    "iproute2",
    "libpam-systemd",
    "lvm2",
    "nftables",
    "nginx",
    "openssh-server",
    "polkitd",
    "rsyslog",
    "runc",
    "sudo",
)
"""Packages whose scripts make accounts, alternatives, modes, units, PAM profiles, name services and catalogues."""


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> tuple[System, System]:
    """The same packages as an image of ours and as a system that dpkg installed."""
    work = tmp_path_factory.mktemp("oracle")
    work.chmod(0o755)
    cache = places.cache()
    image = Image(name="oracle", version="1", packages=tuple(sorted({*ESSENTIAL, *PACKAGES})))
    lock = make_lock(image, cache)
    debs = fetch.fetch(lock.image.packages, cache)
    layers = unpack_layers(lock.image.packages, debs, cache)
    reviewed = review(layers)
    require_reviewed(reviewed)
    request = ComposeRequest(image.name, image.version, image.arch, Posture.GUARDED, modules=("*",))
    composed: Composition = compose(request, layers, reviewed, tools.open_tools(lock.tools, cache), Store(cache))
    install.write_repository(work / "repository", layers, debs)
    names = [package.name for package in lock.image.packages]
    install.install(work / "repository", names, image.arch.value, work / "system")
    return ours(composed), theirs(work / "system", IMAGE.wants)


def test_every_difference_has_a_reason(systems: tuple[System, System]) -> None:
    unexplained, _ = explain(compare(*systems))
    assert not unexplained, "\n".join(map(str, unexplained))


def test_every_reason_has_a_difference(systems: tuple[System, System]) -> None:
    _, idle = explain(compare(*systems))
    assert not idle, [rule.id for rule in idle]


def test_no_file_of_a_package_is_missing_or_altered(systems: tuple[System, System]) -> None:
    """Beside the rules: of what both have below /usr, only what is generated differs."""
    mine, other = systems
    generated = ("/__pycache__/", "usr/lib/udev/hwdb.bin", "usr/lib/os-release")
    altered = [
        path
        for path, node in mine.items()
        if path.startswith("usr/") and path in other and node.kind == other[path].kind == "file"
        if node.digest != other[path].digest and not any(part in path for part in generated)
    ]
    assert altered == []
    assert len(mine) > 5000


def test_the_modules_and_caches_are_those_of_debians_tools(systems: tuple[System, System]) -> None:
    mine, other = systems
    same = [path for path in other if path.startswith("usr/lib/modules/") and "/modules." in path]
    same += [path for path in other if path.startswith("etc/pam.d/")]
    same += ["etc/ssl/certs/ca-certificates.crt", "etc/nsswitch.conf", "etc/profile", "etc/shells"]
    assert len(same) > 25
    for path in same:
        assert mine[path].digest == other[path].digest, path


def test_a_difference_that_nobody_foresaw_is_seen(systems: tuple[System, System]) -> None:
    mine, other = systems
    path = "usr/bin/containerd"
    for changed in (
        {p: n for p, n in mine.items() if p != path},
        mine | {"usr/bin/unforeseen": mine[path]},
        mine | {path: other["usr/bin/runc"]},
        mine | {"etc/passwd": mine["etc/group"]},
        mine | {"usr/bin/awk": mine[path]},
    ):
        unexplained, _ = explain(compare(changed, other))
        assert len(unexplained) == 1


def test_rules_have_ids_of_their_own_and_reasons() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert all(rule.reason for rule in RULES)
