"""Messages of encryption.proto. Made by scripts/generate from encryption.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

from adamant.api import attest_pb2 as _attest_pb2

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n\x1cadamant/api/encryption.proto\x12\x0fadamant.node.v1\x1a\x18adamant/api'
    b'/attest.proto"\x13\n\x11EncryptionRequest"G\n\x12EncryptionResponse\x121\n\x07'
    b'volumes\x18\x01 \x03(\x0b2 .adamant.node.v1.EncryptedVolume"\x98\x01\n\x0fEncrypte'
    b'dVolume\x12\x0c\n\x04name\x18\x01 \x01(\t\x12\x0e\n\x06cipher\x18\x02 \x01(\t\x12)\n\x08tpm_keys\x18\x03 \x03(\x0b2\x17.ad'
    b'amant.node.v1.TpmKey\x12\x15\n\rrecovery_keys\x18\x04 \x01(\r\x12\x12\n\nother_keys\x18\x05 '
    b'\x01(\r\x12\x11\n\topened_by\x18\x06 \x01(\t"Q\n\x06TpmKey\x12\x12\n\npublic_key\x18\x01 \x01(\t\x12\x18\n\x10sign'
    b'ed_registers\x18\x02 \x03(\r\x12\x19\n\x11literal_registers\x18\x03 \x03(\r"\x9b\x01\n\x12RecoveryKe'
    b'yRequest\x12\x0f\n\x07replace\x18\x01 \x01(\x08\x12;\n\x04keep\x18\x02 \x03(\x0b2-.adamant.node.v1.Re'
    b'coveryKeyRequest.KeepEntry\x1a7\n\tKeepEntry\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x12\x14\n'
    b'\x05value\x18\x02 \x01(\rR\x05value:\x028\x01"A\n\x13RecoveryKeyResponse\x12*\n\x04keys\x18\x01 \x03(\x0b'
    b'2\x1c.adamant.node.v1.RecoveryKey"8\n\x0bRecoveryKey\x12\x0e\n\x06volume\x18\x01 \x01('
    b'\t\x12\x0b\n\x03key\x18\x02 \x01(\t\x12\x0c\n\x04slot\x18\x03 \x01(\r"#\n\rResealRequest\x12\x12\n\npublic_key\x18'
    b'\x01 \x01(\x0c"\x10\n\x0eResealResponse"<\n\x0eRecoverRequest\x12*\n\x04keys\x18\x01 \x03(\x0b2\x1c.ad'
    b'amant.node.v1.RecoveryKey""\n\x0fRecoverResponse\x12\x0f\n\x07volumes\x18\x01 \x03('
    b'\t2\xf8\x01\n\x08Recovery\x12H\n\x05Prove\x12\x1e.adamant.node.v1.AttestRequest\x1a\x1f.ad'
    b'amant.node.v1.AttestResponse\x12T\n\rOpenChallenge\x12 .adamant.node'
    b'.v1.ActivateRequest\x1a!.adamant.node.v1.ActivateResponse\x12L\n\x07Re'
    b'cover\x12\x1f.adamant.node.v1.RecoverRequest\x1a .adamant.node.v1.Rec'
    b'overResponseb\x06proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.api.encryption_pb2", globals())
