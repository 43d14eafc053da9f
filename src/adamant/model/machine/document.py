"""The machine config: the document that says how one machine runs, `kind: Machine`.

The types are the schema: the JSON Schema, the reference page and the checks are made from them. Everything is optional:
an empty config is what a machine runs without one. What several values must be together stands in `check`. Times are
written with a unit (`30s`, `5m`, `12h`, `7d`), sizes with `M` or `G`. Runs on machines: it imports msgspec and errors.
"""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from adamant.model.machine.secret import Secret

HOSTNAME_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$"
LINK_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$"
NAME_PATTERN = r"^[a-z][a-z0-9-]{0,31}$"

Hostname = Annotated[
    str, Meta(pattern=HOSTNAME_PATTERN, max_length=64, description="a host name in lower case, at most 64 characters")
]
LinkName = Annotated[str, Meta(pattern=LINK_PATTERN, description="the name of a link, at most 15 characters")]
MacAddress = Annotated[str, Meta(pattern=r"^[0-9a-f]{2}(:[0-9a-f]{2}){5}$", description="a MAC address in lower case")]
Address = Annotated[str, Meta(pattern=r"^[0-9a-fA-F:.]{2,45}$", description="an IP address")]
Prefix = Annotated[
    str,
    Meta(pattern=r"^[0-9a-fA-F:.]{2,45}/[0-9]{1,3}$", description="an IP address with its prefix, as in 10.0.0.5/24"),
]
Domain = Annotated[str, Meta(pattern=r"^~?[A-Za-z0-9._-]{1,253}$", description="a domain")]
Server = Annotated[str, Meta(pattern=r"^[A-Za-z0-9.:_-]{1,253}$", description="a host name or an IP address")]
Duration = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,6}(s|m|h|d)$", description="a time such as 30s, 5m, 12h or 7d")]
Size = Annotated[
    str, Meta(pattern=r"^[1-9][0-9]{0,9}[MG]$", description="a number with M (MiB) or G (GiB), as in 512M")
]
Name = Annotated[str, Meta(pattern=NAME_PATTERN, description="lower-case letters, digits and dashes, at most 32")]
Url = Annotated[
    str,
    Meta(
        pattern=r"^https?://[A-Za-z0-9.:\[\]-]{1,255}(/[!-~]{0,1700})?$",
        description="an address with http or https, without a user's name or password",
    ),
]
UnitName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9:_.@-]{1,120}\.(service|socket|timer|path|target|mount)$",
        description="a name that ends in .service, .socket, .timer, .path, .target or .mount",
    ),
]


class Dhcp(StrEnum):
    """Which addresses a link asks for by DHCP."""

    YES = "yes"
    IPV4 = "ipv4"
    IPV6 = "ipv6"
    NO = "no"


class Route(Struct, frozen=True, forbid_unknown_fields=True):
    """A route over a link."""

    to: Prefix | None = None
    """Where it leads; the default route when it is not given."""
    via: Address | None = None
    """The gateway; without one, what is there is on the link."""
    metric: Annotated[int, Meta(ge=0, le=4294967295)] | None = None
    """Of several routes, the one with the lowest metric is taken."""


class BondMode(StrEnum):
    """How a bond uses its links (Linux, Documentation/networking/bonding.rst)."""

    ACTIVE_BACKUP = "active-backup"
    LACP = "802.3ad"
    BALANCE_RR = "balance-rr"
    BALANCE_XOR = "balance-xor"


class Vlan(Struct, frozen=True, forbid_unknown_fields=True):
    """Makes the link a VLAN on top of another."""

    id: Annotated[int, Meta(ge=1, le=4094)]
    """The VLAN's number (IEEE 802.1Q)."""
    link: LinkName
    """The link below it."""


class Bond(Struct, frozen=True, forbid_unknown_fields=True):
    """Makes the link a bond of others."""

    links: Annotated[tuple[LinkName, ...], Meta(min_length=1, max_length=16)]
    """The links that it bonds."""
    mode: BondMode = BondMode.ACTIVE_BACKUP
    """How it uses them."""


