"""Secrets in a machine config: a text that is masked wherever it is shown, or a reference to where the secret lies."""

from typing import Annotated, Any, get_args

from msgspec import Meta, Struct

from adamant.model.errors import UNTOLD, InputError

MASK = "(secret)"
"""What stands for a secret in every output, log and bundle."""


class SecretAt(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a secret lies: exactly one of credential and file."""

    credential: (
        Annotated[str, Meta(pattern=r"^[a-z][A-Za-z0-9._-]{0,127}$", description="the name of a systemd credential")]
        | None
    ) = None
    """Name of a systemd credential that the machine was given (systemd.exec(5), Credentials)."""
    file: (
        Annotated[
            str,
            Meta(
                pattern=r"^/state/secrets/[A-Za-z0-9][A-Za-z0-9._-]{0,127}$", description="a path below /state/secrets"
            ),
        ]
        | None
    ) = None
    """A file on the state partition that holds the secret and nothing else."""


Secret = Annotated[str, Meta(min_length=1, max_length=65536, extra={UNTOLD: True})] | SecretAt
"""A secret: the text itself, or where it lies."""


def check(secret: Secret | None, path: str) -> None:
    """Raises InputError when a reference does not say one place, or the text is what stands for a secret."""
    if secret == MASK:
        raise InputError(
            "secret-masked",
            f"{MASK} stands for a secret that is not shown: it is none itself",
            context=path,
            hint="write the secret, or where it lies: {credential: NAME} or {file: /state/secrets/NAME}",
        )
    if isinstance(secret, SecretAt) and (secret.credential is None) == (secret.file is None):
        raise InputError("secret-place", "exactly one of credential and file must be given", context=path)


def holds_secret(kind: Any) -> bool:
    """Whether a field of that type holds a secret, or a map or list of them."""
    return kind is SecretAt or any(holds_secret(part) for part in get_args(kind))
