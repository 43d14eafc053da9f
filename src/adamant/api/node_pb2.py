"""Messages of node.proto. Made by scripts/generate from node.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

from adamant.api import events_pb2 as _events_pb2

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n\x16adamant/api/node.proto\x12\x0fadamant.node.v1\x1a\x18adamant/api/event'
    b's.proto"\x10\n\x0eVersionRequest"\xc8\x01\n\x0fVersionResponse\x12\x0f\n\x07adamant\x18\x01 \x01'
    b'(\t\x12\r\n\x05image\x18\x02 \x01(\t\x12\x15\n\rimage_version\x18\x03 \x01(\t\x12)\n\x07posture\x18\x04 \x01(\x0e2\x18.'
    b'adamant.node.v1.Posture\x12\x0e\n\x06kernel\x18\x05 \x01(\t\x12\x0c\n\x04arch\x18\x06 \x01(\t\x12\x12\n\nmac'
    b'hine_id\x18\x07 \x01(\t\x12\x0f\n\x07systemd\x18\x08 \x01(\t\x12\x10\n\x08hostname\x18\t \x01(\t"\x0f\n\rHealthRe'
    b'quest"l\n\x0eHealthResponse\x12,\n\x07overall\x18\x01 \x01(\x0e2\x1b.adamant.node.v1.C'
    b'heckState\x12,\n\x06checks\x18\x02 \x03(\x0b2\x1c.adamant.node.v1.HealthCheck"l\n\x0bH'
    b'ealthCheck\x12\x0c\n\x04name\x18\x01 \x01(\t\x12*\n\x05state\x18\x02 \x01(\x0e2\x1b.adamant.node.v1.Ch'
    b'eckState\x12\x0f\n\x07message\x18\x03 \x01(\t\x12\x12\n\nsince_usec\x18\x04 \x01(\x03"\r\n\x0bBootRequest'
    b'"\xa8\x02\n\x0cBootResponse\x12\x0c\n\x04slot\x18\x01 \x01(\t\x12\x11\n\troot_hash\x18\x02 \x01(\t\x12\x0b\n\x03uki\x18\x03 '
    b"\x01(\t\x120\n\x0bsecure_boot\x18\x04 \x01(\x0e2\x1b.adamant.node.v1.SecureBoot\x12'\n\x06ver"
    b'ity\x18\x05 \x01(\x0e2\x17.adamant.node.v1.Verity\x12\x0c\n\x04disk\x18\x06 \x01(\t\x12\x0f\n\x07boot_id\x18'
    b'\x07 \x01(\t\x12\x12\n\ntotal_usec\x18\x08 \x01(\x04\x12*\n\x06phases\x18\t \x03(\x0b2\x1a.adamant.node.v1.'
    b'BootPhase\x120\n\rslowest_units\x18\n \x03(\x0b2\x19.adamant.node.v1.UnitTime"'
    b'o\n\tBootPhase\x12\x0c\n\x04name\x18\x01 \x01(\t\x12\x12\n\nstart_usec\x18\x02 \x01(\x04\x12\x15\n\rduration_u'
    b'sec\x18\x03 \x01(\x04\x12)\n\x05parts\x18\x04 \x03(\x0b2\x1a.adamant.node.v1.BootPhase"C\n\x08Unit'
    b'Time\x12\x0c\n\x04unit\x18\x01 \x01(\t\x12\x12\n\nstart_usec\x18\x02 \x01(\x04\x12\x15\n\rduration_usec\x18\x03 \x01('
    b'\x04*]\n\x07Posture\x12\x17\n\x13POSTURE_UNSPECIFIED\x10\x00\x12\x10\n\x0cPOSTURE_OPEN\x10\x01\x12\x13\n\x0fP'
    b'OSTURE_GUARDED\x10\x02\x12\x12\n\x0ePOSTURE_SEALED\x10\x03*o\n\nCheckState\x12\x1b\n\x17CHECK_'
    b'STATE_UNSPECIFIED\x10\x00\x12\x12\n\x0eCHECK_STATE_OK\x10\x01\x12\x17\n\x13CHECK_STATE_WAITI'
    b'NG\x10\x02\x12\x17\n\x13CHECK_STATE_FAILING\x10\x03*\x90\x01\n\nSecureBoot\x12\x1b\n\x17SECURE_BOOT_'
    b'UNSPECIFIED\x10\x00\x12\x1b\n\x17SECURE_BOOT_UNSUPPORTED\x10\x01\x12\x18\n\x14SECURE_BOOT_DI'
    b'SABLED\x10\x02\x12\x15\n\x11SECURE_BOOT_SETUP\x10\x03\x12\x17\n\x13SECURE_BOOT_ENABLED\x10\x04*^\n\x06'
    b'Verity\x12\x16\n\x12VERITY_UNSPECIFIED\x10\x00\x12\x11\n\rVERITY_ABSENT\x10\x01\x12\x13\n\x0fVERITY_'
    b'VERIFIED\x10\x02\x12\x14\n\x10VERITY_CORRUPTED\x10\x032\xa8\x02\n\x04Node\x12L\n\x07Version\x12\x1f.adama'
    b'nt.node.v1.VersionRequest\x1a .adamant.node.v1.VersionResponse\x12'
    b'I\n\x06Health\x12\x1e.adamant.node.v1.HealthRequest\x1a\x1f.adamant.node.v1.'
    b'HealthResponse\x12C\n\x04Boot\x12\x1c.adamant.node.v1.BootRequest\x1a\x1d.adama'
    b'nt.node.v1.BootResponse\x12B\n\x06Events\x12\x1e.adamant.node.v1.EventsRe'
    b'quest\x1a\x16.adamant.node.v1.Event0\x01b\x06proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.api.node_pb2", globals())
