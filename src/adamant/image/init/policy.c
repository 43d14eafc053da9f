#include "policy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text.h"

#define POLICY "/usr/lib/adamant/policy"
#define SECURITY "/sys/kernel/security"
#define LOAD SECURITY "/apparmor/.load"
#define NEXT "/proc/self/attr/apparmor/exec"
#define HOST "exec adamant-host"

/* The kernel takes a policy, and the name of the next profile, by one write each. */
static void write_whole(const char *path, const void *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		fail("cannot open what takes the policy", path, errno);
	errno = 0;
	if (write(fd, bytes, size) != (ssize_t)size)
		fail("the kernel refuses the policy", path, errno);
	close(fd);
}

void policy_enter(void)
{
	struct stat status;
	void *policy;
	int fd = open(POLICY, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return;
	if (fd < 0 || fstat(fd, &status) != 0)
		fail("cannot read the policy", POLICY, errno);
	policy = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (policy == MAP_FAILED)
		fail("cannot read the policy", POLICY, errno);
	if (mount("securityfs", SECURITY, "securityfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL) != 0 && errno != EBUSY)
		fail("cannot mount", SECURITY, errno);
	write_whole(LOAD, policy, (size_t)status.st_size);
	munmap(policy, (size_t)status.st_size);
	close(fd);
	write_whole(NEXT, HOST, strlen(HOST));
}
