"""The kinds of resources: what each shows, who collects it, and the columns of its table.

A collector is imported when its kind is asked for the first time, so that an agent that nobody asks stays small.
"""

from typing import NamedTuple

_HERE = "adamant.node.resources"


class Kind(NamedTuple):
    """A kind. `field` is that of Spec that holds it; `collector` is a function by MODULE:NAME of this folder.

    `columns` are fields of its message, as FIELD, FIELD:FORMAT or TITLE=FIELD:FORMAT, with the formats of the API.
    `seconds` is how often a watched kind is looked at; a change of the fields `quiet` alone tells a watcher nothing.
    `by_name` says that its collector looks for the names that are asked for and cannot list all it knows.
    """

    name: str
    field: str
    description: str
    collector: str
    columns: str
    seconds: float = 2.0
    quiet: tuple[str, ...] = ()
    by_name: bool = False

    @property
    def module(self) -> str:
        """The module of the collector."""
        return f"{_HERE}.{self.collector.partition(':')[0]}"


_KINDS = (
    Kind(
        "boot",
        "boot",
        "how the running system was booted",
        "agent:boot",
        "slot verity secure_boot uki total_usec:duration",
        30,
    ),
    Kind("health", "health", "health checks", "agent:health", "state since_usec:time message", 5),
    Kind(
        "slots",
        "slot",
        "the two places for a usr image, and which one runs",
        "slots:collect",
        "running version content size_bytes:bytes device root_hash:digest",
        10,
    ),
    Kind(
        "services",
        "service",
        "services, sockets, timers and mounts of systemd",
        "services:collect",
        "active sub since_usec:time PID=main_pid:id memory_bytes:bytes CPU=cpu_usec:duration restarts result",
        2,
        ("memory_bytes", "cpu_usec"),
    ),
    Kind("mounts", "mount", "mounted file systems", "mounts:collect", "type access source options"),
    Kind(
        "disks",
        "disk",
        "disks and their partitions",
        "disks:collect",
        "size_bytes:bytes model serial transport partitions.label",
        5,
        ("partitions",),
    ),
    Kind(
        "links",
        "link",
        "network interfaces",
        "network_config:collect_links",
        "state type kind address MTU=mtu_bytes RECEIVED=received_bytes:bytes SENT=sent_bytes:bytes errors dropped",
        2,
        ("received_bytes", "sent_bytes", "received_packets", "sent_packets"),
    ),
    Kind(
        "addresses",
        "address",
        "addresses of network interfaces",
        "network_config:collect_addresses",
        "family scope dynamic valid_seconds",
        2,
        ("valid_seconds",),
    ),
    Kind(
        "routes",
        "route",
        "routes to networks",
        "network_config:collect_routes",
        "gateway source metric protocol scope table",
    ),
    Kind("resolvers", "resolver", "where names are asked for", "resolvers:collect", "servers domains", 5),
    Kind(
        "time",
        "clock",
        "the clock, and who set it",
        "clock:collect",
        "time_usec:time zone synchronized server status",
        5,
        ("time_usec", "synchronized_usec"),
    ),
    Kind(
        "containers",
        "container",
        "containers of the machine's containerds",
        "containers:collect_containers",
        "state image PID=pid:id EXIT=exit_code created_usec:time containerd",
    ),
    Kind(
        "images",
        "image",
        "images of the machine's containerds",
        "containers:collect_images",
        "digest:digest TYPE=media_type created_usec:time containerd",
        5,
    ),
    Kind("extensions", "extension", "extensions over the usr image", "extensions:collect", "id version level", 30),
    Kind("packages", "package", "Debian packages of the image", "packages:collect", "version arch summary", 60),
    Kind(
        "kernel-arguments",
        "kernel_argument",
        "arguments that the kernel was started with",
        "kernel_arguments:collect",
        "position value",
        60,
    ),
    Kind(
        "modules",
        "module",
        "loaded modules of the kernel",
        "modules:collect",
        "size_bytes:bytes uses signed state used_by",
        5,
        ("uses",),
    ),
    Kind("protections", "protection", "protections of the kernel", "protections:collect", "state", 30),
    Kind(
        "sysctls",
        "sysctl",
        "settings of the kernel that this machine makes, or any by name",
        "sysctls:collect",
        "value file",
        5,
        by_name=True,
    ),
    Kind(
        "certificates",
        "certificate",
        "certificates of the node",
        "certificates:collect",
        "subject issuer names UNTIL=not_after_usec:time fingerprint:digest",
        30,
    ),
    Kind(
        "config-generations",
        "config_generation",
        "configs that the machine was given",
        "generations:collect",
        "running good next why by created_usec:time sha256:digest",
        2,
    ),
    Kind(
        "processes",
        "process",
        "processes",
        "processes:collect",
        "user state memory_bytes:bytes CPU=cpu_usec:duration threads started_usec:time PROGRAM=name command",
        2,
        ("memory_bytes", "cpu_usec", "state"),
    ),
    Kind(
        "memory",
        "memory",
        "memory of the machine",
        "memory:collect",
        "total_bytes:bytes available_bytes:bytes free_bytes:bytes cached_bytes:bytes slab_bytes:bytes "
        "dirty_bytes:bytes SWAP=swap_total_bytes:bytes",
    ),
    Kind(
        "cpu",
        "cpu",
        "where the time of the processors went, and the load",
        "cpu:collect",
        "user_usec:duration system_usec:duration WAIT=wait_usec:duration idle_usec:duration "
        "STOLEN=stolen_usec:duration load_1 load_5 load_15",
    ),
    Kind(
        "cgroups",
        "cgroup",
        "control groups and what they use",
        "cgroups:collect",
        "memory_bytes:bytes MAX=memory_max_bytes:bytes CPU=cpu_usec:duration tasks READ=read_bytes:bytes "
        "WRITTEN=written_bytes:bytes killed",
        5,
    ),
    Kind(
        "pressure",
        "pressure",
        "how much work waits for processors, memory, disks",
        "pressure:collect",
        "some_10:percent some_60:percent some_300:percent full_10:percent full_60:percent full_300:percent",
    ),
    Kind(
        "disk-usage",
        "disk_usage",
        "space of mounted file systems",
        "disk_usage:collect",
        "type size_bytes:bytes used_bytes:bytes free_bytes:bytes files_used source",
        5,
    ),
    Kind(
        "sockets",
        "socket",
        "sockets of the network, and those that listen",
        "sockets:collect",
        "state user receive_queue_bytes:bytes send_queue_bytes:bytes cgroup",
        2,
        ("receive_queue_bytes", "send_queue_bytes"),
    ),
    Kind(
        "updates",
        "update",
        "releases that the machine looks for by itself, and what came of it",
        "updates:collect",
        "running staged failed channel automatic LOOKED=looked_usec:time result NEXT=next_usec:time window open",
        5,
    ),
)

KINDS: dict[str, Kind] = {kind.name: kind for kind in _KINDS}
