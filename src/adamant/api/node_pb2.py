"""Messages of node.proto. Made by scripts/generate from node.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

from adamant.api import capture_pb2 as _capture_pb2
from adamant.api import config_pb2 as _config_pb2
from adamant.api import crashes_pb2 as _crashes_pb2
from adamant.api import debug_pb2 as _debug_pb2
from adamant.api import events_pb2 as _events_pb2
from adamant.api import keys_pb2 as _keys_pb2
from adamant.api import logs_pb2 as _logs_pb2
from adamant.api import power_pb2 as _power_pb2
from adamant.api import resources_pb2 as _resources_pb2
from adamant.api import services_pb2 as _services_pb2
from adamant.api import update_pb2 as _update_pb2

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n\x16adamant/api/node.proto\x12\x0fadamant.node.v1\x1a\x18adamant/api/confi'
    b'g.proto\x1a\x17adamant/api/debug.proto\x1a\x19adamant/api/capture.proto\x1a'
    b'\x19adamant/api/crashes.proto\x1a\x18adamant/api/events.proto\x1a\x16adaman'
    b't/api/logs.proto\x1a\x18adamant/api/update.proto\x1a\x16adamant/api/keys'
    b'.proto\x1a\x1badamant/api/resources.proto\x1a\x17adamant/api/power.proto'
    b'\x1a\x1aadamant/api/services.proto"\x10\n\x0eVersionRequest"\xc8\x01\n\x0fVersionRe'
    b'sponse\x12\x0f\n\x07adamant\x18\x01 \x01(\t\x12\r\n\x05image\x18\x02 \x01(\t\x12\x15\n\rimage_version\x18\x03 \x01('
    b'\t\x12)\n\x07posture\x18\x04 \x01(\x0e2\x18.adamant.node.v1.Posture\x12\x0e\n\x06kernel\x18\x05 \x01(\t'
    b'\x12\x0c\n\x04arch\x18\x06 \x01(\t\x12\x12\n\nmachine_id\x18\x07 \x01(\t\x12\x0f\n\x07systemd\x18\x08 \x01(\t\x12\x10\n\x08hostn'
    b'ame\x18\t \x01(\t"\x0f\n\rHealthRequest"l\n\x0eHealthResponse\x12,\n\x07overall\x18\x01 \x01('
    b'\x0e2\x1b.adamant.node.v1.CheckState\x12,\n\x06checks\x18\x02 \x03(\x0b2\x1c.adamant.nod'
    b'e.v1.HealthCheck"l\n\x0bHealthCheck\x12\x0c\n\x04name\x18\x01 \x01(\t\x12*\n\x05state\x18\x02 \x01(\x0e'
    b'2\x1b.adamant.node.v1.CheckState\x12\x0f\n\x07message\x18\x03 \x01(\t\x12\x12\n\nsince_usec'
    b'\x18\x04 \x01(\x03"\r\n\x0bBootRequest"\xa8\x02\n\x0cBootResponse\x12\x0c\n\x04slot\x18\x01 \x01(\t\x12\x11\n\troot'
    b'_hash\x18\x02 \x01(\t\x12\x0b\n\x03uki\x18\x03 \x01(\t\x120\n\x0bsecure_boot\x18\x04 \x01(\x0e2\x1b.adamant.node'
    b".v1.SecureBoot\x12'\n\x06verity\x18\x05 \x01(\x0e2\x17.adamant.node.v1.Verity\x12\x0c\n\x04d"
    b'isk\x18\x06 \x01(\t\x12\x0f\n\x07boot_id\x18\x07 \x01(\t\x12\x12\n\ntotal_usec\x18\x08 \x01(\x04\x12*\n\x06phases\x18\t \x03'
    b'(\x0b2\x1a.adamant.node.v1.BootPhase\x120\n\rslowest_units\x18\n \x03(\x0b2\x19.adam'
    b'ant.node.v1.UnitTime"o\n\tBootPhase\x12\x0c\n\x04name\x18\x01 \x01(\t\x12\x12\n\nstart_use'
    b'c\x18\x02 \x01(\x04\x12\x15\n\rduration_usec\x18\x03 \x01(\x04\x12)\n\x05parts\x18\x04 \x03(\x0b2\x1a.adamant.node'
    b'.v1.BootPhase"C\n\x08UnitTime\x12\x0c\n\x04unit\x18\x01 \x01(\t\x12\x12\n\nstart_usec\x18\x02 \x01(\x04\x12'
    b'\x15\n\rduration_usec\x18\x03 \x01(\x04"\xb7\n\n\x04Spec\x12-\n\x04boot\x18\x01 \x01(\x0b2\x1d.adamant.node'
    b'.v1.BootResponseH\x00\x12.\n\x06health\x18\x02 \x01(\x0b2\x1c.adamant.node.v1.HealthC'
    b'heckH\x00\x12%\n\x04slot\x18\x03 \x01(\x0b2\x15.adamant.node.v1.SlotH\x00\x12+\n\x07service\x18\x04 \x01'
    b"(\x0b2\x18.adamant.node.v1.ServiceH\x00\x12'\n\x05mount\x18\x05 \x01(\x0b2\x16.adamant.node"
    b'.v1.MountH\x00\x12%\n\x04disk\x18\x06 \x01(\x0b2\x15.adamant.node.v1.DiskH\x00\x12%\n\x04link\x18\x07'
    b' \x01(\x0b2\x15.adamant.node.v1.LinkH\x00\x12+\n\x07address\x18\x08 \x01(\x0b2\x18.adamant.nod'
    b"e.v1.AddressH\x00\x12'\n\x05route\x18\t \x01(\x0b2\x16.adamant.node.v1.RouteH\x00\x12-\n\x08r"
    b"esolver\x18\n \x01(\x0b2\x19.adamant.node.v1.ResolverH\x00\x12'\n\x05clock\x18\x0b \x01(\x0b2\x16."
    b'adamant.node.v1.ClockH\x00\x12/\n\tcontainer\x18\x0c \x01(\x0b2\x1a.adamant.node.v1'
    b".ContainerH\x00\x12'\n\x05image\x18\r \x01(\x0b2\x16.adamant.node.v1.ImageH\x00\x12/\n\text"
    b'ension\x18\x0e \x01(\x0b2\x1a.adamant.node.v1.ExtensionH\x00\x12+\n\x07package\x18\x0f \x01(\x0b2'
    b'\x18.adamant.node.v1.PackageH\x00\x12:\n\x0fkernel_argument\x18\x10 \x01(\x0b2\x1f.adama'
    b'nt.node.v1.KernelArgumentH\x00\x12)\n\x06module\x18\x11 \x01(\x0b2\x17.adamant.node.v'
    b'1.ModuleH\x00\x12)\n\x06sysctl\x18\x12 \x01(\x0b2\x17.adamant.node.v1.SysctlH\x00\x123\n\x0bcer'
    b'tificate\x18\x13 \x01(\x0b2\x1c.adamant.node.v1.CertificateH\x00\x12>\n\x11config_gen'
    b'eration\x18\x14 \x01(\x0b2!.adamant.node.v1.ConfigGenerationH\x00\x12+\n\x07proces'
    b's\x18\x15 \x01(\x0b2\x18.adamant.node.v1.ProcessH\x00\x12)\n\x06memory\x18\x16 \x01(\x0b2\x17.adaman'
    b't.node.v1.MemoryH\x00\x12#\n\x03cpu\x18\x17 \x01(\x0b2\x14.adamant.node.v1.CpuH\x00\x12)\n\x06c'
    b'group\x18\x18 \x01(\x0b2\x17.adamant.node.v1.CgroupH\x00\x12-\n\x08pressure\x18\x19 \x01(\x0b2\x19.a'
    b'damant.node.v1.PressureH\x00\x120\n\ndisk_usage\x18\x1a \x01(\x0b2\x1a.adamant.node'
    b'.v1.DiskUsageH\x00\x12)\n\x06socket\x18\x1b \x01(\x0b2\x17.adamant.node.v1.SocketH\x00\x12)'
    b'\n\x06update\x18\x1c \x01(\x0b2\x17.adamant.node.v1.UpdateH\x00\x121\n\nprotection\x18\x1d \x01('
    b'\x0b2\x1b.adamant.node.v1.ProtectionH\x00B\x06\n\x04kind"w\n\x08Resource\x12\x0c\n\x04name'
    b'\x18\x01 \x01(\t\x12%\n\x06actual\x18\x02 \x01(\x0b2\x15.adamant.node.v1.Spec\x12&\n\x07desired\x18\x03 \x01'
    b'(\x0b2\x15.adamant.node.v1.Spec\x12\x0e\n\x06reason\x18\x04 \x01(\t"O\n\x06Column\x12\r\n\x05title'
    b"\x18\x01 \x01(\t\x12\r\n\x05field\x18\x02 \x01(\t\x12'\n\x06format\x18\x03 \x01(\x0e2\x17.adamant.node.v1.Form"
    b'at"S\n\x04Kind\x12\x0c\n\x04name\x18\x01 \x01(\t\x12\x13\n\x0bdescription\x18\x02 \x01(\t\x12(\n\x07columns\x18\x03 \x03'
    b'(\x0b2\x17.adamant.node.v1.Column"\x0e\n\x0cKindsRequest"5\n\rKindsResponse'
    b'\x12$\n\x05kinds\x18\x01 \x03(\x0b2\x15.adamant.node.v1.Kind")\n\nGetRequest\x12\x0c\n\x04kind'
    b'\x18\x01 \x01(\t\x12\r\n\x05names\x18\x02 \x03(\t"`\n\x0bGetResponse\x12#\n\x04kind\x18\x01 \x01(\x0b2\x15.adamant'
    b'.node.v1.Kind\x12,\n\tresources\x18\x02 \x03(\x0b2\x19.adamant.node.v1.Resource"'
    b'+\n\x0cWatchRequest\x12\x0c\n\x04kind\x18\x01 \x01(\t\x12\r\n\x05names\x18\x02 \x03(\t"\x8a\x01\n\rWatchRespon'
    b"se\x12'\n\x06change\x18\x01 \x01(\x0e2\x17.adamant.node.v1.Change\x12+\n\x08resource\x18\x02 \x01("
    b'\x0b2\x19.adamant.node.v1.Resource\x12#\n\x04kind\x18\x03 \x01(\x0b2\x15.adamant.node.v1'
    b'.Kind*]\n\x07Posture\x12\x17\n\x13POSTURE_UNSPECIFIED\x10\x00\x12\x10\n\x0cPOSTURE_OPEN\x10\x01\x12'
    b'\x13\n\x0fPOSTURE_GUARDED\x10\x02\x12\x12\n\x0ePOSTURE_SEALED\x10\x03*o\n\nCheckState\x12\x1b\n\x17CH'
    b'ECK_STATE_UNSPECIFIED\x10\x00\x12\x12\n\x0eCHECK_STATE_OK\x10\x01\x12\x17\n\x13CHECK_STATE_W'
    b'AITING\x10\x02\x12\x17\n\x13CHECK_STATE_FAILING\x10\x03*\x90\x01\n\nSecureBoot\x12\x1b\n\x17SECURE_B'
    b'OOT_UNSPECIFIED\x10\x00\x12\x1b\n\x17SECURE_BOOT_UNSUPPORTED\x10\x01\x12\x18\n\x14SECURE_BOO'
    b'T_DISABLED\x10\x02\x12\x15\n\x11SECURE_BOOT_SETUP\x10\x03\x12\x17\n\x13SECURE_BOOT_ENABLED\x10\x04'
    b'*^\n\x06Verity\x12\x16\n\x12VERITY_UNSPECIFIED\x10\x00\x12\x11\n\rVERITY_ABSENT\x10\x01\x12\x13\n\x0fVER'
    b'ITY_VERIFIED\x10\x02\x12\x14\n\x10VERITY_CORRUPTED\x10\x03*\x8e\x01\n\x06Format\x12\x16\n\x12FORMAT_UN'
    b'SPECIFIED\x10\x00\x12\x10\n\x0cFORMAT_BYTES\x10\x01\x12\x0f\n\x0bFORMAT_TIME\x10\x02\x12\x13\n\x0fFORMAT_DUR'
    b'ATION\x10\x03\x12\x12\n\x0eFORMAT_PERCENT\x10\x04\x12\x11\n\rFORMAT_DIGEST\x10\x05\x12\r\n\tFORMAT_ID\x10'
    b'\x06*l\n\x06Change\x12\x16\n\x12CHANGE_UNSPECIFIED\x10\x00\x12\x10\n\x0cCHANGE_ADDED\x10\x01\x12\x12\n\x0eCHA'
    b'NGE_CHANGED\x10\x02\x12\x12\n\x0eCHANGE_REMOVED\x10\x03\x12\x10\n\x0cCHANGE_READY\x10\x042\xe0\x12\n\x04Node'
    b'\x12L\n\x07Version\x12\x1f.adamant.node.v1.VersionRequest\x1a .adamant.node.'
    b'v1.VersionResponse\x12I\n\x06Health\x12\x1e.adamant.node.v1.HealthRequest'
    b'\x1a\x1f.adamant.node.v1.HealthResponse\x12C\n\x04Boot\x12\x1c.adamant.node.v1.'
    b'BootRequest\x1a\x1d.adamant.node.v1.BootResponse\x12B\n\x06Events\x12\x1e.adama'
    b'nt.node.v1.EventsRequest\x1a\x16.adamant.node.v1.Event0\x01\x12I\n\x06Config'
    b'\x12\x1e.adamant.node.v1.ConfigRequest\x1a\x1f.adamant.node.v1.ConfigRes'
    b'ponse\x12^\n\rConfigHistory\x12%.adamant.node.v1.ConfigHistoryReques'
    b't\x1a&.adamant.node.v1.ConfigHistoryResponse\x12[\n\x0cConfigStatus\x12$.'
    b'adamant.node.v1.ConfigStatusRequest\x1a%.adamant.node.v1.Config'
    b'StatusResponse\x12U\n\nConfigPlan\x12".adamant.node.v1.ConfigPlanReq'
    b'uest\x1a#.adamant.node.v1.ConfigPlanResponse\x12X\n\x0bConfigApply\x12#.a'
    b'damant.node.v1.ConfigApplyRequest\x1a$.adamant.node.v1.ConfigAp'
    b'plyResponse\x12^\n\rConfigConfirm\x12%.adamant.node.v1.ConfigConfirm'
    b'Request\x1a&.adamant.node.v1.ConfigConfirmResponse\x12A\n\x04Logs\x12\x1c.ad'
    b'amant.node.v1.LogsRequest\x1a\x19.adamant.node.v1.LogEntry0\x01\x12B\n\x04Li'
    b'st\x12\x1c.adamant.node.v1.ListRequest\x1a\x1a.adamant.node.v1.FileEntry'
    b'0\x01\x12>\n\x04Read\x12\x1c.adamant.node.v1.ReadRequest\x1a\x16.adamant.node.v1.C'
    b'hunk0\x01\x12N\n\x07Upgrade\x12\x1f.adamant.node.v1.UpgradeRequest\x1a .adamant'
    b'.node.v1.UpgradeProgress0\x01\x12\\\n\x0bUpgradeFrom\x12#.adamant.node.v1.'
    b'UpgradeFromRequest\x1a$.adamant.node.v1.UpgradeFromResponse(\x010\x01'
    b'\x12L\n\x07Capture\x12\x1f.adamant.node.v1.CaptureRequest\x1a\x1e.adamant.node.'
    b'v1.CaptureAnswer0\x01\x12L\n\x07Crashes\x12\x1f.adamant.node.v1.CrashesReque'
    b'st\x1a .adamant.node.v1.CrashesResponse\x12F\n\x05Crash\x12\x1d.adamant.node'
    b'.v1.CrashRequest\x1a\x1e.adamant.node.v1.CrashResponse\x12I\n\x06NewKey\x12\x1e'
    b'.adamant.node.v1.NewKeyRequest\x1a\x1f.adamant.node.v1.NewKeyRespo'
    b"nse\x12d\n\x0fTakeCertificate\x12'.adamant.node.v1.TakeCertificateRequ"
    b'est\x1a(.adamant.node.v1.TakeCertificateResponse\x12d\n\x0fKeepCertifi'
    b"cate\x12'.adamant.node.v1.KeepCertificateRequest\x1a(.adamant.node"
    b'.v1.KeepCertificateResponse\x12F\n\x05Kinds\x12\x1d.adamant.node.v1.Kinds'
    b'Request\x1a\x1e.adamant.node.v1.KindsResponse\x12@\n\x03Get\x12\x1b.adamant.nod'
    b'e.v1.GetRequest\x1a\x1c.adamant.node.v1.GetResponse\x12H\n\x05Watch\x12\x1d.ada'
    b'mant.node.v1.WatchRequest\x1a\x1e.adamant.node.v1.WatchResponse0\x01\x12'
    b'L\n\x07Service\x12\x1f.adamant.node.v1.ServiceRequest\x1a .adamant.node.v'
    b'1.ServiceResponse\x12I\n\x06Reboot\x12\x1e.adamant.node.v1.RebootRequest\x1a'
    b'\x1f.adamant.node.v1.RebootResponse\x12O\n\x08Shutdown\x12 .adamant.node.'
    b'v1.ShutdownRequest\x1a!.adamant.node.v1.ShutdownResponse\x12[\n\x0cRes'
    b'etPreview\x12$.adamant.node.v1.ResetPreviewRequest\x1a%.adamant.no'
    b'de.v1.ResetPreviewResponse\x12F\n\x05Reset\x12\x1d.adamant.node.v1.ResetR'
    b'equest\x1a\x1e.adamant.node.v1.ResetResponse\x12J\n\x05Debug\x12\x1d.adamant.no'
    b'de.v1.DebugRequest\x1a\x1e.adamant.node.v1.DebugResponse(\x010\x01b\x06prot'
    b'o3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.api.node_pb2", globals())
