#include "slot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "text.h"

#define RETRY_NANOSECONDS (100 * 1000 * 1000)
#define ATTEMPTS 300 /* 30 s for a disk to appear */
#define ATTEMPTS_BESIDE_ANOTHER 30 /* our disk is there, and holds another release: 3 s for a second disk */
#define MAX_DEVICES 4096

static const char *const labels[] = { "usr-a", "usr-b" };

#define LABELS (sizeof(labels) / sizeof(labels[0]))

const char *root_hash_of_text(const char *line, uint8_t root[SHA256_SIZE])
{
	const char *digits;
	size_t length;
	int count = command_line_word(line, "adamant.usrhash=", &digits, &length);

	if (count == 0)
		return "there is no adamant.usrhash= on the command line";
	if (count > 1)
		return "adamant.usrhash= stands on the command line twice";
	if (!hex_decode(digits, length, root, SHA256_SIZE))
		return "adamant.usrhash= is not 64 lower-case hexadecimal digits";
	return NULL;
}

/* Reads the whole of /sys/class/block/DEVICE/ATTRIBUTE, a small text. */
static bool read_attribute(const char *device, const char *attribute, char *buffer, size_t capacity)
{
	struct text path;

	text_clear(&path);
	text_add(&path, "/sys/class/block/");
	text_add(&path, device);
	text_add(&path, "/");
	text_add(&path, attribute);
	return !path.full && read_file(path.bytes, buffer, capacity) >= 0;
}

/* The value of KEY= in the lines of a uevent file, or NULL. Ends the value with NUL where its line ends. */
static const char *value_of(char *lines, const char *key)
{
	size_t length = strlen(key);

	for (char *line = lines; line != NULL && *line != '\0';) {
		char *end = strchr(line, '\n');

		if (strncmp(line, key, length) == 0 && line[length] == '=') {
			if (end != NULL)
				*end = '\0';
			return line + length + 1;
		}
		line = end == NULL ? NULL : end + 1;
	}
	return NULL;
}

/* A decimal number of at most 15 digits, then `after`. */
static bool number_before(const char **text, char after, uint64_t *number)
{
	const char *at = *text;

	*number = 0;
	while (*at >= '0' && *at <= '9' && at - *text < 15)
		*number = *number * 10 + (uint64_t)(*at++ - '0');
	if (at == *text || *at != after)
		return false;
	*text = at + 1;
	return true;
}

/* The link /sys/class/block/DEVICE ends in .../DISK/DEVICE for a partition. */
static bool disk_of(const char *device, char disk[NAME_SIZE])
{
	char target[1024];
	struct text path;
	ssize_t length;
	char *slash;
	char *name;

	text_clear(&path);
	text_add(&path, "/sys/class/block/");
	text_add(&path, device);
	length = readlink(path.bytes, target, sizeof(target));
	if (path.full || length <= 0 || (size_t)length >= sizeof(target))
		return false;
	target[length] = '\0';
	slash = strrchr(target, '/');
	if (slash == NULL || strcmp(slash + 1, device) != 0)
		return false;
	*slash = '\0';
	name = strrchr(target, '/');
	if (name == NULL || !plain_name(name + 1))
		return false;
	strcpy(disk, name + 1); /* plain_name() bounds it */
	return true;
}

/* Fills `partition` when DEVICE is a partition called `label` in its table. */
static bool partition_read(const char *device, const char *label, struct partition *partition)
{
	char buffer[4096];
	const char *at;
	uint64_t major, minor, sectors;

	if (!plain_name(device) || !read_attribute(device, "uevent", buffer, sizeof(buffer)))
		return false;
	at = value_of(buffer, "PARTNAME");
	if (at == NULL || strcmp(at, label) != 0)
		return false;
	at = buffer;
	if (!read_attribute(device, "dev", buffer, sizeof(buffer)) || !number_before(&at, ':', &major) ||
	    !number_before(&at, '\n', &minor))
		return false;
	at = buffer;
	if (!read_attribute(device, "size", buffer, sizeof(buffer)) || !number_before(&at, '\n', &sectors))
		return false;
	strcpy(partition->name, device); /* plain_name() bounds it */
	partition->major = (unsigned int)major;
	partition->minor = (unsigned int)minor;
	partition->bytes = sectors * 512; /* 15 digits at most: no overflow */
	return disk_of(device, partition->disk);
}

