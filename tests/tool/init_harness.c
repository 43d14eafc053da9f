/* Runs the parsers of the initrd's program over cases from standard input, for the tests.
 *
 * A case is a letter, a length (4 bytes, little endian) and that many bytes. 's': 8 bytes of size of the data
 * partition, then the head of a verity tree. 'c' and 'r': a kernel command line, of which the root hash and where `/` is are
 * taken. The answer is a line: `= HEX` or `! REASON`.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "root.h"
#include "slot.h"
#include "superblock.h"
#include "text.h"

static void exactly(void *buffer, size_t count)
{
	uint8_t *at = buffer;

	while (count > 0) {
		ssize_t got = read(STDIN_FILENO, at, count);

		if (got <= 0)
			_exit(3);
		at += got;
		count -= (size_t)got;
	}
}

static void answer(const char *wrong, const uint8_t root[SHA256_SIZE])
{
	struct text line;

	text_clear(&line);
	text_add(&line, wrong == NULL ? "= " : "! ");
	if (wrong == NULL)
		text_add_hex(&line, root, SHA256_SIZE);
	else
		text_add(&line, wrong);
	text_add(&line, "\n");
	if (line.full || write(STDOUT_FILENO, line.bytes, line.used) != (ssize_t)line.used)
		_exit(4);
}

static void superblock_case(const uint8_t *bytes, uint32_t length)
{
	struct superblock superblock;
	uint8_t root[SHA256_SIZE] = { 0 };
	uint64_t size = 0;
	const char *wrong;

	if (length != 8 + VERITY_HEAD)
		_exit(5);
	for (int i = 7; i >= 0; i--)
		size = size << 8 | bytes[i];
	wrong = superblock_parse(bytes + 8, size, &superblock);
	if (wrong == NULL)
		superblock_root(bytes + 8, &superblock, root);
	answer(wrong, root);
}

static void command_line_case(char *line)
{
	uint8_t root[SHA256_SIZE] = { 0 };

	answer(root_hash_of_text(line, root), root);
}

static void root_case(const char *line)
{
	uint8_t found[SHA256_SIZE] = { 0 };
	bool on_disk = false;
	const char *wrong = root_of_text(line, &on_disk);

	found[SHA256_SIZE - 1] = on_disk;
	answer(wrong, found);
}

int main(void)
{
	uint8_t head[5];

	for (;;) {
		ssize_t got = read(STDIN_FILENO, head, 1);
		uint32_t length;
		uint8_t *bytes;

		if (got <= 0)
			return got < 0;
		exactly(head + 1, 4);
		length = (uint32_t)head[1] | (uint32_t)head[2] << 8 | (uint32_t)head[3] << 16 | (uint32_t)head[4] << 24;
		if (length > 1 << 20)
			return 6;
		/* Exactly as large as the case, so that a read beyond it is a read beyond an allocation. */
		bytes = malloc(length + 1);
		if (bytes == NULL)
			return 7;
		exactly(bytes, length);
		bytes[length] = 0;
		if (head[0] == 's')
			superblock_case(bytes, length);
		else if (head[0] == 'r')
			root_case((char *)bytes);
		else
			command_line_case((char *)bytes);
		free(bytes);
	}
}
