"""Messages of tasks.proto. Made by scripts/generate from tasks.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n#adamant/node/containerd/tasks.proto\x12\x1ccontainerd.services.t'
    b'asks.v1"\x83\x01\n\x07Process\x12\x14\n\x0ccontainer_id\x18\x01 \x01(\t\x12\n\n\x02id\x18\x02 \x01(\t\x12\x0b\n\x03pid'
    b'\x18\x03 \x01(\r\x124\n\x06status\x18\x04 \x01(\x0e2$.containerd.services.tasks.v1.Status'
    b'\x12\x13\n\x0bexit_status\x18\t \x01(\r""\n\x10ListTasksRequest\x12\x0e\n\x06filter\x18\x01 \x01(\t"I\n'
    b'\x11ListTasksResponse\x124\n\x05tasks\x18\x01 \x03(\x0b2%.containerd.services.task'
    b's.v1.Process*\x7f\n\x06Status\x12\x12\n\x0eSTATUS_UNKNOWN\x10\x00\x12\x12\n\x0eSTATUS_CREATED'
    b'\x10\x01\x12\x12\n\x0eSTATUS_RUNNING\x10\x02\x12\x12\n\x0eSTATUS_STOPPED\x10\x03\x12\x11\n\rSTATUS_PAUSED\x10'
    b'\x04\x12\x12\n\x0eSTATUS_PAUSING\x10\x05b\x06proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.node.containerd.tasks_pb2", globals())
