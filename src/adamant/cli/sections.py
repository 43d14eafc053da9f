"""Help of a command with many options, in sections: those that most people need stand first, under `Options`."""

from collections import defaultdict
from typing import Any

import click


class SectionOption(click.Option):
    """An option that stands under a title of its own in the help of a `SectionedCommand`."""

    def __init__(self, *arguments: Any, section: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.section = section


class SectionedCommand(click.Command):
    """A command whose help has a section for each title that its options name, in their order."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options without a title, then those with one."""
        found: defaultdict[str, list[tuple[str, str]]] = defaultdict(list, {"Options": []})
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                found[getattr(parameter, "section", "Options")].append(record)
        for title, records in found.items():
            with formatter.section(title):
                formatter.write_dl(records)
