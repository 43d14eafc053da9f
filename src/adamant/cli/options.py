"""Options that several commands share: where the definition is, overrides, JSON."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def json_option(function: F) -> F:
    """`--json`: one documented object, or JSON lines for progress."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")(function)


def definition_options(function: F) -> F:
    """`-C DIR` and `--set KEY=VALUE`."""
    function = click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Override a field of the definition, as in --set version=2.",
    )(function)
    return click.option(
        "-C",
        "folder",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path(),
        show_default="this folder",
        help="Folder of the definition (adamant.yaml).",
    )(function)
