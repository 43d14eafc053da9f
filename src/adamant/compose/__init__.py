"""From unpacked packages to the one tree that becomes the usr image. Each mechanism of Debian is a module."""