class Bridge(Struct, frozen=True, forbid_unknown_fields=True):
    """Makes the link a bridge of others."""

    links: Annotated[tuple[LinkName, ...], Meta(max_length=64)] = ()
    """The links that it joins."""
    stp: bool = False
    """Whether it speaks the spanning tree protocol."""


class Interface(Struct, frozen=True, forbid_unknown_fields=True):
    """A link of the machine, found by its name or its MAC address, or made as a VLAN, bond or bridge."""

    name: LinkName | None = None
    """Name of the link."""
    mac: MacAddress | None = None
    """MAC address of the link, in place of its name."""
    dhcp: Dhcp | None = None
    """Which addresses it asks for; both when it has none of its own, no otherwise."""
    addresses: tuple[Prefix, ...] = ()
    """Addresses of its own."""
    routes: tuple[Route, ...] = ()
    """Routes over it."""
    mtu: Annotated[int, Meta(ge=576, le=65536)] | None = None
    """Largest packet, in bytes."""
    required: bool = True
    """Whether the machine counts as having a network only when this link has one."""
    vlan: Vlan | None = None
    """Makes it a VLAN."""
    bond: Bond | None = None
    """Makes it a bond."""
    bridge: Bridge | None = None
    """Makes it a bridge."""


class Dns(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Name resolution."""

    servers: tuple[Server, ...] = ()
    """Name servers for all links, besides those that links learn."""
    search: tuple[Domain, ...] = ()
    """Domains that short names are looked up in; with ~ in front, those whose names these servers answer."""
    over_tls: bool = False
    """Whether name servers are asked over TLS only."""


class Network(Struct, frozen=True, forbid_unknown_fields=True):
    """The network. Without interfaces, every link asks by DHCP."""

    interfaces: Annotated[tuple[Interface, ...], Meta(max_length=256)] = ()
    """The links."""
    dns: Dns = Dns()
    """Name resolution."""


class Time(Struct, frozen=True, forbid_unknown_fields=True):
    """The clock."""

    servers: tuple[Server, ...] = ()
    """NTP servers; those of the image when there are none."""
    zone: Annotated[
        str, Meta(pattern=r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}$", description="such as Europe/Berlin")
    ] = "UTC"
    """Time zone of logs and timers."""


class User(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A person who may log in. In the posture open only."""

    name: Annotated[str, Meta(pattern=r"^[a-z_][a-z0-9_-]{0,31}$", description="a user name")]
    """The user's name; root is allowed."""
    authorized_keys: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^(ssh|ecdsa|sk-)[!-~]+ [!-~]+( .*)?$", max_length=8192)], ...],
        Meta(max_length=64),
    ] = ()
    """Public keys, as OpenSSH writes them: who has one of them logs in by SSH."""
    groups: tuple[Annotated[str, Meta(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")], ...] = ()
    """Further groups, such as sudo."""
    uid: Annotated[int, Meta(ge=1000, le=59999)] | None = None
    """The user's number; without one, it follows from the name."""
    shell: Annotated[str, Meta(pattern=r"^/[!-9;-~]+$", max_length=256, description="an absolute path")] | None = None
    """The program that a login starts: /bin/bash when none is given."""
    password_hash: Secret | None = None
    """Hash of a password (crypt(5)), for a login at the console and nowhere else."""


class RegistryAuth(Struct, frozen=True, forbid_unknown_fields=True):
    """How the machine proves who it is to a registry."""

    username: Annotated[str, Meta(min_length=1, max_length=256)]
    """The user's name."""
    password: Secret
    """The password, or a token."""


class Registry(Struct, frozen=True, forbid_unknown_fields=True):
    """A registry of container images, and where its images are really fetched from."""

    host: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9]+([.-]+[A-Za-z0-9]+)*(:[0-9]{1,5})?$",
            max_length=255,
            description="as in docker.io or reg.lan:5000",
        ),
    ]
    """The registry as names of images say it."""
    mirrors: Annotated[tuple[Url, ...], Meta(max_length=16)] = ()
    """Mirrors, tried in order before the registry itself."""
    fallback: bool = True
    """Whether the registry itself is asked when no mirror answers."""
    ca: Annotated[str, Meta(pattern=r"^-----BEGIN CERTIFICATE-----[\s\S]+$", max_length=65536)] | None = None
    """Certificate (PEM) of the CA that the mirrors' certificates come from."""
    auth: RegistryAuth | None = None
    """Name and password."""


