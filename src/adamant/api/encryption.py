"""Keys of a node's encrypted partitions, on the client's side."""

from typing import TYPE_CHECKING

from adamant.api import encryption_pb2 as pb
from adamant.core import limits

if TYPE_CHECKING:
    from adamant.api.client import Node

_SECONDS = 2 * limits.ENCRYPTION_SECONDS


def volumes(node: "Node") -> list[pb.EncryptedVolume]:
    """The encrypted partitions, and what opens them."""
    return list(node.call("Encryption", pb.EncryptionRequest(), _SECONDS).volumes)


def recovery_keys(node: "Node", *, replace: bool) -> dict[str, str]:
    """New recovery keys, by the label of the partition. With `replace` those before open nothing any more."""
    answer = node.call("RecoveryKey", pb.RecoveryKeyRequest(replace=replace), _SECONDS)
    return {found.volume: found.key for found in answer.keys}


def reseal(node: "Node", public_key: bytes = b"") -> None:
    """Bind them to the TPM by the running release's key, or by another `public_key` (PEM) as well."""
    node.call("Reseal", pb.ResealRequest(public_key=public_key), _SECONDS)
