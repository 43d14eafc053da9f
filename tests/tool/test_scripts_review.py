"""No package that people add to a container host has a maintainer script that nobody has read."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from adamant.model.arch import Arch
from adamant.model.definition import Base
from adamant.model.digest import Sha256
from adamant.model.lock import Package
from adamant.packages import base, fetch, mirror
from adamant.packages.apt import Apt
from adamant.packages.deb import open_deb
from adamant.packages.layer import Layer
from adamant.packages.scripts import reviewed
from adamant.packages.scripts.review import Review, describe, review

NAMED = """
    amazon-ec2-utils apparmor auditd bash-completion bind9-dnsutils bird2 bridge-utils btrfs-progs ca-certificates
    ceph-common cifs-utils cloud-guest-utils cloud-init collectd-core conntrack conntrackd containerd
    containernetworking-plugins cron crun cryptsetup curl dbus dnsmasq docker-cli docker.io dosfstools e2fsprogs
    erofs-utils etcd-client etcd-server ethtool fail2ban fdisk file frr fuse3 fwupd gdisk git gnupg haproxy hdparm htop
    hyperv-daemons ifenslave iotop-c iperf3 ipmitool ipset iptables iputils-arping iputils-ping iputils-tracepath
    ipvsadm irqbalance jq keepalived kexec-tools kmod less libnss-myhostname libnss-resolve libnss-systemd
    libpam-systemd lldpd lm-sensors locales logrotate login lsof lvm2 man-db mdadm mtr-tiny multipath-tools nano
    netcat-openbsd nfs-common nfs-kernel-server nftables nginx nvme-cli open-iscsi open-vm-tools openipmi
    openssh-server openssl openvswitch-switch parted passwd pciutils podman polkitd postgresql-client
    prometheus-node-exporter python3 qemu-guest-agent quota radvd rasdaemon rdma-core redis-tools rpcbind rsync rsyslog
    runc screen sg3-utils smartmontools snmp snmpd socat squashfs-tools sssd strace sudo sysstat systemd-boot
    systemd-container systemd-coredump systemd-cryptsetup systemd-oomd systemd-timesyncd systemd-zram-generator tcpdump
    tmux tpm2-tools traceroute tree tuned tzdata ufw unbound usbutils vim-tiny vlan watchdog wget wireguard-tools
    xfsprogs zsh zstd
""".split()  # noqa: SIM905 a list to be read and added to
ESSENTIAL = """
    base-files base-passwd bash bsdutils coreutils dash debianutils diffutils dpkg findutils grep gzip hostname
    init-system-helpers libc-bin mawk ncurses-base ncurses-bin perl-base sed sysvinit-utils tar util-linux
    libpam-runtime mount adduser apt
""".split()  # noqa: SIM905
APART = ["chrony"]
"""They cannot be together with others that are named."""


def controls(packages: list[Package], cache: Path) -> Iterator[Layer]:
    """Layers without their contents, which a review does not look at."""
    debs = fetch.fetch(packages, cache)
    for package in packages:
        with open_deb(debs[Sha256(package.sha256)], Sha256(package.sha256)) as deb:
            control = deb.control
            yield Layer(package, [], control.fields, control.scripts, control.conffiles, control.triggers)


@pytest.fixture(scope="module")
def found(cache: Path) -> Review:
    """The review of all named packages and what they need, from the suite and its security updates."""
    apt = Apt(Arch.AMD64, Base(), mirror.find(), cache)
    apt.update()
    kernels = [name for (arch, _), name in base.KERNELS.items() if arch is Arch.AMD64]
    chosen = {
        package.sha256: package
        for names in ([*base.BASE, *kernels, *ESSENTIAL, *NAMED], APART)
        for package in apt.solve(names).packages
    }
    return review(controls(list(chosen.values()), cache))


def test_none_of_their_scripts_is_unreviewed(found: Review) -> None:
    assert [describe(script) for script in found.unreviewed] == []


def test_sections_of_every_kind_were_translated(found: Review) -> None:
    kinds = {type(effect).__name__ for effects in found.effects.values() for effect in effects}
    assert kinds >= {"EnableUnit", "Alternative", "Replaced", "Nothing", "NssService", "File", "Copy", "Account"}


def test_units_that_every_host_relies_on_are_enabled(found: Review) -> None:
    enabled = {unit.unit for units in found.units.values() for unit in units if not unit.user}
    assert enabled >= {
        "containerd.service", "systemd-resolved.service", "systemd-timesyncd.service", "nginx.service", "frr.service",
        "getty@tty1.service", "cron.service", "multipathd.service", "docker.socket",
    }  # fmt: skip
    # switched off by debconf's defaults, or by the package itself
    assert not enabled & {"iperf3.service", "sysstat.service", "podman-auto-update.timer", "nftables.service"}


def test_the_table_names_packages_that_exist(cache: Path) -> None:
    """An entry for a package that Debian has renamed would never be looked at again."""
    apt = Apt(Arch.AMD64, Base(), mirror.find(), cache)
    names = sorted({entry.package for entry in reviewed.reviewed().values()} - {"linux-image-*"})
    apt.solve([name for name in names if name not in APART])
