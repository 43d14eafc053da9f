"""`adamant up`."""

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from adamant.api import fingerprint
from adamant.api.fingerprint import Fingerprint
from adamant.cli.options import json_option
from adamant.cli.progress import human_size, progress
from adamant.core import files, limits, places
from adamant.core.events import Noted, Watch
from adamant.image import project as projects
from adamant.image.build import Built, build
from adamant.image.locking import lock_project
from adamant.image.project import Project
from adamant.machine import maintenance as waiting
from adamant.machine import up as bring_up
from adamant.machine.console import Phase
from adamant.machine.machine import Machines, Options, Status
from adamant.machine.up import Up
from adamant.model.definition import OutputFormat
from adamant.model.errors import BusyError, InputError
from adamant.model.lock import Lock
from adamant.packages import tools
from adamant.packages.lock import is_stale

_PORTS = re.compile(r"([0-9]{1,5}):([0-9]{1,5})")
_EPILOG = """\b
Examples:
  adamant up                   the definition in this folder, or else the example
  adamant up my-host           the definition in my-host
  adamant up my-host --replace a fresh machine in place of the one that is there
  adamant up --config machine.yaml --disk 4096
"""


class _Forward(click.ParamType[tuple[int, int]]):
    """Two ports, of this computer and of the machine."""

    name = "ports"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """The two numbers in the words HOST:GUEST."""
        match = _PORTS.fullmatch(value)
        ports = (int(match[1]), int(match[2])) if match else (0, 0)
        if not all(0 < port < 1 << 16 for port in ports):
            self.fail(f"{value!r} is not two ports, as in 2222:22", param, ctx)
        return ports


@click.command("up", epilog=_EPILOG)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option("--name", help="Name of the machine.  [default: name of the image]")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a field of the definition.")
@click.option("--replace", is_flag=True, help="Delete a machine of that name first, with its disk.")
@click.option("--memory", type=click.IntRange(512, 1 << 20), default=2048, show_default=True, help="MiB of memory.")
@click.option("--cpus", type=click.IntRange(1, 64), default=2, show_default=True, help="Processors.")
@click.option("--secure-boot", is_flag=True, help="Enrol the definition's Secure Boot key and enforce it.")
@click.option(
    "--setup-mode", is_flag=True, help="Secure Boot without keys: the image enrols its own (secureBoot.enroll)."
)
@click.option("--tpm", is_flag=True, help="Give the machine a TPM.")
@click.option(
    "--disk",
    "disks",
    type=click.IntRange(1, 1 << 24),
    multiple=True,
    metavar="MIB",
    help="One more disk, empty; may be repeated. Their serial numbers are disk-1, disk-2, ...",
)
@click.option(
    "--forward",
    "forwards",
    type=_Forward(),
    multiple=True,
    metavar="HOST:GUEST",
    help="Lead a port of 127.0.0.1 to one of the machine, as in 2222:22; may be repeated.",
)
@click.option("--config", type=click.Path(path_type=Path), help="The machine config of its first boot.")
@click.option("--maintenance", is_flag=True, help="Give it no keys: it waits for adamant node enroll.")
@click.option("--seconds", type=float, default=limits.BOOT_SECONDS, show_default=True, help="How long it may take.")
@json_option
def command(
    folder: Path | None,
    name: str | None,
    overrides: tuple[str, ...],
    replace: bool,
    memory: int,
    cpus: int,
    secure_boot: bool,
    setup_mode: bool,
    tpm: bool,
    disks: tuple[int, ...],
    forwards: tuple[tuple[int, int], ...],
    config: Path | None,
    maintenance: bool,
    seconds: float,
    as_json: bool,
) -> None:
    """Build an image and boot it until its API answers: lock if there is none, build, boot, wait for health."""
    if secure_boot and setup_mode:
        raise click.UsageError("--secure-boot and --setup-mode exclude each other")
    project = projects.read_project(_folder(folder), overrides)
    name = name or project.image.name
    credentials = bring_up.disk_key(project.image.disk.encryption)
    if config is not None:
        credentials["adamant.config"] = _config(config, project)
    machines = Machines(places.state() / "machines")
    _make_room(machines, name, replace)
    with progress(as_json) as watch:
        locked = _lock(project, watch)
        if not as_json:
            click.echo(
                f"{len(locked.image.packages)} packages for the image and {len(locked.tools.packages)} for the tools "
                f"that build and run it; nothing is installed on this computer, all lies in {places.cache()}"
            )
        built = build(project, places.cache(), datetime.now(UTC), watch, len(os.sched_getaffinity(0)))
        if not as_json:
            click.echo(f"built {built.output} (root hash {built.manifest.root_hash[:16]}...)")
        options = Options(
            arch=project.image.arch,
            memory=memory << 20,
            cpus=cpus,
            tpm=tpm,
            extra_disks=tuple(size << 20 for size in disks),
            forwards=forwards,
            credentials=credentials,
            certificate=_certificate(project) if secure_boot else None,
            setup_mode=setup_mode,
        )
        bring_up.create(machines, name, _disk(built), options, keys=not maintenance)
        tree = tools.open_tools(locked.tools, places.cache(), watch)

        def reached(phase: Phase) -> None:
            if not as_json:
                click.echo(f"boot: {phase.value}")

        if maintenance:
            key = waiting.start(machines, name, tree, places.cache(), reached, seconds)
            _say_how_to_enroll(name, machines.get(name).address, key, as_json)
            return
        up = bring_up.start(machines, name, tree, places.cache(), reached, seconds)
    if as_json:
        click.echo(json.dumps(_as_object(name, up, built)))
    else:
        _print(name, up)


