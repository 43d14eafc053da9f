"""Every cap and deadline for what comes from outside: files, images, programs, networks. Nowhere else.

Sizes are bytes, times are seconds.
"""

DEFINITION_SIZE = 4 << 20
LOCK_SIZE = 64 << 20
MANIFEST_SIZE = 4 << 20
EXTRA_FILE_SIZE = 256 << 20

DEB_SIZE = 4 << 30
DEB_CONTROL_SIZE = 64 << 20
"""Unpacked control member."""
DEB_DATA_SIZE = 16 << 30
"""Unpacked data member."""
DEB_ENTRIES = 1_000_000
PATH_LENGTH = 4096
SCRIPT_SIZE = 1 << 20

PE_SIZE = 1 << 30
PE_SECTIONS = 96
PE_ZEROS = 1 << 20
"""Bytes that a section of a UKI has in memory and not in its file."""
CMDLINE_SIZE = 64 << 10
GPT_ENTRIES = 128
IMAGE_SIZE = 1 << 40
TREE_DEPTH = 64

PROGRAM_SECONDS = 600.0
FULL_DISK_SECONDS = 10.0
"""How long a program may go on while the disk that it writes to is full. Most end at once."""
FULL_DISK_BYTES = 1 << 20
"""A disk with less room is full."""
"""A build tool."""
APT_SECONDS = 900.0
"""apt, which may wait for a slow mirror."""
PROBE_SECONDS = 20.0
STDERR_TAIL = 16 << 10
"""How much of a failed program's standard error an error message keeps."""

RPC_SECONDS = 10.0
RPC_MESSAGE_SIZE = 4 << 20
RPC_CALLS = 512
"""Calls under way or waiting at once on one node. gRPC itself refuses the next, in words that name no number: the
client names it."""
RPC_REQUEST_SECONDS = 30.0
"""How long a client that has begun a call may take to send its request, or the first message of a dialogue."""
RPC_STREAMS_OPEN = 24
"""Streams open at once on one node: each holds a thread."""
RPC_STREAMS_OF_CLIENT = 12
RPC_ERROR_SIZE = 1000
"""Characters of each part of an error that a node tells; a client takes 8 KiB of metadata."""
RPC_STALL_SECONDS = 60.0
"""How long a client may take to accept the next message of a stream."""
EVENTS_KEPT = 1000
"""Events that a node keeps for who asks later."""
BOOT_SECONDS = 300.0

COMPOSE_READ_SIZE = 64 << 20
"""A file of a package that compose reads as a whole: a unit, a table of accounts, a library's headers."""

DEB_NAMES_SIZE = 256 << 20
"""Names, link targets and attributes of all entries of one archive."""
TAR_EXTENSION_SIZE = 1 << 20
"""One extended header of a tar archive."""
XZ_MEMORY = 256 << 20
"""Memory that decompressing one xz stream may take; `xz -9` needs 65 MiB."""
XZ_DICTIONARY = 4 << 20
"""Dictionary of what is packed with xz, which takes about 16 times as much; kernels are built with 1 or 2 MiB."""
LAYER_INDEX_SIZE = 512 << 20

APT_SOURCES_SIZE = 1 << 20
"""A sources file of the host's apt."""

RPC_REQUEST_SIZE = 1 << 20
"""A request that a node takes."""
RPC_STREAMS = 64
"""Calls under way at once on one connection. The client's gRPC keeps the next one back until there is room for it
(RFC 9113, section 5.1.2), so the node does not hear of it. One that comes in the moment in which another ends may be
refused by the node's gRPC without a word (REFUSED_STREAM): the client names the limit."""
RPC_WORKERS = 8
"""Calls that a node works on at the same time, besides open streams; the others wait."""
HANDSHAKE_SECONDS = 10.0
"""A client's TLS handshake."""
KEEPALIVE_SECONDS = 60.0
"""How long a connection may be silent before the node asks whether its client is still there."""
KEEPALIVE_ANSWER_SECONDS = 20.0
"""What the client's computer has to answer that; then the connection is closed, and its calls end."""
DBUS_SECONDS = 5.0
"""An answer of PID 1."""
PEM_SIZE = 64 << 10
"""A certificate or key in PEM."""
CONTEXTS_SIZE = 1 << 20
BOOT_RECORD_SIZE = 64 << 10
"""What /init hands over to the system."""
EFI_VARIABLE_SIZE = 64 << 10
SYSTEM_FILE_SIZE = 4 << 20
"""A file of /proc, /sys or /run."""

