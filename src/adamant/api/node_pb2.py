"""Messages of node.proto. Made by scripts/generate from node.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

from adamant.api import attest_pb2 as _attest_pb2
from adamant.api import capture_pb2 as _capture_pb2
from adamant.api import config_pb2 as _config_pb2
from adamant.api import crashes_pb2 as _crashes_pb2
from adamant.api import debug_pb2 as _debug_pb2
from adamant.api import drift_pb2 as _drift_pb2
from adamant.api import encryption_pb2 as _encryption_pb2
from adamant.api import events_pb2 as _events_pb2
from adamant.api import keys_pb2 as _keys_pb2
from adamant.api import logs_pb2 as _logs_pb2
from adamant.api import power_pb2 as _power_pb2
from adamant.api import resources_pb2 as _resources_pb2
from adamant.api import services_pb2 as _services_pb2
from adamant.api import update_pb2 as _update_pb2

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n\x16adamant/api/node.proto\x12\x0fadamant.node.v1\x1a\x18adamant/api/attes'
    b't.proto\x1a\x18adamant/api/config.proto\x1a\x17adamant/api/debug.proto\x1a\x19'
    b'adamant/api/capture.proto\x1a\x19adamant/api/crashes.proto\x1a\x17adaman'
    b't/api/drift.proto\x1a\x1cadamant/api/encryption.proto\x1a\x18adamant/api'
    b'/events.proto\x1a\x16adamant/api/logs.proto\x1a\x18adamant/api/update.pr'
    b'oto\x1a\x16adamant/api/keys.proto\x1a\x1badamant/api/resources.proto\x1a\x17ad'
    b'amant/api/power.proto\x1a\x1aadamant/api/services.proto"\x10\n\x0eVersion'
    b'Request"\xc8\x01\n\x0fVersionResponse\x12\x0f\n\x07adamant\x18\x01 \x01(\t\x12\r\n\x05image\x18\x02 \x01(\t\x12'
    b'\x15\n\rimage_version\x18\x03 \x01(\t\x12)\n\x07posture\x18\x04 \x01(\x0e2\x18.adamant.node.v1.Po'
    b'sture\x12\x0e\n\x06kernel\x18\x05 \x01(\t\x12\x0c\n\x04arch\x18\x06 \x01(\t\x12\x12\n\nmachine_id\x18\x07 \x01(\t\x12\x0f\n\x07s'
    b'ystemd\x18\x08 \x01(\t\x12\x10\n\x08hostname\x18\t \x01(\t"\x0f\n\rHealthRequest"l\n\x0eHealthRes'
    b'ponse\x12,\n\x07overall\x18\x01 \x01(\x0e2\x1b.adamant.node.v1.CheckState\x12,\n\x06check'
    b's\x18\x02 \x03(\x0b2\x1c.adamant.node.v1.HealthCheck"l\n\x0bHealthCheck\x12\x0c\n\x04name'
    b'\x18\x01 \x01(\t\x12*\n\x05state\x18\x02 \x01(\x0e2\x1b.adamant.node.v1.CheckState\x12\x0f\n\x07messag'
    b'e\x18\x03 \x01(\t\x12\x12\n\nsince_usec\x18\x04 \x01(\x03"\r\n\x0bBootRequest"\x9c\x03\n\x0cBootResponse\x12'
    b'\x0c\n\x04slot\x18\x01 \x01(\t\x12\x11\n\troot_hash\x18\x02 \x01(\t\x12\x0b\n\x03uki\x18\x03 \x01(\t\x120\n\x0bsecure_boot'
    b"\x18\x04 \x01(\x0e2\x1b.adamant.node.v1.SecureBoot\x12'\n\x06verity\x18\x05 \x01(\x0e2\x17.adaman"
    b't.node.v1.Verity\x12\x0c\n\x04disk\x18\x06 \x01(\t\x12\x0f\n\x07boot_id\x18\x07 \x01(\t\x12\x12\n\ntotal_use'
    b'c\x18\x08 \x01(\x04\x12*\n\x06phases\x18\t \x03(\x0b2\x1a.adamant.node.v1.BootPhase\x120\n\rslowe'
    b'st_units\x18\n \x03(\x0b2\x19.adamant.node.v1.UnitTime\x128\n\x10secure_boot_key'
    b's\x18\x0b \x03(\x0b2\x1e.adamant.node.v1.SecureBootKey\x12\x1b\n\x13secure_boot_revok'
    b'ed\x18\x0c \x01(\r\x12\x1b\n\x13secure_boot_waiting\x18\r \x03(\t"?\n\rSecureBootKey\x12\x10\n\x08va'
    b'riable\x18\x01 \x01(\t\x12\x0c\n\x04name\x18\x02 \x01(\t\x12\x0e\n\x06sha256\x18\x03 \x01(\t"o\n\tBootPhase\x12\x0c\n\x04n'
    b'ame\x18\x01 \x01(\t\x12\x12\n\nstart_usec\x18\x02 \x01(\x04\x12\x15\n\rduration_usec\x18\x03 \x01(\x04\x12)\n\x05part'
    b's\x18\x04 \x03(\x0b2\x1a.adamant.node.v1.BootPhase"C\n\x08UnitTime\x12\x0c\n\x04unit\x18\x01 \x01('
    b'\t\x12\x12\n\nstart_usec\x18\x02 \x01(\x04\x12\x15\n\rduration_usec\x18\x03 \x01(\x04"\xb7\n\n\x04Spec\x12-\n\x04boo'
    b't\x18\x01 \x01(\x0b2\x1d.adamant.node.v1.BootResponseH\x00\x12.\n\x06health\x18\x02 \x01(\x0b2\x1c.a'
    b'damant.node.v1.HealthCheckH\x00\x12%\n\x04slot\x18\x03 \x01(\x0b2\x15.adamant.node.v1'
    b".SlotH\x00\x12+\n\x07service\x18\x04 \x01(\x0b2\x18.adamant.node.v1.ServiceH\x00\x12'\n\x05moun"
    b't\x18\x05 \x01(\x0b2\x16.adamant.node.v1.MountH\x00\x12%\n\x04disk\x18\x06 \x01(\x0b2\x15.adamant.no'
    b'de.v1.DiskH\x00\x12%\n\x04link\x18\x07 \x01(\x0b2\x15.adamant.node.v1.LinkH\x00\x12+\n\x07addre'
    b"ss\x18\x08 \x01(\x0b2\x18.adamant.node.v1.AddressH\x00\x12'\n\x05route\x18\t \x01(\x0b2\x16.adaman"
    b't.node.v1.RouteH\x00\x12-\n\x08resolver\x18\n \x01(\x0b2\x19.adamant.node.v1.Resolv'
    b"erH\x00\x12'\n\x05clock\x18\x0b \x01(\x0b2\x16.adamant.node.v1.ClockH\x00\x12/\n\tcontainer\x18\x0c"
    b" \x01(\x0b2\x1a.adamant.node.v1.ContainerH\x00\x12'\n\x05image\x18\r \x01(\x0b2\x16.adamant."
    b'node.v1.ImageH\x00\x12/\n\textension\x18\x0e \x01(\x0b2\x1a.adamant.node.v1.Extensi'
    b'onH\x00\x12+\n\x07package\x18\x0f \x01(\x0b2\x18.adamant.node.v1.PackageH\x00\x12:\n\x0fkernel_'
    b'argument\x18\x10 \x01(\x0b2\x1f.adamant.node.v1.KernelArgumentH\x00\x12)\n\x06module\x18'
    b'\x11 \x01(\x0b2\x17.adamant.node.v1.ModuleH\x00\x12)\n\x06sysctl\x18\x12 \x01(\x0b2\x17.adamant.n'
    b'ode.v1.SysctlH\x00\x123\n\x0bcertificate\x18\x13 \x01(\x0b2\x1c.adamant.node.v1.Certi'
    b'ficateH\x00\x12>\n\x11config_generation\x18\x14 \x01(\x0b2!.adamant.node.v1.Config'
    b'GenerationH\x00\x12+\n\x07process\x18\x15 \x01(\x0b2\x18.adamant.node.v1.ProcessH\x00\x12)\n'
    b'\x06memory\x18\x16 \x01(\x0b2\x17.adamant.node.v1.MemoryH\x00\x12#\n\x03cpu\x18\x17 \x01(\x0b2\x14.adam'
    b'ant.node.v1.CpuH\x00\x12)\n\x06cgroup\x18\x18 \x01(\x0b2\x17.adamant.node.v1.CgroupH\x00'
    b'\x12-\n\x08pressure\x18\x19 \x01(\x0b2\x19.adamant.node.v1.PressureH\x00\x120\n\ndisk_usag'
    b'e\x18\x1a \x01(\x0b2\x1a.adamant.node.v1.DiskUsageH\x00\x12)\n\x06socket\x18\x1b \x01(\x0b2\x17.adam'
    b'ant.node.v1.SocketH\x00\x12)\n\x06update\x18\x1c \x01(\x0b2\x17.adamant.node.v1.Updat'
    b'eH\x00\x121\n\nprotection\x18\x1d \x01(\x0b2\x1b.adamant.node.v1.ProtectionH\x00B\x06\n\x04ki'
    b'nd"w\n\x08Resource\x12\x0c\n\x04name\x18\x01 \x01(\t\x12%\n\x06actual\x18\x02 \x01(\x0b2\x15.adamant.node.'
    b'v1.Spec\x12&\n\x07desired\x18\x03 \x01(\x0b2\x15.adamant.node.v1.Spec\x12\x0e\n\x06reason\x18\x04 '
    b'\x01(\t"O\n\x06Column\x12\r\n\x05title\x18\x01 \x01(\t\x12\r\n\x05field\x18\x02 \x01(\t\x12\'\n\x06format\x18\x03 \x01(\x0e2'
    b'\x17.adamant.node.v1.Format"S\n\x04Kind\x12\x0c\n\x04name\x18\x01 \x01(\t\x12\x13\n\x0bdescriptio'
    b'n\x18\x02 \x01(\t\x12(\n\x07columns\x18\x03 \x03(\x0b2\x17.adamant.node.v1.Column"\x0e\n\x0cKindsRe'
    b'quest"5\n\rKindsResponse\x12$\n\x05kinds\x18\x01 \x03(\x0b2\x15.adamant.node.v1.Kind'
    b'")\n\nGetRequest\x12\x0c\n\x04kind\x18\x01 \x01(\t\x12\r\n\x05names\x18\x02 \x03(\t"`\n\x0bGetResponse\x12#'
    b'\n\x04kind\x18\x01 \x01(\x0b2\x15.adamant.node.v1.Kind\x12,\n\tresources\x18\x02 \x03(\x0b2\x19.ada'
    b'mant.node.v1.Resource"+\n\x0cWatchRequest\x12\x0c\n\x04kind\x18\x01 \x01(\t\x12\r\n\x05names'
    b'\x18\x02 \x03(\t"\x8a\x01\n\rWatchResponse\x12\'\n\x06change\x18\x01 \x01(\x0e2\x17.adamant.node.v1.C'
    b'hange\x12+\n\x08resource\x18\x02 \x01(\x0b2\x19.adamant.node.v1.Resource\x12#\n\x04kind\x18\x03'
    b' \x01(\x0b2\x15.adamant.node.v1.Kind*]\n\x07Posture\x12\x17\n\x13POSTURE_UNSPECIFIE'
    b'D\x10\x00\x12\x10\n\x0cPOSTURE_OPEN\x10\x01\x12\x13\n\x0fPOSTURE_GUARDED\x10\x02\x12\x12\n\x0ePOSTURE_SEALED'
    b'\x10\x03*o\n\nCheckState\x12\x1b\n\x17CHECK_STATE_UNSPECIFIED\x10\x00\x12\x12\n\x0eCHECK_STATE'
    b'_OK\x10\x01\x12\x17\n\x13CHECK_STATE_WAITING\x10\x02\x12\x17\n\x13CHECK_STATE_FAILING\x10\x03*\x90\x01\n\n'
    b'SecureBoot\x12\x1b\n\x17SECURE_BOOT_UNSPECIFIED\x10\x00\x12\x1b\n\x17SECURE_BOOT_UNSUP'
    b'PORTED\x10\x01\x12\x18\n\x14SECURE_BOOT_DISABLED\x10\x02\x12\x15\n\x11SECURE_BOOT_SETUP\x10\x03\x12\x17\n'
    b'\x13SECURE_BOOT_ENABLED\x10\x04*^\n\x06Verity\x12\x16\n\x12VERITY_UNSPECIFIED\x10\x00\x12\x11\n\r'
    b'VERITY_ABSENT\x10\x01\x12\x13\n\x0fVERITY_VERIFIED\x10\x02\x12\x14\n\x10VERITY_CORRUPTED\x10\x03*\x8e'
    b'\x01\n\x06Format\x12\x16\n\x12FORMAT_UNSPECIFIED\x10\x00\x12\x10\n\x0cFORMAT_BYTES\x10\x01\x12\x0f\n\x0bFORMA'
    b'T_TIME\x10\x02\x12\x13\n\x0fFORMAT_DURATION\x10\x03\x12\x12\n\x0eFORMAT_PERCENT\x10\x04\x12\x11\n\rFORMAT_'
    b'DIGEST\x10\x05\x12\r\n\tFORMAT_ID\x10\x06*l\n\x06Change\x12\x16\n\x12CHANGE_UNSPECIFIED\x10\x00\x12\x10\n'
    b'\x0cCHANGE_ADDED\x10\x01\x12\x12\n\x0eCHANGE_CHANGED\x10\x02\x12\x12\n\x0eCHANGE_REMOVED\x10\x03\x12\x10\n\x0cC'
    b'HANGE_READY\x10\x042\xe2\x17\n\x04Node\x12L\n\x07Version\x12\x1f.adamant.node.v1.VersionR'
    b'equest\x1a .adamant.node.v1.VersionResponse\x12I\n\x06Health\x12\x1e.adamant'
    b'.node.v1.HealthRequest\x1a\x1f.adamant.node.v1.HealthResponse\x12C\n\x04B'
    b'oot\x12\x1c.adamant.node.v1.BootRequest\x1a\x1d.adamant.node.v1.BootResp'
    b'onse\x12B\n\x06Events\x12\x1e.adamant.node.v1.EventsRequest\x1a\x16.adamant.nod'
    b'e.v1.Event0\x01\x12I\n\x06Config\x12\x1e.adamant.node.v1.ConfigRequest\x1a\x1f.ada'
    b'mant.node.v1.ConfigResponse\x12^\n\rConfigHistory\x12%.adamant.node.'
    b'v1.ConfigHistoryRequest\x1a&.adamant.node.v1.ConfigHistoryRespo'
    b'nse\x12[\n\x0cConfigStatus\x12$.adamant.node.v1.ConfigStatusRequest\x1a%.'
    b'adamant.node.v1.ConfigStatusResponse\x12U\n\nConfigPlan\x12".adamant'
    b'.node.v1.ConfigPlanRequest\x1a#.adamant.node.v1.ConfigPlanRespo'
    b'nse\x12X\n\x0bConfigApply\x12#.adamant.node.v1.ConfigApplyRequest\x1a$.ad'
    b'amant.node.v1.ConfigApplyResponse\x12^\n\rConfigConfirm\x12%.adamant'
    b'.node.v1.ConfigConfirmRequest\x1a&.adamant.node.v1.ConfigConfir'
    b'mResponse\x12A\n\x04Logs\x12\x1c.adamant.node.v1.LogsRequest\x1a\x19.adamant.no'
    b'de.v1.LogEntry0\x01\x12B\n\x04List\x12\x1c.adamant.node.v1.ListRequest\x1a\x1a.ada'
    b'mant.node.v1.FileEntry0\x01\x12>\n\x04Read\x12\x1c.adamant.node.v1.ReadReque'
    b'st\x1a\x16.adamant.node.v1.Chunk0\x01\x12F\n\x05Drift\x12\x1d.adamant.node.v1.Drif'
    b'tRequest\x1a\x1e.adamant.node.v1.DriftResponse\x12R\n\tDriftText\x12!.adam'
    b'ant.node.v1.DriftTextRequest\x1a".adamant.node.v1.DriftTextResp'
    b'onse\x12N\n\x07Upgrade\x12\x1f.adamant.node.v1.UpgradeRequest\x1a .adamant.n'
    b'ode.v1.UpgradeProgress0\x01\x12\\\n\x0bUpgradeFrom\x12#.adamant.node.v1.Up'
    b'gradeFromRequest\x1a$.adamant.node.v1.UpgradeFromResponse(\x010\x01\x12L'
    b'\n\x07Capture\x12\x1f.adamant.node.v1.CaptureRequest\x1a\x1e.adamant.node.v1'
    b'.CaptureAnswer0\x01\x12I\n\x06Attest\x12\x1e.adamant.node.v1.AttestRequest\x1a\x1f'
    b'.adamant.node.v1.AttestResponse\x12O\n\x08Activate\x12 .adamant.node.v'
    b'1.ActivateRequest\x1a!.adamant.node.v1.ActivateResponse\x12U\n\nEncr'
    b'yption\x12".adamant.node.v1.EncryptionRequest\x1a#.adamant.node.v1'
    b'.EncryptionResponse\x12X\n\x0bRecoveryKey\x12#.adamant.node.v1.Recover'
    b'yKeyRequest\x1a$.adamant.node.v1.RecoveryKeyResponse\x12I\n\x06Reseal\x12'
    b'\x1e.adamant.node.v1.ResealRequest\x1a\x1f.adamant.node.v1.ResealResp'
    b'onse\x12L\n\x07Recover\x12\x1f.adamant.node.v1.RecoverRequest\x1a .adamant.n'
    b'ode.v1.RecoverResponse\x12L\n\x07Crashes\x12\x1f.adamant.node.v1.CrashesR'
    b'equest\x1a .adamant.node.v1.CrashesResponse\x12F\n\x05Crash\x12\x1d.adamant.'
    b'node.v1.CrashRequest\x1a\x1e.adamant.node.v1.CrashResponse\x12I\n\x06NewK'
    b'ey\x12\x1e.adamant.node.v1.NewKeyRequest\x1a\x1f.adamant.node.v1.NewKeyR'
    b"esponse\x12d\n\x0fTakeCertificate\x12'.adamant.node.v1.TakeCertificate"
    b'Request\x1a(.adamant.node.v1.TakeCertificateResponse\x12d\n\x0fKeepCer'
    b"tificate\x12'.adamant.node.v1.KeepCertificateRequest\x1a(.adamant."
    b'node.v1.KeepCertificateResponse\x12F\n\x05Kinds\x12\x1d.adamant.node.v1.K'
    b'indsRequest\x1a\x1e.adamant.node.v1.KindsResponse\x12@\n\x03Get\x12\x1b.adamant'
    b'.node.v1.GetRequest\x1a\x1c.adamant.node.v1.GetResponse\x12H\n\x05Watch\x12\x1d'
    b'.adamant.node.v1.WatchRequest\x1a\x1e.adamant.node.v1.WatchRespons'
    b'e0\x01\x12L\n\x07Service\x12\x1f.adamant.node.v1.ServiceRequest\x1a .adamant.no'
    b'de.v1.ServiceResponse\x12I\n\x06Reboot\x12\x1e.adamant.node.v1.RebootRequ'
    b'est\x1a\x1f.adamant.node.v1.RebootResponse\x12O\n\x08Shutdown\x12 .adamant.n'
    b'ode.v1.ShutdownRequest\x1a!.adamant.node.v1.ShutdownResponse\x12[\n'
    b'\x0cResetPreview\x12$.adamant.node.v1.ResetPreviewRequest\x1a%.adaman'
    b't.node.v1.ResetPreviewResponse\x12F\n\x05Reset\x12\x1d.adamant.node.v1.Re'
    b'setRequest\x1a\x1e.adamant.node.v1.ResetResponse\x12J\n\x05Debug\x12\x1d.adaman'
    b't.node.v1.DebugRequest\x1a\x1e.adamant.node.v1.DebugResponse(\x010\x01b\x06'
    b'proto3'
)

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.api.node_pb2", globals())