def _config(path: Path, project: Project) -> bytes:
    """The machine config in a file as a machine takes it, checked for the posture of its image."""
    from adamant.cli.node.apply import read_document  # noqa: PLC0415
    from adamant.model.machine.wire import from_wire  # noqa: PLC0415

    document = read_document(path).encode()
    from_wire(document, project.image.posture)
    return document


def _folder(folder: Path | None) -> Path:
    """The definition that is meant: the one named, the one here, or else the example in the person's state folder."""
    if folder is not None:
        return folder
    if (Path() / projects.DEFINITION).exists():
        return Path()
    example = places.state() / "example"
    if not (example / projects.DEFINITION).exists():
        projects.write_template(example, "example")
        click.echo(f"no {projects.DEFINITION} here: wrote the example to {example}", err=True)
    return example


def _make_room(machines: Machines, name: str, replace: bool) -> None:
    found = next((m for m in machines.list() if m.name == name), None)
    if found is None:
        return
    if not replace:
        state = "runs" if found.status is Status.RUNNING else f"is there ({found.status.value})"
        raise BusyError(
            "machine-exists",
            f"a machine {name} {state}",
            hint=f"use it: adamant node -c {name} health\nor take its place: adamant up --replace",
        )
    machines.delete(name, force=True)


def _lock(project: Project, watch: Watch) -> Lock:
    """The lock that fits the definition, made when there is none."""
    if project.lock_path.exists():
        found = projects.read_lock(project)
        stale = is_stale(found, project.image)
        if not stale:
            return found
        watch(Noted(f"making a new lock: {'; '.join(stale)}"))
    return lock_project(project, places.cache(), watch).lock


def _certificate(project: Project) -> bytes:
    pair = project.image.signing.secure_boot
    if pair is None:
        raise InputError(
            "secure-boot-no-key",
            "the definition has no Secure Boot key",
            hint="make one with: adamant keys init keys\nand name it under signing.secureBoot",
        )
    return files.read_limited(project.folder / pair.certificate, limits.PEM_SIZE, "certificate")


def _disk(built: Built) -> Path:
    path = built.output / "disk.raw"
    if not path.exists():
        raise InputError(
            "disk-not-raw",
            "the build has no raw disk image to boot",
            hint=f"add {OutputFormat.RAW.value} to outputs in the definition",
        )
    return path


def _say_how_to_enroll(name: str, address: str, key: Fingerprint, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"machine": name, "address": address, "fingerprint": key}))
        return
    click.echo(f"{name} waits to be enrolled at {address}; its console shows the fingerprint of its key. Next:")
    click.echo(f"  adamant node enroll {address} --name {name} --cluster local --fingerprint {fingerprint.show(key)}")


def _as_object(name: str, up: Up, built: Built) -> dict[str, object]:
    return {
        "machine": name,
        "address": up.machine.address,
        "context": name,
        "seconds": round(up.seconds, 2),
        "phases": [{"phase": p.phase.value, "seconds": round(p.seconds, 2)} for p in up.phases],
        "health": {check.name: check.state.value for check in up.health.checks},
        "root_hash": built.manifest.root_hash,
        "console": str(up.machine.console_log),
    }


def _print(name: str, up: Up) -> None:
    click.echo(click.style(f"{name} is healthy", fg="green") + f" after {up.seconds:.1f} s, at {up.machine.address}")
    for check in up.health.checks:
        click.echo(f"  {check.state.value:<8} {check.name}")
    disk = up.machine.record.disk_size if up.machine.record else 0
    click.echo(f"\nIts disk has {human_size(disk)}, its console is kept in {up.machine.console_log}\nTry next:")
    steps = {
        "adamant node get boot": "how it booted, and how long each phase took",
        "adamant node health": "every check by name",
        f"adamant machine console {name}": "its serial console",
        f"adamant machine delete --force {name}": "when you are done with it",
    }
    width = max(map(len, steps))
    for step, what in steps.items():
        click.echo(f"  {step:<{width}}  {what}")
