"""Messages of snapshots.proto. Made by scripts/generate from snapshots.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

from adamant.node.containerd import types_pb2 as _types_pb2

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b"\n'adamant/node/containerd/snapshots.proto\x12 containerd.servic"
    b'es.snapshots.v1\x1a#adamant/node/containerd/types.proto"\xdb\x01\n\x16Pre'
    b'pareSnapshotRequest\x12\x13\n\x0bsnapshotter\x18\x01 \x01(\t\x12\x0b\n\x03key\x18\x02 \x01(\t\x12\x0e\n\x06par'
    b'ent\x18\x03 \x01(\t\x12T\n\x06labels\x18\x04 \x03(\x0b2D.containerd.services.snapshots.v1'
    b'.PrepareSnapshotRequest.LabelsEntry\x1a9\n\x0bLabelsEntry\x12\x10\n\x03key\x18\x01 '
    b'\x01(\tR\x03key\x12\x14\n\x05value\x18\x02 \x01(\tR\x05value:\x028\x01"B\n\x17PrepareSnapshotRespons'
    b'e\x12\'\n\x06mounts\x18\x01 \x03(\x0b2\x17.containerd.types.Mount"\xd7\x01\n\x15CommitSnapsho'
    b'tRequest\x12\x13\n\x0bsnapshotter\x18\x01 \x01(\t\x12\x0c\n\x04name\x18\x02 \x01(\t\x12\x0b\n\x03key\x18\x03 \x01(\t\x12S\n\x06'
    b'labels\x18\x04 \x03(\x0b2C.containerd.services.snapshots.v1.CommitSnapsh'
    b'otRequest.LabelsEntry\x1a9\n\x0bLabelsEntry\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x12\x14\n\x05va'
    b'lue\x18\x02 \x01(\tR\x05value:\x028\x01"9\n\x15RemoveSnapshotRequest\x12\x13\n\x0bsnapshotter'
    b'\x18\x01 \x01(\t\x12\x0b\n\x03key\x18\x02 \x01(\t"7\n\x13StatSnapshotRequest\x12\x13\n\x0bsnapshotter\x18\x01 '
    b'\x01(\t\x12\x0b\n\x03key\x18\x02 \x01(\t"\x16\n\x14StatSnapshotResponseb\x06proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.node.containerd.snapshots_pb2", globals())
