"""Messages of tasks.proto. Made by scripts/generate from tasks.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

from adamant.node.containerd import types_pb2 as _types_pb2

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n#adamant/node/containerd/tasks.proto\x12\x1ccontainerd.services.t'
    b'asks.v1\x1a#adamant/node/containerd/types.proto"\x83\x01\n\x07Process\x12\x14\n\x0c'
    b'container_id\x18\x01 \x01(\t\x12\n\n\x02id\x18\x02 \x01(\t\x12\x0b\n\x03pid\x18\x03 \x01(\r\x124\n\x06status\x18\x04 \x01(\x0e2'
    b'$.containerd.services.tasks.v1.Status\x12\x13\n\x0bexit_status\x18\t \x01(\r""'
    b'\n\x10ListTasksRequest\x12\x0e\n\x06filter\x18\x01 \x01(\t"I\n\x11ListTasksResponse\x124\n\x05t'
    b'asks\x18\x01 \x03(\x0b2%.containerd.services.tasks.v1.Process"\x81\x01\n\x11Create'
    b"TaskRequest\x12\x14\n\x0ccontainer_id\x18\x01 \x01(\t\x12'\n\x06rootfs\x18\x03 \x03(\x0b2\x17.containe"
    b'rd.types.Mount\x12\r\n\x05stdin\x18\x04 \x01(\t\x12\x0e\n\x06stdout\x18\x05 \x01(\t\x12\x0e\n\x06stderr\x18\x06 \x01('
    b'\t"7\n\x12CreateTaskResponse\x12\x14\n\x0ccontainer_id\x18\x01 \x01(\t\x12\x0b\n\x03pid\x18\x02 \x01(\r"$'
    b'\n\x0cStartRequest\x12\x14\n\x0ccontainer_id\x18\x01 \x01(\t"\x1c\n\rStartResponse\x12\x0b\n\x03pid'
    b'\x18\x01 \x01(\r"@\n\x0bKillRequest\x12\x14\n\x0ccontainer_id\x18\x01 \x01(\t\x12\x0e\n\x06signal\x18\x03 \x01(\r\x12'
    b'\x0b\n\x03all\x18\x04 \x01(\x08"#\n\x0bWaitRequest\x12\x14\n\x0ccontainer_id\x18\x01 \x01(\t"#\n\x0cWaitRes'
    b'ponse\x12\x13\n\x0bexit_status\x18\x01 \x01(\r")\n\x11DeleteTaskRequest\x12\x14\n\x0ccontainer'
    b'_id\x18\x01 \x01(\t"1\n\x0eDeleteResponse\x12\n\n\x02id\x18\x01 \x01(\t\x12\x13\n\x0bexit_status\x18\x03 \x01(\r'
    b'*\x7f\n\x06Status\x12\x12\n\x0eSTATUS_UNKNOWN\x10\x00\x12\x12\n\x0eSTATUS_CREATED\x10\x01\x12\x12\n\x0eSTATUS'
    b'_RUNNING\x10\x02\x12\x12\n\x0eSTATUS_STOPPED\x10\x03\x12\x11\n\rSTATUS_PAUSED\x10\x04\x12\x12\n\x0eSTATUS_'
    b'PAUSING\x10\x05b\x06proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.node.containerd.tasks_pb2", globals())
