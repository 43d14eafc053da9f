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
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BPF_PROG_LOAD 5
#define BPF_PROG_TYPE_KPROBE 2
#define ETHERNET_ALL 0x0300 /* all packets, in the network's byte order */

/* Modules, in this program: a container has no file of the host's to load. */
#define MODULE(name)                                                                                                   \
	extern const char name##_begin[], name##_end[];                                                                \
	__asm__(".section .rodata\n" #name "_begin: .incbin \"" #name ".ko\"\n" #name "_end: .byte 0\n.previous")
MODULE(whole);
MODULE(altered);
MODULE(unsigned);
MODULE(foreign);
MODULE(debians);
extern const char certificate_begin[], certificate_end[];
__asm__(".section .rodata\ncertificate_begin: .incbin \"certificate.der\"\ncertificate_end: .byte 0\n.previous");

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
	static char bytes[2 << 20];
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

/* A module that was loaded is taken out again. */
static void try_module(const char *what, const char *name, const char *begin, const char *end)
{
	long result = syscall(SYS_init_module, begin, (size_t)(end - begin), "");

	tell("load-module", what, result);
	if (result == 0)
		syscall(SYS_delete_module, name, O_NONBLOCK);
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

/* A program that is nowhere but in memory. */
static void try_run_memory(void)
{
	static char bytes[2 << 20];
	static char *const none[] = { "attack", NULL };
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), status = 0;
	int fd = (int)syscall(SYS_memfd_create, "attack", 0);
	ssize_t size = self < 0 ? -1 : read(self, bytes, sizeof(bytes));
	pid_t child;

	close(self);
	if (fd < 0 || size <= 0 || write(fd, bytes, (size_t)size) != size) {
		tell("run", "memory", -1);
		return;
	}
	child = fork();
	if (child == 0) {
		fexecve(fd, none, environ);
		_exit(errno);
	}
	waitpid(child, &status, 0);
	close(fd);
	errno = WEXITSTATUS(status);
	tell("run", "memory", errno == 7 ? 0 : -1);
}

/* The same file by a name that nobody has thought of: KNOB of FOLDER, once its file system of TYPE is mounted again, once
 * FOLDER is seen elsewhere, and once the file itself is. An error of the file's own means that it was let in. */
static void try_elsewhere(const char *type, const char *top, const char *folder, const char *knob, const char *value)
{
	static const char place[] = "/mnt", name[] = "/tmp/attack.knob";
	char path[256], before[256] = "";
	const char *source[3] = { type, folder, NULL };
	static const char *const ways[] = { "mounted", "bound", "renamed" };

	mkdir(place, 0755);
	for (size_t i = 0; i < COUNT(ways); i++) {
		const char *where = i == 2 ? name : place;
		char what[32];
		ssize_t size;
		long result;
		int fd;

		snprintf(what, sizeof(what), "%s-again", ways[i]);
		snprintf(path, sizeof(path), "%s/%s", folder, knob);
		if (i == 2)
			write_file(name, O_CREAT, "", 0);
		result = mount(i == 2 ? path : source[i], where, i == 0 ? type : NULL, i == 0 ? 0 : MS_BIND, NULL);
		if (result != 0) {
			tell(what, knob, result);
			continue;
		}
		if (i == 0)
			snprintf(path, sizeof(path), "%s%s/%s", place, folder + strlen(top), knob);
		else if (i == 1)
			snprintf(path, sizeof(path), "%s/%s", place, knob);
		else
			snprintf(path, sizeof(path), "%s", name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		size = fd < 0 ? -1 : read(fd, before, sizeof(before));
		close(fd);
		result = write_file(path, 0, value, strlen(value));
		tell(what, knob, result < 0 && errno == ENOENT ? 0 : result);
		if (result >= 0 && size > 0)
			write_file(path, 0, before, (size_t)size);
		umount2(where, MNT_DETACH);
	}
}

/* A key of one's own among those that the kernel trusts: the keyring's number stands in /proc/keys. */
static void try_key(const char *keyring)
{
	char line[256];
	unsigned int number = 0;
	FILE *keys = fopen("/proc/keys", "re");

	while (keys != NULL && fgets(line, sizeof(line), keys) != NULL)
		if (strstr(line, keyring) != NULL)
			sscanf(line, "%x", &number);
	if (keys != NULL)
		fclose(keys);
	errno = ENOENT;
	tell("trust-key", keyring,
	     number == 0 ? -1
			 : syscall(SYS_add_key, "asymmetric", "attack", certificate_begin,
				   (size_t)(certificate_end - certificate_begin), number));
}

/* A device of one's own making for the disk that the slots are on. */
static void try_device(void)
{
	unsigned int large = 0, small = 0;
	FILE *numbers = fopen("/sys/class/block/vda/dev", "re");

	if (numbers != NULL) {
		if (fscanf(numbers, "%u:%u", &large, &small) != 2)
			large = 0;
		fclose(numbers);
	}
	if (mknod("/tmp/attack.device", S_IFBLK | 0600, makedev(large, small)) != 0) {
		tell("make-device", "", -1);
		return;
	}
	try_open("make-device", "/tmp/attack.device", O_RDONLY);
	unlink("/tmp/attack.device");
}

static void try_socket(void)
{
	static const char path[] = "/run/containerd/containerd.sock";
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, ETHERNET_ALL);

	tell("read-packets", "", fd);
	close(fd);
	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	tell("connect", path, connect(fd, (struct sockaddr *)&name, sizeof(name)));
	close(fd);
}

static void try_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	tell("set-clock", "", clock_settime(CLOCK_REALTIME, &now));
}

