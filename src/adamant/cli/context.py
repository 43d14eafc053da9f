"""`adamant context`: which nodes a person knows, as users of kubectl and talosctl expect it."""

import json
from pathlib import Path
from typing import Any

import click

from adamant.cli.options import json_option
from adamant.model.errors import AdamantError

_EPILOG = """\b
Examples:
  adamant context list
  adamant context use m1
  adamant node -c m1,m2 version      contexts by name, for one command
  ADAMANT_CONTEXT=m2 adamant node health
"""


def names(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of contexts, for completion."""
    from adamant.api import contexts  # noqa: PLC0415 - only completion pays for it

    return [name for name in contexts.read().contexts if name.startswith(incomplete)]


@click.group("context", epilog=_EPILOG)
def group() -> None:
    """Which nodes you know: an address and keys for each, under a name. Adding and removing changes no node."""


@group.command("list", epilog="Example: adamant context list --json")
@json_option
def list_(as_json: bool) -> None:
    """List all contexts; * marks the current one."""
    from adamant.api import contexts  # noqa: PLC0415

    every = contexts.read()
    listed = [
        {"name": name, "address": found.address, "current": name == every.current}
        for name, found in sorted(every.contexts.items())
    ]
    if as_json:
        click.echo(json.dumps(listed))
        return
    width = max((len(name) for name in every.contexts), default=0)
    for entry in listed:
        click.echo(f"{'*' if entry['current'] else ' '} {entry['name']:<{width}}  {entry['address']}")


@group.command("use", epilog="Example: adamant context use m1")
@click.argument("name", shell_complete=names)
def use(name: str) -> None:
    """Make NAME the current context."""
    from adamant.api import contexts  # noqa: PLC0415

    contexts.use(name)
    click.echo(f"the current context is {name}")


@group.command(
    "show", short_help="Show a context, by default the current one.", epilog="Example: adamant context show m1"
)
@click.argument("name", required=False, shell_complete=names)
@json_option
def show(name: str | None, as_json: bool) -> None:
    """Show a context, by default the current one: its address, its files, and what its certificate says."""
    from adamant.api import contexts, pki  # noqa: PLC0415

    name, found = contexts.find(name)
    shown: dict[str, Any] = {
        "name": name,
        "address": found.address,
        "ca": found.ca,
        "certificate": found.certificate,
        "key": found.key,
    }
    try:
        facts = pki.facts(contexts.credentials(found).certificate)
    except AdamantError as error:
        shown["problem"] = error.message
    else:
        role = facts.role.value if facts.role else None
        shown |= {"client": facts.name, "role": role, "serial": facts.serial, "ends": facts.ends.isoformat()}
    if as_json:
        click.echo(json.dumps(shown))
        return
    width = max(map(len, shown))
    for key, value in shown.items():
        click.echo(f"{key:<{width}}  {value or ''}")


@group.command(
    "add",
    short_help="Add a context and make it the current one.",
    epilog="Example: adamant context add m1 --address 192.0.2.7 --cluster lab --client mary",
)
@click.argument("name")
@click.option("--address", required=True, metavar="HOST[:PORT]", help="Where the node answers.")
@click.option("--cluster", "named", metavar="NAME|DIR", help="Take the keys from this cluster's folder.")
@click.option("--client", default="admin", show_default=True, metavar="NAME", help="Which client of the cluster.")
@click.option("--ca", type=click.Path(path_type=Path, dir_okay=False), help="The CA's certificate.")
@click.option("--certificate", type=click.Path(path_type=Path, dir_okay=False), help="Your certificate.")
@click.option("--key", type=click.Path(path_type=Path, dir_okay=False), help="Your key.")
@click.option("--replace", is_flag=True, help="In place of a context of that name.")
def add(
    name: str,
    address: str,
    named: str | None,
    client: str,
    ca: Path | None,
    certificate: Path | None,
    key: Path | None,
    replace: bool,
) -> None:
    """Add a context and make it the current one: keys from a cluster of yours, or three files."""
    from adamant.api import contexts  # noqa: PLC0415

    given = [path for path in (ca, certificate, key) if path is not None]
    if named is not None and not given:
        made = contexts.of_cluster(address, named, client)
    elif named is None and len(given) == 3:
        made = contexts.Context(address, *(str(path.absolute()) for path in given))
    else:
        raise click.UsageError("give either --cluster, or all of --ca, --certificate and --key")
    contexts.credentials(made)
    contexts.put(name, made, replace=replace)
    click.echo(f"added {name}, which is the current context now")


@group.command("rename", epilog="Example: adamant context rename m1 web-1")
@click.argument("old", shell_complete=names)
@click.argument("new")
def rename(old: str, new: str) -> None:
    """Give the context OLD the name NEW."""
    from adamant.api import contexts  # noqa: PLC0415

    contexts.rename(old, new)
    click.echo(f"{old} is called {new} now")


@group.command("remove", epilog="Example: adamant context remove m1")
@click.argument("name", shell_complete=names)
def remove(name: str) -> None:
    """Forget the context NAME; its key files stay."""
    from adamant.api import contexts  # noqa: PLC0415

    contexts.find(name)
    contexts.remove(name)
    click.echo(f"removed {name}")


@group.command("merge", epilog="Example: adamant context merge ~/Downloads/lab/config.yaml")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--replace", is_flag=True, help="Take theirs where a name is taken.")
def merge(file: Path, replace: bool) -> None:
    """Take in the contexts of another such FILE. Relative paths of keys are relative to its folder."""
    from adamant.api import contexts  # noqa: PLC0415

    for name in contexts.merge(file, replace=replace):
        click.echo(f"took {name}")
