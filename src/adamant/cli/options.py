"""Options that several commands share: where the definition is, overrides, JSON, times."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


if TYPE_CHECKING:
    _IntType = click.ParamType[int]
else:
    _IntType = click.ParamType

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


class Duration(_IntType):
    """`90`, `90s`, `2m` or `1h`, as seconds."""

    name = "TIME"

    def convert(self, value: Any, parameter: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the time that a person wrote."""
        match = re.fullmatch(r"([0-9]{1,6})([smh]?)", str(value))
        if match is None or int(match[1]) == 0:
            self.fail(f"{value!r} is no time: write 90s, 2m or 1h", parameter, ctx)
        return int(match[1]) * _SECONDS[match[2]]


def json_option(function: F) -> F:
    """`--json`: one documented object, or JSON lines for progress."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")(function)


def workers_option(most: int, what: str) -> Callable[[F], F]:
    """`--workers N`, from 1 to `most`; `what` says what so many are of."""
    return click.option(
        "--workers",
        type=click.IntRange(1, most),
        default=lambda: len(os.sched_getaffinity(0)),
        show_default=False,
        help=f"{what}  [default: one for each processor]",
    )


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
