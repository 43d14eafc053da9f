"""The task `attest`: what the TPM says of this boot. It may open the TPM, and nothing else that the agent may not.

Request: nonce (hexadecimal), or blob and secret of a challenge (hexadecimal). Data: an attestation (JSON), or what the
challenge held. Trailer: nothing.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adamant.model import attestation
from adamant.node.attest import collect
from adamant.node.tasks.answer import Answer


def work(request: Mapping[str, Any], answer: Answer, root: Path = Path("/")) -> Mapping[str, Any]:
    """Ask the TPM once."""
    if "blob" in request:
        blob, secret = bytes.fromhex(request["blob"]), bytes.fromhex(request["secret"])
        answer.send(collect.activate(root, blob, secret))
    else:
        answer.send(attestation.encode(collect.attest(root, bytes.fromhex(request["nonce"]))))
    return {}
