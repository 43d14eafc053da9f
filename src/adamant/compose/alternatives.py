"""Alternatives: the link that update-alternatives(1) would make through /etc/alternatives, made directly.

What stays true: of one name the highest priority wins, and among equals the first path by its bytes; nothing lies in
/etc/alternatives. Imports model and packages.scripts only (and `entries`).
"""

import posixpath
from collections.abc import Iterable

from adamant.compose import entries
from adamant.model.errors import AdamantError
from adamant.model.tree import Entry, Tree
from adamant.packages.scripts.effects import Alternative


def choose(offered: Iterable[Alternative]) -> list[Alternative]:
    """The winner of each name, sorted by name.

    Raises AdamantError (`alternative-conflict`) when two packages give one name different links.
    """
    best: dict[str, Alternative] = {}
    for offer in offered:
        held = best.get(offer.name)
        if held is not None and held.link != offer.link:
            raise AdamantError(
                "alternative-conflict", f"the alternative {offer.name} would be both {held.link} and {offer.link}"
            )
        if held is None or (-offer.priority, offer.path) < (-held.priority, held.path):
            best[offer.name] = offer
    return [best[name] for name in sorted(best)]


def links(tree: Tree, offered: Iterable[Alternative]) -> list[Entry]:
    """Links of the alternatives whose target is in the tree (a manual page may have been left out)."""
    made: dict[str, Entry] = {}
    there = [offer for offer in offered if _real(tree, offer.path)]
    for winner in choose(there):
        for link, path in [(winner.link, winner.path), *((s.link, s.path) for s in winner.slaves)]:
            place = entries.resolve(tree, posixpath.dirname(link))
            final = _real(tree, path)
            if final is None or place is None:
                continue
            at = f"{place}/{posixpath.basename(link)}"
            if at in tree:
                raise AdamantError("alternative-conflict", f"{link} is an alternative and a file of {tree[at].package}")
            made[at] = entries.link(at, posixpath.relpath(final, place))
    return entries.sort(made.values())


def _real(tree: Tree, path: str) -> str | None:
    """`path` with links in its folder followed, but not the last part, when it is there."""
    place = entries.resolve(tree, posixpath.dirname(path))
    found = f"{place}/{posixpath.basename(path)}" if place is not None else ""
    return found if found in tree else None
