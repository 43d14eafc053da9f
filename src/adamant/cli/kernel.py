"""`adamant kernel`: kernels of one's own, and those that are here."""

import json
from pathlib import Path
from typing import Any

import click

from adamant.cli.options import json_option, workers_option
from adamant.cli.progress import human_size, progress
from adamant.core import places
from adamant.kernel import artifact, shelf
from adamant.kernel.artifact import Kernel
from adamant.model.errors import ExitCode
from adamant.model.kernel.artifact import VMLINUZ

_EPILOG = """\b
Examples:
  mkdir my-kernel && adamant config new --kind Kernel > my-kernel/kernel.yaml
  adamant kernel lock my-kernel && adamant kernel build my-kernel
  adamant kernel verify my-kernel
"""
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.group("kernel", epilog=_EPILOG)
def group() -> None:
    """Build kernels of your own, to which nobody can add a module, and look at them."""


@group.command(
    "lock",
    short_help="Choose Linux's source and the compiler, by SHA-256.",
    epilog="Example: adamant kernel lock my-kernel --update",
)
@click.argument("folder", type=_FOLDER, default=".")
@click.option("--update", is_flag=True, help="Solve anew with what the mirrors have now.")
@json_option
def lock(folder: Path, update: bool, as_json: bool) -> None:
    """Choose Linux's source and the compiler by exact version and SHA-256, and write kernel.lock into FOLDER."""
    from adamant.kernel.locking import lock_project  # noqa: PLC0415
    from adamant.kernel.project import LOCK, read_project  # noqa: PLC0415
    from adamant.model.kernel.lock import source  # noqa: PLC0415

    project = read_project(folder)
    with progress(as_json) as watch:
        locked = lock_project(project, places.cache(), watch, update=update)
    packages = locked.lock.toolchain.packages
    linux = source(locked.lock)
    if as_json:
        found = {"written": locked.written, "source": linux.name, "linux": linux.version, "packages": len(packages)}
        click.echo(json.dumps({**found, "changed": list(locked.changed)}))
        return
    for line in locked.changed:
        click.echo(f"  ~ {line}")
    size = human_size(sum(p.size for p in packages))
    state = f"wrote {LOCK}" if locked.written else f"{LOCK} fits; --update asks the mirrors for newer packages"
    click.echo(f"{state}: {linux.name} {linux.version}, {len(packages)} packages ({size})")


@group.command("build", epilog="Example: adamant kernel build my-kernel")
@click.argument("folder", type=_FOLDER, default=".")
@workers_option(256, "How many things to compile at once.")
@click.option(
    "--with-swap",
    is_flag=True,
    help="Build although this computer swaps to a disk. Only where the swap is encrypted with a key that a restart"
    " forgets: the modules' key could be read from it else.",
)
@click.option("--fresh", is_flag=True, help="Compile everything: take no object of an earlier build.")
@json_option
def build(folder: Path, workers: int, with_swap: bool, fresh: bool, as_json: bool) -> None:
    """Build the kernel that kernel.yaml in FOLDER defines. The key of its modules is gone afterwards.

    It needs a lock (adamant kernel lock), 4 GB of disk, and 20 to 40 minutes on two processors; less when objects of an
    earlier build serve. Equal inputs build nothing. One that is interrupted leaves no key.
    """
    from adamant.kernel.build import build as build_kernel  # noqa: PLC0415
    from adamant.kernel.project import read_project  # noqa: PLC0415

    project = read_project(folder)
    with progress(as_json) as watch:
        built = build_kernel(
            project, shelf.of_this_computer(), places.cache(), watch, workers, with_swap=with_swap, fresh=fresh
        )
    taken = built.objects
    if as_json:
        reused = {"reused": built.reused, "seconds": round(built.seconds, 1)}
        made = {"objects": {"reused": taken.reused, "compiled": taken.compiled} if taken else None}
        click.echo(json.dumps({**_as_object(built.kernel), **reused, **made}))
        return
    if taken:
        of = f"{taken.compiled} objects compiled, {taken.reused} of earlier builds"
        click.echo(f"built in {built.seconds / 60:.0f} min ({of}):")
    else:
        click.echo("nothing changed:")
    _print(built.kernel)
    click.echo(f"\nName it in the definition of an image:\n\nkernel:\n  own: {built.kernel.manifest.name}")


@group.command("list", epilog="Example: adamant kernel list --json")
@json_option
def list_kernels(as_json: bool) -> None:
    """List the kernels of this computer."""
    found = shelf.of_this_computer().kernels()
    if as_json:
        click.echo(json.dumps({"kernels": [_as_object(kernel) for kernel in found]}))
        return
    if not found:
        click.echo("there are no kernels here; build one with: adamant kernel build")
    for kernel in found:
        about = kernel.manifest
        click.echo(f"{about.digest[:12]}  {about.name} {about.version} ({about.arch.value})  {about.release}")


