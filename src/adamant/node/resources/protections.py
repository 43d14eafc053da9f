"""Protections of the kernel: how they are, and what the posture asks for.

`lockdown` is the word in brackets of /sys/kernel/security/lockdown (kernel_lockdown(7)). `module-signatures` is what
the kernel does with a module that has no good signature: enforced, or allowed. `security-modules` are those that run.
`taint` names what was done to the kernel since it started (kernel, tainted-kernels.rst), as letters. `kernel-config`
holds NAME=VALUE of what `model.hardening` looks at, from the configuration in the image.
"""

from adamant.api import resources_pb2 as pb
from adamant.model.hardening import parse_config
from adamant.model.posture import FILE, RULES, Lockdown, Posture
from adamant.node.reading import read_line
from adamant.node.resources import kernel, keyed
from adamant.node.resources.found import Found, Sources

LOCKDOWN = "sys/kernel/security/lockdown"
SIGNATURES = "sys/module/module/parameters/sig_enforce"
MODULES = "sys/kernel/security/lsm"
TAINT = "proc/sys/kernel/tainted"
CONFIG = "usr/lib/modules/{}/config"
ENFORCED, ALLOWED = "enforced", "allowed"
_TAINTS = "PFSRMBUDAWCIOELKXTNJ"
"""Letters of the bits, from the lowest on."""


def lockdown(line: str) -> str:
    """The state of a line such as `none [integrity] confidentiality`; empty when there is none."""
    return next((word[1:-1] for word in line.split() if word[:1] == "[" and word[-1:] == "]"), "")


def taints(line: str) -> str:
    """Letters of the bits that are set in a number; a bit without a letter is `?`."""
    number = keyed.count(line)
    return "".join(_TAINTS[bit] if bit < len(_TAINTS) else "?" for bit in range(64) if number >> bit & 1)


def judge(state: str, wanted: Lockdown) -> str:
    """Why a lockdown of `state` is not what is `wanted`; empty when it is that or more."""
    if state in set(Lockdown) and Lockdown(state).reaches(wanted):
        return ""
    return f"the posture asks for {wanted.value}"


def collect(sources: Sources) -> list[Found]:
    """Every protection."""
    root = sources.root
    posture = read_line(root / FILE)
    rules = RULES[Posture(posture)] if posture in set(Posture) else None
    locked = lockdown(read_line(root / LOCKDOWN))
    signed = {"Y": ENFORCED, "1": ENFORCED, "N": ALLOWED, "0": ALLOWED}.get(read_line(root / SIGNATURES), "")
    config = parse_config(keyed.text(root / CONFIG.format(kernel.release(root))))
    found = [
        Found("security-modules", pb.Protection(state=read_line(root / MODULES))),
        Found("taint", pb.Protection(state=taints(read_line(root / TAINT)))),
        Found("kernel-config", pb.Protection(state=" ".join(f"{name}={config[name]}" for name in sorted(config)))),
    ]
    wanted = rules.lockdown if rules else Lockdown.NONE
    if wanted is Lockdown.NONE:
        found.append(Found("lockdown", pb.Protection(state=locked)))
    else:
        desired = pb.Protection(state=wanted.value)
        found.append(Found("lockdown", pb.Protection(state=locked), desired, judge(locked, wanted)))
    if rules is None or not rules.signed_modules:
        found.append(Found("module-signatures", pb.Protection(state=signed)))
    else:
        reason = "" if signed == ENFORCED else "the posture asks for signatures"
        found.append(Found("module-signatures", pb.Protection(state=signed), pb.Protection(state=ENFORCED), reason))
    return found
