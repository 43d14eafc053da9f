"""Whether a signed change of a variable of Secure Boot is one that the owner of the machine made.

Stricter than a firmware, which also takes certificates that a trusted one has issued: here one of the certificates in
the variable itself has signed (UEFI Specification 2.10, section 8.2.2). Of the signature only its last field counts,
the value of the one signer: what else stands in it is neither trusted nor needed. Imports model and core.
"""

from collections.abc import Iterable

from adamant.core import der, rsa
from adamant.model import authenticated_variable, signature_list
from adamant.model.authenticated_variable import Change, Variable
from adamant.model.errors import VerificationError
from adamant.model.signature_list import Signature


def verify(variable: Variable, data: bytes, signers: Iterable[Signature], *, append: bool) -> Change:
    """The change of `variable` in `data`, which must be signed by one of the certificates among `signers`.

    Raises VerificationError variable-update-malformed, variable-update-signature.
    """
    change = authenticated_variable.decode(data)
    message = authenticated_variable.message(variable, change.time, change.payload, append=append)
    ders = [entry.data for entry in signers if entry.kind == signature_list.X509]
    if not any(_has_signed(each, message, change.pkcs7) for each in ders):
        raise VerificationError("variable-update-signature", f"this change of {variable.value} is signed by no owner")
    return change


def _has_signed(signer: bytes, message: bytes, pkcs7: bytes) -> bool:
    try:
        key = rsa.public_key(signer)
    except ValueError:
        return False
    value = pkcs7[-key.size :]
    return pkcs7.endswith(der.encode(der.OCTETS, value)) and rsa.has_signed(key, message, value)
