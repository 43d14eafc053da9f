"""Messages of power.proto. Made by scripts/generate from power.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n\x17adamant/api/power.proto\x12\x0fadamant.node.v1"\x1f\n\rRebootRequest\x12'
    b'\x0e\n\x06reason\x18\x01 \x01(\t"!\n\x0eRebootResponse\x12\x0f\n\x07boot_id\x18\x01 \x01(\t"!\n\x0fShutdo'
    b'wnRequest\x12\x0e\n\x06reason\x18\x01 \x01(\t"#\n\x10ShutdownResponse\x12\x0f\n\x07boot_id\x18\x01 \x01'
    b'(\t"N\n\x13ResetPreviewRequest\x12)\n\x05parts\x18\x01 \x03(\x0e2\x1a.adamant.node.v1.R'
    b'esetPart\x12\x0c\n\x04keep\x18\x02 \x03(\t"t\n\tResetItem\x12(\n\x04part\x18\x01 \x01(\x0e2\x1a.adamant.'
    b'node.v1.ResetPart\x12\x0c\n\x04path\x18\x02 \x01(\t\x12\x0c\n\x04size\x18\x03 \x01(\x04\x12\x0c\n\x04more\x18\x04 \x01(\x08\x12'
    b'\x13\n\x0bdescription\x18\x05 \x01(\t"\x80\x01\n\x14ResetPreviewResponse\x12)\n\x05items\x18\x01 \x03(\x0b'
    b'2\x1a.adamant.node.v1.ResetItem\x12\r\n\x05token\x18\x02 \x01(\t\x12\x12\n\nunenrolled\x18\x03 '
    b'\x01(\x08\x12\x0c\n\x04kept\x18\x04 \x03(\t\x12\x0c\n\x04more\x18\x05 \x01(\x08"-\n\x0cResetRequest\x12\r\n\x05token\x18\x01 \x01'
    b'(\t\x12\x0e\n\x06reason\x18\x02 \x01(\t" \n\rResetResponse\x12\x0f\n\x07boot_id\x18\x01 \x01(\t*\xc4\x01\n\tRes'
    b'etPart\x12\x1a\n\x16RESET_PART_UNSPECIFIED\x10\x00\x12\x15\n\x11RESET_PART_CONFIG\x10\x01\x12\x17\n'
    b'\x13RESET_PART_IDENTITY\x10\x02\x12\x13\n\x0fRESET_PART_LOGS\x10\x03\x12\x19\n\x15RESET_PART_CO'
    b'NTAINERS\x10\x04\x12\x12\n\x0eRESET_PART_VAR\x10\x05\x12\x12\n\x0eRESET_PART_ALL\x10\x06\x12\x13\n\x0fRESET_'
    b'PART_ROOT\x10\x07b\x06proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.api.power_pb2", globals())
