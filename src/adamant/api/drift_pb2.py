"""Messages of drift.proto. Made by scripts/generate from drift.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n\x17adamant/api/drift.proto\x12\x0fadamant.node.v1"\x0e\n\x0cDriftRequest"X'
    b'\n\nDriftEntry\x12\x0c\n\x04path\x18\x01 \x01(\t\x12,\n\x06change\x18\x02 \x01(\x0e2\x1c.adamant.node.v1'
    b'.DriftChange\x12\x0e\n\x06reason\x18\x03 \x01(\t"Y\n\rDriftResponse\x12,\n\x07entries\x18\x01 \x03'
    b'(\x0b2\x1b.adamant.node.v1.DriftEntry\x12\x0c\n\x04more\x18\x02 \x01(\x08\x12\x0c\n\x04none\x18\x03 \x01(\t"'
    b' \n\x10DriftTextRequest\x12\x0c\n\x04path\x18\x01 \x01(\t"2\n\x11DriftTextResponse\x12\x0c\n\x04di'
    b'ff\x18\x01 \x01(\t\x12\x0f\n\x07refused\x18\x02 \x01(\t*w\n\x0bDriftChange\x12\x1c\n\x18DRIFT_CHANGE_UNS'
    b'PECIFIED\x10\x00\x12\x16\n\x12DRIFT_CHANGE_ADDED\x10\x01\x12\x18\n\x14DRIFT_CHANGE_CHANGED\x10\x02'
    b'\x12\x18\n\x14DRIFT_CHANGE_REMOVED\x10\x03b\x06proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.api.drift_pb2", globals())