KVM_PROBE_SECONDS = 5.0
"""The guest that proves KVM; at hardware speed it needs less than one."""
MACHINE_START_SECONDS = 30.0
"""From starting QEMU until it answers."""
MACHINE_STOP_SECONDS = 60.0
"""What a guest has for shutting down before it is ended."""
MACHINE_RECORD_SIZE = 64 << 10
MACHINE_LOG_TAIL = 64 << 10
"""How much of the end of a console log is looked at for a fault."""
CONSOLE_LINE = 2000
"""Characters of one line of a console; what is longer is broken."""
CONSOLE_READ = 1 << 20
"""Bytes of a console log read at once."""
CREDENTIALS_SIZE = 512 << 10
"""All credentials of a machine; PID 1 takes 1 MiB."""
QMP_SECONDS = 10.0
QMP_LINE = 1 << 20
QMP_MESSAGES = 10_000
"""Events that may come before an answer."""
APT_ARGUMENTS = 500
"""Packages that one call of apt is asked about."""
FETCH_BATCH = 16 << 20
"""Bytes of packages that are downloaded between two reports of progress."""

MODULE_SIZE = 64 << 20
"""A kernel module, decompressed."""
KERNEL_COMMAND_LINE = 2048
"""COMMAND_LINE_SIZE of Linux on amd64 and arm64, with the byte that ends it."""
USR_SIZE = 8 << 30
"""A usr image, and so the tree that belongs to it."""

RECORD_SECONDS = 120.0
"""A maintainer script in the sandbox."""
RECORD_DISK = 1 << 30
"""Bytes that a recorded script may write in all."""
RECORD_FILE = 256 << 20
"""Bytes of one file that a recorded script writes."""
RECORDING_SIZE = 64 << 20
"""What a recorded script changed, as a tar archive before compression."""
RECORDING_ENTRIES = 100_000
RECORD_LOG_TAIL = 4 << 10
"""How much of a failed script's output an error message keeps."""

PE_SIGNATURES_SIZE = 1 << 20
"""All signatures of an EFI program."""
BOOT_LOADER_SIZE = 4 << 20
"""A boot loader on an ESP; systemd-boot has 0.1 MiB."""
FAT_SIZE = 16 << 20
"""One allocation table of an ESP."""
FAT_ENTRIES = 4096
FAT_DEPTH = 8
QCOW2_TABLE_SIZE = 32 << 20
"""First table of a qcow2 image."""
EROFS_FOLDER_SIZE = 64 << 20
"""One folder of an EROFS image."""
USR_FILE_SIZE = 64 << 20
"""A file of a foreign usr image that is read as a whole."""
SBOM_SIZE = 64 << 20
"""The SBOM of an image that somebody else made."""
INSPECT_SECONDS = 120.0
"""A tool that reads a foreign image."""

# Access: contexts, keys, enrolment.
NODES_AT_ONCE = 32
"""Nodes that one command asks at the same time."""
KEY_SECONDS = 60.0
"""A key or a request that a node makes; under emulation a program takes its time to start."""
STATE_SECONDS = 100.0
"""Until the state partition is mounted, for a node that needs it to know who it is; systemd gives a disk 60, and the
agent 180 until it serves."""
ENROLMENT_MESSAGE_SIZE = 256 << 10
"""A message that a node takes while it has no certificate: from anybody."""
ENROLMENT_CALLS = 8
"""Calls under way at once on a node that has no certificate; gRPC itself refuses the next."""
ENROLMENT_REQUEST_SECONDS = 10.0
"""How long somebody who has begun such a call may take to send its request."""
ENROLMENT_PROOFS = 12
"""Questions to the TPM of a node that has no certificate in ENROLMENT_PROOF_SECONDS: from anybody. A proof is two."""
ENROLMENT_PROOF_SECONDS = 60.0
ENROLMENT_SECONDS = 60.0
"""From the certificate that a node got until it answers with it."""
RENEWAL_SECONDS = 120.0
"""How long a node serves with a certificate that nobody has confirmed."""
EXPIRY_DAYS = 30
"""How long before a certificate ends it is warned of."""

