"""Parts of packages that nothing of an image reads, where the posture keeps no more than what a machine uses.

Four kinds: what stands in UNREAD, Python modules that the agent never imports (`imports`), libraries that nothing asks
for (`libraries`), and names of hardware (`hwdb`). What a person lists in the definition stays whole. Licences, lists of
packages and their files stay, for people and for scanners. Imports model, core and packages.tools only (and `entries`,
`imports`, `libraries`).
"""

from collections.abc import Collection
from fnmatch import fnmatchcase

from adamant.compose import entries, imports, libraries
from adamant.core.store import Store
from adamant.model.arch import Arch
from adamant.model.posture import RULES, Posture
from adamant.model.tree import Kind, Tree
from adamant.packages.tools import ToolsTree

UNREAD: dict[str, str] = {
    "usr/lib/*-linux-gnu/engines-3/*": "modules of OpenSSL that no configuration names",
    "usr/lib/*-linux-gnu/gconv/*": "alphabets of the C library's iconv(), which nothing of the base calls",
    "usr/lib/*-linux-gnu/ossl-modules/legacy.so": "ciphers that no configuration turns on",
    "usr/lib/*-linux-gnu/security/*": "modules of PAM: nobody logs in",
    "usr/lib/python3*/*.pyi": "for checkers of types",
    "usr/lib/python3/dist-packages/grpc/_cython/_credentials/*": "authorities of the web, for callers that name none",
    "usr/lib/python3.*/config-*/*": "for compilers",
    "usr/lib/python3*/pydoc_data/*": "pages about Python for people",
    "usr/lib/python3*/test_data/*": "tests",
    "usr/lib/systemd/catalog/*": "sources of the catalogue, which is made",
    "usr/share/bash-completion/*": "for shells",
    "usr/share/ca-certificates/*": "sources of the bundle of certificates, which is made",
    "usr/share/fish/*": "for shells",
    "usr/share/gcc/*": "for debuggers",
    "usr/share/gdb/*": "for debuggers",
    "usr/share/pam*": "templates of PAM's files, which are made",
    "usr/share/polkit-1/*": "asks people who log in",
    "usr/share/python3/*": "for those who install packages of Python",
    "usr/share/zsh/*": "for shells",
}
"""Patterns of paths (fnmatch; `*` stands for slashes too), and why nothing on such a machine reads what they match."""


def drop(
    tree: Tree,
    posture: Posture,
    arch: Arch,
    listed: Collection[str],
    programs: Collection[str],
    tools: ToolsTree,
    store: Store,
) -> None:
    """Take out of `tree`, in place, what the posture does without; `listed` are the packages that the definition names.

    `programs` are the files that the agent's Python is started with. Raises the errors of `imports` and `libraries`.
    """
    if RULES[posture].whole_packages:
        return
    folders = _folders(tree)
    base = [e.path for e in tree.values() if e.package not in ("", *listed) and e.kind is not Kind.DIRECTORY]
    _take(tree, [path for path in base if _is_unread(path)])
    _take(tree, imports.unread(tree, listed, tools, store))
    gone, made = imports.sourceless(tree, listed, programs)
    _take(tree, gone)
    tree.update({entry.path: entry for entry in made})
    _take(tree, libraries.unread(tree, arch, listed))
    while emptied := (folders & tree.keys()) - _folders(tree):
        _take(tree, emptied)


def _is_unread(path: str) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in UNREAD)


def _take(tree: Tree, gone: Collection[str]) -> None:
    for path in {*gone, *entries.links_to(tree, gone)}:
        del tree[path]


def _folders(tree: Tree) -> set[str]:
    """Folders that hold something."""
    return {path.rpartition("/")[0] for path in tree}
