"""Messages of debug.proto. Made by scripts/generate from debug.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n\x17adamant/api/debug.proto\x12\x0fadamant.node.v1"\x9b\x01\n\x0cDebugRequest\x12'
    b',\n\x05start\x18\x01 \x01(\x0b2\x1b.adamant.node.v1.DebugStartH\x00\x12\x11\n\x07archive\x18\x02 \x01'
    b'(\x0cH\x00\x12\x0f\n\x05input\x18\x03 \x01(\x0cH\x00\x12.\n\x06window\x18\x04 \x01(\x0b2\x1c.adamant.node.v1.Debu'
    b'gWindowH\x00B\t\n\x07message"}\n\nDebugStart\x12\r\n\x05image\x18\x01 \x01(\t\x12\x0f\n\x07command'
    b'\x18\x02 \x03(\t\x12\x10\n\x08terminal\x18\x03 \x01(\x08\x12,\n\x06window\x18\x04 \x01(\x0b2\x1c.adamant.node.v1.D'
    b'ebugWindow\x12\x0f\n\x07seconds\x18\x05 \x01(\r",\n\x0bDebugWindow\x12\x0f\n\x07columns\x18\x01 \x01(\r\x12'
    b'\x0c\n\x04rows\x18\x02 \x01(\r"\x97\x01\n\rDebugResponse\x12\x10\n\x06status\x18\x01 \x01(\tH\x00\x120\n\x07started'
    b'\x18\x02 \x01(\x0b2\x1d.adamant.node.v1.DebugStartedH\x00\x12\x10\n\x06output\x18\x03 \x01(\x0cH\x00\x12\x10\n'
    b'\x06errors\x18\x04 \x01(\x0cH\x00\x12\x13\n\texit_code\x18\x05 \x01(\rH\x00B\t\n\x07message"B\n\x0cDebugStar'
    b'ted\x12\x11\n\tcontainer\x18\x01 \x01(\t\x12\x0e\n\x06digest\x18\x02 \x01(\t\x12\x0f\n\x07seconds\x18\x03 \x01(\rb\x06pro'
    b'to3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.api.debug_pb2", globals())
