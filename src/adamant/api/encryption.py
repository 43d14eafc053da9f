"""Keys of a node's encrypted partitions, on the client's side."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from adamant.api import encryption_pb2 as pb
from adamant.core import limits
from adamant.model.errors import AdamantError, InputError

if TYPE_CHECKING:
    from adamant.api.attest import Calls
    from adamant.api.client import Node
    from adamant.api.fingerprint import Fingerprint

_SECONDS = 2 * limits.ENCRYPTION_SECONDS


def volumes(node: "Node") -> list[pb.EncryptedVolume]:
    """The encrypted partitions, and what opens them."""
    return list(node.call("Encryption", pb.EncryptionRequest(), _SECONDS).volumes)


def recovery_keys(node: "Node", *, replace: bool) -> list[pb.RecoveryKey]:
    """New recovery keys. With `replace` there may be others, which open it too until `keep_recovery_keys`."""
    return list(node.call("RecoveryKey", pb.RecoveryKeyRequest(replace=replace), _SECONDS).keys)


def keep_recovery_keys(node: "Node", keys: Iterable[pb.RecoveryKey]) -> None:
    """Have `keys`, which a person has now, be the only recovery keys."""
    keep = {key.volume: key.slot for key in keys}
    node.call("RecoveryKey", pb.RecoveryKeyRequest(keep=keep), _SECONDS)


def recover(node: "Node", keys: Mapping[str, str]) -> list[str]:
    """Bind what is shut to the TPM anew by recovery keys, by label; the node reboots. Returns the labels."""
    return list(node.call("Recover", _recovery(keys), _SECONDS).volumes)


def recover_unidentified(
    address: str, expected: "Fingerprint", keys: Mapping[str, str], examine: "Callable[[Calls], object] | None" = None
) -> list[str]:
    """The same for a node whose state is shut: it is known by the fingerprint that its console shows.

    `examine` asks it for what it must prove before, and raises when it does not. Raises VerificationError
    `fingerprint-differs`, InputError `recovery-unknown`, AdamantError `proof-unknown`; no key was sent then.
    """
    from adamant.api import methods, pinned  # noqa: PLC0415 - imports gRPC

    def unknown(name: str) -> AdamantError:
        if name == "Recover":
            return InputError(
                "recovery-unknown",
                "what answers there waits for no recovery keys",
                context=address,
                hint="a machine that has its identity takes them over its API: leave the address out, or name its "
                "context",
            )
        return AdamantError(
            "proof-unknown",
            "what answers there cannot prove its release to who brings recovery keys",
            context=f"{name} of {address}",
            hint="is the address right? A machine that runs an older release takes keys only without --release",
        )

    with pinned.channel(address, expected) as (channel, _key):
        machine = pinned.Machine(channel, address, methods.RECOVERY, unknown)
        if examine is not None:
            examine(machine)
        return list(machine.call("Recover", _recovery(keys), _SECONDS).volumes)


def _recovery(keys: Mapping[str, str]) -> pb.RecoverRequest:
    return pb.RecoverRequest(keys=[pb.RecoveryKey(volume=volume, key=key) for volume, key in keys.items()])


def reseal(node: "Node", public_key: bytes = b"") -> None:
    """Bind them to the TPM by the running release's key, or by another `public_key` (PEM) as well."""
    node.call("Reseal", pb.ResealRequest(public_key=public_key), _SECONDS)
