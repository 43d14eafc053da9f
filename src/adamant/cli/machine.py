"""`adamant machine`: machines on this computer."""

import json
import sys
from pathlib import Path

import click

from adamant.api import contexts
from adamant.cli.options import json_option
from adamant.cli.progress import human_size, progress
from adamant.core import limits, places
from adamant.image import project as projects
from adamant.machine import attach, console
from adamant.machine import up as bring_up
from adamant.machine.machine import Machine, Machines
from adamant.packages import tools

_EPILOG = """\b
Examples:
  adamant machine list
  adamant machine console example          leave it with Ctrl-]
  adamant machine console example --log    what it printed so far
  adamant machine stop example
  adamant machine delete example --force
"""


def _machines() -> Machines:
    return Machines(places.state() / "machines")


def _names(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    return [m.name for m in _machines().list() if m.name.startswith(incomplete)]


@click.group("machine", epilog=_EPILOG)
def group() -> None:
    """Machines on this computer."""


@group.command("list", epilog="Example: adamant machine list --json")
@json_option
def list_command(as_json: bool) -> None:
    """List the machines, whether they run, and where their API is."""
    found = _machines().list()
    if as_json:
        click.echo(json.dumps([_as_object(machine) for machine in found]))
        return
    if not found:
        click.echo("no machines; make one with: adamant up")
    for machine in found:
        record = machine.record
        size = f"{record.arch.value}, {human_size(record.memory)} memory" if record else "its record cannot be read"
        click.echo(f"{machine.name:<20} {machine.status.value:<8} {machine.address:<22} {size}")


def _as_object(machine: Machine) -> dict[str, object]:
    return {
        "name": machine.name,
        "status": machine.status.value,
        "address": machine.address,
        "arch": machine.record.arch.value if machine.record else None,
        "accelerator": machine.run.accelerator.value if machine.run else None,
        "console": str(machine.console_log),
    }


@group.command("start", epilog="Example: adamant machine start example")
@click.argument("name", shell_complete=_names)
@click.option("-C", "folder", type=click.Path(path_type=Path, file_okay=False), help="Folder of its definition.")
def start(name: str, folder: Path | None) -> None:
    """Start a stopped machine and wait until it is healthy."""
    machines = _machines()
    machine = machines.get(name)
    # The emulator comes from the tools tree of the definition that the machine was built from.
    home = folder or (Path(machine.record.image).parents[2] if machine.record else Path())
    project = projects.read_project(home)
    with progress() as watch:
        tree = tools.open_tools(projects.read_lock(project).tools, places.cache(), watch)
        up = bring_up.start(machines, name, tree, places.cache(), lambda phase: click.echo(f"boot: {phase.value}"))
    click.echo(f"{name} is healthy after {up.seconds:.1f} s, at {up.machine.address}")


@group.command("stop", epilog="Example: adamant machine stop example")
@click.argument("name", shell_complete=_names)
@click.option(
    "--seconds",
    type=float,
    default=limits.MACHINE_STOP_SECONDS,
    show_default=True,
    help="How long it may take to shut down before it is cut off; 0 cuts it off at once.",
)
@json_option
def stop(name: str, seconds: float, as_json: bool) -> None:
    """Shut a machine down, and cut it off when it does not."""
    how = _machines().stop(name, seconds)
    if as_json:
        click.echo(json.dumps({"machine": name, "stopped": how.value}))
    else:
        click.echo(f"{name}: {how.value}")


@group.command("delete", epilog="Example: adamant machine delete example --force")
@click.argument("name", shell_complete=_names)
@click.option("--force", is_flag=True, help="Also when it runs.")
@json_option
def delete(name: str, force: bool, as_json: bool) -> None:
    """Remove a machine with its disk and its keys."""
    _machines().delete(name, force=force)
    contexts.remove(name)
    if as_json:
        click.echo(json.dumps({"machine": name, "deleted": True}))
    else:
        click.echo(f"deleted {name}")


@group.command("console", epilog="Example: adamant machine console example --log")
@click.argument("name", shell_complete=_names)
@click.option("--log", is_flag=True, help="Print what it has printed so far instead of attaching.")
def show_console(name: str, log: bool) -> None:
    """Attach to a machine's serial console, or print its log."""
    machine = _machines().get(name)
    if log:
        for line in console.tail(machine.console_log):
            click.echo(line)
        return
    click.echo("leave it with Ctrl-]", err=True)
    attach.attach(machine.console_socket, sys.stdin.fileno(), sys.stdout.fileno())


@group.command("reset", epilog="Example: adamant machine reset example")
@click.argument("name", shell_complete=_names)
def reset(name: str) -> None:
    """Press a machine's reset button."""
    _machines().reset(name)
    click.echo(f"{name}: reset")