/* Calls `accept` with each partition called `label`, until it returns true. */
static bool each_partition(const char *label, bool (*accept)(const struct partition *, void *), void *context)
{
	DIR *folder = opendir("/sys/class/block");
	struct partition partition;
	bool accepted = false;

	if (folder == NULL)
		fail("cannot list block devices", "/sys/class/block", errno);
	for (int seen = 0; seen < MAX_DEVICES && !accepted; seen++) {
		struct dirent *entry = readdir(folder);

		if (entry == NULL)
			break;
		if (partition_read(entry->d_name, label, &partition))
			accepted = accept(&partition, context);
	}
	closedir(folder);
	return accepted;
}

static bool same_disk(const struct partition *found, void *context)
{
	struct partition *wanted = context;

	if (strcmp(found->disk, wanted->disk) != 0)
		return false;
	*wanted = *found;
	return true;
}

bool partition_beside(const struct slot *slot, const char *label, struct partition *partition)
{
	strcpy(partition->disk, slot->data.disk);
	return each_partition(label, same_disk, partition);
}

static bool read_head(const struct partition *partition, uint8_t head[VERITY_HEAD])
{
	struct text path;
	struct stat status;
	size_t used = 0;
	int fd;

	text_clear(&path);
	text_add(&path, "/dev/");
	text_add(&path, partition->name);
	fd = path.full ? -1 : open(path.bytes, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (fstat(fd, &status) == 0 && S_ISBLK(status.st_mode) && major(status.st_rdev) == partition->major &&
	    minor(status.st_rdev) == partition->minor) {
		while (used < VERITY_HEAD) {
			ssize_t got = pread(fd, head + used, VERITY_HEAD - used, (off_t)used);

			if (got < 0 && errno == EINTR)
				continue;
			if (got <= 0)
				break;
			used += (size_t)got;
		}
	}
	close(fd);
	return used == VERITY_HEAD;
}

struct search {
	const uint8_t *root;
	struct slot *slot;
	char tree_label[NAME_SIZE];
	const char *why; /* why no partition was taken, for the message at the end */
	uint8_t other[SHA256_SIZE]; /* the root hash that stood there instead, when why is `other_root` */
};

static const char other_root[] = "another root hash";

static bool holds_the_root(const struct partition *data, void *context)
{
	static uint8_t head[VERITY_HEAD];
	struct search *search = context;
	struct slot *slot = search->slot;
	const char *wrong;

	slot->data = *data;
	if (!partition_beside(slot, search->tree_label, &slot->tree)) {
		search->why = "no partition for its tree on the same disk";
		return false;
	}
	if (!read_head(&slot->tree, head)) {
		search->why = "its tree cannot be read";
		return false;
	}
	wrong = superblock_parse(head, data->bytes, &slot->superblock);
	if (wrong != NULL) {
		search->why = wrong;
		return false;
	}
	superblock_root(head, &slot->superblock, search->other);
	if (memcmp(search->other, search->root, SHA256_SIZE) != 0) {
		search->why = other_root;
		return false;
	}
	return true;
}

static void search_begin(struct search *search, const char *label, const uint8_t *root, struct slot *slot)
{
	search->root = root;
	search->slot = slot;
	search->why = "no such partition";
	strcpy(search->tree_label, label);
	strcat(search->tree_label, "-verity"); /* constants: they fit */
}

static void explain(const struct search *search, const char *label)
{
	struct text detail;

	text_clear(&detail);
	text_add(&detail, search->why);
	if (search->why == other_root) {
		text_add(&detail, " ");
		text_add_hex(&detail, search->other, SHA256_SIZE);
	}
	say(label, detail.bytes);
}

static bool look(const uint8_t *root, struct slot *slot, struct search searches[LABELS])
{
	for (size_t i = 0; i < LABELS; i++) {
		search_begin(&searches[i], labels[i], root, slot);
		slot->label = labels[i];
		if (each_partition(labels[i], holds_the_root, &searches[i]))
			return true;
	}
	return false;
}

bool slot_look(const uint8_t root[SHA256_SIZE], struct slot *slot)
{
	struct search searches[LABELS];

	return look(root, slot, searches);
}

void slot_wait(const uint8_t root[SHA256_SIZE], struct slot *slot)
{
	struct timespec pause = { .tv_nsec = RETRY_NANOSECONDS };
	struct search searches[LABELS];

	for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
		bool another = false;

		if (look(root, slot, searches))
			return;
		for (size_t i = 0; i < LABELS; i++)
			another |= searches[i].why == other_root;
		if (another && attempt >= ATTEMPTS_BESIDE_ANOTHER)
			break;
		nanosleep(&pause, NULL);
	}
	for (size_t i = 0; i < LABELS; i++)
		explain(&searches[i], labels[i]);
	fail("no slot holds the usr image of this release", "", 0);
}
