/* The dm-verity device over a slot, by the kernel's device-mapper ioctls. */
#ifndef ADAMANT_VERITY_H
#define ADAMANT_VERITY_H

#include "slot.h"
#include "text.h"

/* Makes the read-only device `usr` over the slot, checked against `root`, and puts its path (/dev/dm-N) into `device`.
 * A block that does not match panics the kernel. */
void verity_open(const struct slot *slot, const uint8_t root[SHA256_SIZE], struct text *device);

#endif