@group.command("inspect", epilog="Example: adamant kernel inspect my-kernel --modules")
@click.argument("kernel")
@click.option("--modules", is_flag=True, help="List every module.")
@click.option("--off", is_flag=True, help="List what is off of the hardening table, and why.")
@json_option
def inspect(kernel: str, modules: bool, off: bool, as_json: bool) -> None:
    """Say what KERNEL is: a name, a digest or the path of a folder."""
    found = shelf.of_this_computer().find(kernel)
    if as_json:
        about = found.manifest
        more = {
            "modules": [{"path": m.path, "size": m.size, "sha256": m.sha256, "own": m.own} for m in about.modules],
            "off": [{"option": one.option, "reason": one.reason} for one in about.off],
        }
        click.echo(json.dumps({**_as_object(found), **more}))
        return
    _print(found)
    for module in found.manifest.modules if modules else ():
        click.echo(f"  {human_size(module.size):>9}  {module.path}{'  (own)' if module.own else ''}")
    for one in found.manifest.off if off else ():
        click.echo(f"  {one.option:<40} {one.reason}")


@group.command(
    "verify",
    short_help="Check its bytes and signatures, and that no key is there.",
    epilog="Example: adamant kernel verify my-kernel",
)
@click.argument("kernel")
@json_option
def verify(kernel: str, as_json: bool) -> int:
    """Check each byte of KERNEL, each module's signature, and that no key is there. Exit code 3 when one is wrong."""
    found = shelf.of_this_computer().find(kernel)
    checked = artifact.verify(found)
    if as_json:
        problems = [{"reference": p.reference, "message": p.message} for p in checked.problems]
        click.echo(json.dumps({"digest": found.manifest.digest, "modules": checked.modules, "problems": problems}))
    else:
        for problem in checked.problems:
            click.echo(f"{click.style('problem', fg='red')} {problem.message} [{problem.reference}]")
        if not checked.problems:
            name = f"{found.manifest.name} {found.manifest.version}"
            click.echo(f"{name} is whole: {checked.modules} modules signed by its key, which is nowhere in it")
    return int(ExitCode.VERIFICATION if checked.problems else ExitCode.DONE)


@group.command(
    "publish",
    short_help="Put a kernel where others fetch it by its digest.",
    epilog="Example: adamant kernel publish my-kernel /srv/kernels",
)
@click.argument("kernel")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@json_option
def publish(kernel: str, folder: Path, as_json: bool) -> None:
    """Put KERNEL into FOLDER, from where others fetch it by its digest: as it is, or through any web server."""
    from adamant.kernel import travel  # noqa: PLC0415 - imports what speaks HTTP

    found = shelf.of_this_computer().find(kernel)
    new = travel.publish(found, folder)
    digest = found.manifest.digest
    if as_json:
        click.echo(json.dumps({"digest": digest, "folder": str(folder / digest), "published": new}))
        return
    click.echo(f"{'published' if new else 'there already:'} {found.manifest.name} {found.manifest.version} {digest}")
    click.echo(f"\nOthers take it with:\n\nadamant kernel fetch {folder} {digest}")


@group.command(
    "fetch",
    short_help="Take a kernel that was published, and check it.",
    epilog="Example: adamant kernel fetch https://kernels.example/ 0123...cdef",
)
@click.argument("source", metavar="FOLDER|URL")
@click.argument("digest")
@json_option
def fetch(source: str, digest: str, as_json: bool) -> None:
    """Take the kernel of DIGEST (all 64 characters) from where it was published, and check every byte of it."""
    from adamant.kernel import travel  # noqa: PLC0415 - imports what speaks HTTP

    with progress(as_json) as watch:
        found, new = travel.fetch(source, digest, shelf.of_this_computer(), watch)
    if as_json:
        click.echo(json.dumps({**_as_object(found), "fetched": new}))
        return
    click.echo("fetched and checked:" if new else "there already:")
    _print(found)


@group.command("delete", epilog="Example: adamant kernel delete 0123456789ab")
@click.argument("kernel")
@json_option
def delete(kernel: str, as_json: bool) -> None:
    """Delete KERNEL from this computer. The same one can never be built again: its key is gone."""
    kernels = shelf.of_this_computer()
    found = kernels.find(kernel)
    kernels.delete(found)
    if as_json:
        click.echo(json.dumps({"deleted": found.manifest.digest}))
    else:
        click.echo(f"deleted {found.manifest.name} {found.manifest.version} ({found.manifest.digest[:12]})")


def _as_object(kernel: Kernel) -> dict[str, Any]:
    about = kernel.manifest
    return {
        "name": about.name,
        "version": about.version,
        "arch": about.arch.value,
        "release": about.release,
        "linux": about.linux,
        "digest": about.digest,
        "folder": str(kernel.folder),
        "hardened": about.hardened,
        "asked": about.asked,
    }


def _print(kernel: Kernel) -> None:
    about = kernel.manifest
    sizes = {file.path: file.size for file in about.files}
    own = sum(1 for module in about.modules if module.own)
    click.echo(f"{about.name} {about.version} for {about.arch.value}: {about.release}, from Linux {about.linux}")
    click.echo(f"  digest     {about.digest}")
    click.echo(f"  kernel     {human_size(sizes[VMLINUZ])}")
    total = human_size(sum(module.size for module in about.modules))
    click.echo(f"  modules    {len(about.modules)} ({total}){f', {own} of your own' if own else ''}")
    click.echo(f"  hardening  {about.hardened} of {about.asked}; --off of inspect says why the others are not met")
    click.echo(f"  folder     {kernel.folder}")
