"""`adamant repo`: a repository of releases, as static files signed with TUF."""

import json
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from adamant.cli.options import json_option
from adamant.model.arch import Arch
from adamant.model.errors import InputError

F = TypeVar("F", bound=Callable[..., Any])

_EPILOG = """\b
Examples:
  adamant repo init repo --keys repo-keys --roots 3 --threshold 2
  adamant repo publish repo out/example_2_amd64 --keys repo-keys --channel beta
  adamant repo publish repo out/example_3_amd64 --keys repo-keys --patch-from 2
  adamant repo promote repo example 2 --channel stable --waves slow --keys repo-keys
  adamant repo serve repo
"""
_PRESETS: dict[str, tuple[tuple[int, int], ...]] = {
    "now": (),
    "fast": ((0, 10), (4, 50), (24, 100)),
    "slow": ((0, 1), (24, 10), (72, 50), (168, 100)),
}
"""Waves by name: from so many hours after now on, so many per cent."""


@click.group("repo", epilog=_EPILOG)
def group() -> None:
    """Publish releases: a repository of static files, signed with TUF, that any web server serves."""


def _folder(function: F) -> F:
    return click.argument("folder", type=click.Path(path_type=Path, file_okay=False))(function)


def _keys(function: F) -> F:
    return click.option(
        "--keys",
        "keys",
        type=click.Path(path_type=Path, file_okay=False),
        required=True,
        help="Folder with the repository's keys. A passphrase comes from ADAMANT_REPO_PASSPHRASE.",
    )(function)


def _arch(function: F) -> F:
    return click.option(
        "--arch", type=click.Choice([arch.value for arch in Arch]), default=Arch.AMD64.value, show_default=True
    )(function)


def _open(folder: Path) -> Any:
    from adamant.release.repository import Repository  # noqa: PLC0415 - python-tuf is slow to import

    return Repository(folder, datetime.now(UTC))


def _signers(keys: Path) -> Any:
    from adamant.release.signers import Signers  # noqa: PLC0415 - as above

    return Signers(keys, os.environ.get("ADAMANT_REPO_PASSPHRASE", "").encode() or None)


def _say(as_json: bool, text: str, **fields: object) -> None:
    click.echo(json.dumps(fields) if as_json else text)


@group.command("init", epilog="Example: adamant repo init repo --keys repo-keys --roots 3 --threshold 2")
@_folder
@_keys
@click.option("--roots", type=int, default=1, show_default=True, help="How many root keys to make.")
@click.option("--threshold", type=int, default=1, show_default=True, help="How many of them must sign a root.")
@json_option
def init(folder: Path, keys: Path, roots: int, threshold: int, as_json: bool) -> None:
    """Make an empty repository in FOLDER, and its keys."""
    signers = _signers(keys)
    _open(folder).init(signers, roots, threshold)
    made = [str(signers.path(name)) for name in signers.there()]
    lines = [f"made a repository in {folder}, and these keys:", *(f"  {path}" for path in made)]
    lines.append("\nTake the root keys offline: they are needed only to replace a key. Keep a copy of each.")
    _say(as_json, "\n".join(lines), repository=str(folder), keys=made)


