"""`adamant audit`: the rules on an image. What `adamant node audit` shares with it stands here too."""

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from adamant.cli.options import json_option
from adamant.model.errors import ExitCode

F = TypeVar("F", bound=Callable[..., Any])

_EPILOG = """\b
Examples:
  adamant audit                                  the build of the definition in this folder
  adamant audit out/example_1_amd64 --sarif audit.sarif
  adamant audit --rule shells --rule set-id
  adamant audit --waive boot-signed="a test host without keys"
  adamant audit --list
"""
_COLOURS = {"passed": "green", "failed": "red", "waived": "yellow", "not applicable": "bright_black"}
_SHOWN = 20
"""Breaches of one rule that the text shows."""


def show_rules(*, as_json: bool) -> None:
    """Print every rule with its reason and source."""
    from adamant.audit.rules import RULES  # noqa: PLC0415 - --help needs no rule

    if as_json:
        click.echo(msgspec.json.encode([_described(rule) for rule in RULES]))
    else:
        click.echo("\n".join(line for rule in RULES for line in _lines_of_rule(rule)))


def _described(rule: Any) -> dict[str, Any]:
    return {
        "id": rule.id,
        "title": rule.title,
        "section": rule.section.value,
        "severity": rule.severity.value,
        "postures": sorted(posture.value for posture in rule.postures),
        "looks_at": [name for name, judge in (("image", rule.image), ("node", rule.node)) if judge],
        "reason": rule.reason,
        "source": rule.source,
    }


def _lines_of_rule(rule: Any) -> list[str]:
    described = _described(rule)
    return [
        f"{click.style(rule.id, bold=True)}  {rule.title}",
        f"    {rule.severity.value}; {', '.join(described['postures'])}; looks at: {', '.join(described['looks_at'])}",
        f"    why: {rule.reason}",
        f"    source: {rule.source}",
    ]


def rule_options(function: F) -> F:
    """`--rule`, `--waive`, `--sarif` and `--list`."""
    function = click.option("--list", "listing", is_flag=True, help="Show every rule, and check nothing.")(function)
    function = click.option(
        "--sarif", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write SARIF 2.1.0 too."
    )(function)
    function = click.option(
        "--waive",
        "waived",
        multiple=True,
        metavar="ID=REASON",
        help="Show breaches of this rule, and do not count them; may be repeated.",
    )(function)
    return click.option("--rule", "rules", multiple=True, metavar="ID", help="Only this rule; may be repeated.")(
        function
    )


@click.command("audit", epilog=_EPILOG)
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False), default=Path())
@rule_options
@json_option
def command(
    folder: Path, rules: tuple[str, ...], waived: tuple[str, ...], sarif: Path | None, listing: bool, as_json: bool
) -> int:
    """Check an image against the promises of its posture: a build's folder, or that of the definition.

    Nothing of the image runs. Exit code 3 when a rule is broken. adamant node audit checks a machine.
    """
    if listing:
        show_rules(as_json=as_json)
        return int(ExitCode.DONE)
    from adamant.audit import image, report  # noqa: PLC0415 - --help needs none of it
    from adamant.core import places  # noqa: PLC0415
    from adamant.packages.tools import newest_tools  # noqa: PLC0415

    chosen, reasons = report.choose(rules), report.waivers(waived)
    with tempfile.TemporaryDirectory(prefix="adamant-") as scratch:
        facts = image.read(image.locate(folder), newest_tools(places.cache()), Path(scratch))
    audit = report.of_image(facts, chosen, reasons)
    if sarif is not None:
        write_sarif(sarif, [audit])
    if as_json:
        click.echo(msgspec.json.encode(audit))
    else:
        click.echo("\n".join(lines(audit)))
    return exit_code(audit)


def exit_code(audit: Any) -> int:
    """3 when the audit has failed."""
    return int(ExitCode.VERIFICATION if audit.failed else ExitCode.DONE)


def write_sarif(path: Path, audits: Sequence[Any]) -> None:
    """Write the log of the audits."""
    from adamant.audit import sarif  # noqa: PLC0415
    from adamant.core import files  # noqa: PLC0415

    files.write_atomic(path, json.dumps(sarif.log(audits), indent=1, ensure_ascii=False).encode() + b"\n")


def lines(audit: Any) -> list[str]:
    """The report as text: a table of the rules by section, their breaches, the counts, and a last line that sums up."""
    found = [f"{click.style(audit.subject, bold=True)}: {audit.of}, posture {audit.posture.value}"]
    for number, section in enumerate(dict.fromkeys(outcome.section for outcome in audit.outcomes), 1):
        counts = ", ".join(
            f"{count} {name}" for name in _COLOURS if (count := audit.count(name, section)) or name == "passed"
        )
        found += ["", f"{click.style(f'{number} {section.value}', bold=True)} ({counts})"]
        judged = [o for o in audit.outcomes if o.section is section and o.status != "not applicable"]
        width = max((len(outcome.rule) for outcome in judged), default=0)
        for outcome in judged:
            found += _outcome(outcome, width)
    if audit.figures:
        found += ["", click.style("counts", bold=True)]
        name_width = max(len(figure.name) for figure in audit.figures)
        found += [
            f"  {figure.name:<{name_width}}  {figure.value:>6}" + (f"  ({figure.others})" if figure.others else "")
            for figure in audit.figures
        ]
    found += [f"waived without need: {name}" for name in audit.unused_waivers]
    total = ", ".join(f"{audit.count(name)} {name}" for name in _COLOURS)
    return [*found, "", f"{len(audit.outcomes)} rules: {total}"]


def _outcome(outcome: Any, width: int) -> list[str]:
    state = click.style(f"{outcome.status.value:<6}", fg=_COLOURS[outcome.status.value])
    found = [f"  {state}  {outcome.severity.value:<6}  {outcome.rule:<{width}}  {outcome.title}"]
    if outcome.note:
        found.append(f"            because {outcome.note}")
    found += [f"            {breach.where}: {breach.message}" for breach in outcome.breaches[:_SHOWN]]
    if len(outcome.breaches) > _SHOWN:
        found.append(f"            and {len(outcome.breaches) - _SHOWN} more (--json shows all)")
    return found
