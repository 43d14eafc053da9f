"""The TPM of a machine: its commands, and quotes of how it was booted."""
