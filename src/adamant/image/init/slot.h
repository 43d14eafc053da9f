/* Finding the slot whose verity tree has the root hash of the command line, on whatever disk. */
#ifndef ADAMANT_SLOT_H
#define ADAMANT_SLOT_H

#include <stdbool.h>

#include "superblock.h"

#define NAME_SIZE 64

struct partition {
	char name[NAME_SIZE]; /* of the device, as in /dev/NAME */
	char disk[NAME_SIZE]; /* of the whole disk it lies on */
	unsigned int major, minor;
	uint64_t bytes;
};

struct slot {
	const char *label; /* "usr-a" or "usr-b" */
	struct partition data, tree;
	struct superblock superblock;
};

/* Takes the root hash out of a command line: exactly one `adamant.usrhash=` of 64 lower-case hexadecimal digits. Returns
 * NULL, or what is wrong with it. */
const char *root_hash_of_text(const char *line, uint8_t root[SHA256_SIZE]);

/* Finds the partition called `label` on the disk that the slot lies on. */
bool partition_beside(const struct slot *slot, const char *label, struct partition *partition);

/* Looks for the slot once, among the disks that are there. */
bool slot_look(const uint8_t root[SHA256_SIZE], struct slot *slot);

/* Waits for the slot, up to 30 s for its disk to appear, or 3 s when only other releases are there. Fails with what stands in each slot instead. */
void slot_wait(const uint8_t root[SHA256_SIZE], struct slot *slot);

#endif