# Config of a node.
JOURNAL_SIZE = 64 << 10
GENERATION_SIZE = 4 << 20
"""A generation's file: the document as a JSON text, and who and when."""
GENERATIONS_SIZE = 8 << 20
"""What all generations of a node take of its state partition, which has some 60 MiB; the oldest go first."""
GENERATION_BLOCK = 4 << 10
"""A file of a generation counts as whole blocks of this size, so there are at most 2048 of them."""
CONFIG_SETTLE_SECONDS = 60.0
"""What a machine has, after a config was put in place, until its health is judged."""
CONFIG_STEADY_SECONDS = 5.0
"""How long health must hold before it counts: services and links say the old state for a moment."""
TRIAL_SECONDS = 3600.0
"""The longest trial."""
UNIT_SECONDS = 90.0
"""A job of systemd: a service that starts, stops or reads its config again."""
CONFIG_STEADY_NETWORK_SECONDS = 12.0
"""The same when the network changed: a neighbour that has gone is believed for eight seconds more."""
GATEWAY_SECONDS = 1.0
"""An answer of the default gateway."""
CONFIG_TEND_SECONDS = 30.0
"""How often the agent looks whether what a config has made is as it was made."""
CONFIG_BOOT_SECONDS = 120.0
"""How long the agent waits for the service that renders a config at boot."""
TUF_METADATA_SIZE = 4 << 20
"""One file of metadata of a repository, or an index of releases."""
TIMESTAMP_DAYS = 15
"""How long the timestamp of a repository may hold from now on: a repository signs for a day less (ONLINE_DAYS)."""
PATCH_HEAD_SIZE = 256 << 10
"""The begin of a patch: a segment of 8 MiB takes 48 bytes of it, a kernel module 24."""
ROOT_KEYS = 16
"""Root keys of one repository."""
ORIGIN_SECONDS = 30.0
"""How long a repository may say nothing."""
ORIGIN_BYTES_PER_SECOND = 1000
"""A repository that gives less is given up (slow retrieval)."""
SENT_PIECE = 256 << 10
"""Bytes of a release that a client sends in one message."""
SENT_QUESTION = 16 << 10
"""What the program that updates asks for in one question."""
SENT_QUESTIONS = 16
"""Questions that a client lets wait: a node asks one at a time."""
EXPORT_ENTRIES = 10_000
"""Entries of an archive of one exported release."""
UPDATE_CHECK_SECONDS = 30.0
"""The shortest time between two looks for a release, whatever a config says."""
UPDATE_RETRY_SECONDS = 60.0
"""From a failed look for a release, or a refused reboot, to the next try; doubled with each failure."""
UPDATE_SPREAD_SECONDS = 900.0
"""Over how long a fleet spreads what would else fall on one moment: looks after a start, reboots as a window opens."""
FLEET_LOCK_SECONDS = 30.0
"""All of one answer of a FleetLock server."""
FLEET_LOCK_SIZE = 64 << 10
"""The body of one."""
FLEET_LOCK_RETRY_SECONDS = 900.0
"""The longest time between two tries to get the lock, or to give it back."""
ORIGIN_OTHER_SIZE = 1 << 20
"""Bytes of an answer that are none of the file: its head, and what frames its body."""
UPDATE_END_SECONDS = 10.0
"""How long an update that has said its last word is waited for by the next one."""
CONFIG_RESUME_SECONDS = 60.0
"""How long a change of the config waits for an agent that has just begun, and brings the config up."""
CONFIG_PLAN_SECONDS = 60.0
"""What a client grants a node for saying what a change would do: the first one loads the types of documents."""
CONFIG_APPLY_SECONDS = 400.0
"""What a client grants a node for a change of its config: services, the time until it is judged, and the way back."""

DASHBOARD_SECONDS = 10.0
"""An answer to the dashboard, which tells a node that is slower than this as down."""

HEALTH_PROBES = 8
"""Checks of a machine config that run at once."""
HEALTH_PROBE_SECONDS = 5.0
"""What one of them may take, whatever it says: a client waits ten for all."""
LOOKOUT_SECONDS = 30.0
"""How often the agent makes the health checks when nobody asks for them."""
HEALTHY_SECONDS = 300.0
"""How long a release on trial may take to become healthy."""

