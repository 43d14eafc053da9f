"""`adamant node reset`."""

from typing import Any

import click

from adamant.cli.node import confirm, power, reach
from adamant.cli.options import json_option
from adamant.cli.progress import human_size

_PARTS = ("config", "identity", "logs", "containers", "var", "root", "all")
_EPILOG = """\b
Examples:
  adamant node reset --dry-run all        what would be wiped
  adamant node reset containers logs      shows the same, asks, wipes, and waits for the machine
  adamant node reset --keep /var/lib/etcd --keep '/etc/ssh/.*'
                                          / as its release has it, but for these (posture open)
"""


@click.command("reset", epilog=_EPILOG)
@click.argument("parts", nargs=-1, type=click.Choice(_PARTS), metavar="PART...")
@click.option(
    "--keep",
    multiple=True,
    metavar="REGEX",
    help="Whole paths that stay on the disk of /, with all that is in them; may be repeated. The part is then root.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be wiped.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@power.reason_option
@power.wait_options
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    parts: tuple[str, ...],
    keep: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    reason: str,
    wait: bool,
    timeout: float,
    as_json: bool,
) -> int:
    """Wipe parts of what the machine keeps on its disk, and reboot it.

    \b
    config      every generation of its config
    identity    its key and certificate: it has to be enrolled again
    logs        logs and crash records
    containers  containers, their images and snapshots
    var         all of /var
    root        all that lies on the disk of /: its release is all that is left (posture open)
    all         all of these: the machine is as new
    """
    from adamant.api import acts  # noqa: PLC0415 - imports gRPC

    parts = parts or (("root",) if keep else ())
    if not parts:
        raise click.UsageError("name a part, or what is kept with --keep")

    with reach.connect(ctx) as node:
        shown = acts.preview_reset(node, parts, keep)
        if dry_run and as_json:
            reach.show_json(shown)
        if dry_run or not as_json:
            click.echo("\n".join(_lines(shown, keep)), err=as_json or not dry_run)
        if dry_run:
            return 0
        confirm.by_name("wipe that, and reboot", [name for name, _ in reach.chosen(ctx)], yes=yes)
        down = acts.reset(node, shown.token, reason)
        try:
            if wait and shown.unenrolled:
                power.teller(as_json)("going down")
                acts.await_down(node, timeout)
            elif wait:
                down = acts.await_back(node, down, timeout, power.teller(as_json))
        finally:
            power.end_line(as_json)
    if as_json:
        reach.show_json(down)
    elif wait and shown.unenrolled:
        click.echo("down; it wipes, and then waits to be enrolled: adamant node enroll")
    else:
        click.echo("\n".join(power.lines(down)))
    return 0


def _lines(shown: Any, keep: tuple[str, ...]) -> list[str]:
    width = max((len(item.path) for item in shown.items), default=0)
    lines = ["a reset wipes:" if shown.items else "a reset wipes nothing"]
    for item in shown.items:
        size = f"{human_size(item.size)}{' or more' if item.more else ''}"
        lines.append(f"  {reach.plain(item.path):<{width}}  {size:>10}  {item.description}".rstrip())
    if shown.kept:
        lines += ["and keeps, with all that is in them:", *(f"  {reach.plain(path)}" for path in shown.kept)]
    elif keep:
        lines.append("and keeps nothing: no path fits what is to be kept")
    if shown.more:
        lines.append("and more of both, which the machine did not look at")
    if shown.unenrolled:
        lines.append("the machine loses its keys: it answers again once it is enrolled")
    return lines
