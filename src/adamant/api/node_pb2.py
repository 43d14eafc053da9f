"""Messages of node.proto. Made by scripts/generate from node.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

from adamant.api import events_pb2 as _events_pb2
from adamant.api import keys_pb2 as _keys_pb2

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n\x16adamant/api/node.proto\x12\x0fadamant.node.v1\x1a\x18adamant/api/event'
    b's.proto\x1a\x16adamant/api/keys.proto"\x10\n\x0eVersionRequest"\xc8\x01\n\x0fVersio'
    b'nResponse\x12\x0f\n\x07adamant\x18\x01 \x01(\t\x12\r\n\x05image\x18\x02 \x01(\t\x12\x15\n\rimage_version\x18\x03'
    b' \x01(\t\x12)\n\x07posture\x18\x04 \x01(\x0e2\x18.adamant.node.v1.Posture\x12\x0e\n\x06kernel\x18\x05 '
    b'\x01(\t\x12\x0c\n\x04arch\x18\x06 \x01(\t\x12\x12\n\nmachine_id\x18\x07 \x01(\t\x12\x0f\n\x07systemd\x18\x08 \x01(\t\x12\x10\n\x08ho'
    b'stname\x18\t \x01(\t"\x0f\n\rHealthRequest"l\n\x0eHealthResponse\x12,\n\x07overall\x18\x01'
    b' \x01(\x0e2\x1b.adamant.node.v1.CheckState\x12,\n\x06checks\x18\x02 \x03(\x0b2\x1c.adamant.'
    b'node.v1.HealthCheck"l\n\x0bHealthCheck\x12\x0c\n\x04name\x18\x01 \x01(\t\x12*\n\x05state\x18\x02 '
    b'\x01(\x0e2\x1b.adamant.node.v1.CheckState\x12\x0f\n\x07message\x18\x03 \x01(\t\x12\x12\n\nsince_u'
    b'sec\x18\x04 \x01(\x03"\r\n\x0bBootRequest"\xa8\x02\n\x0cBootResponse\x12\x0c\n\x04slot\x18\x01 \x01(\t\x12\x11\n\tr'
    b'oot_hash\x18\x02 \x01(\t\x12\x0b\n\x03uki\x18\x03 \x01(\t\x120\n\x0bsecure_boot\x18\x04 \x01(\x0e2\x1b.adamant.n'
    b"ode.v1.SecureBoot\x12'\n\x06verity\x18\x05 \x01(\x0e2\x17.adamant.node.v1.Verity\x12\x0c"
    b'\n\x04disk\x18\x06 \x01(\t\x12\x0f\n\x07boot_id\x18\x07 \x01(\t\x12\x12\n\ntotal_usec\x18\x08 \x01(\x04\x12*\n\x06phases\x18'
    b'\t \x03(\x0b2\x1a.adamant.node.v1.BootPhase\x120\n\rslowest_units\x18\n \x03(\x0b2\x19.a'
    b'damant.node.v1.UnitTime"o\n\tBootPhase\x12\x0c\n\x04name\x18\x01 \x01(\t\x12\x12\n\nstart_'
    b'usec\x18\x02 \x01(\x04\x12\x15\n\rduration_usec\x18\x03 \x01(\x04\x12)\n\x05parts\x18\x04 \x03(\x0b2\x1a.adamant.n'
    b'ode.v1.BootPhase"C\n\x08UnitTime\x12\x0c\n\x04unit\x18\x01 \x01(\t\x12\x12\n\nstart_usec\x18\x02 \x01'
    b'(\x04\x12\x15\n\rduration_usec\x18\x03 \x01(\x04*]\n\x07Posture\x12\x17\n\x13POSTURE_UNSPECIFIED\x10'
    b'\x00\x12\x10\n\x0cPOSTURE_OPEN\x10\x01\x12\x13\n\x0fPOSTURE_GUARDED\x10\x02\x12\x12\n\x0ePOSTURE_SEALED\x10\x03'
    b'*o\n\nCheckState\x12\x1b\n\x17CHECK_STATE_UNSPECIFIED\x10\x00\x12\x12\n\x0eCHECK_STATE_O'
    b'K\x10\x01\x12\x17\n\x13CHECK_STATE_WAITING\x10\x02\x12\x17\n\x13CHECK_STATE_FAILING\x10\x03*\x90\x01\n\nSe'
    b'cureBoot\x12\x1b\n\x17SECURE_BOOT_UNSPECIFIED\x10\x00\x12\x1b\n\x17SECURE_BOOT_UNSUPPO'
    b'RTED\x10\x01\x12\x18\n\x14SECURE_BOOT_DISABLED\x10\x02\x12\x15\n\x11SECURE_BOOT_SETUP\x10\x03\x12\x17\n\x13S'
    b'ECURE_BOOT_ENABLED\x10\x04*^\n\x06Verity\x12\x16\n\x12VERITY_UNSPECIFIED\x10\x00\x12\x11\n\rVE'
    b'RITY_ABSENT\x10\x01\x12\x13\n\x0fVERITY_VERIFIED\x10\x02\x12\x14\n\x10VERITY_CORRUPTED\x10\x032\xbf\x04\n'
    b'\x04Node\x12L\n\x07Version\x12\x1f.adamant.node.v1.VersionRequest\x1a .adamant.'
    b'node.v1.VersionResponse\x12I\n\x06Health\x12\x1e.adamant.node.v1.HealthRe'
    b'quest\x1a\x1f.adamant.node.v1.HealthResponse\x12C\n\x04Boot\x12\x1c.adamant.nod'
    b'e.v1.BootRequest\x1a\x1d.adamant.node.v1.BootResponse\x12B\n\x06Events\x12\x1e.'
    b'adamant.node.v1.EventsRequest\x1a\x16.adamant.node.v1.Event0\x01\x12I\n\x06N'
    b'ewKey\x12\x1e.adamant.node.v1.NewKeyRequest\x1a\x1f.adamant.node.v1.NewK'
    b"eyResponse\x12d\n\x0fTakeCertificate\x12'.adamant.node.v1.TakeCertific"
    b'ateRequest\x1a(.adamant.node.v1.TakeCertificateResponse\x12d\n\x0fKeep'
    b"Certificate\x12'.adamant.node.v1.KeepCertificateRequest\x1a(.adama"
    b'nt.node.v1.KeepCertificateResponseb\x06proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.api.node_pb2", globals())
