"""Diversions: a package's file in the place of another's, which lies elsewhere then (dpkg-divert(1)).

What stays true: only the other packages' entries move, and nothing is lost: a diversion onto a path that is taken is an
error of the merge. Imports model and packages only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from adamant.model.tree import Entry, Kind
from adamant.packages.layer import Layer
from adamant.packages.scripts.effects import Diversion, Effect


def divert(layers: Sequence[Layer], effects: Mapping[str, Sequence[Effect]]) -> list[Layer]:
    """The layers with each diverted path moved in all packages but the one that diverts it."""
    moves = {
        effect.path.lstrip("/"): (package, effect.to.lstrip("/"))
        for package in sorted(effects)
        for effect in effects[package]
        if isinstance(effect, Diversion)
    }
    return [_moved(layer, moves) for layer in layers] if moves else list(layers)


def _moved(layer: Layer, moves: Mapping[str, tuple[str, str]]) -> Layer:
    mine = {path: to for path, (package, to) in moves.items() if package != layer.package.name}
    if not any(entry.path in mine for entry in layer.entries):
        return layer
    return replace(layer, entries=[_entry(entry, mine) for entry in layer.entries])


def _entry(entry: Entry, moves: Mapping[str, str]) -> Entry:
    if entry.kind is Kind.DIRECTORY:
        return entry
    target = moves.get(entry.target, entry.target) if entry.kind is Kind.HARDLINK else entry.target
    return replace(entry, path=moves.get(entry.path, entry.path), target=target)
