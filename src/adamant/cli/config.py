"""`adamant config`: the documents that people write, what may stand in them, and whether one is valid."""

import difflib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from adamant.cli.options import definition_options, json_option
from adamant.model.errors import InputError
from adamant.model.posture import Posture

F = TypeVar("F", bound=Callable[..., Any])

_KINDS = ("Image", "Machine", "Kernel")
_EPILOG = """\b
Examples:
  adamant config new > machine.yaml
  adamant config validate machine.yaml
  adamant config explain network.interfaces
"""


@click.group("config", epilog=_EPILOG)
def group() -> None:
    """Write and check documents: definitions (kind: Image, kind: Kernel) and the machine config (kind: Machine)."""


def _type(kind: str) -> Any:
    from adamant.model.definition import Image  # noqa: PLC0415
    from adamant.model.kernel.definition import OwnKernel  # noqa: PLC0415
    from adamant.model.machine.document import Machine  # noqa: PLC0415

    return {"Image": Image, "Machine": Machine, "Kernel": OwnKernel}[kind]


def _kind_option(default: str) -> Callable[[F], F]:
    return click.option("--kind", type=click.Choice(_KINDS), default=default, show_default=True, help="Which document.")


@group.command("new", epilog="Example: adamant config new > machine.yaml")
@_kind_option("Machine")
def new(kind: str) -> None:
    """Print a commented document to start from."""
    from adamant.image import project as images  # noqa: PLC0415
    from adamant.kernel import project as kernels  # noqa: PLC0415
    from adamant.model.machine import template  # noqa: PLC0415

    own = {"Image": images.template, "Kernel": kernels.template}
    click.echo(template.MACHINE if kind == "Machine" else own[kind]("example"), nl=False)


@group.command(
    "schema",
    short_help="Print the JSON Schema of a document, for editors.",
    epilog="Example: adamant config schema --kind Machine > machine.schema.json",
)
@_kind_option("Image")
def schema(kind: str) -> None:
    """Print the JSON Schema of a document, for editors that complete and check."""
    from adamant.model.schema import json_schema  # noqa: PLC0415

    click.echo(json_schema(_type(kind)))


