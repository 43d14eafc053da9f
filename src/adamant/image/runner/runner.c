/* The only way to Python on a machine: a program that runs the agent's own modules, by name, and nothing else.
 *
 *     /usr/lib/adamant/run NAME [ARGUMENT...]
 *
 * NAME is one of a table that the build makes (programs.h). There is no interpreter to hand a script, a module path or
 * code on a command line or standard input to: Python is a library here, and this program gives it a fixed file below
 * the verified /usr. -I and -S leave out the environment's variables, the current folder, the person's packages and
 * `site`; what of the environment could make the loader or Python do something else is taken out before.
 *
 * It is linked with libpython and libc alone and starts without the C library's own start files: the dynamic loader has
 * set up the C library by then, and __libc_start_main has nothing to add for a program without constructors.
 */
#include "programs.h"

#define ARGUMENTS 64

extern int Py_BytesMain(int count, char **arguments);
extern void exit(int code) __attribute__((noreturn));
extern long write(int fd, const void *bytes, unsigned long count);

/* Variables that systemd hands to services (systemd.exec(5), sd_listen_fds(3), sd_notify(3)), and two for libraries. */
static const char *const kept[] = {
	"CREDENTIALS_DIRECTORY=", "GRPC_VERBOSITY=", "INVOCATION_ID=", "JOURNAL_STREAM=",  "LISTEN_FDNAMES=",
	"LISTEN_FDS=",		  "LISTEN_PID=",     "NOTIFY_SOCKET=", "RUNTIME_DIRECTORY=", "WATCHDOG_PID=",
	"WATCHDOG_USEC=",	  "TERM=",	     "TMPDIR=",	       "LANG=C.UTF-8",	   "MALLOC_ARENA_MAX=",
};

static int begins(const char *text, const char *with)
{
	while (*with != '\0')
		if (*text++ != *with++)
			return 0;
	return 1;
}

static int equals(const char *one, const char *other)
{
	while (*one != '\0' && *one == *other) {
		one++;
		other++;
	}
	return *one == *other;
}

static int is_kept(const char *variable)
{
	for (unsigned int i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (begins(variable, kept[i]))
			return 1;
	return 0;
}

/* The C library reads the same array, which the kernel made. */
static void clean(char **environment)
{
	char **to = environment;

	for (char **from = environment; *from != 0; from++)
		if (is_kept(*from))
			*to++ = *from;
	*to = 0;
}

static const char *script(const char *name)
{
	for (const struct program *program = programs; program->name != 0; program++)
		if (equals(program->name, name))
			return program->path;
	return 0;
}

__attribute__((noreturn, used)) void begin(long *stack)
{
	static const char usage[] = "usage: /usr/lib/adamant/run NAME [ARGUMENT...], NAME as units have it\n";
	static char *arguments[ARGUMENTS + 1] = { "adamant", "-I", "-S" };
	int count = (int)stack[0];
	char **given = (char **)(stack + 1);
	const char *path;
	int used = 3;

	clean(given + count + 1);
	path = count > 1 ? script(given[1]) : 0;
	if (path == 0 || count > ARGUMENTS - 2) {
		(void)!write(2, usage, sizeof(usage) - 1);
		exit(2);
	}
	arguments[used++] = (char *)path;
	for (int i = 2; i < count; i++)
		arguments[used++] = given[i];
	exit(Py_BytesMain(used, arguments));
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp,%ebp\n\tmov %rsp,%rdi\n\tand $-16,%rsp\n\tcall begin\n\thlt\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n\tmov x29,#0\n\tmov x0,sp\n\tbl begin\n\tbrk #0\n");
#else
#error "no start code for this architecture"
#endif
