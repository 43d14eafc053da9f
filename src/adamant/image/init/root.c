#include "root.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "modules.h"

#define LABEL "root"
#define CHECKER "/e2fsck"
#define MENDED 1 /* e2fsck(8): errors were found, and corrected */
#define LOOK_NANOSECONDS (5 * 1000 * 1000)
#define LOOKS_OF_A_SECOND 200

const char *root_of_text(const char *line, bool *on_disk)
{
	const char *value;
	size_t length;
	int count = command_line_word(line, "adamant.root=", &value, &length);

	*on_disk = count == 1;
	if (count > 1)
		return "adamant.root= stands on the command line twice";
	if (count == 1 && (length != 4 || memcmp(value, "disk", 4) != 0))
		return "adamant.root= is not disk";
	return NULL;
}

/* Waits for a child that may read a whole disk, which is longer than the watchdog has patience. */
static int wait_for(pid_t child)
{
	struct timespec pause = { .tv_nsec = LOOK_NANOSECONDS };
	int status;

	for (int looks = 1;; looks++) {
		pid_t ended = waitpid(child, &status, WNOHANG);

		if (ended == child)
			return status;
		if (ended < 0 && errno != EINTR)
			fail("cannot wait for", CHECKER, errno);
		if (looks % LOOKS_OF_A_SECOND == 0)
			watchdog_keep();
		nanosleep(&pause, NULL);
	}
}

static void check(const char *device)
{
	/* In order, not all at once: -p asks nothing, and ends with an error where it would have to. */
	char *const arguments[] = { CHECKER, "-p", (char *)(uintptr_t)device, NULL };
	char *const environment[] = { "E2FSCK_CONFIG=/none", NULL };
	int status;
	pid_t child = fork();

	if (child == 0) {
		execve(CHECKER, arguments, environment);
		_exit(127);
	}
	if (child < 0)
		fail("cannot start", CHECKER, errno);
	status = wait_for(child);
	if (!WIFEXITED(status))
		fail("the check of the root file system was ended by a signal", device, WTERMSIG(status));
	if ((WEXITSTATUS(status) & ~MENDED) != 0)
		fail("the root file system is damaged, and cannot be mended without a person", device, WEXITSTATUS(status));
	if (WEXITSTATUS(status) == MENDED)
		say("the root file system was damaged, and is mended", device);
}

void root_open(const struct slot *slot, struct text *device)
{
	struct partition partition;

	if (!partition_beside(slot, LABEL, &partition))
		fail("there is no such partition on the disk of the slot", LABEL, 0);
	text_clear(device);
	text_add(device, "/dev/");
	text_add(device, partition.name);
	check(device->bytes);
}
