"""Messages of services.proto. Made by scripts/generate from services.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n\x1aadamant/api/services.proto\x12\x0fadamant.node.v1"N\n\x0eServiceRequ'
    b'est\x12\x0c\n\x04unit\x18\x01 \x01(\t\x12.\n\x06action\x18\x02 \x01(\x0e2\x1e.adamant.node.v1.ServiceA'
    b'ction"g\n\x0fServiceResponse\x12\x0c\n\x04unit\x18\x01 \x01(\t\x12\x0e\n\x06active\x18\x02 \x01(\t\x12\x0b\n\x03su'
    b'b\x18\x03 \x01(\t\x12\x10\n\x08main_pid\x18\x04 \x01(\r\x12\x17\n\x0fmain_pid_before\x18\x05 \x01(\r*\x99\x01\n\rServi'
    b'ceAction\x12\x1e\n\x1aSERVICE_ACTION_UNSPECIFIED\x10\x00\x12\x18\n\x14SERVICE_ACTION_S'
    b'TART\x10\x01\x12\x17\n\x13SERVICE_ACTION_STOP\x10\x02\x12\x1a\n\x16SERVICE_ACTION_RESTART\x10\x03\x12'
    b'\x19\n\x15SERVICE_ACTION_RELOAD\x10\x04b\x06proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.api.services_pb2", globals())
