"""An attestation asked of a node, and the key that has signed it.

The first key that a node shows is pinned only after its TPM has opened a challenge that was made for this key and the
TPM's endorsement key together. So a pinned key lies in a TPM, and who knows the endorsement key knows in which one. A
maker's certificate of the endorsement key counts only together with such a challenge: anybody can pass on another's.
"""

import hmac
import os
from collections.abc import Callable
from typing import NamedTuple

from adamant.attestation import keys
from adamant.attestation.credential import Challenge, make_credential
from adamant.model import tpm
from adamant.model.attestation import Attestation
from adamant.model.errors import VerificationError

_SECRET = 32


class Asked(NamedTuple):
    """What a node answered. `issuer` is who certified its endorsement key, if somebody did, and `maker` the trusted one
    to whom that leads, if this was asked; `new` says that its key is to be pinned."""

    attestation: Attestation
    key: str
    endorsement_key: str
    issuer: str
    maker: str
    new: bool


def ask(
    attest: Callable[[bytes], Attestation],
    activate: Callable[[Challenge], bytes],
    nonce: bytes,
    pinned: str | None,
    maker_of: Callable[[bytes, bytes], str] | None = None,
) -> Asked:
    """Ask for a quote over `nonce`, and check that it is one by the key `pinned`, or by a new key of a TPM.

    `maker_of` says to which trusted maker an endorsement key leads by its certificate, or raises.

    Raises VerificationError (quote-signature, quote-replayed, attestation-key-changed, attestation-key-elsewhere,
    endorsement-certificate, tpm-malformed), and what the functions raise.
    """
    found = attest(nonce)
    keys.verify(found.ak, found.signature, found.quote)
    if tpm.read_quote(found.quote).nonce != nonce:
        raise VerificationError("quote-replayed", "the node answered with a quote of another nonce")
    key = tpm.fingerprint(found.ak)
    issuer = keys.certificate_issuer(found.ek, found.ek_certificate)
    if pinned is not None and key != pinned:
        raise VerificationError(
            "attestation-key-changed",
            f"the node's attestation key is {key}, and {pinned} is pinned in its context",
            hint="its TPM is another one, or was made new; if that is so: adamant node attest --replace-key\n"
            "a machine that waits for recovery keys: adamant node recover --replace-key",
        )
    maker = maker_of(found.ek, found.ek_certificate) if maker_of is not None else ""
    if pinned is None or maker_of is not None:
        secret = os.urandom(_SECRET)
        if not hmac.compare_digest(activate(make_credential(secret, found.ek, found.ak)), secret):
            raise VerificationError(
                "attestation-key-elsewhere", "the attestation key is not in the TPM of the endorsement key"
            )
    return Asked(found, key, tpm.fingerprint(found.ek), issuer, maker, pinned is None)
