"""An audit: what each rule came to, and counts beside those that others publish. Plain values and how they are made."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import partial

from msgspec import Struct

from adamant.audit import programs, running
from adamant.audit.facts import ImageFacts, NodeFacts, Untold
from adamant.audit.rule import Breach, Rule, Section, Severity
from adamant.audit.rules import BY_ID, RULES
from adamant.model.errors import InputError, VerificationError
from adamant.model.posture import Posture
from adamant.reading.inspection import printable

IMAGE, NODE = "image", "node"
_ELSEWHERE = {IMAGE: "only a node can show it", NODE: "only an image can show it"}
_REASON = 3
"""Characters of the shortest reason."""


class Status(StrEnum):
    """What a rule came to."""

    PASSED = "passed"
    FAILED = "failed"
    WAIVED = "waived"
    NOT_APPLICABLE = "not applicable"


class Found(Struct, frozen=True, order=True):
    """One breach: where, and what is wrong there."""

    where: str
    message: str


class Outcome(Struct, frozen=True):
    """What one rule came to. `note` says why it does not apply, or why its breaches are waived."""

    rule: str
    title: str
    section: Section
    severity: Severity
    status: Status
    breaches: tuple[Found, ...] = ()
    note: str = ""


class Figure(Struct, frozen=True):
    """A count, and what others publish of theirs; empty where nobody does."""

    name: str
    value: int
    others: str = ""


class Audit(Struct, frozen=True, tag_field="kind", tag="Audit"):
    """An audit of one image or node. It has failed when an outcome has."""

    of: str
    """`image` or `node`."""
    subject: str
    posture: Posture
    outcomes: tuple[Outcome, ...]
    figures: tuple[Figure, ...]
    unused_waivers: tuple[str, ...] = ()
    schema: int = 1

    @property
    def failed(self) -> bool:
        """Whether a rule is broken and not waived."""
        return any(outcome.status is Status.FAILED for outcome in self.outcomes)

    def count(self, status: Status, section: Section | None = None) -> int:
        """How many outcomes have this status, in all or in one section."""
        return sum(1 for o in self.outcomes if o.status == status and section in (None, o.section))


_TALOS = "Talos 1.7: 12 (29 with links); Flatcar: 2,391; Ubuntu 22.04: 2,780"
"""siderolabs.com, There are only 12 binaries in Talos Linux."""


def choose(ids: Sequence[str]) -> tuple[Rule, ...]:
    """The rules with these ids; all when there are none. Raises InputError audit-rule-unknown."""
    for name in ids:
        _known(name)
    return tuple(rule for rule in RULES if not ids or rule.id in ids)


def waivers(words: Iterable[str]) -> dict[str, str]:
    """Reasons by rule of words ID=REASON. Raises InputError audit-waiver-malformed, audit-rule-unknown."""
    found = {}
    for word in words:
        name, _, reason = word.partition("=")
        if len(reason.strip()) < _REASON:
            raise InputError(
                "audit-waiver-malformed",
                f"not ID=REASON: {word[:80]!r}",
                hint='as in --waive boot-signed="a test host"',
            )
        _known(name)
        found[name] = printable(reason.strip())
    return found


def _known(name: str) -> None:
    if name not in BY_ID:
        import difflib  # noqa: PLC0415 - for mistakes only

        near = difflib.get_close_matches(name[:80], BY_ID, 1)
        hint = f"did you mean {near[0]}?" if near else "--list shows every rule"
        raise InputError("audit-rule-unknown", f"there is no rule {name[:80]!r}", hint=hint)


def of_image(facts: ImageFacts, rules: Sequence[Rule], waived: Mapping[str, str]) -> Audit:
    """The audit of an image."""
    outcomes = tuple(
        _outcome(rule, facts.posture, partial(rule.image, facts) if rule.image else None, IMAGE, waived)
        for rule in rules
    )
    subject = printable(f"{facts.name} {facts.version} ({facts.arch.value})")
    return Audit(IMAGE, subject, facts.posture, outcomes, tuple(_of_image(facts)), _unused(outcomes, waived))


def of_node(facts: NodeFacts, rules: Sequence[Rule], waived: Mapping[str, str]) -> Audit:
    """The audit of a node. Raises VerificationError audit-no-posture."""
    posture = facts.posture
    if posture is None:
        raise VerificationError(
            "audit-no-posture", "the node does not say which posture it has", hint="does it run an image of Adamant?"
        )
    outcomes = tuple(
        _outcome(rule, posture, partial(rule.node, facts) if rule.node else None, NODE, waived) for rule in rules
    )
    return Audit(NODE, printable(facts.name), posture, outcomes, tuple(_of_node(facts)), _unused(outcomes, waived))


def _outcome(
    rule: Rule,
    posture: Posture,
    judge: Callable[[], Iterable[Breach]] | None,
    of: str,
    waived: Mapping[str, str],
) -> Outcome:
    def came_to(status: Status, breaches: tuple[Found, ...] = (), note: str = "") -> Outcome:
        return Outcome(rule.id, rule.title, rule.section, rule.severity, status, breaches, note)

    if posture not in rule.postures:
        return came_to(Status.NOT_APPLICABLE, note=f"the posture {posture.value} does not promise it")
    if judge is None:
        return came_to(Status.NOT_APPLICABLE, note=_ELSEWHERE[of])
    try:
        breaches = tuple(sorted({Found(printable(b.where), printable(b.message)) for b in judge()}))
    except Untold as error:
        breaches = (Found("unknown", printable(str(error))),)
    if not breaches:
        return came_to(Status.PASSED)
    if rule.id in waived:
        return came_to(Status.WAIVED, breaches, waived[rule.id])
    return came_to(Status.FAILED, breaches)


def _unused(outcomes: Iterable[Outcome], waived: Mapping[str, str]) -> tuple[str, ...]:
    used = {outcome.rule for outcome in outcomes if outcome.status is Status.WAIVED}
    return tuple(sorted(waived.keys() - used))


def _of_image(facts: ImageFacts) -> Iterator[Figure]:
    contents = facts.contents
    if contents is None:
        return
    in_path = [program for program in contents.programs if program.path.startswith(("bin/", "sbin/"))]
    links = [alias for alias in contents.aliases if alias.path.startswith(("bin/", "sbin/"))]
    yield Figure("programs in /usr/bin and /usr/sbin", len(in_path), _TALOS)
    yield Figure("the same with links", len(in_path) + len(links))
    yield Figure("programs of machine code", sum(1 for p in contents.programs if not p.interpreter))
    yield Figure("scripts that can run", sum(1 for p in contents.programs if p.interpreter and p.runs))
    yield Figure("shells", sum(1 for _ in programs.shells(facts)), "Talos, Bottlerocket: 0")
    yield Figure("setuid and setgid files", len(facts.set_id))
    yield Figure("Debian packages", len(contents.packages))
    yield Figure("kernel modules", len(contents.modules), "Talos: 332")
    yield Figure("units that start at boot", sum(1 for u in contents.units if u.starts and not u.masked))
    yield Figure("files", facts.files)


def _of_node(facts: NodeFacts) -> Iterator[Figure]:
    if facts.listening is not None:
        reached = {(s.protocol, s.port) for s in facts.listening if not running.is_local(s.address)}
        yield Figure("ports that listen beyond the machine", len(reached))
    if facts.processes is not None:
        yield Figure("processes", len(facts.processes))
    if facts.mounts is not None:
        yield Figure("writable file systems on disks", sum(1 for m in facts.mounts if m.writable and m.on_disk))
    if facts.modules is not None:
        yield Figure("loaded kernel modules", len(facts.modules))
    if facts.packages is not None:
        yield Figure("Debian packages", facts.packages)
