/* Tries, as root, what an immutable machine must not allow, and says what came of each attempt, one line each:
 *
 *     PREFIX NAME done|no EXPLANATION
 *
 * An attempt that was done is undone at once, so that the next finds the machine as it was. What cannot be undone is not
 * tried with a second argument, which is for machines that let root do it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BPF_PROG_LOAD 5
#define BPF_PROG_TYPE_KPROBE 2
#define MODULE_COMPRESSED 4

static const char *prefix;

/* `result` below 0 is errno's. */
static void tell(const char *what, const char *where, long result)
{
	int error = errno;

	printf("%s %s%s%s %s%s\n", prefix, what, *where == '\0' ? "" : ":", where, result >= 0 ? "done" : "no ",
	       result >= 0 ? "" : strerror(error));
	fflush(stdout);
}

static long write_file(const char *path, int flags, const void *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0755);
	long result;

	if (fd < 0)
		return -1;
	result = write(fd, bytes, size);
	close(fd);
	return result;
}

static void try_folder(const char *folder)
{
	char path[256];
	long result;

	snprintf(path, sizeof(path), "%s/attack.file", folder);
	result = write_file(path, O_CREAT | O_EXCL, "x", 1);
	tell("write", folder, result);
	if (result >= 0)
		unlink(path);
}

static void try_mount(const char *what, const char *source, const char *where, const char *type, unsigned long flags,
		      const char *options)
{
	struct statvfs before;
	long known = statvfs(where, &before);
	long result = mount(source, where, type, flags, options);

	tell(what, where, result);
	if (result == 0 && (flags & MS_REMOUNT) == 0)
		umount2(where, MNT_DETACH);
	if (result == 0 && (flags & MS_REMOUNT) != 0 && known == 0 && (before.f_flag & ST_RDONLY) != 0)
		mount(NULL, where, NULL, flags | MS_RDONLY, NULL);
}

/* A copy of this program, called with one argument, ends with 7. */
static void try_run(const char *folder)
{
	static char bytes[1 << 20];
	char path[256];
	int status = 0;
	ssize_t size;
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	pid_t child;

	snprintf(path, sizeof(path), "%s/attack.program", folder);
	size = self < 0 ? -1 : read(self, bytes, sizeof(bytes));
	close(self);
	unlink(path);
	if (size <= 0 || write_file(path, O_CREAT | O_EXCL, bytes, (size_t)size) < 0) {
		tell("run", folder, -1);
		return;
	}
	child = fork();
	if (child == 0) {
		execl(path, path, NULL);
		_exit(errno);
	}
	waitpid(child, &status, 0);
	errno = WEXITSTATUS(status);
	tell("run", folder, errno == 7 ? 0 : -1);
	unlink(path);
}

static void try_code(const char *folder)
{
	char path[256];
	void *code = MAP_FAILED;
	int fd;

	snprintf(path, sizeof(path), "%s/attack.library", folder);
	write_file(path, O_CREAT, "0123456789abcdef", 16);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	tell("map-code", folder, code == MAP_FAILED ? -1 : 0);
	close(fd);
	unlink(path);
}

static void try_module(const char *name, const char *path, int flags)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	tell("load-module", name, fd < 0 ? -1 : syscall(SYS_finit_module, fd, "", flags));
	close(fd);
}

static void try_bpf(void)
{
	/* r0 = 0; exit */
	static const uint64_t program[] = { 0xb7, 0x95 };
	static const char license[] = "GPL";
	struct {
		uint32_t type, count;
		uint64_t instructions, license;
		uint32_t rest[32];
	} attributes = { BPF_PROG_TYPE_KPROBE, 2, (uint64_t)(uintptr_t)program, (uint64_t)(uintptr_t)license, { 0 } };
	long fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof(attributes));

	tell("bpf", "", fd);
	if (fd >= 0)
		close((int)fd);
}

static void try_write(const char *what, const char *path, const char *value)
{
	char before[256] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, before, sizeof(before));
	long result;

	close(fd);
	result = write_file(path, 0, value, strlen(value));
	tell(what, path, result);
	if (result >= 0 && size > 0)
		write_file(path, 0, before, (size_t)size);
}

