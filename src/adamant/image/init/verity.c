#include "verity.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The kernel's interface (include/uapi/linux/dm-ioctl.h, version 4), spelt out so that building needs no kernel headers. */
struct dm_ioctl {
	uint32_t version[3];
	uint32_t data_size;
	uint32_t data_start;
	uint32_t target_count;
	int32_t open_count;
	uint32_t flags;
	uint32_t event_nr;
	uint32_t padding;
	uint64_t dev;
	char name[128];
	char uuid[129];
	char data[7];
};

struct dm_target {
	uint64_t sector_start;
	uint64_t length;
	int32_t status;
	uint32_t next;
	char type[16];
};

_Static_assert(sizeof(struct dm_ioctl) == 312, "struct dm_ioctl as the kernel has it");
_Static_assert(sizeof(struct dm_target) == 40, "struct dm_target_spec as the kernel has it");

#define DM_DEV_CREATE ((int)_IOWR(0xfd, 3, struct dm_ioctl))
#define DM_DEV_SUSPEND ((int)_IOWR(0xfd, 6, struct dm_ioctl)) /* without DM_SUSPEND_FLAG it resumes */
#define DM_TABLE_LOAD ((int)_IOWR(0xfd, 9, struct dm_ioctl))
#define DM_READONLY_FLAG 1

#define DEVICE_NAME "usr"
#define SECTORS_OF_BLOCK (VERITY_BLOCK / 512)

struct request {
	struct dm_ioctl header;
	struct dm_target target;
	char parameters[1024];
};

static void request_begin(struct request *request, uint32_t size)
{
	memset(request, 0, sizeof(*request));
	request->header.version[0] = 4;
	request->header.data_size = size;
	request->header.data_start = sizeof(request->header);
	strcpy(request->header.name, DEVICE_NAME);
}

static void add_device(struct text *text, const struct partition *partition)
{
	text_add_number(text, partition->major);
	text_add(text, ":");
	text_add_number(text, partition->minor);
	text_add(text, " ");
}

/* Documentation/admin-guide/device-mapper/verity.rst: version, devices, block sizes, blocks, first hash block, algorithm,
 * root, salt, optional arguments. The tree starts at block 1 of its partition, after the superblock. */
static void add_parameters(struct text *text, const struct slot *slot, const uint8_t *root)
{
	text_add(text, "1 ");
	add_device(text, &slot->data);
	add_device(text, &slot->tree);
	text_add(text, "4096 4096 ");
	text_add_number(text, slot->superblock.data_blocks);
	text_add(text, " 1 sha256 ");
	text_add_hex(text, root, SHA256_SIZE);
	text_add(text, " ");
	text_add_hex(text, slot->superblock.salt, SALT_SIZE);
	text_add(text, " 1 panic_on_corruption");
}

void verity_open(const struct slot *slot, const uint8_t root[SHA256_SIZE], struct text *device)
{
	static struct request request;
	struct text text;
	uint64_t number;
	int control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);

	if (control < 0)
		fail("cannot reach the device mapper", "/dev/mapper/control", errno);

	/* The uuid tells the running system, through sysfs, which root hash its /usr was opened with. */
	text_clear(&text);
	text_add(&text, "ADAMANT-USR-");
	text_add_hex(&text, root, SHA256_SIZE);
	request_begin(&request, sizeof(request.header));
	request.header.flags = DM_READONLY_FLAG;
	memcpy(request.header.uuid, text.bytes, text.used + 1);
	if (ioctl(control, DM_DEV_CREATE, &request) < 0)
		fail("cannot make the verity device", DEVICE_NAME, errno);
	number = request.header.dev;

	text_clear(&text);
	add_parameters(&text, slot, root);
	if (text.full)
		fail("the verity table is too long", "", 0);
	request_begin(&request, sizeof(request));
	request.header.flags = DM_READONLY_FLAG;
	request.header.target_count = 1;
	request.target.length = slot->superblock.data_blocks * SECTORS_OF_BLOCK;
	strcpy(request.target.type, "verity");
	memcpy(request.parameters, text.bytes, text.used + 1);
	if (ioctl(control, DM_TABLE_LOAD, &request) < 0)
		fail("the kernel refuses the verity table", text.bytes, errno);

	request_begin(&request, sizeof(request.header));
	if (ioctl(control, DM_DEV_SUSPEND, &request) < 0)
		fail("cannot start the verity device", DEVICE_NAME, errno);
	close(control);

	/* huge_encode_dev(): the minor number's low 8 bits, 12 bits of major, the rest of minor. */
	text_clear(device);
	text_add(device, "/dev/dm-");
	text_add_number(device, (number & 0xff) | (number >> 12 & 0xfff00));
}
