"""Messages of node.proto. Made by scripts/generate from node.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n\x16adamant/api/node.proto\x12\x0fadamant.node.v1"\x10\n\x0eVersionRequest"'
    b'\xc8\x01\n\x0fVersionResponse\x12\x0f\n\x07adamant\x18\x01 \x01(\t\x12\r\n\x05image\x18\x02 \x01(\t\x12\x15\n\rimage'
    b'_version\x18\x03 \x01(\t\x12)\n\x07posture\x18\x04 \x01(\x0e2\x18.adamant.node.v1.Posture\x12\x0e\n'
    b'\x06kernel\x18\x05 \x01(\t\x12\x0c\n\x04arch\x18\x06 \x01(\t\x12\x12\n\nmachine_id\x18\x07 \x01(\t\x12\x0f\n\x07systemd\x18\x08'
    b' \x01(\t\x12\x10\n\x08hostname\x18\t \x01(\t"\x0f\n\rHealthRequest"l\n\x0eHealthResponse\x12,\n'
    b'\x07overall\x18\x01 \x01(\x0e2\x1b.adamant.node.v1.CheckState\x12,\n\x06checks\x18\x02 \x03(\x0b2'
    b'\x1c.adamant.node.v1.HealthCheck"l\n\x0bHealthCheck\x12\x0c\n\x04name\x18\x01 \x01(\t\x12*'
    b'\n\x05state\x18\x02 \x01(\x0e2\x1b.adamant.node.v1.CheckState\x12\x0f\n\x07message\x18\x03 \x01(\t\x12'
    b'\x12\n\nsince_usec\x18\x04 \x01(\x03"\r\n\x0bBootRequest"\xa8\x02\n\x0cBootResponse\x12\x0c\n\x04slot\x18'
    b'\x01 \x01(\t\x12\x11\n\troot_hash\x18\x02 \x01(\t\x12\x0b\n\x03uki\x18\x03 \x01(\t\x120\n\x0bsecure_boot\x18\x04 \x01(\x0e2\x1b'
    b".adamant.node.v1.SecureBoot\x12'\n\x06verity\x18\x05 \x01(\x0e2\x17.adamant.node.v"
    b'1.Verity\x12\x0c\n\x04disk\x18\x06 \x01(\t\x12\x0f\n\x07boot_id\x18\x07 \x01(\t\x12\x12\n\ntotal_usec\x18\x08 \x01(\x04\x12'
    b'*\n\x06phases\x18\t \x03(\x0b2\x1a.adamant.node.v1.BootPhase\x120\n\rslowest_units'
    b'\x18\n \x03(\x0b2\x19.adamant.node.v1.UnitTime"o\n\tBootPhase\x12\x0c\n\x04name\x18\x01 \x01(\t'
    b'\x12\x12\n\nstart_usec\x18\x02 \x01(\x04\x12\x15\n\rduration_usec\x18\x03 \x01(\x04\x12)\n\x05parts\x18\x04 \x03(\x0b2\x1a'
    b'.adamant.node.v1.BootPhase"C\n\x08UnitTime\x12\x0c\n\x04unit\x18\x01 \x01(\t\x12\x12\n\nstar'
    b't_usec\x18\x02 \x01(\x04\x12\x15\n\rduration_usec\x18\x03 \x01(\x04*]\n\x07Posture\x12\x17\n\x13POSTURE_UN'
    b'SPECIFIED\x10\x00\x12\x10\n\x0cPOSTURE_OPEN\x10\x01\x12\x13\n\x0fPOSTURE_GUARDED\x10\x02\x12\x12\n\x0ePOSTUR'
    b'E_SEALED\x10\x03*o\n\nCheckState\x12\x1b\n\x17CHECK_STATE_UNSPECIFIED\x10\x00\x12\x12\n\x0eCHE'
    b'CK_STATE_OK\x10\x01\x12\x17\n\x13CHECK_STATE_WAITING\x10\x02\x12\x17\n\x13CHECK_STATE_FAILIN'
    b'G\x10\x03*\x90\x01\n\nSecureBoot\x12\x1b\n\x17SECURE_BOOT_UNSPECIFIED\x10\x00\x12\x1b\n\x17SECURE_BO'
    b'OT_UNSUPPORTED\x10\x01\x12\x18\n\x14SECURE_BOOT_DISABLED\x10\x02\x12\x15\n\x11SECURE_BOOT_SE'
    b'TUP\x10\x03\x12\x17\n\x13SECURE_BOOT_ENABLED\x10\x04*^\n\x06Verity\x12\x16\n\x12VERITY_UNSPECIFI'
    b'ED\x10\x00\x12\x11\n\rVERITY_ABSENT\x10\x01\x12\x13\n\x0fVERITY_VERIFIED\x10\x02\x12\x14\n\x10VERITY_CORRU'
    b'PTED\x10\x032\xe4\x01\n\x04Node\x12L\n\x07Version\x12\x1f.adamant.node.v1.VersionRequest\x1a'
    b' .adamant.node.v1.VersionResponse\x12I\n\x06Health\x12\x1e.adamant.node.v'
    b'1.HealthRequest\x1a\x1f.adamant.node.v1.HealthResponse\x12C\n\x04Boot\x12\x1c.a'
    b'damant.node.v1.BootRequest\x1a\x1d.adamant.node.v1.BootResponseb\x06p'
    b'roto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.api.node_pb2", globals())
