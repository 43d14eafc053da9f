#include "extra.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text.h"

/* systemd-stub(7), Description; systemd-cryptenroll(1), --tpm2-signature= */
#define FROM "/.extra/"
#define TO "/run/systemd/"
#define CAPACITY 65536

static void carry(const char *from, const char *to)
{
	static char bytes[CAPACITY];
	ssize_t size = read_file(from, bytes, sizeof(bytes));
	int fd;

	if (size < 0 && errno == ENOENT)
		return;
	if (size < 0)
		fail("cannot read what the stub of the UKI has handed over", from, errno);
	if (mkdir(TO, 0755) != 0 && errno != EEXIST)
		fail("cannot make a folder", TO, errno);
	fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	if (fd < 0 || write(fd, bytes, (size_t)size) != size)
		fail("cannot write what the stub of the UKI has handed over", to, errno);
	close(fd);
}

void extra_carry(void)
{
	carry(FROM "tpm2-pcr-signature.json", TO "tpm2-pcr-signature.json");
	carry(FROM "tpm2-pcr-public-key.pem", TO "tpm2-pcr-public-key.pem");
}
