#include "mounts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ahead.h"
#include "text.h"

/* What Adamant keeps on a root file system of its own, apart from what people see. */
#define KEPT ".adamant"
#define RESET_REQUEST KEPT "/asked/reset.json"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct folder {
	const char *path;
	mode_t mode;
};

struct link {
	const char *path, *target;
};

static const char *const moved[] = { "/dev", "/proc", "/sys", "/run" };

/* Mount points of `/`. A service with a /var/tmp of its own gets that mounted too, also before /var is there. */
static const struct folder folders[] = {
	{ "dev", 0755 },  { "efi", 0700 },   { "etc", 0755 },  { "media", 0755 }, { "mnt", 0755 },
	{ "proc", 0555 }, { "root", 0700 },  { "run", 0755 },  { "state", 0700 }, { "sys", 0555 },
	{ "tmp", 01777 }, { "usr", 0755 },   { "var", 0755 },  { "var/tmp", 01777 },
};

static const struct link links[] = {
	{ "bin", "usr/bin" },	  { "sbin", "usr/sbin" }, { "lib", "usr/lib" },
	{ "home", "var/home" }, { "opt", "var/opt" },	{ "srv", "var/srv" },
};

/* The upper layer of /etc is seen as /etc: its folder has the mode of that. */
static const struct folder kept_folders[] = {
	{ KEPT, 0700 }, { KEPT "/etc", 0755 }, { KEPT "/work", 0700 }, { KEPT "/asked", 0700 },
};

static void make_folder(const char *path, mode_t mode)
{
	if (mkdir(path, mode) != 0 && errno != EEXIST)
		fail("cannot make a folder", path, errno);
}

static void make_mount(const char *what, const char *where, const char *type, unsigned long flags, const char *options)
{
	if (mount(what, where, type, flags, options) != 0)
		fail("cannot mount", where, errno);
}

void mounts_begin(void)
{
	umask(0);
	make_folder("/dev", 0755);
	make_folder("/proc", 0555);
	make_folder("/sys", 0555);
	make_folder("/run", 0755);
	/* The kernel mounts no devtmpfs over an initramfs, so nobody was there before. */
	make_mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755");
	make_mount("proc", "/proc", "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL);
	make_mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL);
	/* As PID 1 mounts it itself when nobody has. */
	make_mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=20%,nr_inodes=800k");
	make_folder("/run/adamant", 0755);
}

static void make_skeleton(void)
{
	for (size_t i = 0; i < COUNT(folders); i++)
		make_folder(folders[i].path, folders[i].mode);
	for (size_t i = 0; i < COUNT(links); i++)
		if (symlink(links[i].target, links[i].path) != 0)
			fail("cannot make a link of the root", links[i].path, errno);
	/* Only some architectures have their dynamic loader there. */
	if (access("/usr/lib64", F_OK) == 0 && symlink("usr/lib64", "lib64") != 0)
		fail("cannot make a link of the root", "lib64", errno);
}

/* What people put in the place of a folder or link that a machine needs is kept, under another name. */
static void put_aside(const char *path)
{
	struct text aside;

	text_clear(&aside);
	text_add(&aside, path);
	text_add(&aside, ".kept");
	if (rename(path, aside.bytes) != 0)
		fail("cannot put aside what stands in the place of a part of the root", path, errno);
	say("put aside, since a part of the root belongs there", path);
}

static void keep_folder(const char *path, mode_t mode)
{
	struct stat status;

	if (lstat(path, &status) == 0) {
		if (S_ISDIR(status.st_mode))
			return;
		put_aside(path);
	}
	make_folder(path, mode);
}

static void keep_link(const char *path, const char *target)
{
	char there[64];
	ssize_t length = readlink(path, there, sizeof(there));
	struct stat status;

	if (length >= 0 && (size_t)length == strlen(target) && memcmp(there, target, (size_t)length) == 0)
		return;
	if (lstat(path, &status) == 0)
		put_aside(path);
	if (symlink(target, path) != 0)
		fail("cannot make a link of the root", path, errno);
}

/* The same skeleton, in a file system where people may have made other things. */
static void keep_skeleton(void)
{
	struct stat status;

	for (size_t i = 0; i < COUNT(kept_folders); i++)
		keep_folder(kept_folders[i].path, kept_folders[i].mode);
	for (size_t i = 0; i < COUNT(folders); i++)
		keep_folder(folders[i].path, folders[i].mode);
	/* A machine starts with the links into /usr. The others are for people, who may have a folder in their place. */
	for (size_t i = 0; i < COUNT(links); i++)
		if (strncmp(links[i].target, "usr/", 4) == 0 || lstat(links[i].path, &status) != 0)
			keep_link(links[i].path, links[i].target);
	if (access("/usr/lib64", F_OK) == 0)
		keep_link("lib64", "usr/lib64");
}

