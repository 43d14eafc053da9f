/* Text in bounded buffers, files in bounded reads, and the two ways of speaking: say() and fail().
 *
 * Nothing here grows: a text that does not fit is marked full and never used, a file that does not fit is an error.
 */
#ifndef ADAMANT_TEXT_H
#define ADAMANT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct text {
	char bytes[1024]; /* always ends with NUL */
	size_t used;
	bool full; /* something did not fit: the text must not be used */
};

void text_clear(struct text *text);
void text_add(struct text *text, const char *more);
void text_add_number(struct text *text, uint64_t number);
void text_add_hex(struct text *text, const uint8_t *bytes, size_t count);

/* Exactly 2 * count lower-case hexadecimal digits, and nothing after them up to `length`. */
bool hex_decode(const char *digits, size_t length, uint8_t *bytes, size_t count);

/* Letters, digits and "._-!" only, 1 to 63 of them, not starting with a dot: what a kernel calls a device or a module. */
bool plain_name(const char *name);

/* Looks among the words of a kernel command line for the one that begins with `name` ("adamant.usrhash="). Returns how many
 * there are, 2 for any more, with the value of the first and its length. */
int command_line_word(const char *line, const char *name, const char **value, size_t *length);

/* Reads a whole file into `buffer` and ends it with NUL. Returns the number of bytes, or -1 (errno is set; EFBIG when it
 * holds `capacity` bytes or more, EBADMSG when a NUL stands in it). */
ssize_t read_file(const char *path, char *buffer, size_t capacity);

/* A notice to the kernel's log: seen on the console, kept in the journal. */
void say(const char *what, const char *detail);

/* Says what went wrong (with errno's number when `error` is not 0), waits until a person has read it, and reboots:
 * sd-boot has counted this try. */
_Noreturn void fail(const char *what, const char *detail, int error);

#endif
