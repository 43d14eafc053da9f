# Build the modules of a -dkms package as dkms would, then strip and sign them. Arguments: how many jobs, the module's name.
# What the package brings runs apart; the key is used after it has ended.
set -eu
jobs=$1; name=$2
build=$(cat "/orders/$name/build")
make=$(cat "/orders/$name/make")
before=$(cat "/orders/$name/pre-build")
release=$(cat /obj/include/config/kernel.release)
hash=$(sed -n 's/^CONFIG_MODULE_SIG_HASH="\(.*\)"$/\1/p' /obj/.config)
target=/out/root/lib/modules/$release/updates/$name

case $make in
    make*) make="make -j$jobs KERNELRELEASE=$release${make#make}" ;;
esac
for command in ${before:+"$build/$before"} "$make"; do
    sh /recipe/apart.sh "/modules/$name" "$build" "$command"
done
mkdir -p "$target"
while read -r module; do
    if [ -L "$build/$module.ko" ] || [ ! -f "$build/$module.ko" ]; then
        echo "$name: the package's make has made no $module.ko"
        exit 1
    fi
    made=$target/${module##*/}.ko
    cp "$build/$module.ko" "$made"
    "${CROSS_COMPILE-}strip" --strip-debug "$made"
    /obj/scripts/sign-file "$hash" /obj/certs/signing_key.pem /obj/certs/signing_key.x509 "$made"
done < "/orders/$name/modules"
