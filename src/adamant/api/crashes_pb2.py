"""Messages of crashes.proto. Made by scripts/generate from crashes.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n\x19adamant/api/crashes.proto\x12\x0fadamant.node.v1"\x10\n\x0eCrashesReque'
    b'st":\n\x0fCrashesResponse\x12\'\n\x07crashes\x18\x01 \x03(\x0b2\x16.adamant.node.v1.Cra'
    b'sh"\x1f\n\x0cCrashRequest\x12\x0f\n\x07boot_id\x18\x01 \x01(\t"6\n\rCrashResponse\x12%\n\x05cras'
    b'h\x18\x01 \x01(\x0b2\x16.adamant.node.v1.Crash"\xaf\x01\n\x05Crash\x12\x0f\n\x07boot_id\x18\x01 \x01(\t\x12\x11'
    b'\n\tlast_usec\x18\x02 \x01(\x03\x12\x15\n\rrecorded_usec\x18\x03 \x01(\x03\x12*\n\x05cause\x18\x04 \x01(\x0e2\x1b.ad'
    b'amant.node.v1.CrashCause\x12\x0e\n\x06reason\x18\x05 \x01(\t\x12\x0e\n\x06kernel\x18\x06 \x01(\t\x12\x0f\n\x07'
    b'journal\x18\x07 \x01(\t\x12\x0e\n\x06pstore\x18\x08 \x01(\x08*Y\n\nCrashCause\x12\x1b\n\x17CRASH_CAUSE_U'
    b'NSPECIFIED\x10\x00\x12\x15\n\x11CRASH_CAUSE_PANIC\x10\x01\x12\x17\n\x13CRASH_CAUSE_UNKNOWN\x10\x02'
    b'b\x06proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.api.crashes_pb2", globals())
