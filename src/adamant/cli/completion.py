"""`adamant completion`: tab completion for the shells that click knows."""

import click
from click.shell_completion import get_completion_class

from adamant.model.errors import InputError

_EPILOG = """\b
Examples:
  adamant completion bash > ~/.local/share/bash-completion/completions/adamant
  adamant completion zsh  > ~/.zfunc/_adamant
  adamant completion fish > ~/.config/fish/completions/adamant.fish
"""


@click.command("completion", epilog=_EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print tab completion for a shell."""
    completion = get_completion_class(shell)
    if completion is None:
        raise InputError("shell-unknown", f"no completion for {shell}")
    root = click.get_current_context().find_root().command
    click.echo(completion(root, {}, "adamant", "_ADAMANT_COMPLETE").source())
