#include "mounts.h"

#include <errno.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text.h"

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

/* MS_NOEXEC in an image whose policy runs nothing but /usr, which is where it is mounted for good. */
static unsigned long no_programs(void)
{
	return access("/sysroot/usr/lib/adamant/policy", F_OK) == 0 ? MS_NOEXEC : 0;
}

void mounts_system(const char *usr)
{
	make_folder("/usr", 0755);
	make_folder("/sysroot", 0755);
	make_folder("/layers", 0700);
	make_mount(usr, "/usr", "erofs", MS_RDONLY | MS_NODEV, NULL);

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
	/* As tmp.mount and PID 1 have them, which then find it done. Where a policy lets nobody run what lies there, the
	 * mounts say so as well. */
	make_mount("tmpfs", "/sysroot/tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_STRICTATIME | no_programs(),
		   "mode=1777,size=50%,nr_inodes=1m");
	make_folder("/dev/shm", 01777);
	make_mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_STRICTATIME | no_programs(), "mode=1777");
	if (no_programs() != 0)
		make_mount(NULL, "/run", NULL, MS_REMOUNT | MS_NOSUID | MS_NODEV | MS_NOEXEC,
			   "mode=0755,size=20%,nr_inodes=800k");
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
