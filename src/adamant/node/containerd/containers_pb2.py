"""Messages of containers.proto. Made by scripts/generate from containers.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

from adamant.node.containerd import types_pb2 as _types_pb2

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n(adamant/node/containerd/containers.proto\x12!containerd.servi'
    b'ces.containers.v1\x1a#adamant/node/containerd/types.proto"\xe9\x02\n\tC'
    b'ontainer\x12\n\n\x02id\x18\x01 \x01(\t\x12H\n\x06labels\x18\x02 \x03(\x0b28.containerd.services.c'
    b'ontainers.v1.Container.LabelsEntry\x12\r\n\x05image\x18\x03 \x01(\t\x12;\n\x07runtime'
    b'\x18\x04 \x01(\x0b2*.containerd.services.containers.v1.Runtime\x12#\n\x04spec\x18\x05'
    b' \x01(\x0b2\x15.containerd.types.Any\x12\x13\n\x0bsnapshotter\x18\x06 \x01(\t\x12\x14\n\x0csnapshot'
    b'_key\x18\x07 \x01(\t\x12/\n\ncreated_at\x18\x08 \x01(\x0b2\x1b.containerd.types.Timestamp\x1a'
    b'9\n\x0bLabelsEntry\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x12\x14\n\x05value\x18\x02 \x01(\tR\x05value:\x028\x01"?'
    b'\n\x07Runtime\x12\x0c\n\x04name\x18\x01 \x01(\t\x12&\n\x07options\x18\x02 \x01(\x0b2\x15.containerd.types.'
    b'Any"3\n\x0bRuncOptions\x12\x0c\n\x04root\x18\x07 \x01(\t\x12\x16\n\x0esystemd_cgroup\x18\t \x01(\x08"(\n\x15'
    b'ListContainersRequest\x12\x0f\n\x07filters\x18\x01 \x03(\t"Z\n\x16ListContainersResp'
    b'onse\x12@\n\ncontainers\x18\x01 \x03(\x0b2,.containerd.services.containers.v1'
    b'.Container"Y\n\x16CreateContainerRequest\x12?\n\tcontainer\x18\x01 \x01(\x0b2,.co'
    b'ntainerd.services.containers.v1.Container"Z\n\x17CreateContainer'
    b'Response\x12?\n\tcontainer\x18\x01 \x01(\x0b2,.containerd.services.containers'
    b'.v1.Container"$\n\x16DeleteContainerRequest\x12\n\n\x02id\x18\x01 \x01(\tb\x06proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.node.containerd.containers_pb2", globals())
