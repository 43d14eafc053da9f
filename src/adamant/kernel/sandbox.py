"""The sandbox in which a kernel is built: the toolchain as `/usr`, folders of the build, no network, no other process.

What stays true: what runs inside sees nothing of this computer but the folders it is given; it cannot write into the
toolchain; it ends when the one who started it ends, however that happens. A tmpfs of the sandbox is memory that only
its own mount namespace knows: it is gone with the last process inside, and no name leads to it from outside.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adamant.core import limits, proc
from adamant.model.errors import AdamantError
from adamant.packages.tools import ToolsTree

LINKS = "/links"
_SCRATCH = "/tmp"  # noqa: S108 - the sandbox's own
_LINKED = {"awk": "mawk"}
"""Programs that a maintainer script would link, and to what."""

_ENVIRONMENT = {
    "PATH": f"{LINKS}:/usr/bin:/usr/sbin",
    "HOME": _SCRATCH,
    "LC_ALL": "C",
    "TZ": "UTC",
    "SHELL": "/bin/sh",
    "SOURCE_DATE_EPOCH": "0",
    "KBUILD_BUILD_TIMESTAMP": "Thu Jan  1 00:00:00 UTC 1970",
    "KBUILD_BUILD_USER": "adamant",
    "KBUILD_BUILD_HOST": "adamant",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A folder or file of this computer, and what it is called inside."""

    path: Path
    inside: str
    writable: bool = False


def argv(
    toolchain: ToolsTree,
    places: Sequence[Place],
    command: Sequence[str],
    *,
    memory: Mapping[str, int] = {},
    environment: Mapping[str, str] = {},
    seconds: float = limits.KERNEL_SECONDS,
) -> list[str]:
    """The command line that runs `command` inside, standard error with its output.

    `memory` are folders inside that are memory, after `places`, with their size in bytes. `environment` are variables
    besides those of every build.
    """
    aliases = [word for alias in ("bin", "sbin", "lib", "lib64") for word in ("--symlink", f"usr/{alias}", f"/{alias}")]
    links = [word for name, to in _LINKED.items() for word in ("--symlink", f"/usr/bin/{to}", f"{LINKS}/{name}")]
    bind = [word for p in places for word in ("--bind" if p.writable else "--ro-bind", str(p.path), p.inside)]
    held = [word for inside, size in memory.items() for word in _memory(inside, size)]
    limited = 'umask 022; ulimit -c 0; exec 2>&1; exec "$@"'
    return toolchain.argv(
        "bwrap",
        *("--unshare-all", "--die-with-parent", "--new-session", "--hostname", "localhost", "--clearenv"),
        *(word for name, value in {**_ENVIRONMENT, **environment}.items() for word in ("--setenv", name, value)),
        *("--ro-bind", str(toolchain.path("usr")), "/usr", "--ro-bind", str(toolchain.path("etc")), "/etc"),
        *(*aliases, "--dir", LINKS, *links, "--proc", "/proc", "--dev", "/dev"),
        *(*_memory(_SCRATCH, limits.KERNEL_SCRATCH), *bind, *held, "--chdir", _SCRATCH),
        *("sh", "-c", limited, "sh", "timeout", "--kill-after=10", f"{seconds:.0f}", *command),
    )


def _memory(inside: str, size: int) -> list[str]:
    return ["--perms", "0700", "--size", str(size), "--tmpfs", inside]


def require(toolchain: ToolsTree, *, nested: bool = False) -> None:
    """Raise AdamantError kernel-sandbox-closed where this user may make no user namespaces; it finds out by trying.

    With `nested`, a sandbox must open in the sandbox, as data/recipe/packaged.sh needs it.
    """
    inner = ("bwrap", "--unshare-user", "--ro-bind", "/", "/") if nested else ()
    try:
        proc.run("open a sandbox", argv(toolchain, (), (*inner, "true")), seconds=limits.PROBE_SECONDS)
    except proc.ProgramFailed as error:
        raise AdamantError(
            "kernel-sandbox-closed",
            "this system lets ordinary users make no user namespaces, so no kernel can be built here",
            context=error.stderr,
            hint="build on another computer, or allow them (Debian: sysctl kernel.unprivileged_userns_clone=1, "
            "Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0)",
        ) from error
