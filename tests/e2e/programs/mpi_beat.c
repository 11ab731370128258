/* Allreduce in a loop until stopped, for tests that kill things meanwhile. Each rank appends a line
 *
 *     MILLISECONDS ATTEMPT RANK SIZE HOST PID STEP
 *
 * to its own file DIR/beat.JOB.ATTEMPT.RANK.HOST.PID some ten times a second. Two copies of a rank
 * alive at one time show up as two files with lines of that time: that is what the tests look for.
 *
 *     mpi_beat DIR [SECONDS]      ends by itself after SECONDS (default 600), exit 0 */
#include <fcntl.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static const char *get_or(const char *name, const char *other) {
    const char *value = getenv(name);
    return value ? value : other;
}

static int open_beats(const char *dir, int rank, const char *host) {
    char path[4096];
    snprintf(path, sizeof path, "%s/beat.%s.%s.%d.%s.%d", dir, get_or("KHU_JOB_ID", "0"),
             get_or("KHU_ATTEMPT", "0"), rank, host, (int)getpid());
    return open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
}

int main(int argc, char **argv) {
    int rank, size;
    char host[256] = "";
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    gethostname(host, sizeof host - 1);
    if (argc < 2) {
        fprintf(stderr, "usage: mpi_beat DIR [SECONDS]\n");
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    const int file = open_beats(argv[1], rank, host);
    const double end = MPI_Wtime() + (argc > 2 ? atof(argv[2]) : 600);
    if (file < 0) {
        perror(argv[1]);
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    int going = 1;
    for (long step = 0; going; ++step) {
        char line[512];
        const int mine = MPI_Wtime() < end;
        MPI_Allreduce(&mine, &going, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
        const int length =
            snprintf(line, sizeof line, "%lld %s %d %d %s %d %ld\n", now_ms(),
                     get_or("KHU_ATTEMPT", "0"), rank, size, host, (int)getpid(), step);
        if (write(file, line, (size_t)length) != length) {
            MPI_Abort(MPI_COMM_WORLD, 1);
        }
        usleep(100000);
    }
    MPI_Finalize();
    return 0;
}
