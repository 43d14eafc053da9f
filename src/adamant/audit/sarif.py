"""An audit as a log of SARIF 2.1.0 (OASIS, Static Analysis Results Interchange Format), which code hosts read.

One run for each image or node. Each breach is a result; a waived one has a suppression with the reason; a rule that
passed or does not apply is a result without a place, so that the log says what was looked at. Pure.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from adamant.audit.report import Audit, Found, Outcome, Status
from adamant.audit.rule import Severity
from adamant.audit.rules import BY_ID
from adamant.model.version import ADAMANT

VERSION = "2.1.0"
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note"}
_KINDS = {Status.PASSED: "pass", Status.NOT_APPLICABLE: "notApplicable"}


def log(audits: Sequence[Audit]) -> dict[str, Any]:
    """The log of several audits."""
    return {"$schema": SCHEMA, "version": VERSION, "runs": [_run(audit) for audit in audits]}


def _run(audit: Audit) -> dict[str, Any]:
    index = {outcome.rule: number for number, outcome in enumerate(audit.outcomes)}
    return {
        "tool": {
            "driver": {
                "name": "adamant audit",
                "semanticVersion": ADAMANT,
                "rules": [_rule(outcome) for outcome in audit.outcomes],
            }
        },
        "automationDetails": {"id": f"adamant-audit/{audit.of}/{quote(audit.subject, safe='')}/"},
        "properties": {
            "posture": audit.posture.value,
            "figures": {figure.name: figure.value for figure in audit.figures},
        },
        "results": [result for outcome in audit.outcomes for result in _results(audit, outcome, index[outcome.rule])],
    }


def _rule(outcome: Outcome) -> dict[str, Any]:
    rule = BY_ID[outcome.rule]
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.reason},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"section": rule.section.value, "source": rule.source},
    }


def _results(audit: Audit, outcome: Outcome, index: int) -> list[dict[str, Any]]:
    base: dict[str, Any] = {"ruleId": outcome.rule, "ruleIndex": index}
    if outcome.status in _KINDS:
        text = outcome.note or outcome.title
        return [{**base, "kind": _KINDS[outcome.status], "level": "none", "message": {"text": text}}]
    found = []
    for breach in outcome.breaches:
        result = {
            **base,
            "kind": "fail",
            "level": _LEVELS[outcome.severity],
            "message": {"text": f"{breach.where}: {breach.message}"},
            "locations": [_location(audit, breach)],
        }
        if outcome.status is Status.WAIVED:
            result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": outcome.note}]
        found.append(result)
    return found


def _location(audit: Audit, breach: Found) -> dict[str, Any]:
    place: dict[str, Any] = {
        "logicalLocations": [{"fullyQualifiedName": f"{audit.subject}: {breach.where}", "kind": "resource"}]
    }
    if breach.where.startswith("/"):
        place["physicalLocation"] = {"artifactLocation": {"uri": quote(breach.where.lstrip("/"))}}
    return place
