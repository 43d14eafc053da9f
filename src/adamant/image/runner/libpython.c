/* What the program needs of libpython, for the linker alone. */
int Py_BytesMain(int count, char **arguments)
{
	(void)arguments;
	return count;
}
