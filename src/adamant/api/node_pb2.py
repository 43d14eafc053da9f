"""Messages of node.proto. Made by scripts/generate from node.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

from adamant.api import config_pb2 as _config_pb2
from adamant.api import events_pb2 as _events_pb2
from adamant.api import keys_pb2 as _keys_pb2
from adamant.api import logs_pb2 as _logs_pb2
from adamant.api import resources_pb2 as _resources_pb2
from adamant.api import update_pb2 as _update_pb2

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n\x16adamant/api/node.proto\x12\x0fadamant.node.v1\x1a\x18adamant/api/confi'
    b'g.proto\x1a\x18adamant/api/events.proto\x1a\x16adamant/api/logs.proto\x1a\x18a'
    b'damant/api/update.proto\x1a\x16adamant/api/keys.proto\x1a\x1badamant/api'
    b'/resources.proto"\x10\n\x0eVersionRequest"\xc8\x01\n\x0fVersionResponse\x12\x0f\n\x07ad'
    b'amant\x18\x01 \x01(\t\x12\r\n\x05image\x18\x02 \x01(\t\x12\x15\n\rimage_version\x18\x03 \x01(\t\x12)\n\x07posture'
    b'\x18\x04 \x01(\x0e2\x18.adamant.node.v1.Posture\x12\x0e\n\x06kernel\x18\x05 \x01(\t\x12\x0c\n\x04arch\x18\x06 \x01'
    b'(\t\x12\x12\n\nmachine_id\x18\x07 \x01(\t\x12\x0f\n\x07systemd\x18\x08 \x01(\t\x12\x10\n\x08hostname\x18\t \x01(\t"\x0f\n'
    b'\rHealthRequest"l\n\x0eHealthResponse\x12,\n\x07overall\x18\x01 \x01(\x0e2\x1b.adamant.'
    b'node.v1.CheckState\x12,\n\x06checks\x18\x02 \x03(\x0b2\x1c.adamant.node.v1.HealthC'
    b'heck"l\n\x0bHealthCheck\x12\x0c\n\x04name\x18\x01 \x01(\t\x12*\n\x05state\x18\x02 \x01(\x0e2\x1b.adamant.n'
    b'ode.v1.CheckState\x12\x0f\n\x07message\x18\x03 \x01(\t\x12\x12\n\nsince_usec\x18\x04 \x01(\x03"\r\n\x0bBo'
    b'otRequest"\xa8\x02\n\x0cBootResponse\x12\x0c\n\x04slot\x18\x01 \x01(\t\x12\x11\n\troot_hash\x18\x02 \x01(\t\x12'
    b'\x0b\n\x03uki\x18\x03 \x01(\t\x120\n\x0bsecure_boot\x18\x04 \x01(\x0e2\x1b.adamant.node.v1.SecureBo'
    b"ot\x12'\n\x06verity\x18\x05 \x01(\x0e2\x17.adamant.node.v1.Verity\x12\x0c\n\x04disk\x18\x06 \x01(\t\x12\x0f\n"
    b'\x07boot_id\x18\x07 \x01(\t\x12\x12\n\ntotal_usec\x18\x08 \x01(\x04\x12*\n\x06phases\x18\t \x03(\x0b2\x1a.adamant'
    b'.node.v1.BootPhase\x120\n\rslowest_units\x18\n \x03(\x0b2\x19.adamant.node.v1.'
    b'UnitTime"o\n\tBootPhase\x12\x0c\n\x04name\x18\x01 \x01(\t\x12\x12\n\nstart_usec\x18\x02 \x01(\x04\x12\x15\n\rd'
    b'uration_usec\x18\x03 \x01(\x04\x12)\n\x05parts\x18\x04 \x03(\x0b2\x1a.adamant.node.v1.BootPhas'
    b'e"C\n\x08UnitTime\x12\x0c\n\x04unit\x18\x01 \x01(\t\x12\x12\n\nstart_usec\x18\x02 \x01(\x04\x12\x15\n\rduration_'
    b'usec\x18\x03 \x01(\x04"\xd9\t\n\x04Spec\x12-\n\x04boot\x18\x01 \x01(\x0b2\x1d.adamant.node.v1.BootResp'
    b'onseH\x00\x12.\n\x06health\x18\x02 \x01(\x0b2\x1c.adamant.node.v1.HealthCheckH\x00\x12%\n\x04sl'
    b'ot\x18\x03 \x01(\x0b2\x15.adamant.node.v1.SlotH\x00\x12+\n\x07service\x18\x04 \x01(\x0b2\x18.adamant'
    b".node.v1.ServiceH\x00\x12'\n\x05mount\x18\x05 \x01(\x0b2\x16.adamant.node.v1.MountH\x00\x12"
    b'%\n\x04disk\x18\x06 \x01(\x0b2\x15.adamant.node.v1.DiskH\x00\x12%\n\x04link\x18\x07 \x01(\x0b2\x15.adama'
    b'nt.node.v1.LinkH\x00\x12+\n\x07address\x18\x08 \x01(\x0b2\x18.adamant.node.v1.Address'
    b"H\x00\x12'\n\x05route\x18\t \x01(\x0b2\x16.adamant.node.v1.RouteH\x00\x12-\n\x08resolver\x18\n \x01("
    b"\x0b2\x19.adamant.node.v1.ResolverH\x00\x12'\n\x05clock\x18\x0b \x01(\x0b2\x16.adamant.node"
    b'.v1.ClockH\x00\x12/\n\tcontainer\x18\x0c \x01(\x0b2\x1a.adamant.node.v1.ContainerH\x00'
    b"\x12'\n\x05image\x18\r \x01(\x0b2\x16.adamant.node.v1.ImageH\x00\x12/\n\textension\x18\x0e \x01(\x0b"
    b'2\x1a.adamant.node.v1.ExtensionH\x00\x12+\n\x07package\x18\x0f \x01(\x0b2\x18.adamant.no'
    b'de.v1.PackageH\x00\x12:\n\x0fkernel_argument\x18\x10 \x01(\x0b2\x1f.adamant.node.v1.K'
    b'ernelArgumentH\x00\x12)\n\x06module\x18\x11 \x01(\x0b2\x17.adamant.node.v1.ModuleH\x00\x12)'
    b'\n\x06sysctl\x18\x12 \x01(\x0b2\x17.adamant.node.v1.SysctlH\x00\x123\n\x0bcertificate\x18\x13 \x01'
    b'(\x0b2\x1c.adamant.node.v1.CertificateH\x00\x12>\n\x11config_generation\x18\x14 \x01('
    b'\x0b2!.adamant.node.v1.ConfigGenerationH\x00\x12+\n\x07process\x18\x15 \x01(\x0b2\x18.ad'
    b'amant.node.v1.ProcessH\x00\x12)\n\x06memory\x18\x16 \x01(\x0b2\x17.adamant.node.v1.Me'
    b'moryH\x00\x12#\n\x03cpu\x18\x17 \x01(\x0b2\x14.adamant.node.v1.CpuH\x00\x12)\n\x06cgroup\x18\x18 \x01(\x0b2'
    b'\x17.adamant.node.v1.CgroupH\x00\x12-\n\x08pressure\x18\x19 \x01(\x0b2\x19.adamant.node.'
    b'v1.PressureH\x00\x120\n\ndisk_usage\x18\x1a \x01(\x0b2\x1a.adamant.node.v1.DiskUsag'
    b'eH\x00\x12)\n\x06socket\x18\x1b \x01(\x0b2\x17.adamant.node.v1.SocketH\x00B\x06\n\x04kind"w\n\x08Re'
    b'source\x12\x0c\n\x04name\x18\x01 \x01(\t\x12%\n\x06actual\x18\x02 \x01(\x0b2\x15.adamant.node.v1.Spec\x12'
    b'&\n\x07desired\x18\x03 \x01(\x0b2\x15.adamant.node.v1.Spec\x12\x0e\n\x06reason\x18\x04 \x01(\t"O\n\x06C'
    b"olumn\x12\r\n\x05title\x18\x01 \x01(\t\x12\r\n\x05field\x18\x02 \x01(\t\x12'\n\x06format\x18\x03 \x01(\x0e2\x17.adaman"
    b't.node.v1.Format"S\n\x04Kind\x12\x0c\n\x04name\x18\x01 \x01(\t\x12\x13\n\x0bdescription\x18\x02 \x01(\t\x12'
    b'(\n\x07columns\x18\x03 \x03(\x0b2\x17.adamant.node.v1.Column"\x0e\n\x0cKindsRequest"5\n'
    b'\rKindsResponse\x12$\n\x05kinds\x18\x01 \x03(\x0b2\x15.adamant.node.v1.Kind")\n\nGetR'
    b'equest\x12\x0c\n\x04kind\x18\x01 \x01(\t\x12\r\n\x05names\x18\x02 \x03(\t"`\n\x0bGetResponse\x12#\n\x04kind\x18\x01'
    b' \x01(\x0b2\x15.adamant.node.v1.Kind\x12,\n\tresources\x18\x02 \x03(\x0b2\x19.adamant.nod'
    b'e.v1.Resource"+\n\x0cWatchRequest\x12\x0c\n\x04kind\x18\x01 \x01(\t\x12\r\n\x05names\x18\x02 \x03(\t"\x8a'
    b"\x01\n\rWatchResponse\x12'\n\x06change\x18\x01 \x01(\x0e2\x17.adamant.node.v1.Change\x12+\n"
    b'\x08resource\x18\x02 \x01(\x0b2\x19.adamant.node.v1.Resource\x12#\n\x04kind\x18\x03 \x01(\x0b2\x15.a'
    b'damant.node.v1.Kind*]\n\x07Posture\x12\x17\n\x13POSTURE_UNSPECIFIED\x10\x00\x12\x10\n\x0cP'
    b'OSTURE_OPEN\x10\x01\x12\x13\n\x0fPOSTURE_GUARDED\x10\x02\x12\x12\n\x0ePOSTURE_SEALED\x10\x03*o\n\nCh'
    b'eckState\x12\x1b\n\x17CHECK_STATE_UNSPECIFIED\x10\x00\x12\x12\n\x0eCHECK_STATE_OK\x10\x01\x12\x17\n'
    b'\x13CHECK_STATE_WAITING\x10\x02\x12\x17\n\x13CHECK_STATE_FAILING\x10\x03*\x90\x01\n\nSecureBo'
    b'ot\x12\x1b\n\x17SECURE_BOOT_UNSPECIFIED\x10\x00\x12\x1b\n\x17SECURE_BOOT_UNSUPPORTED\x10\x01'
    b'\x12\x18\n\x14SECURE_BOOT_DISABLED\x10\x02\x12\x15\n\x11SECURE_BOOT_SETUP\x10\x03\x12\x17\n\x13SECURE_'
    b'BOOT_ENABLED\x10\x04*^\n\x06Verity\x12\x16\n\x12VERITY_UNSPECIFIED\x10\x00\x12\x11\n\rVERITY_A'
    b'BSENT\x10\x01\x12\x13\n\x0fVERITY_VERIFIED\x10\x02\x12\x14\n\x10VERITY_CORRUPTED\x10\x03*\x8e\x01\n\x06Forma'
    b't\x12\x16\n\x12FORMAT_UNSPECIFIED\x10\x00\x12\x10\n\x0cFORMAT_BYTES\x10\x01\x12\x0f\n\x0bFORMAT_TIME\x10\x02'
    b'\x12\x13\n\x0fFORMAT_DURATION\x10\x03\x12\x12\n\x0eFORMAT_PERCENT\x10\x04\x12\x11\n\rFORMAT_DIGEST\x10\x05'
    b'\x12\r\n\tFORMAT_ID\x10\x06*l\n\x06Change\x12\x16\n\x12CHANGE_UNSPECIFIED\x10\x00\x12\x10\n\x0cCHANGE_'
    b'ADDED\x10\x01\x12\x12\n\x0eCHANGE_CHANGED\x10\x02\x12\x12\n\x0eCHANGE_REMOVED\x10\x03\x12\x10\n\x0cCHANGE_RE'
    b'ADY\x10\x042\xc3\x0c\n\x04Node\x12L\n\x07Version\x12\x1f.adamant.node.v1.VersionRequest\x1a '
    b'.adamant.node.v1.VersionResponse\x12I\n\x06Health\x12\x1e.adamant.node.v1'
    b'.HealthRequest\x1a\x1f.adamant.node.v1.HealthResponse\x12C\n\x04Boot\x12\x1c.ad'
    b'amant.node.v1.BootRequest\x1a\x1d.adamant.node.v1.BootResponse\x12B\n\x06'
    b'Events\x12\x1e.adamant.node.v1.EventsRequest\x1a\x16.adamant.node.v1.Eve'
    b'nt0\x01\x12I\n\x06Config\x12\x1e.adamant.node.v1.ConfigRequest\x1a\x1f.adamant.nod'
    b'e.v1.ConfigResponse\x12^\n\rConfigHistory\x12%.adamant.node.v1.Confi'
    b'gHistoryRequest\x1a&.adamant.node.v1.ConfigHistoryResponse\x12[\n\x0cC'
    b'onfigStatus\x12$.adamant.node.v1.ConfigStatusRequest\x1a%.adamant.'
    b'node.v1.ConfigStatusResponse\x12U\n\nConfigPlan\x12".adamant.node.v1'
    b'.ConfigPlanRequest\x1a#.adamant.node.v1.ConfigPlanResponse\x12X\n\x0bC'
    b'onfigApply\x12#.adamant.node.v1.ConfigApplyRequest\x1a$.adamant.no'
    b'de.v1.ConfigApplyResponse\x12^\n\rConfigConfirm\x12%.adamant.node.v1'
    b'.ConfigConfirmRequest\x1a&.adamant.node.v1.ConfigConfirmRespons'
    b'e\x12A\n\x04Logs\x12\x1c.adamant.node.v1.LogsRequest\x1a\x19.adamant.node.v1.Lo'
    b'gEntry0\x01\x12B\n\x04List\x12\x1c.adamant.node.v1.ListRequest\x1a\x1a.adamant.nod'
    b'e.v1.FileEntry0\x01\x12>\n\x04Read\x12\x1c.adamant.node.v1.ReadRequest\x1a\x16.ada'
    b'mant.node.v1.Chunk0\x01\x12N\n\x07Upgrade\x12\x1f.adamant.node.v1.UpgradeReq'
    b'uest\x1a .adamant.node.v1.UpgradeProgress0\x01\x12I\n\x06NewKey\x12\x1e.adamant'
    b'.node.v1.NewKeyRequest\x1a\x1f.adamant.node.v1.NewKeyResponse\x12d\n\x0fT'
    b"akeCertificate\x12'.adamant.node.v1.TakeCertificateRequest\x1a(.ad"
    b"amant.node.v1.TakeCertificateResponse\x12d\n\x0fKeepCertificate\x12'.a"
    b'damant.node.v1.KeepCertificateRequest\x1a(.adamant.node.v1.Keep'
    b'CertificateResponse\x12F\n\x05Kinds\x12\x1d.adamant.node.v1.KindsRequest\x1a'
    b'\x1e.adamant.node.v1.KindsResponse\x12@\n\x03Get\x12\x1b.adamant.node.v1.Get'
    b'Request\x1a\x1c.adamant.node.v1.GetResponse\x12H\n\x05Watch\x12\x1d.adamant.nod'
    b'e.v1.WatchRequest\x1a\x1e.adamant.node.v1.WatchResponse0\x01b\x06proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.api.node_pb2", globals())
