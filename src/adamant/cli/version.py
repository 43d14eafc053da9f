"""`adamant version`."""

import json
from importlib import metadata

import click

from adamant.cli.options import json_option


@click.command("version", epilog="Example: adamant version")
@json_option
def command(as_json: bool) -> None:
    """Print the version of adamant."""
    version = metadata.version("adamant")
    click.echo(json.dumps({"version": version}) if as_json else f"adamant {version}")
