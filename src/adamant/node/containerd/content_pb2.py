"""Messages of content.proto. Made by scripts/generate from content.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

from adamant.node.containerd import types_pb2 as _types_pb2

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n%adamant/node/containerd/content.proto\x12\x1econtainerd.services'
    b'.content.v1\x1a#adamant/node/containerd/types.proto"\xa1\x01\n\x04Info\x12\x0e\n'
    b'\x06digest\x18\x01 \x01(\t\x12\x0c\n\x04size\x18\x02 \x01(\x03\x12@\n\x06labels\x18\x05 \x03(\x0b20.containerd.ser'
    b'vices.content.v1.Info.LabelsEntry\x1a9\n\x0bLabelsEntry\x12\x10\n\x03key\x18\x01 \x01('
    b'\tR\x03key\x12\x14\n\x05value\x18\x02 \x01(\tR\x05value:\x028\x01"\x1d\n\x0bInfoRequest\x12\x0e\n\x06digest\x18\x01 '
    b'\x01(\t"B\n\x0cInfoResponse\x122\n\x04info\x18\x01 \x01(\x0b2$.containerd.services.cont'
    b'ent.v1.Info"u\n\rUpdateRequest\x122\n\x04info\x18\x01 \x01(\x0b2$.containerd.serv'
    b'ices.content.v1.Info\x120\n\x0bupdate_mask\x18\x02 \x01(\x0b2\x1b.containerd.types'
    b'.FieldMask"D\n\x0eUpdateResponse\x122\n\x04info\x18\x01 \x01(\x0b2$.containerd.serv'
    b'ices.content.v1.Info"B\n\x12ReadContentRequest\x12\x0e\n\x06digest\x18\x01 \x01(\t\x12\x0e'
    b'\n\x06offset\x18\x02 \x01(\x03\x12\x0c\n\x04size\x18\x03 \x01(\x03"3\n\x13ReadContentResponse\x12\x0e\n\x06offse'
    b't\x18\x01 \x01(\x03\x12\x0c\n\x04data\x18\x02 \x01(\x0c"\xaa\x02\n\x13WriteContentRequest\x12;\n\x06action\x18\x01 \x01('
    b'\x0e2+.containerd.services.content.v1.WriteAction\x12\x0b\n\x03ref\x18\x02 \x01(\t\x12'
    b'\r\n\x05total\x18\x03 \x01(\x03\x12\x10\n\x08expected\x18\x04 \x01(\t\x12\x0e\n\x06offset\x18\x05 \x01(\x03\x12\x0c\n\x04data\x18\x06 \x01'
    b'(\x0c\x12O\n\x06labels\x18\x07 \x03(\x0b2?.containerd.services.content.v1.WriteCon'
    b'tentRequest.LabelsEntry\x1a9\n\x0bLabelsEntry\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x12\x14\n\x05'
    b'value\x18\x02 \x01(\tR\x05value:\x028\x01"\x82\x01\n\x14WriteContentResponse\x12;\n\x06action\x18\x01 '
    b'\x01(\x0e2+.containerd.services.content.v1.WriteAction\x12\x0e\n\x06offset\x18\x04'
    b' \x01(\x03\x12\r\n\x05total\x18\x05 \x01(\x03\x12\x0e\n\x06digest\x18\x06 \x01(\t"\x1b\n\x0cAbortRequest\x12\x0b\n\x03ref\x18\x01'
    b' \x01(\t*U\n\x0bWriteAction\x12\x15\n\x11WRITE_ACTION_STAT\x10\x00\x12\x16\n\x12WRITE_ACTION_W'
    b'RITE\x10\x01\x12\x17\n\x13WRITE_ACTION_COMMIT\x10\x02b\x06proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.node.containerd.content_pb2", globals())