static void try_open(const char *what, const char *path, int flags)
{
	char byte;
	int fd = open(path, flags | O_CLOEXEC);
	long result = fd < 0 ? -1 : flags == O_RDONLY ? read(fd, &byte, 1) : 0;

	tell(what, path, result);
	close(fd);
}

static const char *const places[] = { "/var", "/run", "/tmp", "/dev/shm", "/state" };

/* What this program ends with when another has started it: 7 where it runs under the profile WANTED, if that is said. */
static int started(void)
{
	const char *wanted = getenv("WANTED");
	char label[128] = "";
	int fd = open("/proc/self/attr/apparmor/current", O_RDONLY | O_CLOEXEC);

	if (wanted == NULL)
		return 7;
	if (fd < 0 || read(fd, label, sizeof(label) - 1) < 0)
		return errno;
	return strncmp(label, wanted, strlen(wanted)) == 0 ? 7 : EACCES;
}

/* This program again, under another profile of the policy. */
static void try_profile(const char *profile)
{
	static const char file[] = "/proc/self/attr/apparmor/exec";
	char word[128];
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		snprintf(word, sizeof(word), "exec %s", profile);
		if (write_file(file, 0, word, strlen(word)) < 0)
			_exit(errno);
		setenv("WANTED", profile, 1);
		execl("/proc/self/exe", "attack", NULL);
		_exit(errno);
	}
	waitpid(child, &status, 0);
	errno = WEXITSTATUS(status);
	tell("enter-profile", profile, errno == 7 ? 0 : -1);
}

/* Another root, and no /etc and /usr: for this program alone, in a name space of its own, which the policy does not tell
 * from the host's. A machine that allows it lives on. */
static void try_root(void)
{
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child > 0) {
		waitpid(child, NULL, 0);
		return;
	}
	if (unshare(CLONE_NEWNS) == 0)
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	tell("unmount", "/etc", umount2("/etc", MNT_DETACH));
	tell("unmount", "/usr", umount2("/usr", MNT_DETACH));
	mkdir("/run/attack.root", 0755);
	if (mount("tmpfs", "/run/attack.root", "tmpfs", 0, NULL) == 0 && chdir("/run/attack.root") == 0)
		tell("pivot-root", "", syscall(SYS_pivot_root, ".", "."));
	else
		tell("pivot-root", "", -1);
	fflush(stdout);
	_exit(0);
}

/* What an earlier boot has left is still there. */
static void look(void)
{
	char path[256];

	for (size_t i = 0; i < COUNT(places); i++) {
		snprintf(path, sizeof(path), "%s/attack.planted", places[i]);
		tell("kept", places[i], access(path, F_OK));
	}
	tell("kept", "/run/systemd/system", access("/run/systemd/system/planted.service", F_OK));
	tell("kept", "/etc/systemd/system", access("/etc/systemd/system/planted.service", F_OK));
}

/* A copy of this program wherever files can be, and a unit that would start one at the next boot. */
static void plant(void)
{
	static const char unit[] = "[Service]\nExecStart=-/var/attack.planted\n[Install]\nWantedBy=multi-user.target\n";
	static const char *const folders[] = { "/run/systemd/system", "/etc/systemd/system" };
	static char bytes[1 << 20];
	char path[256], link[256];
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	ssize_t size = read(self, bytes, sizeof(bytes));

	close(self);
	for (size_t i = 0; i < COUNT(places); i++) {
		snprintf(path, sizeof(path), "%s/attack.planted", places[i]);
		write_file(path, O_CREAT, bytes, size < 0 ? 0 : (size_t)size);
	}
	for (size_t i = 0; i < COUNT(folders); i++) {
		snprintf(path, sizeof(path), "%s/planted.service", folders[i]);
		write_file(path, O_CREAT, unit, sizeof(unit) - 1);
		snprintf(link, sizeof(link), "%s/multi-user.target.wants", folders[i]);
		mkdir(link, 0755);
		snprintf(link, sizeof(link), "%s/multi-user.target.wants/planted.service", folders[i]);
		symlink(path, link);
	}
}

