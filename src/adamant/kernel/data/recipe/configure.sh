# Unpack the source and make the config. Arguments: the source's archive, then the configs of Linux to begin with.
# /src and /obj are folders of the build, /wanted the lines that lie over those configs.
set -eu
archive=$1; shift
tar -C /src --strip-components=1 -xf "$archive"
make -C /src O=/obj "$@"
cat /wanted >> /obj/.config
make -C /src O=/obj olddefconfig
make -s -C /src O=/obj kernelrelease | tail -n 1 > /obj/release
