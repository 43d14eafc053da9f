"""`adamant node get` and `adamant node ps`."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from adamant.cli.node import reach
from adamant.model.errors import InputError

if TYPE_CHECKING:
    from adamant.api.client import Node
    from adamant.api.resources import Kind, Resources, Watched

_OUTPUTS = ("table", "yaml", "json")

_EPILOG = """\b
Examples:
  adamant node get                              the kinds there are
  adamant node get services                     all of a kind
  adamant node get services containerd.service -o yaml
  adamant node get sysctls net.ipv4.ip_forward  any setting, by name
  adamant node get health -w                    what changes, as it comes
"""
_PS_EPILOG = """\b
Examples:
  adamant node ps                    those that used most processor time first
  adamant node ps --sort memory
"""


def _complete_kinds(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    return reach.complete(ctx, lambda node: (kind.name for kind in node.kinds()), incomplete)


def _complete_names(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    given = ctx.params.get("names") or ()
    kind = ctx.params.get("kind") or ""
    return reach.complete(
        ctx, lambda node: (item.name for item in node.get(kind).resources if item.name not in given), incomplete
    )


@click.command("get", epilog=_EPILOG)
@click.argument("kind", required=False, shell_complete=_complete_kinds)
@click.argument("names", nargs=-1, metavar="NAME", shell_complete=_complete_names)
@click.option("-w", "--watch", is_flag=True, help="Show what changes, as it comes.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(_OUTPUTS),
    default="table",
    show_default=True,
    help="A table for people, or all fields as YAML or JSON.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as -o json.")
@click.pass_context
def command(
    ctx: click.Context, kind: str | None, names: tuple[str, ...], watch: bool, output: str, as_json: bool
) -> int:
    """Show what the machine knows of itself: resources of a KIND, or without one, the kinds there are."""
    output = "json" if as_json else output
    if kind is None:
        if watch:
            raise InputError("kind-missing", "-w needs a kind", hint="adamant node get lists them")
        return reach.ask(ctx, lambda node: _kinds(node, output), _text, as_json=output == "json")
    if watch:
        return _watch(ctx, kind, names, output)
    return reach.ask(ctx, lambda node: _get(node, kind, names, output), _text, as_json=output == "json")


def _text(answer: Any) -> list[str]:
    """Lines that an answer already is."""
    found: list[str] = answer
    return found


def _width() -> int:
    """How wide lines may be: as the terminal, if there is one."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def _yaml(value: Any) -> list[str]:
    import yaml  # noqa: PLC0415

    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1000)
    return text.rstrip("\n").split("\n")


def _kinds(node: "Node", output: str) -> Any:
    """The kinds, in the form that is shown."""
    found = node.kinds()
    if output == "table":
        width = max((len(kind.name) for kind in found), default=0)
        return [f"{kind.name:<{width}}  {kind.description}" for kind in found]
    value = {"kinds": [{"name": kind.name, "description": kind.description} for kind in found]}
    return value if output == "json" else _yaml(value)


def _get(node: "Node", kind: str, names: Sequence[str], output: str) -> Any:
    """Resources of a kind of one node, in the form that is shown."""
    from adamant.cli.node import table  # noqa: PLC0415 - imports the contract

    if output == "table" and kind == "boot":
        return _boot(node.boot())
    found = node.get(kind, names)
    if output == "table":
        return table.lines(found.kind, found.resources, _width())
    value = _plain(found)
    return value if output == "json" else _yaml(value)


def _plain(found: "Resources") -> dict[str, Any]:
    """The documented object: the kind's name, and its resources with all their fields."""
    from msgspec import to_builtins  # noqa: PLC0415

    return {"kind": found.kind.name, "resources": to_builtins(found.resources)}


def _watch(ctx: click.Context, kind: str, names: Sequence[str], output: str) -> int:
    from msgspec import to_builtins  # noqa: PLC0415

    from adamant.api.resources import Change  # noqa: PLC0415 - imports the contract
    from adamant.cli.node import table  # noqa: PLC0415

    def changes(node: "Node") -> Iterator[Any]:
        known: Kind | None = None
        first: list[Watched] = []
        ready = False
        for item in node.watch(kind, names):
            known = item.kind or known
            assert known is not None  # the first message has it
            if output == "json":
                yield {"kind": known.name, "change": item.change.value, "resource": to_builtins(item.resource)}
            elif output == "yaml":
                if item.resource is not None:
                    yield "\n".join(["---", *_yaml({"change": item.change.value, **to_builtins(item.resource)})])
            elif item.change is Change.READY:
                ready = True
                found = [seen.resource for seen in first if seen.resource is not None]
                yield "\n".join(table.lines(known, found, _width()))
            elif not ready:
                first.append(item)
            elif item.resource is not None:
                yield table.cut(f"{item.change.value:<7}  " + "  ".join(_cells(known, item)), _width())

    return reach.follow(ctx, changes, str, as_json=output == "json")


def _cells(kind: "Kind", item: "Watched") -> list[str]:
    """What a line about a change says: the name, each column with its heading, and why it is not as it should be."""
    from adamant.cli.node import table  # noqa: PLC0415

    assert item.resource is not None
    if item.change.value == "removed":
        return [item.resource.name]
    name, *cells = table.row(kind.columns, item.resource)
    shown = [f"{column.title.lower()}={text}" for column, text in zip(kind.columns, cells, strict=True) if text != "-"]
    return [name, *shown, *([item.resource.reason] if item.resource.reason else [])]


@click.command("ps", epilog=_PS_EPILOG)
@click.option(
    "--sort", type=click.Choice(["cpu", "memory", "pid"]), default="cpu", show_default=True, help="What comes first."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@click.pass_context
def ps(ctx: click.Context, sort: str, as_json: bool) -> int:
    """Show the processes of the machine."""
    field = {"cpu": "cpu_usec", "memory": "memory_bytes"}.get(sort)

    def processes(node: "Node") -> Any:
        from msgspec.structs import replace  # noqa: PLC0415

        from adamant.cli.node import table  # noqa: PLC0415

        found = node.get("processes")
        if field:
            ordered = sorted(found.resources, key=lambda item: -(item.actual or {}).get(field, 0))
            found = replace(found, resources=tuple(ordered))
        return _plain(found) if as_json else table.lines(found.kind, found.resources, _width())

    return reach.ask(ctx, processes, _text, as_json=as_json)


def _boot(answer: Any) -> list[str]:
    found = reach.table(
        [
            ("slot", f"{answer.slot} ({answer.disk})"),
            ("root hash", answer.root_hash),
            ("verity", answer.verity.value),
            ("UKI", answer.uki),
            ("secure boot", answer.secure_boot.value),
            *((f"  {key.variable}", f"{key.name} ({key.sha256[:16]}...)") for key in answer.secure_boot_keys),
            *([("  dbx", f"{answer.secure_boot_revoked} programs")] if answer.secure_boot_revoked else []),
            *(("  waiting", text) for text in answer.secure_boot_waiting),
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
