"""`adamant build`."""

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from adamant.cli.options import definition_options, json_option, workers_option
from adamant.cli.progress import human_size, progress
from adamant.compose.check import Severity
from adamant.core import places
from adamant.image.build import Built
from adamant.image.build import build as build_image
from adamant.image.project import read_project

_EPILOG = """\b
Examples:
  adamant build                         build the definition in this folder
  adamant build -C my-host --explain    say of each step: done or reused, why, how long
  adamant build --set version=2 --json
"""


@click.command("build", epilog=_EPILOG)
@definition_options
@click.option("--explain", is_flag=True, help="Say of each step: done or reused, why, how long.")
@workers_option(64, "How many things to do at once. The bytes do not depend on it.")
@json_option
def command(folder: Path, overrides: tuple[str, ...], explain: bool, workers: int, as_json: bool) -> None:
    """Build the image of a definition into out/NAME_VERSION_ARCH beside it."""
    project = read_project(folder, overrides)
    with progress(as_json) as watch:
        built = build_image(project, places.cache(), datetime.now(UTC), watch, workers)
    if as_json:
        click.echo(json.dumps(_as_object(built)))
        return
    if explain:
        _explain(built)
    _print(built)


def _as_object(built: Built) -> dict[str, object]:
    return {
        "output": str(built.output),
        "root_hash": built.manifest.root_hash,
        "artifacts": [{"kind": a.kind.value, "path": a.path, "size": a.size} for a in built.manifest.artifacts],
        "steps": [
            {"step": s.step, "reused": s.reused, "reason": s.reason, "seconds": round(s.seconds, 3)}
            for s in built.steps
        ],
        "findings": [
            {"rule": f.rule, "severity": f.severity.value, "path": f.path, "message": f.message} for f in built.findings
        ],
    }


def _explain(built: Built) -> None:
    for step in built.steps:
        state = click.style("reused", fg="green") if step.reused else click.style("done  ", fg="yellow")
        click.echo(f"{state}  {step.seconds:6.2f} s  {step.step:<34} {step.reason}")
    for finding in built.findings:
        if finding.severity is Severity.NOTE:
            continue  # scripts for which there is no shell, and the like: --json has them
        click.echo(f"{finding.severity.value:<8} {finding.path}: {finding.message} ({finding.rule})")


def _print(built: Built) -> None:
    found = built.manifest
    reused = all(s.reused for s in built.steps)
    click.echo(f"{'nothing changed:' if reused else 'built'} {built.output}")
    for artifact in found.artifacts:
        click.echo(f"  {human_size(artifact.size):>9}  {artifact.path}")
    click.echo(f"  root hash {found.root_hash}")
    warnings = sum(1 for f in built.findings if f.severity is not Severity.NOTE)
    if warnings:
        click.echo(f"  {warnings} warnings of the lints; build --explain lists them")
