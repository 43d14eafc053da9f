"""Machines on this computer: QEMU, firmware, TPM, console."""
