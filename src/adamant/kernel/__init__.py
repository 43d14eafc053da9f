"""Own kernels: built from Debian's source with a locked toolchain, kept as artifacts, read back and verified."""