class Kernel(Struct, frozen=True, forbid_unknown_fields=True):
    """The kernel at run time."""

    sysctls: dict[
        Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*(\.[A-Za-z0-9_-]+)+$", max_length=128)],
        Annotated[str, Meta(pattern=r"^[ -~]{1,256}$")],
    ] = {}
    """Kernel parameters (sysctl.d(5)) by name, values as text. The posture says which may be set."""
    modules: tuple[Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}$")], ...] = ()
    """Modules of the image to load at boot."""
    arguments: tuple[Annotated[str, Meta(pattern=r"^[!-~]{1,256}$")], ...] = ()
    """Words added to the kernel's command line from the next boot on. The posture says which; not with Secure Boot."""


class Filesystem(StrEnum):
    """File systems of volumes."""

    EXT4 = "ext4"
    XFS = "xfs"


class DiskSelector(Struct, frozen=True, forbid_unknown_fields=True):
    """Finds one disk or partition. What is given must all fit, and exactly one must."""

    id: (
        Annotated[
            str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:+-]{0,254}$", description="a name below /dev/disk/by-id")
        ]
        | None
    ) = None
    """A name below /dev/disk/by-id."""
    label: (
        Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,35}$", description="a partition's label")] | None
    ) = None
    """Label of a partition."""
    serial: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$")] | None = None
    """Serial number of a disk."""


class Volume(Struct, frozen=True, forbid_unknown_fields=True):
    """A file system on a disk of its own, mounted at /var/mnt/NAME. Never the system disk."""

    name: Name
    """Its name."""
    disk: DiskSelector
    """Which disk or partition."""
    filesystem: Filesystem = Filesystem.EXT4
    """What an empty one gets. One that holds anything is never formatted."""


class ExtraFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A file below /etc."""

    path: Annotated[str, Meta(pattern=r"^/etc/[A-Za-z0-9._@+-]+(/[A-Za-z0-9._@+-]+){0,8}$", max_length=256)]
    """Where it stands."""
    content: Annotated[str, Meta(max_length=262144)] | None = None
    """Its contents."""
    secret: Secret | None = None
    """Its contents, when they are secret; then its mode is 0600 at most."""
    mode: Annotated[str, Meta(pattern=r"^0[0-7]{3}$", description="four octal digits, as in 0644")] = "0644"
    """Permission bits. The owner is root."""


class Unit(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A systemd unit: a new one, or a drop-in for one of the image. The posture says which."""

    name: UnitName
    """Its name."""
    content: Annotated[str, Meta(max_length=65536)] | None = None
    """A new unit's contents."""
    drop_in: Annotated[str, Meta(max_length=65536)] | None = None
    """Lines added to a unit of the image (systemd.unit(5), drop-ins)."""
    enable: bool = True
    """Whether a new unit starts at boot."""


class HttpCheck(Struct, frozen=True, forbid_unknown_fields=True):
    """A GET that must be answered."""

    url: Url
    """What is asked for."""
    status: Annotated[int, Meta(ge=100, le=599)] = 200
    """The status that counts as healthy."""


class TcpCheck(Struct, frozen=True, forbid_unknown_fields=True):
    """A connection that must come about."""

    host: Server
    """Where."""
    port: Annotated[int, Meta(ge=1, le=65535)]
    """Which port."""


