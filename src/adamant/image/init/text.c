#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

#define READING_SECONDS 5

void text_clear(struct text *text)
{
	text->bytes[0] = '\0';
	text->used = 0;
	text->full = false;
}

void text_add(struct text *text, const char *more)
{
	size_t length = strlen(more);

	if (text->full || length >= sizeof(text->bytes) - text->used) {
		text->full = true;
		return;
	}
	memcpy(text->bytes + text->used, more, length + 1);
	text->used += length;
}

void text_add_number(struct text *text, uint64_t number)
{
	char digits[21];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number != 0);
	text_add(text, digits + at);
}

void text_add_hex(struct text *text, const uint8_t *bytes, size_t count)
{
	static const char alphabet[] = "0123456789abcdef";

	for (size_t i = 0; i < count; i++) {
		char pair[3] = { alphabet[bytes[i] >> 4], alphabet[bytes[i] & 15], '\0' };

		text_add(text, pair);
	}
}

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	return -1;
}

bool hex_decode(const char *digits, size_t length, uint8_t *bytes, size_t count)
{
	if (length != 2 * count)
		return false;
	for (size_t i = 0; i < count; i++) {
		int high = hex_value(digits[2 * i]);
		int low = hex_value(digits[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

bool plain_name(const char *name)
{
	size_t length = strnlen(name, 64);

	if (length == 0 || length > 63 || name[0] == '.')
		return false;
	for (size_t i = 0; i < length; i++) {
		char c = name[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      strchr("._-!", c) != NULL))
			return false;
	}
	return true;
}

int command_line_word(const char *line, const char *name, const char **value, size_t *length)
{
	size_t prefix = strlen(name);
	int found = 0;

	while (*line != '\0') {
		const char *end = line;
		bool quoted = false;

		/* White space ends an option unless it stands in double quotes, as the kernel reads it. */
		while (*end != '\0' && (quoted || (*end != ' ' && *end != '\t' && *end != '\n'))) {
			quoted ^= *end == '"';
			end++;
		}
		if (strncmp(line, name, prefix) == 0 && found++ == 0) {
			*value = line + prefix;
			*length = (size_t)(end - *value);
		}
		line = *end == '\0' ? end : end + 1;
	}
	return found > 1 ? 2 : found;
}

ssize_t read_file(const char *path, char *buffer, size_t capacity)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t used = 0;
	int error = 0;

	if (fd < 0)
		return -1;
	while (error == 0) {
		ssize_t got = read(fd, buffer + used, capacity - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			error = errno;
		else if (got == 0)
			break;
		else if ((used += (size_t)got) >= capacity)
			error = EFBIG;
	}
	close(fd);
	if (error == 0 && memchr(buffer, '\0', used) != NULL)
		error = EBADMSG;
	if (error != 0) {
		errno = error;
		return -1;
	}
	buffer[used] = '\0';
	return (ssize_t)used;
}

static void write_line(const char *priority, const char *what, const char *detail, int error)
{
	struct text line;
	int fd;

	text_clear(&line);
	text_add(&line, priority);
	text_add(&line, "adamant: ");
	text_add(&line, what);
	if (detail[0] != '\0') {
		text_add(&line, ": ");
		text_add(&line, detail);
	}
	if (error != 0) {
		text_add(&line, " (error ");
		text_add_number(&line, (uint64_t)error);
		text_add(&line, ")");
	}
	text_add(&line, "\n");
	/* A line that was cut short still says more than none, so `full` does not matter here. The kernel's log reaches
	 * the console by itself; without it, the console that the kernel opened for us is what is left. */
	fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 || write(fd, line.bytes, line.used) < 0)
		(void)!write(STDERR_FILENO, line.bytes, line.used);
	if (fd >= 0)
		close(fd);
}

void say(const char *what, const char *detail)
{
	write_line("<5>", what, detail, 0);
}

void fail(const char *what, const char *detail, int error)
{
	struct timespec pause = { .tv_sec = READING_SECONDS };

	write_line("<2>", what, detail, error);
	write_line("<2>", "this try has failed, rebooting", "", 0);
	nanosleep(&pause, NULL);
	reboot(RB_AUTOBOOT);
	/* PID 1 that ends is a panic, and a panic reboots (panic= on the command line). */
	_exit(1);
}
