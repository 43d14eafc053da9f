"""Messages of node.proto. Made by scripts/generate from node.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

from adamant.api import events_pb2 as _events_pb2
from adamant.api import keys_pb2 as _keys_pb2
from adamant.api import logs_pb2 as _logs_pb2

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n\x16adamant/api/node.proto\x12\x0fadamant.node.v1\x1a\x18adamant/api/event'
    b's.proto\x1a\x16adamant/api/logs.proto\x1a\x16adamant/api/keys.proto"\x10\n\x0eV'
    b'ersionRequest"\xc8\x01\n\x0fVersionResponse\x12\x0f\n\x07adamant\x18\x01 \x01(\t\x12\r\n\x05image\x18'
    b'\x02 \x01(\t\x12\x15\n\rimage_version\x18\x03 \x01(\t\x12)\n\x07posture\x18\x04 \x01(\x0e2\x18.adamant.node'
    b'.v1.Posture\x12\x0e\n\x06kernel\x18\x05 \x01(\t\x12\x0c\n\x04arch\x18\x06 \x01(\t\x12\x12\n\nmachine_id\x18\x07 \x01('
    b'\t\x12\x0f\n\x07systemd\x18\x08 \x01(\t\x12\x10\n\x08hostname\x18\t \x01(\t"\x0f\n\rHealthRequest"l\n\x0eHea'
    b'lthResponse\x12,\n\x07overall\x18\x01 \x01(\x0e2\x1b.adamant.node.v1.CheckState\x12,\n'
    b'\x06checks\x18\x02 \x03(\x0b2\x1c.adamant.node.v1.HealthCheck"l\n\x0bHealthCheck\x12\x0c'
    b'\n\x04name\x18\x01 \x01(\t\x12*\n\x05state\x18\x02 \x01(\x0e2\x1b.adamant.node.v1.CheckState\x12\x0f\n\x07'
    b'message\x18\x03 \x01(\t\x12\x12\n\nsince_usec\x18\x04 \x01(\x03"\r\n\x0bBootRequest"\xa8\x02\n\x0cBootRes'
    b'ponse\x12\x0c\n\x04slot\x18\x01 \x01(\t\x12\x11\n\troot_hash\x18\x02 \x01(\t\x12\x0b\n\x03uki\x18\x03 \x01(\t\x120\n\x0bsecur'
    b"e_boot\x18\x04 \x01(\x0e2\x1b.adamant.node.v1.SecureBoot\x12'\n\x06verity\x18\x05 \x01(\x0e2\x17."
    b'adamant.node.v1.Verity\x12\x0c\n\x04disk\x18\x06 \x01(\t\x12\x0f\n\x07boot_id\x18\x07 \x01(\t\x12\x12\n\ntot'
    b'al_usec\x18\x08 \x01(\x04\x12*\n\x06phases\x18\t \x03(\x0b2\x1a.adamant.node.v1.BootPhase\x120\n'
    b'\rslowest_units\x18\n \x03(\x0b2\x19.adamant.node.v1.UnitTime"o\n\tBootPhase'
    b'\x12\x0c\n\x04name\x18\x01 \x01(\t\x12\x12\n\nstart_usec\x18\x02 \x01(\x04\x12\x15\n\rduration_usec\x18\x03 \x01(\x04\x12)\n'
    b'\x05parts\x18\x04 \x03(\x0b2\x1a.adamant.node.v1.BootPhase"C\n\x08UnitTime\x12\x0c\n\x04unit'
    b'\x18\x01 \x01(\t\x12\x12\n\nstart_usec\x18\x02 \x01(\x04\x12\x15\n\rduration_usec\x18\x03 \x01(\x04*]\n\x07Posture'
    b'\x12\x17\n\x13POSTURE_UNSPECIFIED\x10\x00\x12\x10\n\x0cPOSTURE_OPEN\x10\x01\x12\x13\n\x0fPOSTURE_GUARD'
    b'ED\x10\x02\x12\x12\n\x0ePOSTURE_SEALED\x10\x03*o\n\nCheckState\x12\x1b\n\x17CHECK_STATE_UNSPEC'
    b'IFIED\x10\x00\x12\x12\n\x0eCHECK_STATE_OK\x10\x01\x12\x17\n\x13CHECK_STATE_WAITING\x10\x02\x12\x17\n\x13CHEC'
    b'K_STATE_FAILING\x10\x03*\x90\x01\n\nSecureBoot\x12\x1b\n\x17SECURE_BOOT_UNSPECIFIED\x10'
    b'\x00\x12\x1b\n\x17SECURE_BOOT_UNSUPPORTED\x10\x01\x12\x18\n\x14SECURE_BOOT_DISABLED\x10\x02\x12\x15\n\x11'
    b'SECURE_BOOT_SETUP\x10\x03\x12\x17\n\x13SECURE_BOOT_ENABLED\x10\x04*^\n\x06Verity\x12\x16\n\x12VE'
    b'RITY_UNSPECIFIED\x10\x00\x12\x11\n\rVERITY_ABSENT\x10\x01\x12\x13\n\x0fVERITY_VERIFIED\x10\x02\x12\x14'
    b'\n\x10VERITY_CORRUPTED\x10\x032\x86\x06\n\x04Node\x12L\n\x07Version\x12\x1f.adamant.node.v1.V'
    b'ersionRequest\x1a .adamant.node.v1.VersionResponse\x12I\n\x06Health\x12\x1e.'
    b'adamant.node.v1.HealthRequest\x1a\x1f.adamant.node.v1.HealthRespon'
    b'se\x12C\n\x04Boot\x12\x1c.adamant.node.v1.BootRequest\x1a\x1d.adamant.node.v1.B'
    b'ootResponse\x12B\n\x06Events\x12\x1e.adamant.node.v1.EventsRequest\x1a\x16.adam'
    b'ant.node.v1.Event0\x01\x12A\n\x04Logs\x12\x1c.adamant.node.v1.LogsRequest\x1a\x19.'
    b'adamant.node.v1.LogEntry0\x01\x12B\n\x04List\x12\x1c.adamant.node.v1.ListReq'
    b'uest\x1a\x1a.adamant.node.v1.FileEntry0\x01\x12>\n\x04Read\x12\x1c.adamant.node.v1'
    b'.ReadRequest\x1a\x16.adamant.node.v1.Chunk0\x01\x12I\n\x06NewKey\x12\x1e.adamant.n'
    b'ode.v1.NewKeyRequest\x1a\x1f.adamant.node.v1.NewKeyResponse\x12d\n\x0fTak'
    b"eCertificate\x12'.adamant.node.v1.TakeCertificateRequest\x1a(.adam"
    b"ant.node.v1.TakeCertificateResponse\x12d\n\x0fKeepCertificate\x12'.ada"
    b'mant.node.v1.KeepCertificateRequest\x1a(.adamant.node.v1.KeepCe'
    b'rtificateResponseb\x06proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.api.node_pb2", globals())