class HealthCheck(Struct, frozen=True, forbid_unknown_fields=True):
    """A check of the machine's own: exactly one of unit, http, tcp and container."""

    name: Name
    """Its name among the checks."""
    unit: UnitName | None = None
    """A unit that must be active."""
    http: HttpCheck | None = None
    """A GET that must be answered."""
    tcp: TcpCheck | None = None
    """A connection that must come about."""
    container: Name | None = None
    """A container of this config that must run."""
    timeout: Duration = "5s"
    """How long one try may take."""


class Window(Struct, frozen=True, forbid_unknown_fields=True):
    """When the machine may reboot by itself."""

    days: tuple[Annotated[str, Meta(pattern=r"^(mon|tue|wed|thu|fri|sat|sun)$", description="mon to sun")], ...] = ()
    """Days of the week; all when there are none."""
    start: Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="as in 03:30")] = "00:00"
    """When it begins, by the machine's time zone."""
    length: Duration = "24h"
    """How long it is open."""


class FleetLock(Struct, frozen=True, forbid_unknown_fields=True):
    """A server that says which machines may reboot at the same time (FleetLock protocol, as of Zincati and Airlock)."""

    url: Annotated[
        str,
        Meta(
            pattern=r'^https?://[A-Za-z0-9.:\[\]-]{1,255}(/[!"$->@-~]{0,1700})?$',
            description="an address with http or https, without a user's name, password or query",
        ),
    ]
    """Address of the server; the paths of the protocol come after it."""
    group: Annotated[str, Meta(pattern=r"^[A-Za-z0-9.-]{1,64}$", description="letters, digits, dots and dashes")] = (
        "default"
    )
    """The machines that this one shares its lock with."""


class Update(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Where releases come from, and when they are taken."""

    repository: Url | None = None
    """Address of the repository. Without one, the machine is updated by hand."""
    channel: Name = "stable"
    """The channel."""
    check: Duration = "6h"
    """How often it looks for a release, each machine at another moment; never more often than every 30s."""
    automatic: bool = True
    """Whether a release is staged, and the machine rebooted in its window, without being told to."""
    window: Window = Window()
    """When it may reboot."""
    fleet_lock: FleetLock | None = None
    """Who is asked before it reboots by itself. Without one, the window alone decides."""
    bandwidth: Size | None = None
    """Most bytes a second."""


class Revoked(Struct, frozen=True, forbid_unknown_fields=True):
    """A client's certificate that is not taken any more."""

    fingerprint: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$", description="64 hexadecimal digits")]
    """SHA-256 of the certificate."""
    name: Annotated[str, Meta(max_length=64)] = ""
    """Whose it was, for people."""


class Certificates(Struct, frozen=True, forbid_unknown_fields=True):
    """Certificates."""

    trusted: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^-----BEGIN CERTIFICATE-----[\s\S]+$", max_length=65536)], ...],
        Meta(max_length=64),
    ] = ()
    """Certificates (PEM) of further CAs that programs of the host trust."""
    revoked: Annotated[tuple[Revoked, ...], Meta(max_length=1000)] = ()
    """Clients of the API that are not let in any more."""
    names: Annotated[tuple[Server, ...], Meta(max_length=32)] = ()
    """Further names and addresses of this machine in its certificate, from its next renewal on."""


class ContainerNetwork(StrEnum):
    """The network of a container."""

    HOST = "host"
    NONE = "none"


class Restart(StrEnum):
    """When a container that has ended is started again."""

    ALWAYS = "always"
    ON_FAILURE = "on-failure"
    NEVER = "never"


