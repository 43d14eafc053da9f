"""No answer of the API has a field for a secret, but those that exist to hand one over."""

from collections.abc import Iterator
from typing import Any

from adamant.api import methods
from adamant.api.identity import Role

WORDS = ("password", "token", "secret", "key", "passphrase", "credential")
PUBLIC = {
    "ActivateResponse.credential": "proves a TPM to who asked, and is of no use to anybody else",
    "BootResponse.secure_boot_keys": "names of certificates",
    "ConfigPlanResponse.keys": "keys of the document, with their values masked",
    "EncryptedVolume.other_keys": "a number",
    "EncryptedVolume.recovery_keys": "a number",
    "EncryptedVolume.tpm_keys": "what unlocks with the TPM, not the keys",
    "RecoveryKeyResponse.keys": "made to be shown, once, to an admin",
    "RecoveryKey.key": "made to be shown, once, to an admin",
    "ResetPreviewResponse.token": "says that the preview was seen; another preview makes another",
    "TpmKey.public_key": "public",
}


def _fields(message: Any, seen: set[str]) -> Iterator[str]:
    """Every field of a message and of those in it that sounds secret, as MESSAGE.FIELD."""
    if message.full_name in seen:
        return
    seen.add(message.full_name)
    for field in message.fields:
        if field.message_type:
            yield from _fields(field.message_type, seen)
        if any(word in field.name for word in WORDS) and not message.GetOptions().map_entry:
            yield f"{message.name}.{field.name}"


def test_no_answer_has_a_field_that_sounds_secret_and_is_not_known_to_be_public() -> None:
    seen: set[str] = set()
    found = {name for method in methods.METHODS for name in _fields(method.response.DESCRIPTOR, seen)}
    assert len(seen) > 80
    assert found == set(PUBLIC)


def test_a_key_that_opens_disks_is_told_to_admins_alone() -> None:
    held = {
        method.name: {field.split(".")[0] for field in _fields(method.response.DESCRIPTOR, set())}
        for method in methods.METHODS
    }
    for name in (name for name, messages in held.items() if "RecoveryKey" in messages):
        assert methods.BY_NAME[name].roles == {Role.ADMIN}
    assert any("RecoveryKey" in messages for messages in held.values())
