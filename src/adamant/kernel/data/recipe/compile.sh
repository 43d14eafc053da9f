# Build the kernel, its modules and those of a person, and sign the modules: one run, since a later one would make
# another key without a word. Arguments: how many jobs, the kernel's file below /obj, then the names of own modules.
# ARCH and CROSS_COMPILE are those of Linux's makefiles, where the kernel is for another architecture than this one.
# /obj/certs is memory of this sandbox: the key lies there and nowhere else.
set -eu
jobs=$1; image=$2; shift 2
sh /recipe/reusing.sh make -C /src O=/obj -j"$jobs" "${image##*/}" modules
make -C /src O=/obj INSTALL_MOD_PATH=/out/root INSTALL_MOD_STRIP=1 DEPMOD=true modules_install
for name in "$@"; do
    if [ -d "/orders/$name" ]; then
        sh /recipe/packaged.sh "$jobs" "$name"
        continue
    fi
    sh /recipe/apart.sh "/modules/$name" /obj "make -C /obj -j$jobs M=/modules/$name modules"
    make -C /obj M="/modules/$name" INSTALL_MOD_PATH=/out/root INSTALL_MOD_STRIP=1 INSTALL_MOD_DIR="updates/$name" \
        DEPMOD=true modules_install
done
cp "/obj/$image" /out/vmlinuz
cp /obj/.config /out/config
cp /obj/certs/signing_key.x509 /out/signing.x509
make --version | head -n 1 > /out/make
"${CROSS_COMPILE-}gcc" --version | head -n 1 > /out/compiler
# The certificate that is handed out is the one that the kernel trusts: vmlinux is what the kernel's file was packed from.
perl /recipe/holds.pl /obj/vmlinux /out/signing.x509
perl /recipe/search.pl /obj/certs/signing_key.pem /obj/certs /out /obj /modules /objects
