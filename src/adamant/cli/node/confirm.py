"""The question before what cannot be undone. On a terminal it is asked; elsewhere --yes has to say so."""

import sys

import click

from adamant.model.errors import AdamantError, InputError


def by_name(what: str, names: list[str], *, yes: bool) -> None:
    """Ask for the machines' names before `what` is done to them, unless `yes`.

    Raises InputError `confirmation-needed` without a terminal, AdamantError `not-confirmed` for another answer.
    """
    wanted = ",".join(names)
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError(
            "confirmation-needed", f"this would {what} {wanted}: it has to be confirmed", hint="say so with --yes"
        )
    click.echo(f"This will {what} {click.style(wanted, bold=True)}.", err=True)
    given = click.prompt("Type the name to go on", default="", show_default=False, err=True)
    if given != wanted:
        raise AdamantError("not-confirmed", f"{given!r} is not {wanted!r}: nothing was done")