@group.command(
    "validate",
    short_help="Check a file, or the definition in a folder.",
    epilog="Example: adamant config validate machine.yaml --posture guarded",
)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False)
@click.option(
    "--posture",
    type=click.Choice([posture.value for posture in Posture]),
    default=Posture.GUARDED.value,
    show_default=True,
    help="Posture of the machine that a machine config is for.",
)
@definition_options
@json_option
def validate(file: Path | None, posture: str, folder: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Check FILE, or the definition in a folder; an error names the line, the path and what is allowed."""
    found = _validate_machine(file, Posture(posture)) if file is not None else _validate_image(folder, overrides)
    if as_json:
        click.echo(json.dumps({"valid": True, **found[0]}))
    else:
        click.echo(found[1])


def _validate_image(folder: Path, overrides: tuple[str, ...]) -> tuple[dict[str, str], str]:
    from adamant.image.project import DEFINITION, read_project  # noqa: PLC0415

    image = read_project(folder, overrides).image
    text = f"{DEFINITION} is valid: {image.name} {image.version} for {image.arch.value}, {image.posture.value}"
    return {"name": image.name, "version": image.version}, text


def _validate_machine(file: Path, posture: Posture) -> tuple[dict[str, str], str]:
    from adamant.core import files, limits  # noqa: PLC0415
    from adamant.model.document import parse_yaml  # noqa: PLC0415
    from adamant.model.machine.yaml import read  # noqa: PLC0415

    data = files.read_limited(file, limits.DEFINITION_SIZE, "document")
    document = parse_yaml(data, file.name).value
    kind = document.get("kind") if isinstance(document, dict) else None
    if kind == "Image":
        if file.name != "adamant.yaml":
            raise InputError(
                "definition-name", "a definition is a file adamant.yaml", hint="validate it with -C FOLDER"
            )
        return _validate_image(file.parent, ())
    if kind == "Kernel":
        return _validate_kernel(file)
    read(data, file.name, posture)
    return {"kind": "Machine", "posture": posture.value}, f"{file} is valid for the posture {posture.value}"


def _validate_kernel(file: Path) -> tuple[dict[str, str], str]:
    from adamant.kernel.project import DEFINITION, fragments, read_project  # noqa: PLC0415

    if file.name != DEFINITION:
        raise InputError("kernel-definition-name", f"a kernel's definition is a file {DEFINITION}", hint="rename it")
    project = read_project(file.parent)
    fragments(project)
    kernel = project.kernel
    return {"name": kernel.name, "version": kernel.version}, f"{file} is valid: {kernel.name} {kernel.version}"


def _complete_path(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    from adamant.model.schema import paths  # noqa: PLC0415

    return [path for kind in _KINDS for path, _ in paths(_type(kind)) if path.startswith(incomplete)]


@group.command(
    "explain",
    short_help="Say what a key means and what may stand there.",
    epilog="Example: adamant config explain network.interfaces[].dhcp",
)
@click.argument("path", shell_complete=_complete_path, required=False, default="")
@click.option("--kind", type=click.Choice(_KINDS), help="Which document.  [default: Machine, or the one that has it]")
@json_option
def explain(path: str, kind: str | None, as_json: bool) -> None:
    """Say what the key at PATH means, what may stand there, and what a change of it does."""
    found = _explain(path, [kind] if kind else ["Machine", "Image", "Kernel"])
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo(click.style(found["path"] or found["kind"], bold=True) + f"  (kind: {found['kind']})")
    for name in ("meaning", "allowed", "default", "change"):
        if found.get(name):
            click.echo(f"  {name:<8} {found[name]}")
    for name, meaning in found["keys"].items():
        click.echo(f"  {name:<16} {meaning}")


def _explain(path: str, kinds: list[str]) -> dict[str, Any]:
    from adamant.model import schema as schemas  # noqa: PLC0415

    wanted = schemas.plain_path(path)
    for kind in kinds:
        if not wanted:
            every = {key.name: key.meaning for key in schemas.keys(_type(kind))}
            return {"kind": kind, "path": "", "keys": every}
        known = dict(schemas.paths(_type(kind)))
        key = known.get(wanted) or known.get(wanted.removesuffix("[]"))
        if key is not None:
            below = {k.name: k.meaning for held in key.kinds for k in schemas.keys(held)}
            change = _change(wanted) if kind == "Machine" else ""
            words = {"meaning": key.meaning, "allowed": _words(key.allowed), "default": _words(key.default)}
            return {"kind": kind, "path": wanted, **words, "change": change, "keys": below}
    raise _unknown(wanted, kinds)


def _unknown(path: str, kinds: list[str]) -> InputError:
    from adamant.model.schema import paths  # noqa: PLC0415

    known = [found for kind in kinds for found, _ in paths(_type(kind))]
    near = difflib.get_close_matches(path, known, n=3)
    hint = f"did you mean {', '.join(near)}?" if near else "adamant config explain lists the keys at the top"
    return InputError("path-unknown", f"no document has a key at {path}", hint=hint)


def _change(path: str) -> str:
    """What a change of a machine config at `path` does, in the posture guarded."""
    from adamant.model.machine.areas import Act, area_of  # noqa: PLC0415

    area = area_of(path)
    if area is None:
        return ""
    if area.act is Act.REBOOT:
        return f"needs a reboot: {area.why}"
    if area.act is Act.NOTHING:
        return "takes effect at once, and nothing restarts"
    return f"{area.act.value}s {area.unit}" if area.unit else f"{area.act.value}s what it names"


def _words(text: str) -> str:
    """Markdown as plain text."""
    return re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text).replace("`", "")