@group.command(
    "publish",
    short_help="Add the release of a build, and offer it in channels.",
    epilog="Example: adamant repo publish repo out/example_2_amd64 --keys repo-keys",
)
@_folder
@click.argument("build", type=click.Path(path_type=Path, exists=True, file_okay=False))
@_keys
@click.option("--channel", "channels", multiple=True, default=("stable",), show_default=True, help="May be repeated.")
@click.option("--waves", type=click.Choice(list(_PRESETS)), default="now", show_default=True, help="How fast.")
@click.option("--pass-through", is_flag=True, help="No machine may go past this release: it goes to it first.")
@click.option(
    "--patch-from", "bases", metavar="VERSION", multiple=True, help="Make a patch from this release. May be repeated."
)
@json_option
def publish(
    folder: Path,
    build: Path,
    keys: Path,
    channels: tuple[str, ...],
    waves: str,
    pass_through: bool,
    bases: tuple[str, ...],
    as_json: bool,
) -> None:
    """Add the release in the output folder BUILD, and offer it in channels."""
    from adamant.core import files  # noqa: PLC0415
    from adamant.reading.released import read_build  # noqa: PLC0415
    from adamant.release import index, patches  # noqa: PLC0415

    repository = _open(folder)
    made = read_build(build, pass_through=pass_through)
    product = made.release.manifest.path.partition("/")[0]
    found = index.add(repository.index(product), made.release)
    for channel in channels:
        found = index.offer(found, _offer(channel, made.release.version, made.release.arch, waves))
    patched = repository.patches(product)
    sizes: dict[str, int] = {}
    with files.work_folder(folder, "patch") as work:
        content = dict(made.content)
        for base in bases:
            old = index.find(found, base, made.release.arch)
            patch = repository.make_patch(old, made.release, made.content, work / str(len(sizes)))
            content[patch.file.path] = work / str(len(sizes))
            sizes[base] = patch.file.size
            patched = patches.add(patched, patch)
        repository.publish(found, content, _signers(keys), patched if bases else None)
    size = made.release.usr.size + made.release.verity.size + made.release.uki.size
    _say(
        as_json,
        f"published {product} {made.release.version} ({made.release.arch.value}, {size / 1e6:.1f} MB) "
        f"in {', '.join(channels)}"
        + "".join(f", with a patch from {base} ({patch_size / 1e6:.1f} MB)" for base, patch_size in sizes.items()),
        product=product,
        version=made.release.version,
        arch=made.release.arch.value,
        channels=list(channels),
        patches=sizes,
    )


def _offer(channel: str, version: str, arch: Arch, waves: str) -> Any:
    from adamant.release.index import CHANNEL_PATTERN, Offer, Wave  # noqa: PLC0415

    if not re.fullmatch(CHANNEL_PATTERN, channel):
        raise InputError("channel-name", f"not a name for a channel: {channel!r}", hint="such as stable or beta")
    now = datetime.now(UTC).replace(microsecond=0)
    made = tuple(Wave(now + timedelta(hours=hours), percent) for hours, percent in _PRESETS[waves])
    return Offer(channel, version, arch, made)


@group.command(
    "promote",
    short_help="Offer a release in another channel or other waves.",
    epilog="Example: adamant repo promote repo example 2 --channel stable --keys repo-keys",
)
@_folder
@click.argument("product")
@click.argument("version")
@_keys
@_arch
@click.option("--channel", required=True, help="The channel that is to offer it.")
@click.option("--waves", type=click.Choice(list(_PRESETS)), default="now", show_default=True, help="How fast.")
@json_option
def promote(
    folder: Path, product: str, version: str, keys: Path, arch: str, channel: str, waves: str, as_json: bool
) -> None:
    """Offer a published release in another channel, or in other waves."""
    from adamant.release import index  # noqa: PLC0415

    repository = _open(folder)
    found = index.offer(repository.index(product), _offer(channel, version, Arch(arch), waves))
    repository.publish(found, {}, _signers(keys))
    _say(as_json, f"{channel} offers {product} {version}", product=product, version=version, channel=channel)


@group.command("withdraw", epilog='Example: adamant repo withdraw repo host 2 --why "it loses routes" --keys repo-keys')
@_folder
@click.argument("product")
@click.argument("version")
@_keys
@_arch
@click.option("--why", required=True, help="What is wrong with it: machines show it.")
@json_option
def withdraw(folder: Path, product: str, version: str, keys: Path, arch: str, why: str, as_json: bool) -> None:
    """Let no machine go to a release any more. Those that run it stay."""
    from adamant.release import index  # noqa: PLC0415

    repository = _open(folder)
    repository.publish(index.withdraw(repository.index(product), version, Arch(arch), why), {}, _signers(keys))
    _say(as_json, f"withdrew {product} {version}", product=product, version=version)


