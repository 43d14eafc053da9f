"""Messages of node.proto. Made by scripts/generate from node.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

from adamant.api import events_pb2 as _events_pb2
from adamant.api import keys_pb2 as _keys_pb2
from adamant.api import logs_pb2 as _logs_pb2
from adamant.api import update_pb2 as _update_pb2

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n\x16adamant/api/node.proto\x12\x0fadamant.node.v1\x1a\x18adamant/api/event'
    b's.proto\x1a\x16adamant/api/logs.proto\x1a\x18adamant/api/update.proto\x1a\x16a'
    b'damant/api/keys.proto"\x10\n\x0eVersionRequest"\xc8\x01\n\x0fVersionResponse\x12'
    b'\x0f\n\x07adamant\x18\x01 \x01(\t\x12\r\n\x05image\x18\x02 \x01(\t\x12\x15\n\rimage_version\x18\x03 \x01(\t\x12)\n\x07po'
    b'sture\x18\x04 \x01(\x0e2\x18.adamant.node.v1.Posture\x12\x0e\n\x06kernel\x18\x05 \x01(\t\x12\x0c\n\x04arc'
    b'h\x18\x06 \x01(\t\x12\x12\n\nmachine_id\x18\x07 \x01(\t\x12\x0f\n\x07systemd\x18\x08 \x01(\t\x12\x10\n\x08hostname\x18\t \x01'
    b'(\t"\x0f\n\rHealthRequest"l\n\x0eHealthResponse\x12,\n\x07overall\x18\x01 \x01(\x0e2\x1b.ada'
    b'mant.node.v1.CheckState\x12,\n\x06checks\x18\x02 \x03(\x0b2\x1c.adamant.node.v1.He'
    b'althCheck"l\n\x0bHealthCheck\x12\x0c\n\x04name\x18\x01 \x01(\t\x12*\n\x05state\x18\x02 \x01(\x0e2\x1b.adam'
    b'ant.node.v1.CheckState\x12\x0f\n\x07message\x18\x03 \x01(\t\x12\x12\n\nsince_usec\x18\x04 \x01(\x03"'
    b'\r\n\x0bBootRequest"\xa8\x02\n\x0cBootResponse\x12\x0c\n\x04slot\x18\x01 \x01(\t\x12\x11\n\troot_hash\x18\x02'
    b' \x01(\t\x12\x0b\n\x03uki\x18\x03 \x01(\t\x120\n\x0bsecure_boot\x18\x04 \x01(\x0e2\x1b.adamant.node.v1.Sec'
    b"ureBoot\x12'\n\x06verity\x18\x05 \x01(\x0e2\x17.adamant.node.v1.Verity\x12\x0c\n\x04disk\x18\x06 \x01"
    b'(\t\x12\x0f\n\x07boot_id\x18\x07 \x01(\t\x12\x12\n\ntotal_usec\x18\x08 \x01(\x04\x12*\n\x06phases\x18\t \x03(\x0b2\x1a.ad'
    b'amant.node.v1.BootPhase\x120\n\rslowest_units\x18\n \x03(\x0b2\x19.adamant.nod'
    b'e.v1.UnitTime"o\n\tBootPhase\x12\x0c\n\x04name\x18\x01 \x01(\t\x12\x12\n\nstart_usec\x18\x02 \x01(\x04'
    b'\x12\x15\n\rduration_usec\x18\x03 \x01(\x04\x12)\n\x05parts\x18\x04 \x03(\x0b2\x1a.adamant.node.v1.Boo'
    b'tPhase"C\n\x08UnitTime\x12\x0c\n\x04unit\x18\x01 \x01(\t\x12\x12\n\nstart_usec\x18\x02 \x01(\x04\x12\x15\n\rdura'
    b'tion_usec\x18\x03 \x01(\x04*]\n\x07Posture\x12\x17\n\x13POSTURE_UNSPECIFIED\x10\x00\x12\x10\n\x0cPOSTU'
    b'RE_OPEN\x10\x01\x12\x13\n\x0fPOSTURE_GUARDED\x10\x02\x12\x12\n\x0ePOSTURE_SEALED\x10\x03*o\n\nCheckS'
    b'tate\x12\x1b\n\x17CHECK_STATE_UNSPECIFIED\x10\x00\x12\x12\n\x0eCHECK_STATE_OK\x10\x01\x12\x17\n\x13CHE'
    b'CK_STATE_WAITING\x10\x02\x12\x17\n\x13CHECK_STATE_FAILING\x10\x03*\x90\x01\n\nSecureBoot\x12\x1b'
    b'\n\x17SECURE_BOOT_UNSPECIFIED\x10\x00\x12\x1b\n\x17SECURE_BOOT_UNSUPPORTED\x10\x01\x12\x18\n\x14'
    b'SECURE_BOOT_DISABLED\x10\x02\x12\x15\n\x11SECURE_BOOT_SETUP\x10\x03\x12\x17\n\x13SECURE_BOOT'
    b'_ENABLED\x10\x04*^\n\x06Verity\x12\x16\n\x12VERITY_UNSPECIFIED\x10\x00\x12\x11\n\rVERITY_ABSEN'
    b'T\x10\x01\x12\x13\n\x0fVERITY_VERIFIED\x10\x02\x12\x14\n\x10VERITY_CORRUPTED\x10\x032\xd6\x06\n\x04Node\x12L\n\x07V'
    b'ersion\x12\x1f.adamant.node.v1.VersionRequest\x1a .adamant.node.v1.Ve'
    b'rsionResponse\x12I\n\x06Health\x12\x1e.adamant.node.v1.HealthRequest\x1a\x1f.ad'
    b'amant.node.v1.HealthResponse\x12C\n\x04Boot\x12\x1c.adamant.node.v1.BootR'
    b'equest\x1a\x1d.adamant.node.v1.BootResponse\x12B\n\x06Events\x12\x1e.adamant.no'
    b'de.v1.EventsRequest\x1a\x16.adamant.node.v1.Event0\x01\x12A\n\x04Logs\x12\x1c.adam'
    b'ant.node.v1.LogsRequest\x1a\x19.adamant.node.v1.LogEntry0\x01\x12B\n\x04List'
    b'\x12\x1c.adamant.node.v1.ListRequest\x1a\x1a.adamant.node.v1.FileEntry0\x01'
    b'\x12>\n\x04Read\x12\x1c.adamant.node.v1.ReadRequest\x1a\x16.adamant.node.v1.Chu'
    b'nk0\x01\x12N\n\x07Upgrade\x12\x1f.adamant.node.v1.UpgradeRequest\x1a .adamant.n'
    b'ode.v1.UpgradeProgress0\x01\x12I\n\x06NewKey\x12\x1e.adamant.node.v1.NewKeyR'
    b"equest\x1a\x1f.adamant.node.v1.NewKeyResponse\x12d\n\x0fTakeCertificate\x12'"
    b'.adamant.node.v1.TakeCertificateRequest\x1a(.adamant.node.v1.Ta'
    b"keCertificateResponse\x12d\n\x0fKeepCertificate\x12'.adamant.node.v1.K"
    b'eepCertificateRequest\x1a(.adamant.node.v1.KeepCertificateRespo'
    b'nseb\x06proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.api.node_pb2", globals())
