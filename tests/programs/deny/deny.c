// Command deny runs another command, to which the kernel answers some system calls with an error,
// as the seccomp profile of a container does.
//
// deny ERRNO CALL[,CALL] COMMAND...
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
	const char *name;
	unsigned int number;
} calls[] = {
	{"bpf", SYS_bpf},
	{"mount", SYS_mount},
	{"perf_event_open", SYS_perf_event_open},
	{"pidfd_open", SYS_pidfd_open},
	{"process_vm_readv", SYS_process_vm_readv},
	{"unshare", SYS_unshare},
};

#define CALLS (sizeof calls / sizeof *calls)

static struct sock_filter filter[2 * CALLS + 2];
static unsigned short length;

static void add(struct sock_filter instruction) {
	filter[length++] = instruction;
}

static int deny(const char *name, int error) {
	for (size_t i = 0; i < CALLS; i++) {
		if (strcmp(calls[i].name, name) != 0)
			continue;
		add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i].number, 0, 1));
		add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error));
		return 1;
	}
	return 0;
}

int main(int argc, char **argv) {
	if (argc < 4)
		return 2;
	int error = atoi(argv[1]);
	add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
	// Each name once, so that the filter has room.
	for (char *name = strtok(argv[2], ","); name && length <= 2 * CALLS - 1; name = strtok(NULL, ","))
		if (!deny(name, error))
			return 2;
	add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	struct sock_fprog program = {.len = length, .filter = filter};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
		perror("deny");
		return 1;
	}
	execvp(argv[3], argv + 3);
	perror(argv[3]);
	return 127;
}
