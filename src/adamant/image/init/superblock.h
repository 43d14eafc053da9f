/* The first two blocks of a verity tree: its superblock and the top of the tree.
 *
 * Root hash = SHA-256(salt || top block), so that 8 KiB say which usr image a slot holds. Nothing read here is trusted:
 * dm-verity is handed the root hash from the command line, and a lie in the superblock can only make it refuse.
 */
#ifndef ADAMANT_SUPERBLOCK_H
#define ADAMANT_SUPERBLOCK_H

#include "sha256.h"

#define VERITY_BLOCK 4096
#define VERITY_HEAD (2 * VERITY_BLOCK)
#define SALT_SIZE 32

struct superblock {
	uint64_t data_blocks; /* of VERITY_BLOCK bytes */
	uint8_t salt[SALT_SIZE];
};

/* Reads the superblock out of `head`, for a data partition of `data_bytes`. Returns NULL, or why it is not one of ours:
 * version 1, hash type 1, SHA-256, 4096-byte blocks, a salt of 32 bytes, at least two data blocks, all of them within
 * the data partition, zero wherever the format has padding. */
const char *superblock_parse(const uint8_t head[VERITY_HEAD], uint64_t data_bytes, struct superblock *superblock);

void superblock_root(const uint8_t head[VERITY_HEAD], const struct superblock *superblock, uint8_t root[SHA256_SIZE]);

#endif