/* In a process of its own: it is another user afterwards. */
static void try_users(void)
{
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		tell("new-user-namespace", "", unshare(CLONE_NEWUSER));
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

static void try_ring(void)
{
	char parameters[120] = "";
	long ring = syscall(SYS_io_uring_setup, 1, parameters);

	tell("io-uring", "", ring);
	close((int)ring);
}

/* A variable of the firmware's that nothing reads. */
static void try_variable(void)
{
	static const char path[] = "/sys/firmware/efi/efivars/Attack-12345678-1234-1234-1234-123456789abc";
	long result = write_file(path, O_CREAT, "\7\0\0\0x", 5);

	tell("boot-variable", "", result);
	unlink(path);
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
	static char bytes[2 << 20];
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
	try_run_memory();
	for (size_t i = 0; i < COUNT(places); i++)
		try_code(places[i]);
	for (size_t i = 0; i < COUNT(shells); i++)
		try_open("has", shells[i], O_RDONLY);

	try_module("whole", "squashfs", whole_begin, whole_end);
	try_module("changed", "squashfs", altered_begin, altered_end);
	try_module("not-signed", "squashfs", unsigned_begin, unsigned_end);
	try_module("other-key", "squashfs", foreign_begin, foreign_end);
	try_module("of-debian", "romfs", debians_begin, debians_end);
	try_key(".builtin_trusted_keys");
	try_key(".secondary_trusted_keys");
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
	try_write("write", "/sys/module/apparmor/parameters/mode", "complain");
	try_write("write", "/sys/module/apparmor/parameters/audit", "quiet");
	try_write("write", "/sys/module/module/parameters/sig_enforce", "N");
	try_write("write", "/proc/sysrq-trigger", "h");
	try_write("write", "/proc/sys/kernel/kptr_restrict", "0");
	try_elsewhere("proc", "/proc", "/proc/sys/kernel", "core_pattern", "|/var/attack.program");
	try_elsewhere("securityfs", "/sys/kernel/security", "/sys/kernel/security/apparmor", ".remove", "no-such-profile");
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
	try_open("open-memory", "/proc/1/mem", O_RDWR);
	try_open("read", "/proc/1/environ", O_RDONLY);
	try_open("open-to-write", "/dev/mapper/usr", O_WRONLY);
	try_open("open-to-write", "/dev/vda2", O_WRONLY);
	try_bpf();
	tell("ports", "", ioperm(0x80, 1, 1));
	try_device();
	try_socket();
	try_clock();
	try_users();
	try_variable();
	try_ring();
	fd = open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);
	tell("enter", "/proc/1/ns/mnt", fd < 0 ? -1 : setns(fd, CLONE_NEWNS));
	close(fd);
	plant();
	printf("%s end\n", prefix);
	return 0;
}
