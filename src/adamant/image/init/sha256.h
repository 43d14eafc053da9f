/* SHA-256 (FIPS 180-4) of a few small pieces of memory. */
#ifndef ADAMANT_SHA256_H
#define ADAMANT_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32

struct sha256 {
	uint32_t state[8];
	uint64_t length; /* bytes so far */
	uint8_t block[64];
};

void sha256_begin(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const uint8_t *bytes, size_t count);
void sha256_end(struct sha256 *hash, uint8_t digest[SHA256_SIZE]);

#endif
