"""Messages of leases.proto. Made by scripts/generate from leases.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n$adamant/node/containerd/leases.proto\x12\x1dcontainerd.services.'
    b'leases.v1"\xa0\x01\n\rCreateRequest\x12\n\n\x02id\x18\x01 \x01(\t\x12H\n\x06labels\x18\x03 \x03(\x0b28.co'
    b'ntainerd.services.leases.v1.CreateRequest.LabelsEntry\x1a9\n\x0bLab'
    b'elsEntry\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x12\x14\n\x05value\x18\x02 \x01(\tR\x05value:\x028\x01"\x10\n\x0eCrea'
    b'teResponse")\n\rDeleteRequest\x12\n\n\x02id\x18\x01 \x01(\t\x12\x0c\n\x04sync\x18\x02 \x01(\x08b\x06proto'
    b'3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.node.containerd.leases_pb2", globals())
