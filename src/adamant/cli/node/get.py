"""`adamant node get`."""

from typing import Any

import click

from adamant.cli.node import reach
from adamant.cli.options import json_option


@click.group("get", epilog="Example: adamant node get boot")
def group() -> None:
    """Show what the machine knows of itself."""


@group.command("boot", epilog="Example: adamant node get boot --json")
@json_option
@click.pass_context
def boot(ctx: click.Context, as_json: bool) -> int:
    """Show the slot, its verity state, and how long each phase of the boot took."""
    return reach.ask(ctx, lambda node: node.boot(), _lines, as_json=as_json)


def _lines(answer: Any) -> list[str]:
    found = reach.table(
        [
            ("slot", f"{answer.slot} ({answer.disk})"),
            ("root hash", answer.root_hash),
            ("verity", answer.verity.value),
            ("UKI", answer.uki),
            ("secure boot", answer.secure_boot.value),
            ("boot id", answer.boot_id),
        ]
    )
    found += ["", f"the agent answered after {answer.total_usec / 1e6:.2f} s; phases:"]
    for phase in answer.phases:
        found.append(_phase(phase.name, phase))
        found += [_phase(f"  {part.name}", part) for part in phase.parts]
    found += ["", "slowest units"]
    return found + [f"  {unit.duration_usec / 1e6:7.2f} s  {unit.unit}" for unit in answer.slowest_units]


def _phase(name: str, phase: Any) -> str:
    return f"  {name:<12} began {phase.start_usec / 1e6:6.2f} s  took {phase.duration_usec / 1e6:6.2f} s"
