"""Messages of containers.proto. Made by scripts/generate from containers.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

from adamant.node.containerd import types_pb2 as _types_pb2

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n(adamant/node/containerd/containers.proto\x12!containerd.servi'
    b'ces.containers.v1\x1a#adamant/node/containerd/types.proto"\x99\x02\n\tC'
    b'ontainer\x12\n\n\x02id\x18\x01 \x01(\t\x12H\n\x06labels\x18\x02 \x03(\x0b28.containerd.services.c'
    b'ontainers.v1.Container.LabelsEntry\x12\r\n\x05image\x18\x03 \x01(\t\x12;\n\x07runtime'
    b'\x18\x04 \x01(\x0b2*.containerd.services.containers.v1.Runtime\x12/\n\ncreate'
    b'd_at\x18\x08 \x01(\x0b2\x1b.containerd.types.Timestamp\x1a9\n\x0bLabelsEntry\x12\x10\n\x03ke'
    b'y\x18\x01 \x01(\tR\x03key\x12\x14\n\x05value\x18\x02 \x01(\tR\x05value:\x028\x01"\x17\n\x07Runtime\x12\x0c\n\x04name\x18\x01 '
    b'\x01(\t"(\n\x15ListContainersRequest\x12\x0f\n\x07filters\x18\x01 \x03(\t"Z\n\x16ListContain'
    b'ersResponse\x12@\n\ncontainers\x18\x01 \x03(\x0b2,.containerd.services.contai'
    b'ners.v1.Container"Y\n\x16CreateContainerRequest\x12?\n\tcontainer\x18\x01 \x01'
    b'(\x0b2,.containerd.services.containers.v1.Container"Z\n\x17CreateCo'
    b'ntainerResponse\x12?\n\tcontainer\x18\x01 \x01(\x0b2,.containerd.services.con'
    b'tainers.v1.Containerb\x06proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.node.containerd.containers_pb2", globals())
