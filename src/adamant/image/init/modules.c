#include "modules.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "text.h"

#define WATCHDOG_SECONDS 120
#define WDIOC_SETTIMEOUT ((int)_IOWR('W', 6, int)) /* include/uapi/linux/watchdog.h */

static int watchdog = -1;

static void load(const char *name)
{
	struct text path;
	int fd;

	if (!plain_name(name))
		fail("this is not the name of a module", name, 0);
	text_clear(&path);
	text_add(&path, "/modules/");
	text_add(&path, name);
	fd = open(path.bytes, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail("cannot open a module", path.bytes, errno);
	/* EEXIST: it is built in or loaded already. ENODEV: code for a processor that this one is not. */
	if (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST && errno != ENODEV)
		fail("the kernel refuses a module", name, errno);
	close(fd);
	unlink(path.bytes); /* its memory is of no more use; failing would cost no more than that */
}

void modules_load(const char *names)
{
	static char list[16384];
	char *line = list;

	if (read_file(names, list, sizeof(list)) < 0)
		fail("cannot read the list of modules", names, errno);
	while (*line != '\0') {
		char *end = strchr(line, '\n');

		if (end == NULL)
			fail("the list of modules is cut short", names, 0);
		*end = '\0';
		load(line);
		line = end + 1;
	}
}

void watchdog_arm(void)
{
	int seconds = WATCHDOG_SECONDS;
	int fd = open("/dev/watchdog0", O_WRONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		fd = open("/dev/watchdog", O_WRONLY | O_CLOEXEC);
	if (fd < 0) {
		if (errno != ENOENT && errno != ENODEV)
			fail("cannot start the watchdog", "/dev/watchdog0", errno);
		return;
	}
	watchdog = fd;
	/* One that cannot count that far keeps its own, shorter time. */
	if (ioctl(fd, WDIOC_SETTIMEOUT, &seconds) == 0)
		say("the hardware watchdog runs", "");
	else
		say("the hardware watchdog runs with a time of its own", "");
}

void watchdog_keep(void)
{
	if (watchdog >= 0)
		(void)!write(watchdog, "", 1); /* what it may cost is the reset that it is there for */
}