# Logs and files of a node
COMPLETION_SECONDS = 2.0
"""How long tab completion waits for a node."""
BOOTS_BACK = 1000
"""How many boots back a person may ask for logs."""
LOG_MESSAGE = 64 << 10
"""Characters of one message of the journal."""
LOG_LINE = 1 << 20
"""Bytes of one line that a program prints for us to read."""
FILE_CHUNK = 64 << 10
"""Bytes of a file in one message."""
KEYS_SOUGHT = 1 << 20
"""How much of a file's begin is looked at for a private key before any part of it is given."""
FILE_READ = 1 << 30
"""Bytes of one file that a node gives."""
DRIFT_ENTRIES = 20_000
"""Files below /etc that are compared with the release."""
DRIFT_LISTED = 2_000
"""Differences that a node lists."""
DRIFT_TEXT = 256 << 10
"""Bytes of a file whose differences are shown."""
FILES_LISTED = 50_000
"""Files that one listing names."""
LIST_DEPTH = 16
# Resources of a node.
RESOURCES = 50_000
"""Resources of one kind that a node answers with."""
RESOURCE_NAMES = 1000
"""Names that one question may ask for."""
COMMAND_LINE_READ = 16 << 10
"""How much of a process's command line is read."""
COMMAND_LINE_SHOWN = 1000
"""Characters of it that are shown."""
CGROUPS = 10_000
SYSCTL_SIZE = 64 << 10
"""A file of /proc/sys: the kernel makes a buffer as large as what is asked for, and refuses large ones."""
DPKG_STATUS_SIZE = 64 << 20
NETLINK_SECONDS = 5.0
NETLINK_SIZE = 16 << 20
"""All answers of the kernel to one question over netlink."""
CONTAINERD_SECONDS = 5.0
CONTAINERD_SIZE = 16 << 20
"""One answer of containerd."""
# Boot.

BUTTON_SECONDS = 5.0
"""How often a power button is looked for on a machine that has none yet."""
BUTTON_AGAIN_SECONDS = 60.0
"""The same for another one."""
POWER_BUTTON_SECONDS = 5.0
"""Between two presses of a machine's power button."""
# Acts on a node: power, services, reset, debug containers.
REASON_LENGTH = 200
"""Characters of why somebody reboots, shuts down or resets."""
POWER_PAUSE_SECONDS = 1.0
"""From the answer of a reboot or shutdown until the node begins with it."""
REBOOT_SECONDS = 600.0
"""What a reboot may take, to a node that is healthy again."""
RESET_TOKEN_SECONDS = 600.0
"""How long the list of a reset's preview holds."""
RESET_TOKENS = 16
RESET_COUNT_ENTRIES = 50_000
"""Files that a preview counts below one folder."""
RESET_REQUEST_SIZE = 64 << 10
RESET_ITEMS = 500
"""Paths that a preview of a reset of / lists, and as many that it keeps."""
RESET_KEPT = 32
"""Patterns of what a reset keeps."""
RESET_PATTERN = 256
"""Characters of such a pattern."""
RESET_DEPTH = 128
"""Folders in folders down to which a reset looks for what it keeps; what lies deeper goes with its folder."""
DEBUG_SECONDS = 3600
"""A debug session, when its length is not said."""
DEBUG_SECONDS_MOST = 12 * 3600
DEBUG_ARCHIVE_SIZE = 4 << 30
"""An image archive that a client sends."""
DEBUG_ARCHIVE_SECONDS = 60.0
"""How long a client that sends an image archive may send nothing of it."""
DEBUG_PIECE = 256 << 10
"""Bytes of one message of a debug session."""
DEBUG_WORDS = 256
"""Words of a command in a debug container."""
DEBUG_WORDS_SIZE = 64 << 10
DEBUG_END_SECONDS = 10.0
"""What a debug session has to end its container, before that is removed by force."""
DEBUG_SESSIONS = 4
"""Debug sessions at once on one node."""

# Containers and volumes of a machine config.
CTR_SECONDS = 60.0
"""One question to containerd that moves no image."""
IMAGE_PULL_SECONDS = 1800.0
LEASE_SECONDS = 24 * 3600
"""How long containerd keeps what a pull has taken that does not come to its end, or a program that was killed."""
IMAGE_DOCUMENT_SIZE = 4 << 20
"""A manifest, index or config of an image, as registries limit them."""
IMAGE_ACCOUNTS_SIZE = 1 << 20
"""The files in which an image lists its accounts."""
IMAGE_LAYERS = 512
IMAGE_TEXTS = 4096
"""Entries of a list in such a document."""
IMAGE_TEXT = 128 << 10
"""Characters of a text in it: as much as the kernel takes of one argument or variable."""
REGISTRY_SECONDS = 30.0
"""A registry that says nothing."""
REGISTRY_TRIES = 5
"""Connections to a registry that break one after the other and bring nothing."""
REGISTRY_PIECE = 256 << 10
REGISTRY_TOKEN_SIZE = 64 << 10
IMAGE_FILE_SIZE = 4 << 20
"""A file of the image that a config adds to, such as the bundle of certificates."""
VOLUME_DISK_SECONDS = 30.0
"""How long a volume waits for its disk."""
VOLUME_MAKE_SECONDS = 550.0
"""Making or checking a file system."""
VOLUME_EMPTY_SIZE = 1 << 20
"""Bytes at the beginning of a disk that must be zero before it is given a file system."""

