"""Messages of diff.proto. Made by scripts/generate from diff.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

from adamant.node.containerd import types_pb2 as _types_pb2

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n"adamant/node/containerd/diff.proto\x12\x1bcontainerd.services.di'
    b'ff.v1\x1a#adamant/node/containerd/types.proto"c\n\x0cApplyRequest\x12*'
    b"\n\x04diff\x18\x01 \x01(\x0b2\x1c.containerd.types.Descriptor\x12'\n\x06mounts\x18\x02 \x03(\x0b2\x17"
    b'.containerd.types.Mount">\n\rApplyResponse\x12-\n\x07applied\x18\x01 \x01(\x0b2\x1c.'
    b'containerd.types.Descriptorb\x06proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.node.containerd.diff_pb2", globals())
