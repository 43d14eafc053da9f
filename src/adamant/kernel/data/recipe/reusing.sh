# Run a command whose compilers take objects of earlier builds out of /objects where source, headers, options and compiler
# are the same: by their names there is ccache, which finds the compiler after itself.
set -eu
mkdir -p /tmp/reusing
for compiler in gcc "${CROSS_COMPILE-}gcc"; do ln -sf /usr/bin/ccache "/tmp/reusing/$compiler"; done
export PATH="/tmp/reusing:$PATH"
exec "$@"
