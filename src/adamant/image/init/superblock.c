#include "superblock.h"

#include <stdbool.h>
#include <string.h>

/* Offsets of the on-disk format (cryptsetup, "DM-Verity On-Disk Specification"). */
#define AT_VERSION 8
#define AT_HASH_TYPE 12
#define AT_ALGORITHM 32
#define AT_DATA_BLOCK_SIZE 64
#define AT_HASH_BLOCK_SIZE 68
#define AT_DATA_BLOCKS 72
#define AT_SALT_SIZE 80
#define AT_SALT 88
#define AT_END 512

static uint64_t little(const uint8_t *bytes, int count)
{
	uint64_t value = 0;

	for (int i = count - 1; i >= 0; i--)
		value = value << 8 | bytes[i];
	return value;
}

static bool zero(const uint8_t *bytes, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

const char *superblock_parse(const uint8_t head[VERITY_HEAD], uint64_t data_bytes, struct superblock *superblock)
{
	static const uint8_t magic[8] = "verity\0";
	static const uint8_t algorithm[32] = "sha256";

	if (memcmp(head, magic, sizeof(magic)) != 0)
		return "no verity tree";
	if (little(head + AT_VERSION, 4) != 1 || little(head + AT_HASH_TYPE, 4) != 1)
		return "a verity tree of another version";
	if (memcmp(head + AT_ALGORITHM, algorithm, sizeof(algorithm)) != 0)
		return "a verity tree with another algorithm";
	if (little(head + AT_DATA_BLOCK_SIZE, 4) != VERITY_BLOCK || little(head + AT_HASH_BLOCK_SIZE, 4) != VERITY_BLOCK)
		return "a verity tree with another block size";
	if (little(head + AT_SALT_SIZE, 2) != SALT_SIZE)
		return "a verity tree with another salt";
	if (!zero(head, AT_SALT_SIZE + 2, AT_SALT) || !zero(head, AT_SALT + SALT_SIZE, AT_END))
		return "a verity tree with a malformed superblock";
	superblock->data_blocks = little(head + AT_DATA_BLOCKS, 8);
	/* One block alone has no tree above it, so no top block either. */
	if (superblock->data_blocks < 2 || superblock->data_blocks > data_bytes / VERITY_BLOCK)
		return "a verity tree for another size of data";
	memcpy(superblock->salt, head + AT_SALT, SALT_SIZE);
	return NULL;
}

void superblock_root(const uint8_t head[VERITY_HEAD], const struct superblock *superblock, uint8_t root[SHA256_SIZE])
{
	struct sha256 hash;

	sha256_begin(&hash);
	sha256_add(&hash, superblock->salt, SALT_SIZE);
	sha256_add(&hash, head + VERITY_BLOCK, VERITY_BLOCK);
	sha256_end(&hash, root);
}
