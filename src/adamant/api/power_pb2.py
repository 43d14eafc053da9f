"""Messages of power.proto. Made by scripts/generate from power.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n\x17adamant/api/power.proto\x12\x0fadamant.node.v1"\x1f\n\rRebootRequest\x12'
    b'\x0e\n\x06reason\x18\x01 \x01(\t"!\n\x0eRebootResponse\x12\x0f\n\x07boot_id\x18\x01 \x01(\t"!\n\x0fShutdo'
    b'wnRequest\x12\x0e\n\x06reason\x18\x01 \x01(\t"#\n\x10ShutdownResponse\x12\x0f\n\x07boot_id\x18\x01 \x01'
    b'(\t"@\n\x13ResetPreviewRequest\x12)\n\x05parts\x18\x01 \x03(\x0e2\x1a.adamant.node.v1.R'
    b'esetPart"t\n\tResetItem\x12(\n\x04part\x18\x01 \x01(\x0e2\x1a.adamant.node.v1.ResetP'
    b'art\x12\x0c\n\x04path\x18\x02 \x01(\t\x12\x0c\n\x04size\x18\x03 \x01(\x04\x12\x0c\n\x04more\x18\x04 \x01(\x08\x12\x13\n\x0bdescription'
    b'\x18\x05 \x01(\t"d\n\x14ResetPreviewResponse\x12)\n\x05items\x18\x01 \x03(\x0b2\x1a.adamant.node'
    b'.v1.ResetItem\x12\r\n\x05token\x18\x02 \x01(\t\x12\x12\n\nunenrolled\x18\x03 \x01(\x08"-\n\x0cResetReq'
    b'uest\x12\r\n\x05token\x18\x01 \x01(\t\x12\x0e\n\x06reason\x18\x02 \x01(\t" \n\rResetResponse\x12\x0f\n\x07boot'
    b'_id\x18\x01 \x01(\t*\xaf\x01\n\tResetPart\x12\x1a\n\x16RESET_PART_UNSPECIFIED\x10\x00\x12\x15\n\x11RESET'
    b'_PART_CONFIG\x10\x01\x12\x17\n\x13RESET_PART_IDENTITY\x10\x02\x12\x13\n\x0fRESET_PART_LOGS\x10\x03'
    b'\x12\x19\n\x15RESET_PART_CONTAINERS\x10\x04\x12\x12\n\x0eRESET_PART_VAR\x10\x05\x12\x12\n\x0eRESET_PAR'
    b'T_ALL\x10\x06b\x06proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.api.power_pb2", globals())
