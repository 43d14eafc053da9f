# Run what the source of somebody's module says, in a sandbox in the sandbox: it writes to the module's own folder only.
# Where the key lies, and where the objects are that later kernels are made of, it sees empty folders.
# Arguments: the module's folder, the folder to run in, a command of bash.
set -eu
exec bwrap --unshare-user --unshare-ipc --cap-drop ALL --die-with-parent --ro-bind / / --dev /dev --tmpfs /tmp \
    --tmpfs /obj/certs --tmpfs /objects --bind "$1" "$1" --chdir "$2" bash -c "$3"
