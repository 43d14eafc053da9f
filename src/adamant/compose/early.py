"""What makes the start of PID 1 and of the agent shorter: a list of files to read ahead, and a library withheld.

While PID 1 reads its units, the other processors have nothing to do. The initrd's program has a child that reads the
files of `LIST` into memory meanwhile: the agent and containerd then find them there. And PID 1 asks libbpf, when there
is one, to load a program into the kernel, to know whether units may set keys of `BPF_KEYS`; that takes it 0.4 s under
emulation. Where no unit sets one, and none can be added, the initrd's program has PID 1 find a file of text by that
name. docs/adr/0005 has the figures. Imports model and compose.
"""

import posixpath

from adamant.compose import entries
from adamant.compose.units import Units
from adamant.model.tree import Entry, Kind, Tree

LIST = "usr/lib/adamant/ahead"
"""Paths below /usr, one a line, in the order in which they are wanted (`image/init/ahead.c` reads it)."""
LIST_BYTES = 65_535
"""What the initrd's program takes of it."""

NO_BPF = "usr/lib/adamant/pid1/libbpf.so.1"
"""In the only folder of PID 1's LD_LIBRARY_PATH (`image/init/init.c`); what PID 1 starts does not inherit that."""

BPF_KEYS = ("RestrictNetworkInterfaces", "SocketBindAllow", "SocketBindDeny")
"""Keys of systemd.resource-control(5) that PID 1 needs libbpf for; RestrictFileSystems= is one more (image/uki.py)."""

_STANDARD = (
    *("__future__", "_collections_abc", "_weakrefset", "ast", "base64", "bisect", "calendar", "codecs"),
    *("collections/*", "concurrent/*", "concurrent/futures/*", "contextlib", "contextvars", "copy", "copyreg"),
    *(
        "dataclasses",
        "datetime",
        "dis",
        "encodings/__init__",
        "encodings/aliases",
        "encodings/utf_8",
        "enum",
        "fnmatch",
    ),
    *("functools", "hashlib", "heapq", "hmac", "importlib/*", "inspect", "ipaddress", "json/*", "keyword"),
    *("linecache", "locale", "logging/__init__", "numbers", "opcode", "operator", "os", "pickle", "posixpath", "queue"),
    *(
        "random",
        "re/*",
        "reprlib",
        "secrets",
        "selectors",
        "shlex",
        "shutil",
        "signal",
        "socket",
        "stat",
        "string",
        "struct",
    ),
    *("textwrap", "threading", "token", "tokenize", "traceback", "types", "typing", "urllib/parse", "warnings"),
    *("weakref",),
)
"""Modules of Python's library that the agent starts with."""

AHEAD: tuple[str, ...] = (
    "usr/lib/systemd/systemd",
    "usr/lib/*/systemd/libsystemd-core-*.so",
    "usr/lib/*/systemd/libsystemd-shared-*.so",
    "usr/lib/*/libcrypto.so.3",
    "usr/lib/systemd/systemd-executor",
    "usr/lib/adamant/run",
    "usr/lib/*/libpython3.*.so.1.0",
    *(f"usr/lib/python3.*/{name}.pyc" for name in _STANDARD),
    "usr/lib/python3.*/lib-dynload/_*.so",
    "usr/lib/python3/dist-packages/grpc/_cython/cygrpc.*.so",
    "usr/lib/*/libssl.so.3",
    "usr/lib/*/libstdc++.so.6.*",
    "usr/lib/python3/dist-packages/grpc/*.pyc",
    "usr/lib/python3/dist-packages/google/protobuf/*.pyc",
    "usr/lib/python3/dist-packages/google/protobuf/internal/*.pyc",
    "usr/lib/python3/dist-packages/google/protobuf/pyext/*.so",
    "usr/lib/python3/dist-packages/adamant/api/*.pyc",
    "usr/lib/python3/dist-packages/adamant/core/*.pyc",
    "usr/lib/python3/dist-packages/adamant/model/*.pyc",
    "usr/lib/python3/dist-packages/adamant/node/*.pyc",
    "usr/lib/python3/dist-packages/adamant/node/containers/__init__.pyc",
    "usr/lib/python3/dist-packages/adamant/node/containers/runtime.pyc",
    "usr/bin/containerd",
    "usr/lib/systemd/systemd-journald",
    "usr/bin/systemd-repart",
    "usr/bin/systemd-tmpfiles",
    "usr/lib/systemd/systemd-networkd",
    "usr/lib/systemd/systemd-resolved",
)
"""What is read, in this order. Of byte code the pattern names the module, without `__pycache__` and version."""


def ahead(tree: Tree) -> Entry:
    """The list of files of `tree` that are read ahead."""
    files = {path: _module(path) for path in sorted(tree) if tree[path].kind is Kind.FILE}
    found: dict[str, None] = {}
    for pattern in AHEAD:
        found |= {path: None for path, name in files.items() if entries.matches(name, pattern)}
    lines, size = [], 0
    for path in found:
        line = path.removeprefix("usr/") + "\n"
        if size + len(line.encode()) <= LIST_BYTES:
            size += len(line.encode())
            lines.append(line)
    return entries.file(LIST, "".join(lines))


def no_bpf(known: Units) -> list[Entry]:
    """The text in place of libbpf; none when a unit of the image needs the library."""
    if any(known.name_key(key) for key in (*BPF_KEYS, "RestrictFileSystems")):
        return []
    return [entries.file(NO_BPF, "No library: no unit of this image needs one here (docs/adr/0005).\n")]


def _module(path: str) -> str:
    """Byte code by the name of its source (PEP 3147), anything else as it is."""
    folder, name = posixpath.split(path)
    if posixpath.basename(folder) != "__pycache__" or not name.endswith(".pyc"):
        return path
    return posixpath.join(posixpath.dirname(folder), name.split(".")[0] + ".pyc")
