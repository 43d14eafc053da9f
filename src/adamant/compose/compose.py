"""Layers to the tree of the usr image, with all that maintainer scripts would have done.

The order is the one thing this module owns: packages, then what reviewed scripts and the person add, then what is made
from all of it, then the lints. What stays true: the result depends on nothing but its arguments. Imports model, core,
packages and compose.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from adamant.compose import (
    accounts,
    alternatives,
    ca,
    catalog,
    check,
    depmod,
    diversions,
    early,
    entries,
    etc,
    hwdb,
    kernel,
    ldcache,
    nodes,
    nsswitch,
    overlay,
    pam,
    presets,
    programs,
    python,
    rare_modules,
    recorded,
    relocate,
    reviewed,
    status,
    sysusers,
    tmpfiles,
    units,
    unread,
    var,
)
from adamant.compose.merge import merge, relink
from adamant.core.store import Store
from adamant.model.arch import Arch
from adamant.model.posture import RULES, Posture
from adamant.model.switch import Switch
from adamant.model.tree import Entry, Tree
from adamant.packages.layer import Layer
from adamant.packages.scripts import effects
from adamant.packages.scripts.review import Review
from adamant.packages.tools import ToolsTree


@dataclass(frozen=True, slots=True)
class ComposeRequest:
    """What an image shall be besides its packages.

    `house` are Adamant's own static files and `extra` those of the definition, both by their path below / (`usr/...`,
    `etc/...`), the latter taking the place of what a package ships. `switches` enable and disable units: those of
    Adamant, then those of the definition; a later one for the same unit counts. `listed` are the packages that the
    definition names, and `modules` the rare modules (or `*`) that it wants. `later` are units that `later_target`
    shall want instead of what wants them. `tmpfiles` are further lines of tmpfiles.d(5). `kernel` are the files of an
    own kernel, as a package of Debian's would have them; of its modules none is left out.
    """

    name: str
    version: str
    arch: Arch
    posture: Posture
    listed: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    house: tuple[Entry, ...] = ()
    extra: tuple[Entry, ...] = ()
    switches: tuple[Switch, ...] = ()
    later: tuple[str, ...] = ()
    later_target: str = ""
    tmpfiles: tuple[str, ...] = ()
    kernel: tuple[Entry, ...] = ()
    programs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Composition:
    """The composed image.

    `tree` has paths relative to usr/, ready to be written. `kernel` is the release of the kernel, `vmlinuz` its image,
    which is not in the tree: it goes into the UKI. `restricts_file_systems` says that some unit sets
    RestrictFileSystems= (systemd.exec(5)). `findings` are lints that are no errors.
    """

    tree: Tree
    kernel: str
    vmlinuz: Entry
    enabled: tuple[str, ...]
    restricts_file_systems: bool
    findings: tuple[check.Finding, ...]


def compose(
    request: ComposeRequest,
    layers: Sequence[Layer],
    review: Review,
    tools: ToolsTree,
    store: Store,
    workers: int = 2,
) -> Composition:
    """The tree of the image. Raises the errors of the mechanisms, and `image-unsound` when a lint is an error."""
    tree = merge(diversions.divert(layers, review.effects))
    found = [effect for package in sorted(review.effects) for effect in review.effects[package]]
    _put(tree, request.kernel)
    release, vmlinuz = kernel.take(tree)
    wanted = (*request.modules, rare_modules.EVERY) if request.kernel else request.modules
    for path in rare_modules.rare(tree, release, request.posture, wanted):
        del tree[path]
    for path in etc.ABSENT:
        _drop(tree, path)
    overlay.lay(tree, request.house)
    overlay.lay(tree, request.extra)

    with ThreadPoolExecutor(max(1, workers), thread_name_prefix="compose") as pool:
        # What tools make starts first and runs beside the rest. It reads the tree as it is now.
        still = dict(tree)
        jobs: list[Callable[[], list[Entry]]] = [
            lambda: depmod.make(still, release, tools, store),
            *python.jobs(still, tools, store),
            lambda: hwdb.make(still, tools, store, names=RULES[request.posture].whole_packages),
            lambda: catalog.make(still, tools, store),
        ]
        pending = [pool.submit(job) for job in jobs]

        recorded.add_accounts(tree, review.recordings)
        people = accounts.evaluate(
            accounts.read_masters(tree), [*accounts.read_lines(tree), *_account_lines(found)], accounts.pins()
        )
        _put(tree, accounts.files(people))
        if RULES[request.posture].persistent_root:
            _put(tree, [accounts.additions(people)])
        _put(tree, reviewed.apply(tree, found, people))
        recorded.apply(tree, review.recordings, people)
        _put(tree, alternatives.links(tree, [e for e in found if isinstance(e, effects.Alternative)]))
        _put(tree, etc.complete(tree, [e.path for e in found if isinstance(e, effects.AddShell)]))
        _put(tree, nsswitch.make(tree, [e for e in found if isinstance(e, effects.NssService | effects.NssDatabase)]))
        _put(tree, etc.os_release(tree, etc.Release(request.name, request.version)))
        _put(tree, ca.make(tree))
        _put(tree, pam.make(tree))
        enabled = _switch_units(tree, request, found)
        for job in pending:
            _put(tree, job.result())
        for path in hwdb.sources(tree):
            _drop(tree, path)
        _put(tree, nodes.make(tree, release))

    further = [e.text for e in found if isinstance(e, effects.TmpfilesLine)]
    if catalog.PATH in tree:
        further += catalog.tmpfiles()
    further += [*status.tmpfiles(), *request.tmpfiles]
    for path in relocate.UNUSED_TMPFILES:
        _drop(tree, path)
    lines = tmpfiles.read(tree)
    own = [tmpfiles.parse_line(text, var.CONF) for text in further]
    _put(tree, tmpfiles.apply(tree, [*lines, *own], people))
    _put(tree, var.make(tree, lines, further))
    programs.require_none(tree, request.posture)
    filtered = programs.apply(tree, request.posture, request.listed)
    for path in filtered.dropped:
        del tree[path]
    _put(tree, filtered.changed)
    unread.drop(tree, request.posture, request.arch, request.listed, request.programs, tools, store)
    _put(tree, [ldcache.make(tree, request.arch)])
    _put(tree, status.make(layers, tree))
    _put(tree, entries.parents(tree, list(tree.values())))
    known = units.Units(tree)
    findings = check.check(tree, people, known, enabled)
    check.raise_errors(findings)

    made = [early.ahead(tree), *([] if RULES[request.posture].persistent_root else early.no_bpf(known))]
    _put(tree, [*made, *entries.parents(tree, made)])
    final = relocate.relocate(tree)
    relink(final)
    restricts = known.name_key("RestrictFileSystems")
    return Composition(final, release, vmlinuz, tuple(enabled), restricts, tuple(findings))


def _put(tree: Tree, made: Sequence[Entry]) -> None:
    for entry in made:
        tree[entry.path] = entry


def _drop(tree: Tree, path: str) -> None:
    for name in [p for p in tree if p == path or p.startswith(path + "/")]:
        del tree[name]


def _account_lines(found: Sequence[effects.Effect]) -> list[sysusers.Line]:
    """Accounts of scripts as the sysusers.d lines that they amount to."""
    lines: list[sysusers.Line] = []
    for effect in found:
        where = "a maintainer script"
        if isinstance(effect, effects.Group):
            lines.append(sysusers.Line("g", effect.name, _number(effect.id), "", "", "", locked=True, where=where))
        elif isinstance(effect, effects.Account):
            ident = f"{_number(effect.id) or '-'}:{effect.group}" if effect.group else _number(effect.id)
            lines.append(sysusers.Line("u", effect.name, ident, effect.comment, effect.home, effect.shell, True, where))
        elif isinstance(effect, effects.Member):
            lines.append(sysusers.Line("m", effect.user, effect.group, "", "", "", locked=True, where=where))
    return lines


def _number(ident: int | None) -> str:
    return "" if ident is None else str(ident)


def _switch_units(tree: Tree, request: ComposeRequest, found: Sequence[effects.Effect]) -> list[str]:
    """Put the links of enabled units into the tree and take those of disabled ones out; return the enabled ones."""
    package = [e for e in found if isinstance(e, effects.EnableUnit)]
    switches = [Switch(e.unit, True, "package") for e in package if not e.user]
    switches += [Switch(name, False, reason) for name, reason in presets.NOT_WANTED.items()]
    switches += [Switch(name, False, "posture") for name in presets.not_in(request.posture)]
    switches += request.switches
    for path in presets.generators_not_in(request.posture):
        _drop(tree, path)
    enabled = presets.settle(switches)
    presets.require_posture(request.posture, enabled)
    off = {*presets.DONE_AT_BUILD, *(s.unit for s in switches if not s.enable)} - set(enabled)
    for path in presets.removed(tree, off):
        del tree[path]
    made = presets.links(tree, units.Units(tree), enabled, off)
    of_users = sorted({e.unit for e in package if e.user})
    made += presets.links(tree, units.Units(tree, "user"), of_users)
    _put(tree, [*made, *entries.parents(tree, made), presets.preset_file(enabled)])
    late = presets.postpone(tree, request.later, request.later_target)
    _put(tree, [*late, *entries.parents(tree, late)])
    return enabled
