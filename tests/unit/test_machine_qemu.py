"""QEMU's command line: one table of what a machine is and what that must say."""

from dataclasses import replace
from pathlib import Path

import pytest

from adamant.machine import probe
from adamant.machine.accelerator import Accelerator
from adamant.machine.qemu import DirectKernel, MachineSpec, OnPanic, arguments, mac
from adamant.model.arch import Arch

UUID = "0b5d9dd6-6a0c-4e39-b3c6-0d1e2f30a1b2"

PLAIN = MachineSpec(
    name="one",
    arch=Arch.AMD64,
    accelerator=Accelerator.TCG,
    uuid=UUID,
    memory=2 << 30,
    cpus=2,
    port=45100,
    code=Path("/tools/OVMF_CODE_4M.fd"),
    data_folders=(Path("/tools/qemu"), Path("/tools/seabios")),
)
ARM = replace(PLAIN, arch=Arch.ARM64, code=Path("/tools/AAVMF_CODE.fd"))


def test_further_ports_lead_to_the_machine_beside_that_of_the_api() -> None:
    words = arguments(replace(PLAIN, forwards=((2222, 22), (8080, 80))))
    wanted = (
        "user,id=net,hostfwd=tcp:127.0.0.1:45100-:4510,hostfwd=tcp:127.0.0.1:2222-:22,hostfwd=tcp:127.0.0.1:8080-:80"
    )
    assert wanted in words


def test_the_whole_line_of_an_amd64_machine() -> None:
    assert list(arguments(PLAIN)) == [
        *("-name", "adamant-one"),
        *("-uuid", UUID),
        *("-machine", "q35,smm=off,vmport=off,sata=off,i8042=off"),
        *("-accel", "tcg,thread=multi"),
        *("-cpu", "max,erms=off,fsrm=off"),
        *("-smp", "2"),
        *("-m", "2048"),
        *("-nodefaults", "-no-user-config"),
        *("-display", "none"),
        *("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"),
        *("-L", "/tools/qemu"),
        *("-L", "/tools/seabios"),
        *("-drive", "if=pflash,format=raw,unit=0,readonly=on,file=/tools/OVMF_CODE_4M.fd"),
        *("-drive", "if=pflash,format=raw,unit=1,file=vars.fd"),
        *("-global", "ICH9-LPC.disable_s3=1"),
        *("-drive", "if=none,id=disk,format=raw,file=disk.raw,cache=writeback,discard=unmap,detect-zeroes=unmap"),
        *("-device", "virtio-blk-pci,drive=disk,bootindex=1"),
        *("-netdev", "user,id=net,hostfwd=tcp:127.0.0.1:45100-:4510"),
        *("-device", "virtio-net-pci,netdev=net,mac=52:54:00:30:a1:b2,romfile="),
        *("-device", "virtio-rng-pci"),
        *("-device", "i6300esb"),
        *("-action", "watchdog=reset"),
        *("-chardev", "socket,id=console,path=console.sock,server=on,wait=off,logfile=console.log"),
        *("-serial", "chardev:console"),
        *("-chardev", "socket,id=qmp,path=qmp.sock,server=on,wait=off"),
        *("-mon", "chardev=qmp,mode=control"),
        *("-pidfile", "qemu.pid"),
        *("-boot", "strict=on"),
    ]


@pytest.mark.parametrize(
    ("spec", "has", "lacks"),
    [
        (
            replace(PLAIN, secure_boot=True),
            [
                "-machine q35,smm=on,vmport=off,sata=off,i8042=off",
                "-global driver=cfi.pflash01,property=secure,value=on",
            ],
            ["smm=off"],
        ),
        (replace(PLAIN, accelerator=Accelerator.KVM), ["-accel kvm", "-cpu host"], ["tcg", "-cpu max"]),
        (
            ARM,
            ["-machine virt,gic-version=max", "-cpu cortex-a72", "file=/tools/AAVMF_CODE.fd"],
            ["q35", "ICH9", "cfi.pflash01", "smm"],
        ),
        (replace(ARM, accelerator=Accelerator.KVM), ["-accel kvm", "-cpu host"], ["cortex"]),
        (replace(ARM, secure_boot=True), [], ["cfi.pflash01", "smm"]),
        (
            replace(PLAIN, tpm=True),
            [
                "-chardev socket,id=tpm,path=tpm.sock",
                "-tpmdev emulator,id=tpm,chardev=tpm",
                "-device tpm-crb,tpmdev=tpm",
            ],
            ["tpm-tis"],
        ),
        (replace(ARM, tpm=True), ["-device tpm-tis-device,tpmdev=tpm"], ["tpm-crb"]),
        (
            replace(PLAIN, credentials=("b", "a")),
            ["-smbios type=11,path=credentials/a -smbios type=11,path=credentials/b"],
            [],
        ),
        (replace(PLAIN, on_panic=OnPanic.STOP), ["-no-reboot"], []),
        (
            replace(PLAIN, kernel=DirectKernel(Path("/k,1"), "console=ttyS0,115200 quiet", Path("/i"))),
            ["-kernel /k,1 -append console=ttyS0,115200 quiet -initrd /i"],
            [],
        ),
        (replace(PLAIN, code=Path("/a,b/c.fd")), ["readonly=on,file=/a,,b/c.fd"], ["/a,b/"]),
        (PLAIN, [], ["-no-reboot", "tpm", "-kernel", "smbios"]),
    ],
)
def test_what_a_machine_is_stands_on_the_line(spec: MachineSpec, has: list[str], lacks: list[str]) -> None:
    line = " ".join(arguments(spec))
    assert [text for text in has if text not in line] == []
    assert [text for text in lacks if text in line] == []


def test_a_network_card_keeps_its_address() -> None:
    assert mac(UUID) == "52:54:00:30:a1:b2"


@pytest.mark.parametrize("arch", list(Arch))
def test_the_guest_of_the_probe_is_a_whole_image(arch: Arch) -> None:
    assert len(probe.guest(arch)) == 64 << 10


def test_the_amd64_guest_is_entered_by_the_reset_vector() -> None:
    rom = probe.guest(Arch.AMD64)
    assert rom[0xFFF0:0xFFF5] == bytes.fromhex("ea000000f0")
    # the places that its code names: interrupt handler, long mode, descriptor table
    assert rom[0x9D] == 0x50
    assert rom[0xA8:0xAD] == bytes.fromhex("b807000000")
    assert rom[0x110:0x116] == bytes.fromhex("0f0000010f00")
