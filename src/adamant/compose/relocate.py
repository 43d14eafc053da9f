"""From the paths of a whole system to those of the usr image, whose root is /usr.

What stays true: nothing lies outside /usr, /etc and /var; /etc becomes the factory's; /var is not there. Imports model
only (and `entries`).
"""

from dataclasses import replace

from adamant.compose import entries
from adamant.model.errors import AdamantError
from adamant.model.tree import Entry, Kind, Tree

UNUSED_TMPFILES = (
    # Makes /home and /srv, which are links into /var here.
    "usr/lib/tmpfiles.d/home.conf",
    # Makes /root and files in /etc from credentials; both are read-only, and the agent reads credentials itself.
    "usr/lib/tmpfiles.d/provision.conf",
    # Lock files of passwd(1) in /etc.
    "usr/lib/tmpfiles.d/passwd.conf",
)
"""tmpfiles.d of packages for places that an image does not have, or that nobody can write to."""


def relocate(tree: Tree) -> Tree:
    """The usr image's tree, with paths below /usr, from a tree of the whole system.

    /etc lies in share/factory/etc; empty folders elsewhere, /var, and the links of a merged /usr are left out, since
    the initrd and tmpfiles.d make them. Raises AdamantError (`path-outside`) for anything else.
    """
    moved: Tree = {}
    outside: list[Entry] = []
    for path, entry in tree.items():
        top, _, rest = path.partition("/")
        if top == "usr":
            final = rest
        elif top == "etc":
            final = f"share/factory/{path}"
        elif top == "var" or entry.kind is Kind.DIRECTORY or entry.target in {f"usr/{path}", f"/usr/{path}"}:
            continue
        else:
            outside.append(entry)
            continue
        if final:
            moved[final] = replace(entry, path=final, target=_target(entry))
    if outside:
        listed = ", ".join(f"/{e.path} ({e.package})" for e in entries.sort(outside)[:10])
        raise AdamantError(
            "path-outside",
            f"packages ship {len(outside)} files outside /usr, /etc and /var",
            context=listed,
            hint="leave the package out; an image holds /usr only",
        )
    for entry in entries.parents(moved, list(moved.values())):
        moved[entry.path] = entry
    return moved


def _target(entry: Entry) -> str:
    """Hard links name their target by its path; symbolic ones keep their text: /usr and /etc stay what they were."""
    if entry.kind is not Kind.HARDLINK:
        return entry.target
    top, _, rest = entry.target.partition("/")
    return rest if top == "usr" else f"share/factory/{entry.target}"
