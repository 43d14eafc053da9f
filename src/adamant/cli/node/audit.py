"""`adamant node audit`: the rules on running machines."""

import threading
import time
from pathlib import Path
from typing import Any

import click

from adamant.cli import audit as shared
from adamant.cli.node import reach
from adamant.cli.options import json_option
from adamant.model.errors import ExitCode

_EPILOG = """\b
Examples:
  adamant node audit
  adamant node -c m1,m2 audit --sarif fleet.sarif    one run for each machine
  adamant node --all audit --rule listening --json
  adamant node audit --waive privileged-containers="the storage driver of this fleet"
"""


@click.command("audit", epilog=_EPILOG)
@shared.rule_options
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    rules: tuple[str, ...],
    waived: tuple[str, ...],
    sarif: Path | None,
    listing: bool,
    as_json: bool,
) -> int:
    """Check the machine against the promises of its posture. Exit code 3 when a rule is broken.

    Nothing is changed, and the role reader is enough. adamant audit checks an image before it runs anywhere.
    """
    if listing:
        shared.show_rules(as_json=as_json)
        return int(ExitCode.DONE)
    from adamant.audit import node as facts  # noqa: PLC0415 - --help needs none of it
    from adamant.audit import report  # noqa: PLC0415

    chosen, reasons = report.choose(rules), report.waivers(waived)
    audits: list[Any] = []
    keeping = threading.Lock()

    def question(node: Any) -> Any:
        audit = report.of_node(facts.read(node, time.time_ns() // 1000), chosen, reasons)
        with keeping:
            audits.append(audit)
        return audit

    code = reach.ask(ctx, question, shared.lines, as_json=as_json, code=shared.exit_code)
    if sarif is not None:
        shared.write_sarif(sarif, sorted(audits, key=lambda audit: str(audit.subject)))
    return code