# Tasks of a node, and what they do: packets.
TASK_REQUEST = 256 << 10
"""The request of a task."""
TASK_REQUEST_SECONDS = 20.0
"""How long a task waits for its request."""
TASK_FRAME = 64 << 10
"""What a task sends in one piece."""
TASK_SILENCE_SECONDS = 60.0
"""How long a task may say nothing, unless its caller knows better."""
CAPTURE_SECONDS = 3600.0
"""The longest capture of packets."""
CAPTURE_SIZE = 1 << 30
"""Bytes of the largest capture."""
CAPTURE_TERMS = 8
"""Hosts, ports or protocols of one filter."""
CAPTURE_BUFFER = 8 << 20
"""What the kernel keeps of packets that a capture has not read yet."""

# Measured boot.
TPM_RESPONSE = 4096
"""The largest response of a TPM."""
EVENT_LOG_SIZE = 512 << 10
"""A log of measurements. Firmware writes some 20 KiB; a node's answer holds two of them."""
EVENT_LOG_EVENTS = 4096
MAKERS_FILES = 4096
"""Files of certificates of makers of TPMs; all makers together have some hundreds."""
MAKERS_DEPTH = 6
"""Authorities between the certificate of an endorsement key and its root: makers have one or two."""
ATTESTATION_SIZE = 4 << 20
"""The document of an attestation: two logs in base64, and little else."""
ENCRYPTION_SECONDS = 120.0
"""New keys for encrypted partitions: the TPM gives the disk's key once for each of them, and takes one."""
ENCRYPTION_TURN_SECONDS = 20.0
"""How long a call waits for the one before, which has answered and ends; one that works takes longer and is told."""
ENCRYPTION_TURN_PAUSE = 0.2
SHUT_SECONDS = 3600.0
"""How long a node whose disk is shut waits for its recovery keys, before it starts again and asks the TPM once more."""
RECOVERY_PAUSE_SECONDS = 2.0
"""After a recovery key that opens nothing, from somebody whom nothing else identifies."""
TANG_SECONDS = 10.0
"""A question to a tang server, with its answer."""
TANG_ANSWER = 64 << 10
"""What a tang server says at once. An advertisement has some 2 KiB."""
TANG_BINDING = 64 << 10
"""The document on the ESP with what the key of the disk is bound to."""
TANG_PAUSE_SECONDS = 30.0
"""The longest pause between two tries to get the key of the disk."""
TANG_QUIET_SECONDS = 10.0
"""How long a boot tries before it says why it waits: the network needs a moment."""
TANG_AGAIN_SECONDS = 600.0
"""After so long a reason that was said is said again."""
ATTEST_SECONDS = 60.0
"""A quote: a TPM of hardware takes up to a second for each of its keys, and an emulated machine for its program."""

# Crash records of a node.
CRASHES_KEPT = 8
CRASH_TAIL = 128 << 10
"""Bytes of the kernel's last words, and of the journal's, in one record."""
CRASH_RECORD = 1 << 20
"""A record as it lies on the state partition."""
PSTORE_FILES = 64
"""Files of one boot in pstore."""
JOURNAL_SECONDS = 120.0
"""journalctl that reads the end of a boot, on a machine that is starting."""

# Support bundle.
SUPPORT_SECTION = 32 << 20
"""Bytes of one part of a support bundle."""
SUPPORT_LINES = 5000
"""Entries of the journal in a support bundle."""
SUPPORT_SECONDS = 120.0
"""One part of a support bundle."""

KERNEL_SECONDS = 6 * 3600.0
"""One run in the sandbox of a kernel's build: a slow computer takes an hour, and a large config three."""
KERNEL_SCRATCH = 4 << 30
"""What the sandbox may keep in its /tmp: what the compiler hands to the assembler."""
KERNEL_KEY_ROOM = 64 << 20
"""Memory for the folder in which the key of the modules lies."""
KERNEL_OBJECTS = 5 << 30
"""Objects of earlier builds of kernels, in the cache: two builds of a large config."""
KERNEL_OBJECTS_LOG = 64 << 20
KERNEL_FRAGMENT_SIZE = 1 << 20
KERNEL_MODULE_SOURCE = 256 << 20
"""The source of one module of a person's own, unpacked or not."""
KERNEL_MODULE_FILES = 20_000
KERNEL_DKMS_CONF = 64 << 10
"""Bytes of a dkms.conf."""
KERNEL_LOG_LINES = 40
"""How many last lines of a failed build an error shows."""
NUMBER_SIZE = 64
"""A file that holds one number."""
