"""Messages of attest.proto. Made by scripts/generate from attest.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n\x18adamant/api/attest.proto\x12\x0fadamant.node.v1"\x1e\n\rAttestRequest'
    b'\x12\r\n\x05nonce\x18\x01 \x01(\x0c"\xbc\x01\n\x0eAttestResponse\x12\r\n\x05quote\x18\x01 \x01(\x0c\x12\x11\n\tsignatu'
    b're\x18\x02 \x01(\x0c\x12\n\n\x02ak\x18\x03 \x01(\x0c\x12\n\n\x02ek\x18\x04 \x01(\x0c\x12\x16\n\x0eek_certificate\x18\x05 \x01(\x0c\x121\n\t'
    b'registers\x18\x06 \x03(\x0b2\x1e.adamant.node.v1.RegisterValue\x12\x11\n\tevent_log'
    b'\x18\x07 \x01(\x0c\x12\x12\n\nsystem_log\x18\x08 \x01(\x0c"-\n\rRegisterValue\x12\r\n\x05index\x18\x01 \x01(\r\x12\r'
    b'\n\x05value\x18\x02 \x01(\x0c"/\n\x0fActivateRequest\x12\x0c\n\x04blob\x18\x01 \x01(\x0c\x12\x0e\n\x06secret\x18\x02 \x01'
    b'(\x0c"&\n\x10ActivateResponse\x12\x12\n\ncredential\x18\x01 \x01(\x0cb\x06proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.api.attest_pb2", globals())
