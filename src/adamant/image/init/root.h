/* The file system of `/`, where it is on disk (the posture open): found, checked, and looked at for a reset. */
#ifndef ADAMANT_ROOT_H
#define ADAMANT_ROOT_H

#include "slot.h"
#include "text.h"

/* Whether `/` is on disk, by the command line: one `adamant.root=disk`, or nothing of that name. Returns NULL, or what is
 * wrong with it. */
const char *root_of_text(const char *line, bool *on_disk);

/* Finds the partition `root` on the disk of the slot and has e2fsck mend what needs no answer. `device` becomes its path. */
void root_open(const struct slot *slot, struct text *device);

#endif
