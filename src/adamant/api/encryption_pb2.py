"""Messages of encryption.proto. Made by scripts/generate from encryption.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n\x1cadamant/api/encryption.proto\x12\x0fadamant.node.v1"\x13\n\x11Encryptio'
    b'nRequest"G\n\x12EncryptionResponse\x121\n\x07volumes\x18\x01 \x03(\x0b2 .adamant.no'
    b'de.v1.EncryptedVolume"\x98\x01\n\x0fEncryptedVolume\x12\x0c\n\x04name\x18\x01 \x01(\t\x12\x0e\n\x06c'
    b'ipher\x18\x02 \x01(\t\x12)\n\x08tpm_keys\x18\x03 \x03(\x0b2\x17.adamant.node.v1.TpmKey\x12\x15\n\rre'
    b'covery_keys\x18\x04 \x01(\r\x12\x12\n\nother_keys\x18\x05 \x01(\r\x12\x11\n\topened_by\x18\x06 \x01(\t"Q\n\x06'
    b'TpmKey\x12\x12\n\npublic_key\x18\x01 \x01(\t\x12\x18\n\x10signed_registers\x18\x02 \x03(\r\x12\x19\n\x11lite'
    b'ral_registers\x18\x03 \x03(\r"%\n\x12RecoveryKeyRequest\x12\x0f\n\x07replace\x18\x01 \x01(\x08"A'
    b'\n\x13RecoveryKeyResponse\x12*\n\x04keys\x18\x01 \x03(\x0b2\x1c.adamant.node.v1.Recove'
    b'ryKey"*\n\x0bRecoveryKey\x12\x0e\n\x06volume\x18\x01 \x01(\t\x12\x0b\n\x03key\x18\x02 \x01(\t"#\n\rResealR'
    b'equest\x12\x12\n\npublic_key\x18\x01 \x01(\x0c"\x10\n\x0eResealResponse"<\n\x0eRecoverReque'
    b'st\x12*\n\x04keys\x18\x01 \x03(\x0b2\x1c.adamant.node.v1.RecoveryKey""\n\x0fRecoverRes'
    b'ponse\x12\x0f\n\x07volumes\x18\x01 \x03(\t2X\n\x08Recovery\x12L\n\x07Recover\x12\x1f.adamant.node'
    b'.v1.RecoverRequest\x1a .adamant.node.v1.RecoverResponseb\x06proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.api.encryption_pb2", globals())
