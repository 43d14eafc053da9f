"""What an audit says: exit codes, waivers, counts, and a log that readers of SARIF 2.1.0 take."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from adamant.audit import report, sarif
from adamant.audit.facts import Placed, Program
from adamant.audit.report import Audit, Status
from adamant.audit.rule import Section
from adamant.audit.rules import RULES
from adamant.cli import audit as command
from adamant.cli import main
from adamant.model.errors import InputError, VerificationError
from tests.unit import audit_facts as made
from tests.unit import image_maker as maker

MESSAGE = {
    "type": "object",
    "anyOf": [{"required": ["text"]}, {"required": ["id"]}],
    "additionalProperties": False,
    "properties": {"text": {"type": "string"}, "id": {"type": "string"}},
}
RESULT = {
    "type": "object",
    "required": ["message"],
    "additionalProperties": False,
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": -1},
        "kind": {"enum": ["notApplicable", "pass", "fail", "review", "open", "informational"]},
        "level": {"enum": ["none", "note", "warning", "error"]},
        "message": MESSAGE,
        "locations": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "physicalLocation": {
                        "type": "object",
                        "anyOf": [{"required": ["address"]}, {"required": ["artifactLocation"]}],
                        "properties": {
                            "artifactLocation": {
                                "type": "object",
                                "properties": {"uri": {"type": "string", "pattern": "^[^/ ][^ ]*$"}},
                            }
                        },
                    },
                    "logicalLocations": {"type": "array", "uniqueItems": True, "items": {"type": "object"}},
                },
            },
        },
        "suppressions": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["kind"],
                "additionalProperties": False,
                "properties": {
                    "kind": {"enum": ["inSource", "external"]},
                    "status": {"enum": ["accepted", "underReview", "rejected"]},
                    "justification": {"type": "string"},
                },
            },
        },
    },
}
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"enum": ["2.1.0"]},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool"],
                "additionalProperties": False,
                "properties": {
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name"],
                                "properties": {
                                    "name": {"type": "string"},
                                    "semanticVersion": {"type": "string"},
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "type": "object",
                                            "required": ["id"],
                                            "properties": {
                                                "id": {"type": "string"},
                                                "shortDescription": {"type": "object", "required": ["text"]},
                                                "fullDescription": {"type": "object", "required": ["text"]},
                                                "defaultConfiguration": {
                                                    "properties": {
                                                        "level": {"enum": ["none", "note", "warning", "error"]}
                                                    }
                                                },
                                            },
                                        },
                                    },
                                },
                            }
                        },
                    },
                    "automationDetails": {"type": "object", "properties": {"id": {"type": "string"}}},
                    "results": {"type": "array", "items": RESULT},
                    "properties": {"type": "object"},
                },
            },
        },
    },
}
"""What the schema of SARIF 2.1.0 (errata 01) demands of the parts that are written here, in words of our own."""


def broken() -> Audit:
    facts = replace(made.image(), world_writable=(Placed("share/a b", "mode 0666"),), unsigned=("ex.efi",))
    assert facts.contents is not None
    inside = replace(facts.contents, programs=(*facts.contents.programs, Program("bin/\x1b[2Jbash", is_shell=True)))
    return report.of_image(replace(facts, contents=inside), RULES, {"boot-signed": "a test host", "sbom": "never"})


def test_a_waived_breach_is_shown_and_not_counted() -> None:
    facts = replace(made.image(), unsigned=("ex.efi",))
    audit = report.of_image(facts, RULES, report.waivers(["boot-signed=a test host"]))
    assert not audit.failed
    (outcome,) = [o for o in audit.outcomes if o.rule == "boot-signed"]
    assert (outcome.status, outcome.note) == (Status.WAIVED, "a test host")
    assert outcome.breaches
    text = "\n".join(command.lines(audit))
    assert "because a test host" in text
    assert "1 waived" in text
    assert command.exit_code(audit) == 0


def test_a_waiver_that_nothing_needed_is_named() -> None:
    audit = broken()
    assert audit.unused_waivers == ("sbom",)
    assert "waived without need: sbom" in command.lines(audit)


@pytest.mark.parametrize("word", ["sbom", "sbom=", "sbom= x ", "=reason"])
def test_a_waiver_without_a_reason_is_refused(word: str) -> None:
    with pytest.raises(InputError):
        report.waivers([word])


def test_a_rule_that_there_is_not_is_refused() -> None:
    with pytest.raises(InputError, match="audit-rule-unknown") as caught:
        report.choose(["shell"])
    assert caught.value.hint == "did you mean shells?"
    with pytest.raises(InputError, match="audit-rule-unknown"):
        report.waivers(["shell=because of that"])
    assert [rule.id for rule in report.choose(["shells", "sbom"])] == ["shells", "sbom"]


def test_every_rule_stands_in_the_report_once_and_the_counts_add_up() -> None:
    audit = broken()
    assert [outcome.rule for outcome in audit.outcomes] == [rule.id for rule in RULES]
    assert sum(audit.count(status) for status in Status) == len(RULES)
    assert sum(audit.count(status, section) for status in Status for section in Section) == len(RULES)
    assert audit.count(Status.FAILED) == 2
    last = command.lines(audit)[-1]
    assert last.startswith(f"{len(RULES)} rules: {audit.count(Status.PASSED)} passed, 2 failed, 1 waived")


def test_what_an_image_says_cannot_reach_the_terminal_as_control_characters() -> None:
    text = "\n".join(command.lines(broken()))
    assert "\x1b[2J" not in text
    assert "bin/\N{REPLACEMENT CHARACTER}[2Jbash" in text


def test_a_long_list_of_breaches_is_cut_in_the_text_alone() -> None:
    facts = replace(made.image(), world_writable=tuple(Placed(f"share/{n:03}", "mode 0666") for n in range(50)))
    audit = report.of_image(facts, report.choose(["world-writable"]), {})
    text = "\n".join(command.lines(audit))
    assert "share/019" in text
    assert "share/020" not in text
    assert "and 30 more" in text
    assert len(audit.outcomes[0].breaches) == 50


def test_an_audit_is_a_document() -> None:
    for audit in (broken(), report.of_node(made.node(), RULES, {})):
        assert msgspec.json.decode(msgspec.json.encode(audit), type=Audit) == audit


def test_counts_stand_beside_those_of_others() -> None:
    figures = {figure.name: figure for figure in broken().figures}
    assert figures["programs in /usr/bin and /usr/sbin"].value == 3
    assert "Talos 1.7: 12" in figures["programs in /usr/bin and /usr/sbin"].others
    assert "2,391" in figures["programs in /usr/bin and /usr/sbin"].others
    assert (figures["shells"].value, figures["Debian packages"].value) == (1, 1)
    node = {figure.name: figure.value for figure in report.of_node(made.node(), RULES, {}).figures}
    assert node["ports that listen beyond the machine"] == 4
    assert (node["processes"], node["writable file systems on disks"], node["Debian packages"]) == (4, 2, 3)


def test_a_node_without_a_posture_is_not_judged() -> None:
    with pytest.raises(VerificationError, match="audit-no-posture"):
        report.of_node(replace(made.node(), posture=None), RULES, {})


def test_the_log_is_sarif() -> None:
    log = json.loads(json.dumps(sarif.log([broken(), report.of_node(made.node(), RULES, {})])))
    jsonschema.validate(log, SARIF)
    first, second = log["runs"]
    assert [rule["id"] for rule in first["tool"]["driver"]["rules"]] == [rule.id for rule in RULES]
    for result in first["results"]:
        assert first["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert (result["level"] == "none") == (result["kind"] != "fail")
    failing = {result["ruleId"]: result for result in first["results"] if result["kind"] == "fail"}
    assert set(failing) == {"boot-signed", "shells", "world-writable"}
    assert failing["boot-signed"]["suppressions"][0]["justification"] == "a test host"
    place = failing["world-writable"]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": "usr/share/a%20b"}
    assert {result["kind"] for result in second["results"]} == {"pass", "notApplicable"}
    assert first["automationDetails"]["id"] != second["automationDetails"]["id"]


def test_the_excerpt_of_the_schema_refuses_what_is_no_log() -> None:
    log: dict[str, Any] = json.loads(json.dumps(sarif.log([broken()])))
    del log["runs"][0]["results"][0]["message"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(log, SARIF)


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main.main(["audit", *words])
    return int(ended.value.code or 0)


def test_the_command_ends_with_3_on_a_breach_and_writes_a_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADAMANT_CACHE", str(tmp_path / "no cache"))
    built = maker.build(tmp_path / "ex", maker.EROFS_PLAIN)
    log = tmp_path / "audit.sarif"
    assert run(str(built), "--rule", "root-hash", "--sarif", str(log)) == 0
    assert "passed" in capsys.readouterr().out
    jsonschema.validate(json.loads(log.read_bytes()), SARIF)
    assert run(str(built), "--rule", "boot-signed", "--rule", "shells") == 3
    assert "no tools tree" in capsys.readouterr().out
    assert run(str(built), "--rule", "boot-signed", "--waive", "boot-signed=no keys here", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["kind"], shown["outcomes"][0]["status"]) == ("Audit", "waived")
    assert run(str(built), "--rule", "nothing") == 2
    assert run(str(tmp_path)) == 2


def test_the_list_shows_every_rule_with_its_reason_and_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--list") == 0
    text = capsys.readouterr().out
    for rule in RULES:
        assert f"{rule.id}  {rule.title}" in text
        assert rule.reason in text
        assert rule.source in text
    assert run("--list", "--json") == 0
    assert [rule["id"] for rule in json.loads(capsys.readouterr().out)] == [rule.id for rule in RULES]
