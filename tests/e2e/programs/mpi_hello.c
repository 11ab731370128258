/* The smallest useful MPI job: every rank says who and where it is and which CPUs it may use, then
 * all count one another. Fails unless the count is the world's size; with an argument N also unless
 * the world has N ranks, so that a program started as N worlds of one is seen. */
#define _GNU_SOURCE
#include <mpi.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Writes the CPUs this process may use as "0-3,8" into text. */
static void list_cpus(char *text, size_t size) {
    cpu_set_t set;
    size_t used = 0;
    text[0] = '\0';
    if (sched_getaffinity(0, sizeof set, &set) != 0) {
        return;
    }
    for (int first = 0; first < CPU_SETSIZE && used + 16 < size; ++first) {
        if (!CPU_ISSET(first, &set)) {
            continue;
        }
        int last = first;
        while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, &set)) {
            ++last;
        }
        const char *comma = used ? "," : "";
        used += (size_t)(first == last
                             ? snprintf(text + used, size - used, "%s%d", comma, first)
                             : snprintf(text + used, size - used, "%s%d-%d", comma, first, last));
        first = last;
    }
}

int main(int argc, char **argv) {
    int rank, size, sum = 0;
    const int one = 1;
    char host[256] = "", cpus[1024];
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    gethostname(host, sizeof host - 1);
    list_cpus(cpus, sizeof cpus);
    MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    printf("hello rank=%d size=%d sum=%d host=%s cpus=%s\n", rank, size, sum, host, cpus);
    MPI_Finalize();
    if (argc > 1 && atoi(argv[1]) != size) {
        return 2;
    }
    return sum == size ? 0 : 1;
}
