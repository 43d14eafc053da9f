"""Messages of events.proto. Made by scripts/generate from events.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n\x18adamant/api/events.proto\x12\x0fadamant.node.v1"g\n\rEventsRequest'
    b'\x12\r\n\x05after\x18\x01 \x01(\x04\x12)\n\x05kinds\x18\x02 \x03(\x0e2\x1a.adamant.node.v1.EventKind\x12\x0e'
    b'\n\x06follow\x18\x03 \x01(\x08\x12\x0c\n\x04last\x18\x04 \x01(\r"\xf8\x01\n\x05Event\x12\x10\n\x08sequence\x18\x01 \x01(\x04\x12\x11\n\t'
    b'time_usec\x18\x02 \x01(\x03\x12(\n\x04kind\x18\x03 \x01(\x0e2\x1a.adamant.node.v1.EventKind\x12\x0f\n'
    b'\x07message\x18\x04 \x01(\t\x122\n\x06fields\x18\x05 \x03(\x0b2".adamant.node.v1.Event.Field'
    b'sEntry\x12\x10\n\x08agent_id\x18\x06 \x01(\t\x12\x0e\n\x06missed\x18\x07 \x01(\x04\x1a9\n\x0bFieldsEntry\x12\x10\n\x03k'
    b'ey\x18\x01 \x01(\tR\x03key\x12\x14\n\x05value\x18\x02 \x01(\tR\x05value:\x028\x01*\xf0\x01\n\tEventKind\x12\x1a\n\x16EVE'
    b'NT_KIND_UNSPECIFIED\x10\x00\x12\x14\n\x10EVENT_KIND_AGENT\x10\x01\x12\x13\n\x0fEVENT_KIND_CA'
    b'LL\x10\x02\x12\x15\n\x11EVENT_KIND_HEALTH\x10\x03\x12\x15\n\x11EVENT_KIND_CONFIG\x10\x04\x12\x16\n\x12EVENT_'
    b'KIND_SERVICE\x10\x05\x12\x14\n\x10EVENT_KIND_POWER\x10\x06\x12\x13\n\x0fEVENT_KIND_KEYS\x10\x07\x12\x14\n'
    b'\x10EVENT_KIND_DEBUG\x10\x08\x12\x15\n\x11EVENT_KIND_UPDATE\x10\tb\x06proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.api.events_pb2", globals())