int main(int count, char **arguments)
{
	static const char *const folders[] = { "/",	 "/usr", "/usr/bin", "/etc", "/etc/systemd/system", "/root",
					       "/mnt",	 "/boot", "/efi",    "/opt", "/srv",		   "/home",
					       "/state", "/var", "/run",     "/tmp", "/dev/shm" };
	static const char *const shells[] = { "/bin/sh",     "/bin/bash",	  "/bin/dash", "/usr/bin/python3",
					      "/bin/login",  "/sbin/agetty",	  "/bin/su",   "/sbin/sulogin",
					      "/usr/bin/perl", "/usr/bin/apt", "/usr/bin/dpkg", "/usr/sbin/sshd" };
	int fd;

	if (count < 2)
		return started();
	prefix = arguments[1];

	look();
	for (size_t i = 0; i < COUNT(folders); i++)
		try_folder(folders[i]);
	try_mount("remount", NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL);
	try_mount("remount", NULL, "/usr", NULL, MS_REMOUNT | MS_BIND, NULL);
	try_mount("remount", NULL, "/etc", NULL, MS_REMOUNT | MS_BIND, NULL);
	try_mount("mount-over", "tmpfs", "/usr", "tmpfs", 0, NULL);
	try_mount("mount-over", "tmpfs", "/usr/bin", "tmpfs", 0, NULL);
	try_mount("mount-over", "tmpfs", "/etc", "tmpfs", 0, NULL);
	try_mount("bind-over", "/tmp", "/usr", NULL, MS_BIND, NULL);
	try_mount("bind-over", "/tmp", "/etc", NULL, MS_BIND, NULL);
	mkdir("/run/attack.upper", 0755);
	mkdir("/run/attack.work", 0755);
	try_mount("overlay", "overlay", "/usr", "overlay", 0,
		  "lowerdir=/usr,upperdir=/run/attack.upper,workdir=/run/attack.work");
	try_mount("overlay", "overlay", "/etc", "overlay", 0,
		  "lowerdir=/etc,upperdir=/run/attack.upper,workdir=/run/attack.work");
	try_root();

	for (size_t i = 0; i < COUNT(places); i++)
		try_run(places[i]);
	for (size_t i = 0; i < COUNT(places); i++)
		try_code(places[i]);
	for (size_t i = 0; i < COUNT(shells); i++)
		try_open("has", shells[i], O_RDONLY);

	write_file("/run/attack.module", O_CREAT, "\177ELF no module", 14);
	try_module("not-signed", "/run/attack.module", 0);
	try_module("changed", "/usr/lib/probe/changed.ko", 0);
	tell("kexec", "", syscall(SYS_kexec_load, 0, 0, NULL, 0));
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	tell("kexec-file", "", syscall(SYS_kexec_file_load, fd, -1, 1, "", 4 /* no initrd */));
	close(fd);

	try_write("write", "/proc/sys/kernel/core_pattern", "|/var/attack.program");
	try_write("write", "/proc/sys/kernel/modprobe", "/var/attack.program");
	try_write("write", "/proc/sys/kernel/poweroff_cmd", "/var/attack.program");
	try_write("write", "/proc/sys/kernel/kexec_load_disabled", "0");
	try_write("write", "/sys/kernel/uevent_helper", "/var/attack.program");
	try_write("write", "/sys/kernel/security/apparmor/.remove", "adamant-host");
	try_write("write", "/sys/kernel/security/lockdown", "none");
	try_write("write", "/proc/self/attr/apparmor/current", "changeprofile unconfined");
	try_profile("adamant-layer");
	try_profile("adamant-containerd");
	try_profile("unconfined");
	try_open("read", "/dev/mem", O_RDONLY);
	try_open("read", "/proc/kcore", O_RDONLY);
	try_open("read", "/dev/port", O_RDONLY);
	if (mount("debugfs", "/mnt", "debugfs", 0, NULL) == 0) {
		tell("debugfs", "", 0);
		umount2("/mnt", MNT_DETACH);
	} else {
		tell("debugfs", "", -1);
	}
	tell("ptrace", "1", ptrace(PTRACE_SEIZE, 1, NULL, NULL));
	try_open("read", "/proc/1/environ", O_RDONLY);
	try_open("open-to-write", "/dev/mapper/usr", O_WRONLY);
	try_open("open-to-write", "/dev/vda2", O_WRONLY);
	try_bpf();
	fd = open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);
	tell("enter", "/proc/1/ns/mnt", fd < 0 ? -1 : setns(fd, CLONE_NEWNS));
	close(fd);
	plant();
	printf("%s end\n", prefix);
	return 0;
}
