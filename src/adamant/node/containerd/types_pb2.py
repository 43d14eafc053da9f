"""Messages of types.proto. Made by scripts/generate from types.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n#adamant/node/containerd/types.proto\x12\x10containerd.types"+\n\tT'
    b'imestamp\x12\x0f\n\x07seconds\x18\x01 \x01(\x03\x12\r\n\x05nanos\x18\x02 \x01(\x05"&\n\x03Any\x12\x10\n\x08type_url\x18'
    b'\x01 \x01(\t\x12\r\n\x05value\x18\x02 \x01(\x0c"\x1a\n\tFieldMask\x12\r\n\x05paths\x18\x01 \x03(\t"\x07\n\x05Empty">\n'
    b'\nDescriptor\x12\x12\n\nmedia_type\x18\x01 \x01(\t\x12\x0e\n\x06digest\x18\x02 \x01(\t\x12\x0c\n\x04size\x18\x03 \x01('
    b'\x03"F\n\x05Mount\x12\x0c\n\x04type\x18\x01 \x01(\t\x12\x0e\n\x06source\x18\x02 \x01(\t\x12\x0e\n\x06target\x18\x03 \x01(\t\x12\x0f\n\x07'
    b'options\x18\x04 \x03(\tb\x06proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.node.containerd.types_pb2", globals())
