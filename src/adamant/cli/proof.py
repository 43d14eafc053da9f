"""What commands that want a proof by a TPM ask for, and how they show what it comes to."""

import functools
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from adamant.cli.sections import SectionOption
from adamant.core import files, limits
from adamant.model import manifest
from adamant.model.errors import InputError
from adamant.model.manifest import Manifest

if TYPE_CHECKING:
    from adamant.attestation.judge import Expected, Judgement

_MANIFEST = "manifest.json"
F = TypeVar("F", bound=Callable[..., Any])


class HexBytes(click.ParamType[bytes]):
    """Bytes in hexadecimal."""

    name = "hex"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        """The bytes of the digits."""
        try:
            return bytes.fromhex(value)
        except ValueError:
            self.fail(f"{value!r} is not hexadecimal", param, ctx)


def _proof(*arguments: Any, **options: Any) -> Callable[[F], F]:
    return click.option(*arguments, cls=SectionOption, section="Proof by the machine's TPM", **options)


roots_option = _proof(
    "--ek-roots",
    type=click.Path(path_type=Path, exists=True),
    metavar="FILE|FOLDER",
    help="Certificates of makers of TPMs: the TPM must be one of theirs.",
)

replace_key_option = _proof(
    "--replace-key", is_flag=True, help="Pin the attestation key that it has now in place of the one pinned."
)


def maker_of(roots: Path | None) -> Callable[[bytes, bytes], str] | None:
    """Who of the makers at `roots` has certified an endorsement key, for `attestation.asking`; None: not asked."""
    from adamant.attestation import makers  # noqa: PLC0415 - imports cryptography

    if roots is None:
        return None
    known, now = makers.read(roots), datetime.now(UTC)
    return lambda ek, certificate: makers.verify(ek, certificate, known, now)


class Wanted(NamedTuple):
    """What a person takes as proven: the releases that a machine may run, and what else may have been started.

    `ek_roots` are where the certificates lie of the makers of whose TPMs it must be.
    """

    releases: tuple[Path, ...]
    added: tuple[str, ...]
    programs: tuple[str, ...]
    secure_boot: bool
    own_keys: bool
    ek_roots: Path | None = None

    def require_release(self, also: bool = False) -> None:
        """Raise InputError `proof-release-missing` when there is something to prove, and no release to prove it of.

        `also` is whether the command has something else that only a proof has.
        """
        others = self.added or self.programs or self.secure_boot or self.own_keys or self.ek_roots or also
        if not self.releases and others:
            raise InputError(
                "proof-release-missing", "there is no release to prove", hint="name those that may run with --release"
            )

    def expected(self, keys: Mapping[str, str], nonce: bytes | None) -> "Expected":
        """The same for `attestation.judge`. Raises InputError, or what is wrong with a manifest."""
        from adamant.attestation.judge import Expected  # noqa: PLC0415 - imports cryptography

        return Expected(
            releases=tuple(released(path) for path in self.releases),
            keys=keys,
            nonce=nonce,
            added=self.added,
            programs=self.programs,
            secure_boot=self.secure_boot,
            own_keys=self.own_keys,
        )


def wanted_options(*, required: bool, asks: bool = True) -> Callable[[F], F]:
    """The options of a proof; the command gets them as one argument, `wanted`. `asks` is whether it asks a machine."""

    def decorate(command: F) -> F:
        @functools.wraps(command)
        def call(*arguments: Any, **options: Any) -> Any:
            wanted = Wanted(**{name: options.pop(name) for name in Wanted._fields if name in options})
            return command(*arguments, wanted=wanted, **options)

        wrapped: Any = call
        for option in reversed([*_options(required), *([roots_option] if asks else [])]):
            wrapped = option(wrapped)
        return wrapped  # type: ignore[no-any-return]

    return decorate


def _options(required: bool) -> list[Callable[[Any], Any]]:
    return [
        _proof(
            "--release",
            "releases",
            type=click.Path(path_type=Path, exists=True),
            multiple=True,
            required=required,
            metavar="MANIFEST|FOLDER",
            help="A release that the machine may run: its manifest.json, or the folder of its build; may be repeated.",
        ),
        _proof("--command-line", "added", multiple=True, help="A command line that a config may add."),
        _proof("--program", "programs", multiple=True, metavar="DIGEST", help="Another EFI program that may have run."),
        _proof("--secure-boot", is_flag=True, help="Secure Boot must have been on, by whatever keys."),
        _proof("--own-keys", is_flag=True, help="Secure Boot must have been on by the keys that a release enrols."),
    ]


def released(path: Path) -> Manifest:
    """The manifest of a release, which says what a TPM measures of it. Raises InputError `release-unmeasured`."""
    path = path / _MANIFEST if path.is_dir() else path
    found = manifest.decode(files.read_limited(path, limits.MANIFEST_SIZE, "manifest"))
    if found.measured is None:
        raise InputError(
            "release-unmeasured",
            f"the manifest of {found.name} {found.version} does not say what a TPM measures of it",
            hint="it was built by an older Adamant: build the release again, which gives the same bytes",
        )
    return found


def lines(judgement: "Judgement") -> Iterator[str]:
    """All of it for a person: the verdict, what was found, and what is not proven."""
    verdict = click.style("verified", fg="green") if judgement.verified else click.style("NOT VERIFIED", fg="red")
    yield f"{verdict}: {judgement.release or 'no release that is known'}"
    fresh = {None: "nobody said which was asked with", True: "as asked", False: "ANOTHER was asked"}[judgement.fresh]
    boot = judgement.secure_boot
    rows = [
        ("root hash", judgement.root_hash or "unknown"),
        ("attestation key", f"{judgement.key} ({judgement.key_of or 'unknown'})"),
        ("nonce", f"{judgement.nonce} ({fresh})"),
        ("secure boot", boot.state.value),
    ]
    rows += [("keys", text) for text in _owner(judgement)]
    rows += [("trusts", f"{each.subject}, {each.fingerprint[:16]}...") for each in boot.db]
    rows += [("signed by", f"{each.subject}, {each.fingerprint[:16]}...") for each in boot.used]
    rows += [("program", f"{each.digest} ({each.what or 'UNKNOWN'})") for each in judgement.programs]
    rows += [("added", text) for text in judgement.added]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        yield f"  {name:<{width}}  {value}"
    for each in judgement.differences:
        wanted, got = each.expected or "nothing", each.found or "nothing"
        yield f"  {each.release}: {each.section} should be {wanted}, and is {got}"
    for problem in judgement.problems:
        yield f"{click.style('problem', fg='red')} {problem.message} [{problem.reference}]"


def _owner(judgement: "Judgement") -> Iterator[str]:
    found = judgement.owner
    changes = f", with {found.changes} of its changes" if found.changes else ""
    if found.differs:
        yield f"OTHER than {found.release} enrols{changes}: {', '.join(found.differs)}"
    elif found.release:
        yield f"those that {found.release} enrols{changes}"
