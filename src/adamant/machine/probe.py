"""Tiny guests that prove an accelerator.

On some computers `/dev/kvm` opens, and guests then stop: KVM there interprets the guest's privileged code with a table
of instructions that knows no SSE and no BMI. So the guest does what real ones do: it takes timer interrupts in real
mode, enters long mode, uses instructions that compilers emit, and runs a loop that needs the speed of hardware. Then
it says so and stops. A flat image, written here byte by byte; nothing assembles it.
"""

from adamant.model.arch import Arch

EXIT_VALUE = 0x2A
"""What the amd64 guest writes to isa-debug-exit at port 0xf4."""
EXIT_CODE = EXIT_VALUE << 1 | 1
"""Exit code of QEMU for it."""

_ROM_SIZE = 0x10000

# The image lies at f000:0000 and is entered from the reset vector.
_AMD64 = (
    ("fa", "cli"),
    ("31c0 8ed8 8ed0 bc007c", "ax, ds, ss = 0; sp = 0x7c00"),
    ("a30005", "word [0x500] = 0: ticks seen"),
    ("c70620009d00 c706220000f0", "interrupt 8 = f000:009d (tick)"),
    ("66b91b000000 0f32 80e4f7 0f30", "MSR IA32_APIC_BASE: local APIC off, so that the 8259 reaches the processor"),
    ("b011 e620 b008 e621 b004 e621 b001 e621", "8259: initialise, interrupt 0 is vector 8"),
    ("b0fe e621", "8259: only the timer"),
    ("b034 e643 b0a9 e640 b004 e640", "8254: counter 0, mode 2, 1193 counts, about 1 kHz"),
    ("fb", "sti"),
    ("f4", "0x47 wait: hlt"),
    ("803e000503 72f8", "fewer than 3 ticks: wait"),
    ("fa", "cli"),
    ("c70600100320 c70600200330 c70600308300", "page tables at 0x1000, 0x2000, 0x3000: 2 MiB, one to one"),
    ("2e660f01161001", "lgdt cs:[0x110]"),
    ("66b800100000 0f22d8", "cr3 = 0x1000"),
    ("66b820000000 0f22e0", "cr4 = PAE"),
    ("66b9800000c0 6631d2 66b800010000 0f30", "MSR EFER = LME"),
    ("66b801000080 0f22c0", "cr0 = PG, PE"),
    ("66eaa8000f000800", "far jump 8:0xf00a8: long mode"),
    ("50 fe060005 b020e620 58 cf", "0x9d tick: count it, end of interrupt, iret"),
    ("b807000000 31c9 0fa2 0fbae308 7314", "0xa8: CPUID 7: without BMI2 go on at 0xcb"),
    ("b828000000 b901000000 c4e2f1f7d0", "shlx rdx, 40, 1"),
    ("83fa50 7532", "not 80: stop"),
    ("0f20e0 0d00020000 0f22e0", "0xcb: cr4 |= OSFXSR"),
    ("660f6ec1 660ffec0 660f7ec2 8d0409", "the same sum by SSE2 and without"),
    ("39d0 7514", "not equal: stop"),
    ("b900000008", "ecx = 2^27"),
    ("890c2500060000 ffc9 75f5", "0xee: [0x600] = ecx, until ecx is 0"),
    ("b02a e6f4", "out 0xf4, 0x2a: done"),
    ("f4 ebfd", "0xfd stop: hlt"),
    ("0000000000000000", "0x100: descriptor 0"),
    ("00000000009b2000", "descriptor 8: code, 64 bits"),
    ("0f00 00010f00", "0x110: limit 15, base 0xf0100"),
)

# Firmware of the virt machine, entered at address 0 in EL1. PL011 at 0x0900_0000; PSCI by HVC (DEN0022, 5.9).
_ARM64 = (
    (0xD2A12001, "movz x1, #0x900, lsl #16"),
    (0x52A10002, "movz w2, #0x800, lsl #16: 2^27"),
    (0x71000442, "subs w2, w2, #1"),
    (0x54FFFFE1, "b.ne the line above"),
    (0x528008A3, "movz w3, #0x45"),
    (0xB9000023, "str w3, [x1]: a letter on the serial port"),
    (0x52800100, "movz w0, #8"),
    (0x72B08000, "movk w0, #0x8400, lsl #16: SYSTEM_OFF"),
    (0xD4000002, "hvc #0"),
    (0x14000000, "b itself"),
)
ARM64_WORD = b"E"
"""What the arm64 guest leaves on its serial port."""


def guest(arch: Arch) -> bytes:
    """The image of the guest for `-bios`."""
    if arch is Arch.ARM64:
        code = b"".join(word.to_bytes(4, "little") for word, _ in _ARM64)
        return code.ljust(_ROM_SIZE, b"\0")
    code = b"".join(bytes.fromhex(text) for text, _ in _AMD64)
    rom = bytearray(code.ljust(_ROM_SIZE, b"\xf4"))
    rom[0xFFF0:0xFFF5] = bytes.fromhex("ea 0000 00f0")  # reset vector: jmp f000:0000
    return bytes(rom)
