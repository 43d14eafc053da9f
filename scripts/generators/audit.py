"""docs/reference/audit.md: every rule of the audit, its exceptions, and what is not asked for."""

from collections.abc import Mapping
from pathlib import Path

from adamant.audit import running
from adamant.audit.rule import Rule, Section
from adamant.audit.rules import RULES
from adamant.model import hardening
from adamant.model.posture import Posture

PAGE = "docs/reference/audit.md"

_HEAD = """\
<!-- Made by scripts/generate from src/adamant/audit and src/adamant/model/hardening.py: do not edit. -->
# Rules of the audit

`adamant audit` and `adamant node audit` judge these; [the guide](../guide/audit.md) says how. A rule counts for the
postures that promise it: o is `open`, g is `guarded`, s is `sealed`. It looks at an image (i), a node (n) or both.
"""
_EXCEPTIONS = """
## Who may listen

Sockets of Adamant's own units and of systemd's, beyond the machine itself. Any other service may listen when the image
or the config starts it.

| unit | port | why |
|---|---|---|
"""
_HOLDERS = """
## Who may hold grave capabilities

| unit | capabilities | why |
|---|---|---|
"""
_NOT_ASKED = """
## What is not asked for

Other lists ask for these.

| argument or setting | why not here |
|---|---|
"""


def generate(_root: Path) -> Mapping[str, bytes]:
    """The page of all rules."""
    parts = [_HEAD]
    for section in Section:
        parts.append(f"\n## {section.value.capitalize()}\n\n")
        parts.append("| rule | postures | looks at | severity | what | why | source |\n|---|---|---|---|---|---|---|\n")
        parts += [_row(rule) for rule in RULES if rule.section is section]
    parts.append(_EXCEPTIONS)
    parts += [f"| `{each.unit}` | {_port(each)} | {each.reason} |\n" for each in running.LISTENERS]
    parts.append(_HOLDERS)
    for unit, (capabilities, reason) in running.HOLDERS.items():
        held = "all" if capabilities == running.GRAVE else ", ".join(sorted(capabilities))
        parts.append(f"| `{unit}` | {held} | {reason} |\n")
    parts.append(_NOT_ASKED)
    parts += [f"| `{name}` | {reason} |\n" for name, reason in hardening.NOT_ASKED.items()]
    return {PAGE: "".join(parts).encode()}


def _row(rule: Rule) -> str:
    postures = " ".join(posture.value[0] for posture in Posture if posture in rule.postures)
    looks = " ".join(name for name, judge in (("i", rule.image), ("n", rule.node)) if judge)
    cells = [f"`{rule.id}`", postures, looks, rule.severity.value, rule.title, rule.reason, rule.source]
    return f"| {' | '.join(cells)} |\n"


def _port(listener: running.Listener) -> str:
    return f"{listener.protocol} {listener.port or 'any'}"
