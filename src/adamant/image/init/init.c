/* The initrd of Adamant: one static program, PID 1 until it hands over to systemd.
 *
 * It finds the slot that holds the usr image of this release (by the root hash on the signed command line), opens it
 * with dm-verity, sets up `/`, `/usr` and `/etc`, and becomes systemd. What it cannot do it does not work around: it
 * says why and reboots, and sd-boot, which counts tries, comes back with the other release.
 *
 * It trusts the kernel, its own initrd and the command line: all three stand in the one signed UKI. It trusts no byte of
 * a disk, no name of a device.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "extra.h"
#include "modules.h"
#include "mounts.h"
#include "policy.h"
#include "root.h"
#include "slot.h"
#include "text.h"
#include "verity.h"

#define SYSTEM "/usr/lib/systemd/systemd"
#define BOOT_RECORD "/run/adamant/boot.json"
#define COMMAND_LINE "/proc/cmdline"
#define RESET_UNIT "--unit=adamant-reset-root.target"

/* Milliseconds since the kernel started, as the record of the boot has them. */
struct times {
	uint64_t init, modules, slot, verity, handover;
};

static uint64_t now(void)
{
	struct timespec time = { 0 };

	clock_gettime(CLOCK_BOOTTIME, &time);
	return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void add_field(struct text *text, const char *name, const char *value)
{
	text_add(text, "\"");
	text_add(text, name);
	text_add(text, "\":\"");
	text_add(text, value); /* a constant or a plain_name(): nothing to escape */
	text_add(text, "\",");
}

static void add_time(struct text *text, const char *name, uint64_t value, const char *after)
{
	text_add(text, "\"");
	text_add(text, name);
	text_add(text, "\":");
	text_add_number(text, value);
	text_add(text, after);
}

/* What the agent tells of this boot, in JSON. */
static void record(const struct slot *slot, const uint8_t *root, const struct times *times)
{
	struct text text;
	int fd;

	text_clear(&text);
	text_add(&text, "{");
	add_field(&text, "slot", slot->label);
	add_field(&text, "data", slot->data.name);
	add_field(&text, "tree", slot->tree.name);
	add_field(&text, "disk", slot->data.disk);
	text_add(&text, "\"root_hash\":\"");
	text_add_hex(&text, root, SHA256_SIZE);
	text_add(&text, "\",\"times\":{");
	add_time(&text, "init", times->init, ",");
	add_time(&text, "modules", times->modules, ",");
	add_time(&text, "slot", times->slot, ",");
	add_time(&text, "verity", times->verity, ",");
	add_time(&text, "handover", times->handover, "}}\n");
	fd = open(BOOT_RECORD, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	if (text.full || fd < 0 || write(fd, text.bytes, text.used) != (ssize_t)text.used)
		fail("cannot write the record of this boot", BOOT_RECORD, errno);
	close(fd);
}

/* What the signed command line says: which usr image, and whether `/` is on disk. */
static bool read_command_line(uint8_t root[SHA256_SIZE])
{
	static char line[65536];
	const char *wrong;
	bool on_disk;

	if (read_file(COMMAND_LINE, line, sizeof(line)) < 0)
		fail("cannot read the command line", COMMAND_LINE, errno);
	wrong = root_hash_of_text(line, root);
	if (wrong == NULL)
		wrong = root_of_text(line, &on_disk);
	if (wrong != NULL)
		fail(wrong, "", 0);
	return on_disk;
}

int main(void)
{
	/* Nothing that the command line put into the environment reaches PID 1 of the system. The folder is that of
	 * compose/early.py; what PID 1 starts gets an environment of its own. */
	static char *arguments[] = { SYSTEM, NULL, NULL };
	static char *const environment[] = { "TERM=linux", "LD_LIBRARY_PATH=/usr/lib/adamant/pid1", NULL };
	static uint8_t root[SHA256_SIZE];
	static struct slot slot;
	struct times times = { .init = now() };
	struct text device, disk;
	bool on_disk;

	if (getpid() != 1)
		return 2;
	mounts_begin();
	extra_carry();
	on_disk = read_command_line(root);
	modules_load(MODULES_FIRST);
	watchdog_arm();
	times.modules = now();
	/* Drivers of rarer disks cost memory and time, so they come only when the slot is on none of those at hand. */
	if (!slot_look(root, &slot)) {
		modules_load(MODULES_DISKS);
		slot_wait(root, &slot);
	}
	times.slot = now();
	verity_open(&slot, root, &device);
	times.verity = now();
	if (on_disk) {
		root_open(&slot, &disk);
		/* Then nothing starts but what brings the machine back to its release. */
		if (mounts_system_on_disk(device.bytes, disk.bytes))
			arguments[1] = RESET_UNIT;
	} else {
		mounts_system(device.bytes);
	}
	times.handover = now();
	record(&slot, root, &times);
	say("the usr image comes from slot", slot.label);
	mounts_enter();
	policy_enter();
	execve(SYSTEM, arguments, environment);
	fail("cannot start", SYSTEM, errno);
}
