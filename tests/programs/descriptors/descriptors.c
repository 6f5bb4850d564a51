// Opens, duplicates and closes sockets at random in several threads, and forks meanwhile. From time
// to time all of them stand still and the program says which instant it is, and how many sockets it
// has.
//
// Arguments: how many rounds, and how many calls each thread makes in one.
// Commands on stdin: go, exit.

#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 4, SLOTS = 32, MAX_SOCKETS = THREADS * SLOTS * 2 };

static pthread_barrier_t still;
static long rounds, calls;

// Descriptors of one thread; 0 is an empty slot.
struct own {
	unsigned seed;
	int fds[SLOTS];
};

static void check(int good, const char *what) {
	if (!good) {
		perror(what);
		exit(1);
	}
}

static void release(int *fd) {
	if (*fd) {
		close(*fd);
		*fd = 0;
	}
}

static void step(struct own *own) {
	int *slot = &own->fds[rand_r(&own->seed) % SLOTS];
	int *other = &own->fds[rand_r(&own->seed) % SLOTS];
	int pair[2];
	switch (rand_r(&own->seed) % 10) {
	case 0:
	case 1:
	case 2:
		release(slot);
		*slot = socket(rand_r(&own->seed) % 2 ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		check(*slot > 0, "socket");
		break;
	case 3:
		if (slot != other) {
			release(slot);
			release(other);
			check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
			*slot = pair[0];
			*other = pair[1];
		}
		break;
	case 4:
		if (*other && slot != other) {
			release(slot);
			*slot = dup(*other);
			check(*slot > 0, "dup");
		}
		break;
	case 5:
		// On a number that is in use: it is closed without a call of its own.
		if (*slot && *other && slot != other) {
			check(dup3(*other, *slot, O_CLOEXEC) == *slot, "dup3");
		}
		break;
	case 6:
		if (*other && slot != other) {
			release(slot);
			*slot = fcntl(*other, F_DUPFD_CLOEXEC, 100 + rand_r(&own->seed) % 100);
			check(*slot > 0, "fcntl");
		}
		break;
	case 7:
		if (*slot) {
			// Old kernels do not have it.
			if (syscall(SYS_close_range, *slot, *slot, 0) == 0) {
				*slot = 0;
			} else {
				release(slot);
			}
		}
		break;
	default:
		release(slot);
	}
}

static int compare(const void *a, const void *b) {
	long x = *(const long *)a, y = *(const long *)b;
	return (x > y) - (x < y);
}

// Different sockets among the descriptors.
static int sockets(void) {
	long inodes[MAX_SOCKETS];
	int count = 0, different = 0;
	DIR *directory = opendir("/proc/self/fd");
	check(directory != NULL, "/proc/self/fd");
	for (struct dirent *entry; (entry = readdir(directory));) {
		char link[64] = "";
		if (readlinkat(dirfd(directory), entry->d_name, link, sizeof link - 1) > 0 &&
		    sscanf(link, "socket:[%ld]", &inodes[count]) == 1 && count < MAX_SOCKETS - 1) {
			count++;
		}
	}
	closedir(directory);
	qsort(inodes, count, sizeof *inodes, compare);
	for (int i = 0; i < count; i++) {
		different += i == 0 || inodes[i] != inodes[i - 1];
	}
	return different;
}

static void say(const char *event) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	printf("{\"event\": \"%s\", \"at\": %lld, \"sockets\": %d}\n", event,
				 now.tv_sec * 1000000000LL + now.tv_nsec, sockets());
	fflush(stdout);
}

static void *work(void *argument) {
	struct own own = {.seed = 7 + (unsigned)(long)argument};
	for (long round = 0; round < rounds; round++) {
		for (long call = 0; call < calls; call++) {
			step(&own);
		}
		pthread_barrier_wait(&still);
		pthread_barrier_wait(&still);
	}
	return NULL;
}

static void await(const char *command) {
	char line[16];
	if (!fgets(line, sizeof line, stdin) || strcmp(line, command) != 0) {
		exit(0);
	}
}

int main(int count, char **arguments) {
	check(count == 3, "arguments");
	rounds = atol(arguments[1]);
	calls = atol(arguments[2]);
	pthread_barrier_init(&still, NULL, THREADS + 1);
	say("ready");
	await("go\n");
	pthread_t threads[THREADS];
	for (long i = 0; i < THREADS; i++) {
		check(pthread_create(&threads[i], NULL, work, (void *)i) == 0, "thread");
	}
	for (long round = 0; round < rounds; round++) {
		// The child has all descriptors too, and closes them as it ends: that is not ours.
		pid_t child = fork();
		if (child == 0) {
			_exit(0);
		}
		check(child > 0 && waitpid(child, NULL, 0) == child, "fork");
		pthread_barrier_wait(&still);
		say("still");
		pthread_barrier_wait(&still);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
	}
	say("done");
	await("exit\n");
	return 0;
}
