"""`adamant config`: what documents look like, and whether one is valid."""

import json
from pathlib import Path

import click

from adamant.cli.options import definition_options, json_option
from adamant.image.project import DEFINITION, read_project
from adamant.model import definition


@click.group("config", epilog="Example: adamant config validate -C my-host")
def group() -> None:
    """Schema and checks of documents."""


@group.command("schema", epilog="Example: adamant config schema > image.schema.json")
def schema() -> None:
    """Print the JSON Schema of a definition, for editors that complete and check."""
    click.echo(definition.json_schema())


@group.command("validate", epilog="Example: adamant config validate -C my-host --set version=2")
@definition_options
@json_option
def validate(folder: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Check the definition in a folder; an error names the line, the path and what is allowed."""
    image = read_project(folder, overrides).image
    if as_json:
        click.echo(json.dumps({"valid": True, "name": image.name, "version": image.version}))
    else:
        click.echo(f"{DEFINITION} is valid: {image.name} {image.version} for {image.arch.value}, {image.posture.value}")
