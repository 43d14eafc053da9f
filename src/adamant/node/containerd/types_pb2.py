"""Messages of types.proto. Made by scripts/generate from types.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n#adamant/node/containerd/types.proto\x12\x10containerd.types"+\n\tT'
    b'imestamp\x12\x0f\n\x07seconds\x18\x01 \x01(\x03\x12\r\n\x05nanos\x18\x02 \x01(\x05">\n\nDescriptor\x12\x12\n\nme'
    b'dia_type\x18\x01 \x01(\t\x12\x0e\n\x06digest\x18\x02 \x01(\t\x12\x0c\n\x04size\x18\x03 \x01(\x03b\x06proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.node.containerd.types_pb2", globals())
