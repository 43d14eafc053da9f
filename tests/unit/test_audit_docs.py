"""The pages about the audit and its list of rules say the same."""

import re
from pathlib import Path

from adamant.audit import running
from adamant.audit.rule import Section
from adamant.audit.rules import BY_ID, RULES
from adamant.model import hardening
from scripts.generators import audit

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/guide/audit.md").read_text()
REFERENCE = (ROOT / audit.PAGE).read_text()


def test_the_reference_holds_each_rule_with_its_reason_and_source() -> None:
    rows = {match[1]: match[0] for match in re.finditer(r"^\| `([a-z0-9._-]+)` \|.*$", REFERENCE, re.MULTILINE)}
    for rule in RULES:
        assert rule.title in rows[rule.id]
        assert rule.reason in rows[rule.id]
        assert rule.source in rows[rule.id]
    others = {listener.unit for listener in running.LISTENERS} | set(running.HOLDERS) | set(hardening.NOT_ASKED)
    assert set(rows) - others <= set(BY_ID)
    assert REFERENCE.encode() == audit.generate(ROOT)[audit.PAGE]


def test_the_guide_names_each_section_and_no_rule_that_there_is_not() -> None:
    for section in Section:
        assert f"| {section.value} |" in GUIDE
    named = re.findall(r"--(?:rule|waive) ([a-z0-9._-]+)", GUIDE)
    named += re.findall(r"`([a-z]+(?:-[a-z]+)+|shells)`", GUIDE)
    assert {"shells", "boot-signed", "set-id", "usr-verified", "privileged-containers"} <= set(named)
    assert set(named) <= set(BY_ID)
