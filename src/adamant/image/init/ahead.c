#include "ahead.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text.h"

#define LIST "lib/adamant/ahead"
#define LIST_SIZE 65536

/* One file of the usr image into memory. What cannot be read is read later by who needs it, or fails there. */
static void read_one(int usr, const char *path)
{
	struct stat status;
	int fd = openat(usr, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (fstat(fd, &status) == 0)
		readahead(fd, 0, (size_t)status.st_size);
	close(fd);
}

void ahead_read(const char *usr)
{
	static char list[LIST_SIZE];
	int fd = open(usr, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int source;
	ssize_t size;

	if (fd < 0)
		return;
	source = openat(fd, LIST, O_RDONLY | O_CLOEXEC);
	if (source < 0 || fork() != 0) {
		if (source >= 0)
			close(source);
		close(fd);
		return;
	}
	size = read(source, list, sizeof(list) - 1);
	for (char *line = list, *end; size > 0 && (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		read_one(fd, line);
	}
	_exit(0);
}
