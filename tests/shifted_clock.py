"""A library that gives whoever preloads it a clock which is days ahead, or behind."""

import os
import subprocess
from pathlib import Path

from adamant.model.arch import Arch, host_arch
from adamant.packages.tools import ToolsTree

_SOURCE = """
/* Preloaded into every program: a clock that is DAYS ahead. It needs no C library, so it fits every one. */
struct span { long seconds, rest; };

static long call(long number, long a, long b)
{
#ifdef __x86_64__
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b) : "rcx", "r11", "memory");
    return result;
#else
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1) : "memory");
    return x0;
#endif
}

int clock_gettime(int clock, struct span *now)
{
    long failed = call(GETTIME, clock, (long)now);

    if (failed == 0 && (clock == 0 || clock == 5)) /* CLOCK_REALTIME, and its coarse form */
        now->seconds += DAYS * 86400L;
    return failed ? -1 : 0;
}

int gettimeofday(struct span *now, void *zone)
{
    int failed = clock_gettime(0, now);

    (void)zone;
    now->rest /= 1000;
    return failed;
}

long time(long *out)
{
    struct span now;

    clock_gettime(0, &now);
    if (out)
        *out = now.seconds;
    return now.seconds;
}
"""


def build(tree: ToolsTree, days: int, folder: Path) -> Path:
    """The library in `folder`, made by the compiler of the tools tree. With `days` below 0 its clock is behind."""
    arch = host_arch(os.uname().machine)
    compiler = tree.compiler(arch)
    (folder / "clock.c").write_text(_SOURCE)
    number = {Arch.AMD64: 228, Arch.ARM64: 113}[arch]
    flags = ("-quiet", "-O1", "-fPIC", "-fno-stack-protector", f"-DGETTIME={number}", f"-DDAYS=({days})")
    for argv in (
        tree.argv(compiler.cc1, *flags, "clock.c", "-o", "clock.s"),
        tree.argv(compiler.assembler, "clock.s", "-o", "clock.o"),
        tree.argv(compiler.linker, "-shared", "clock.o", "-o", "clock.so"),
    ):
        subprocess.run(argv, cwd=folder, check=True, capture_output=True)
    return folder / "clock.so"
