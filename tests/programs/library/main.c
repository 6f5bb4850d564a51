// A program that makes its calls in a library of its own.
//
// Commands on stdin: go, exit.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int library_calls(int times);

static void await(const char *wanted) {
	char line[64];
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (!strcmp(line, wanted))
			return;
		if (!strcmp(line, "exit"))
			break;
	}
	exit(0);
}

int main(void) {
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("{\"event\":\"ready\",\"pid\":%d}\n", (int)getpid());
	await("go");
	int made = library_calls(50);
	printf("{\"event\":\"counted\",\"pid\":%d,\"made\":%d}\n", (int)getpid(), made);
	await("exit");
}