@group.command(
    "status", short_help="Show products, releases, channels and signatures.", epilog="Example: adamant repo status repo"
)
@_folder
@json_option
def status(folder: Path, as_json: bool) -> None:
    """Show products, releases, channels, patches, and until when each signature holds."""
    from adamant.release import patches  # noqa: PLC0415

    repository = _open(folder)
    roles = repository.status()
    products = [repository.index(product) for product in repository.products()]
    patched = {product.product: repository.patches(product.product) for product in products}
    if as_json:
        click.echo(msgspec.json.encode({"roles": roles, "products": products, "patches": list(patched.values())}))
        return
    now = datetime.now(UTC)
    click.echo("role         version  keys  valid for")
    for role in roles:
        days = (role.expires - now).days
        valid = f"{days} days" if days >= 0 else click.style("expired: run adamant repo refresh", fg="red")
        click.echo(f"{role.role:<12} {role.version:>7}  {role.threshold} of {len(role.keys)}  {valid}")
    for product in products:
        click.echo(f"\n{product.product}")
        for release in product.releases:
            offers = [_channel(o, now) for o in product.offers if (o.version, o.arch) == release.key]
            what = f"withdrawn: {release.withdrawn}" if release.withdrawn else ", ".join(offers) or "in no channel"
            bases = [patch.base for patch in patches.to(patched[product.product], release)]
            what += f"; patches from {', '.join(bases)}" if bases else ""
            click.echo(f"  {release.version:<12} {release.arch.value:<6} {release.posture.value:<8} {what}")


def _channel(offer: Any, now: datetime) -> str:
    """The channel, with how much of the fleet it admits now when that is not all of it."""
    percent = max((wave.percent for wave in offer.waves if wave.begin <= now), default=0) if offer.waves else 100
    return str(offer.channel) if percent == 100 else f"{offer.channel} ({percent} %)"


@group.command("refresh", epilog="Example: adamant repo refresh repo --keys repo-keys")
@_folder
@_keys
@json_option
def refresh(folder: Path, keys: Path, as_json: bool) -> None:
    """Sign snapshot and timestamp anew, before they expire. Needs the online key alone."""
    _open(folder).refresh(_signers(keys))
    _say(as_json, "signed anew", repository=str(folder))


@group.command(
    "rotate-key",
    short_help="Replace the key of a role. Machines follow.",
    epilog="Example: adamant repo rotate-key repo online --keys repo-keys",
)
@_folder
@click.argument("role")
@_keys
@json_option
def rotate_key(folder: Path, role: str, keys: Path, as_json: bool) -> None:
    """Replace the key of ROLE (root-N, targets, online, or a product). Machines follow by themselves."""
    name = _open(folder).rotate(role, _signers(keys))
    _say(as_json, f"{name} holds the new key; the old one lies beside it", role=role, key=name)


@group.command(
    "root",
    short_help="Print the newest root, for images that trust it.",
    epilog="Example: adamant repo root repo > root.json",
)
@_folder
def root(folder: Path) -> None:
    """Print the newest root: what an image carries so that its machines trust this repository."""
    click.echo(_open(folder).root(), nl=False)


@group.command(
    "export",
    short_help="Copy a release to where there is no network.",
    epilog="Example: adamant repo export repo example 2 --out example-2.tar",
)
@_folder
@click.argument("product")
@click.argument("version")
@_arch
@click.option(
    "--out",
    type=click.Path(path_type=Path, exists=False),
    required=True,
    help="A folder, or a file whose name ends in .tar. It must not be there.",
)
@json_option
def export(folder: Path, product: str, version: str, arch: str, out: Path, as_json: bool) -> None:
    """Copy the metadata and one release into a folder or archive of its own, to carry it where there is no network.

    adamant node upgrade --from takes it there.
    """
    copied = _open(folder).export(product, version, Arch(arch), out)
    _say(as_json, f"wrote {copied / 1e6:.1f} MB to {out}", folder=str(out), size=copied)


@group.command("serve", epilog="Example: adamant repo serve repo --port 8080")
@_folder
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 takes a free one.")
def serve(folder: Path, host: str, port: int) -> None:
    """Serve a repository over HTTP, for trying; until interrupted."""
    from adamant.release.serving import make_server  # noqa: PLC0415

    _open(folder).status()  # what is no repository, or is broken, is not served
    with make_server(folder, host, port) as server:
        click.echo(f"serving {folder} at http://{host}:{server.server_address[1]}/")
        server.serve_forever()
