#ifndef ADAMANT_AHEAD_H
#define ADAMANT_AHEAD_H

/* Begin to read what the system starts with, by a child of this process that ends by itself: while PID 1 prepares, one
 * processor has nothing to do. `usr` is where the usr image is mounted; its list names the files. */
void ahead_read(const char *usr);

#endif
