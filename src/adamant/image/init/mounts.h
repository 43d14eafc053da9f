/* The file systems of the machine.
 *
 *     /      an overlay of nothing but lower layers, hence read-only for ever: links into /usr and mount points
 *     /usr   the verified EROFS
 *     /etc   likewise an overlay without an upper layer: what this machine renders, over /usr/share/factory/etc
 *     /run   the tmpfs that was mounted first, moved
 *
 * Where `/` is on disk (docs/adr/0013), it is that file system, and `/etc` an overlay whose upper layer lies on it, over
 * /usr/share/factory/etc. While a reset is asked for there, `/etc` is the release's alone, and nothing of the disk is used.
 *
 * Without that the kernel refuses to make an overlay without an upper layer writable, whoever asks. The tmpfs below the two overlays
 * is read-only and unmounted once they stand, so that no path leads to it.
 */
#ifndef ADAMANT_MOUNTS_H
#define ADAMANT_MOUNTS_H

#include <stdbool.h>

/* /dev, /proc, /sys and /run: what this program itself needs. */
void mounts_begin(void);

/* Builds the machine's root at /sysroot with /usr from the block device `usr`. */
void mounts_system(const char *usr);

/* The same with the file system on the block device `root` as `/`. Returns whether a reset of it is asked for. */
bool mounts_system_on_disk(const char *usr, const char *root);

/* Makes /sysroot the root of this process and of the system. */
void mounts_enter(void);

#endif