class Mount(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A folder of the host inside a container."""

    source: Annotated[str, Meta(pattern=r"^/var/(lib|mnt)/[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$", max_length=256)]
    """The folder, below /var/lib or /var/mnt; it is made when it is not there."""
    target: Annotated[str, Meta(pattern=r"^/[A-Za-z0-9._/-]+$", max_length=256)]
    """Where the container sees it."""
    read_only: bool = False
    """Whether the container may only read."""


class AnyContainer(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What containers of both kinds have."""

    name: Name
    """Its name."""
    image: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9.:-]+(/[a-z0-9._-]+)+(:[A-Za-z0-9._-]{1,128})?(@sha256:[0-9a-f]{64})?$",
            max_length=400,
            description="the whole name of an image, as in docker.io/library/nginx:1.27",
        ),
    ]
    """The image, which is pulled once. With a digest it is the same on every machine."""
    command: Annotated[tuple[str, ...], Meta(max_length=256)] = ()
    """Program and arguments in place of the image's."""
    environment: dict[Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], Secret] = {}
    """Variables, one line each; each is masked, since one never knows."""
    mounts: Annotated[tuple[Mount, ...], Meta(max_length=64)] = ()
    """Folders of the host."""
    memory: Size | None = None
    """Most memory."""
    cpus: Annotated[float, Meta(gt=0, le=1024)] | None = None
    """Most processors, as in 0.5."""
    restart: Restart = Restart.ALWAYS
    """When it is started again."""
    privileged: bool = False
    """Whether it has all rights on the host, but to load kernel modules and to read the kernel's log."""


class Container(AnyContainer, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A container that the machine runs by itself."""

    network: ContainerNetwork = ContainerNetwork.HOST
    """Its network."""


class Sight(StrEnum):
    """What a host container is shown of the host."""

    JOURNAL = "journal"
    NETWORK = "network"
    PROCESSES = "processes"
    ROOT = "root"


class HostContainer(AnyContainer, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A container that looks after the machine, apart from its workload."""

    sees: Annotated[tuple[Sight, ...], Meta(max_length=8)] = ()
    """What of the host it is shown: `journal`, its logs, read-only; `network`, its network in place of none;
    `processes`, those of the host and of all containers; `root`, `/usr` and `/etc` at `/host`, read-only."""


class HostLimits(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What all host containers and their containerd may use together."""

    cpu_weight: Annotated[int, Meta(ge=1, le=100)] = 50
    """Share of the processors when all want them; the services of the machine have 100."""
    memory: Size = "512M"
    """Most memory, from 128M on; never more than three quarters of the machine's."""
    tasks: Annotated[int, Meta(ge=64, le=32768)] = 1024
    """Most processes and threads."""


class HostContainers(Struct, frozen=True, forbid_unknown_fields=True):
    """Containers that look after the machine: with a containerd of their own, and shown only what the config says."""

    limits: HostLimits = HostLimits()
    """What they may use together."""
    containers: Annotated[tuple[HostContainer, ...], Meta(max_length=16)] = ()
    """The containers. Their names differ from those of all other containers."""


class Machine(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="Machine",
    rename={"api_version": "apiVersion", "host_containers": "hostContainers"},
):
    """A machine config: how one machine runs."""

    api_version: Annotated[str, Meta(pattern=r"^adamant/v1$", description="adamant/v1")] = "adamant/v1"
    """Version of this format."""
    hostname: Hostname | None = None
    """Name of the machine."""
    network: Network = Network()
    """Links, addresses, routes and names."""
    time: Time = Time()
    """NTP servers and time zone."""
    users: Annotated[tuple[User, ...], Meta(max_length=64)] = ()
    """Who may log in, in the posture open."""
    registries: Annotated[tuple[Registry, ...], Meta(max_length=64)] = ()
    """Registries of container images."""
    kernel: Kernel = Kernel()
    """Kernel parameters, modules and arguments."""
    volumes: Annotated[tuple[Volume, ...], Meta(max_length=64)] = ()
    """Further disks."""
    files: Annotated[tuple[ExtraFile, ...], Meta(max_length=256)] = ()
    """Files below /etc."""
    units: Annotated[tuple[Unit, ...], Meta(max_length=256)] = ()
    """systemd units."""
    health: Annotated[tuple[HealthCheck, ...], Meta(max_length=64)] = ()
    """Checks that a boot must pass, and that health shows."""
    update: Update = Update()
    """Releases."""
    certificates: Certificates = Certificates()
    """CAs, revoked clients, further names."""
    containers: Annotated[tuple[Container, ...], Meta(max_length=64)] = ()
    """Containers."""
    host_containers: HostContainers = HostContainers()
    """Containers that look after the machine. The posture says whether."""
