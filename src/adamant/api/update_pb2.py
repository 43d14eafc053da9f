"""Messages of update.proto. Made by scripts/generate from update.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n\x18adamant/api/update.proto\x12\x0fadamant.node.v1"\xae\x01\n\x0eUpgradeReque'
    b'st\x12.\n\x06action\x18\x01 \x01(\x0e2\x1e.adamant.node.v1.UpgradeAction\x12\x12\n\nreposi'
    b'tory\x18\x02 \x01(\t\x12\x0f\n\x07channel\x18\x03 \x01(\t\x12\x0f\n\x07version\x18\x04 \x01(\t\x12\r\n\x05force\x18\x05 \x01(\x08\x12'
    b'\x14\n\x0cignore_waves\x18\x06 \x01(\x08\x12\x11\n\tbandwidth\x18\x07 \x01(\x04"\x93\x01\n\x0fUpgradeProgress'
    b'\x12\x0c\n\x04step\x18\x01 \x01(\t\x12\x0c\n\x04done\x18\x02 \x01(\x04\x12\r\n\x05total\x18\x03 \x01(\x04\x12\x0f\n\x07version\x18\x04 \x01(\t'
    b'\x12\x10\n\x08finished\x18\x05 \x01(\x08\x12\x0f\n\x07message\x18\x06 \x01(\t\x12\x0f\n\x07fetched\x18\x07 \x01(\x04\x12\x10\n\x08requ'
    b'ests\x18\x08 \x01(\x04*\x83\x01\n\rUpgradeAction\x12\x1e\n\x1aUPGRADE_ACTION_UNSPECIFIED\x10\x00'
    b'\x12\x1b\n\x17UPGRADE_ACTION_ESTIMATE\x10\x01\x12\x18\n\x14UPGRADE_ACTION_STAGE\x10\x02\x12\x1b\n\x17U'
    b'PGRADE_ACTION_ROLLBACK\x10\x03b\x06proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.api.update_pb2", globals())
