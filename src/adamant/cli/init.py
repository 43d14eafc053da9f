"""`adamant init`."""

import json
import re
from pathlib import Path

import click

from adamant.cli.options import json_option
from adamant.image import project


@click.command("init", epilog="Example: adamant init my-host")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@json_option
def command(folder: Path, as_json: bool) -> None:
    """Write a definition that builds as it is into FOLDER."""
    name = re.sub(r"[^a-z0-9-]", "-", folder.resolve().name.lower()).lstrip("0123456789-")[:32] or "host"
    path = project.write_template(folder, name)
    if as_json:
        click.echo(json.dumps({"definition": str(path), "name": name}))
        return
    click.echo(f"wrote {path}")
    click.echo(f"next: adamant lock -C {folder} && adamant build -C {folder}")