/* MS_NOEXEC in an image whose policy runs nothing but /usr, which is where it is mounted for good. */
static unsigned long no_programs(void)
{
	return access("/sysroot/usr/lib/adamant/policy", F_OK) == 0 ? MS_NOEXEC : 0;
}

static void begin_system(const char *usr)
{
	make_folder("/usr", 0755);
	make_folder("/sysroot", 0755);
	make_mount(usr, "/usr", "erofs", MS_RDONLY | MS_NODEV, NULL);
	ahead_read("/usr");
}

static void mount_memory(void)
{
	/* As tmp.mount and PID 1 have them, which then find it done. Where a policy lets nobody run what lies there, the
	 * mounts say so as well. */
	make_mount("tmpfs", "/sysroot/tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_STRICTATIME | no_programs(),
		   "mode=1777,size=50%,nr_inodes=1m");
	make_folder("/dev/shm", 01777);
	make_mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_STRICTATIME | no_programs(), "mode=1777");
	if (no_programs() != 0)
		make_mount(NULL, "/run", NULL, MS_REMOUNT | MS_NOSUID | MS_NODEV | MS_NOEXEC,
			   "mode=0755,size=20%,nr_inodes=800k");
}

bool mounts_system_on_disk(const char *usr, const char *root)
{
	bool reset;

	begin_system(usr);
	make_mount(root, "/sysroot", "ext4", MS_NODEV, "errors=remount-ro");
	if (chdir("/sysroot") != 0)
		fail("cannot enter", "/sysroot", errno);
	keep_skeleton();
	reset = access(RESET_REQUEST, F_OK) == 0;
	if (chdir("/") != 0)
		fail("cannot enter", "/", errno);
	make_mount("/usr", "/sysroot/usr", NULL, MS_MOVE, NULL);
	mount_memory();
	if (reset)
		make_mount("/sysroot/usr/share/factory/etc", "/sysroot/etc", NULL, MS_BIND, NULL);
	else
		/* With these features off, the lower layer may be another one at each boot (Overlay Filesystem, Changes to
		 * underlying filesystems). */
		make_mount("etc", "/sysroot/etc", "overlay", MS_NODEV,
			   "lowerdir=/sysroot/usr/share/factory/etc,upperdir=/sysroot/" KEPT "/etc,workdir=/sysroot/" KEPT
			   "/work,index=off,metacopy=off,redirect_dir=nofollow,xino=off");
	return reset;
}

void mounts_system(const char *usr)
{
	begin_system(usr);
	make_folder("/layers", 0700);

	/* An overlay without an upper layer needs two lower ones, so `/` gets an empty second one. */
	make_mount("layers", "/layers", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700,size=4m,nr_inodes=1k");
	make_folder("/layers/root", 0755);
	make_folder("/layers/none", 0755);
	make_folder("/layers/etc", 0755);
	if (chdir("/layers/root") != 0)
		fail("cannot enter", "/layers/root", errno);
	make_skeleton();
	if (chdir("/") != 0)
		fail("cannot enter", "/", errno);
	make_mount(NULL, "/layers", NULL, MS_REMOUNT | MS_RDONLY, NULL);

	make_mount("root", "/sysroot", "overlay", MS_RDONLY, "lowerdir=/layers/root:/layers/none");
	make_mount("/usr", "/sysroot/usr", NULL, MS_MOVE, NULL);
	mount_memory();
	make_mount("etc", "/sysroot/etc", "overlay", MS_RDONLY | MS_NODEV,
		   "lowerdir=/layers/etc:/sysroot/usr/share/factory/etc");
	if (umount2("/layers", 0) != 0)
		fail("cannot unmount", "/layers", errno);
}

void mounts_enter(void)
{
	for (size_t i = 0; i < COUNT(moved); i++) {
		struct text target;

		text_clear(&target);
		text_add(&target, "/sysroot");
		text_add(&target, moved[i]);
		make_mount(moved[i], target.bytes, NULL, MS_MOVE, NULL);
	}
	/* What this program came in is memory that nothing frees later. */
	unlink("/init");
	if (chdir("/sysroot") != 0)
		fail("cannot enter", "/sysroot", errno);
	make_mount(".", "/", NULL, MS_MOVE, NULL);
	if (chroot(".") != 0 || chdir("/") != 0)
		fail("cannot enter the machine's root", "/", errno);
}
