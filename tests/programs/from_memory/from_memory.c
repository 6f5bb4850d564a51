// Runs a program from a file that has no path: from_memory PROGRAM [ARGUMENT...]

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv) {
	if (argc < 2)
		return 2;
	int from = open(argv[1], O_RDONLY | O_CLOEXEC);
	int copy = memfd_create("stage2", MFD_CLOEXEC);
	struct stat status;
	if (from < 0 || copy < 0 || fstat(from, &status))
		return 1;
	off_t position = 0;
	while (position < status.st_size)
		if (sendfile(copy, from, &position, status.st_size - position) <= 0)
			return 1;
	fexecve(copy, argv + 1, environ);
	perror("fexecve");
	return 1;
}
