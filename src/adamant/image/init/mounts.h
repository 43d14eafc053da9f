/* The file systems of the machine.
 *
 *     /      an overlay of nothing but lower layers, hence read-only for ever: links into /usr and mount points
 *     /usr   the verified EROFS
 *     /etc   likewise an overlay without an upper layer: what this machine renders, over /usr/share/factory/etc
 *     /run   the tmpfs that was mounted first, moved
 *
 * The kernel refuses to make an overlay without an upper layer writable, whoever asks. The tmpfs below the two overlays
 * is read-only and unmounted once they stand, so that no path leads to it.
 */
#ifndef ADAMANT_MOUNTS_H
#define ADAMANT_MOUNTS_H

/* /dev, /proc, /sys and /run: what this program itself needs. */
void mounts_begin(void);

/* Builds the machine's root at /sysroot with /usr from the block device `usr`. */
void mounts_system(const char *usr);

/* Makes /sysroot the root of this process and of the system. */
void mounts_enter(void);

#endif
