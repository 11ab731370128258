/* Submits trivial batch jobs to Slurm through its C library, so that starting an sbatch for each job
 * does not hide what slurmctld can do.
 *
 *     submit_api COUNT [THREADS [ACKNOWLEDGED [JOBS]]]
 *
 * JOBS is a file with a line for each job, "PARTITION NODES CORES GPUS MINUTES" (cores and GPUs per
 * node); without it all are of one core for ten minutes. ACKNOWLEDGED ("" for none) is a file that gets each job's number as soon as slurmctld has answered (for crash
 * tests). Stops at the first error. Prints one JSON object. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int wanted, acknowledged_file = -1;
static atomic_int taken, submitted, failed;
static double *latencies;
static char error_text[128];

struct shape {
    char partition[16], gpus[16];
    unsigned nodes, cores, minutes;
};
static struct shape *shapes; /* `wanted` of them; NULL: all jobs are trivial */

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void describe(job_desc_msg_t *job) {
    static char *environment[] = {"PATH=/usr/bin:/bin", "SLURM_GET_USER_ENV=0"};
    slurm_init_job_desc_msg(job);
    job->name = "trivial";
    job->script = "#!/bin/sh\ntrue\n";
    job->environment = environment;
    job->env_size = 2;
    job->work_dir = "/";
    job->std_in = job->std_out = job->std_err = "/dev/null";
    job->user_id = getuid();
    job->group_id = getgid();
    job->partition = "main";
    job->min_nodes = job->max_nodes = 1;
    job->num_tasks = job->min_cpus = 1;
    job->time_limit = 10;
}

static void give_shape(job_desc_msg_t *job, struct shape *shape) {
    job->partition = shape->partition;
    job->min_nodes = job->max_nodes = job->num_tasks = shape->nodes;
    job->ntasks_per_node = 1;
    job->cpus_per_task = (uint16_t)shape->cores;
    job->min_cpus = shape->nodes * shape->cores;
    job->time_limit = shape->minutes;
    if (shape->gpus[0]) {
        job->tres_per_node = shape->gpus;
    }
}

static void read_shapes(const char *path) {
    FILE *file = fopen(path, "r");
    shapes = calloc((size_t)wanted, sizeof *shapes);
    for (int i = 0; i < wanted; ++i) {
        unsigned gpus = 0;
        struct shape *shape = &shapes[i];
        if (!file || fscanf(file, "%15s %u %u %u %u", shape->partition, &shape->nodes,
                            &shape->cores, &gpus, &shape->minutes) != 5) {
            fprintf(stderr, "submit_api: %s has no line %d of five words\n", path, i + 1);
            exit(2);
        }
        if (gpus) {
            snprintf(shape->gpus, sizeof shape->gpus, "gres:gpu:%u", gpus);
        }
    }
    fclose(file);
}

static void acknowledge(unsigned job) {
    char line[32];
    const int length = snprintf(line, sizeof line, "%u\n", job);
    if (acknowledged_file >= 0 && write(acknowledged_file, line, (size_t)length) != length) {
        perror("acknowledged");
    }
}

static void *submit_many(void *unused) {
    (void)unused;
    int turn;
    while (!atomic_load(&failed) && (turn = atomic_fetch_add(&taken, 1)) < wanted) {
        job_desc_msg_t job;
        submit_response_msg_t *answer = NULL;
        describe(&job);
        if (shapes) {
            give_shape(&job, &shapes[turn]);
        }
        const double began = now();
        if (slurm_submit_batch_job(&job, &answer) != SLURM_SUCCESS || !answer) {
            snprintf(error_text, sizeof error_text, "%s", slurm_strerror(errno));
            atomic_fetch_add(&failed, 1);
            break;
        }
        latencies[atomic_fetch_add(&submitted, 1)] = now() - began;
        acknowledge(answer->job_id);
        slurm_free_submit_response_response_msg(answer);
    }
    return NULL;
}

static int by_size(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

int main(int argc, char **argv) {
    pthread_t threads[64];
    const int count = argc > 2 ? atoi(argv[2]) : 1;
    wanted = argc > 1 ? atoi(argv[1]) : 0;
    if (wanted < 1 || count < 1 || count > 64) {
        fprintf(stderr, "usage: submit_api COUNT [THREADS [ACKNOWLEDGED [JOBS]]]\n");
        return 2;
    }
    if (argc > 4) {
        read_shapes(argv[4]);
    }
    if (argc > 3 && argv[3][0]) {
        acknowledged_file = open(argv[3], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    }
    slurm_init(NULL);
    latencies = calloc((size_t)wanted + 64, sizeof *latencies);
    const double began = now();
    for (int i = 0; i < count; ++i) {
        pthread_create(&threads[i], NULL, submit_many, NULL);
    }
    for (int i = 0; i < count; ++i) {
        pthread_join(threads[i], NULL);
    }
    const double seconds = now() - began;
    const int done = atomic_load(&submitted);
    qsort(latencies, (size_t)done, sizeof *latencies, by_size);
    printf("{\"submitted\":%d,\"failed\":%d,\"seconds\":%.3f,\"per_s\":%.1f,"
           "\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"error\":\"%s\"}\n",
           done, atomic_load(&failed), seconds, done / seconds,
           done ? latencies[done / 2] * 1e3 : 0, done ? latencies[(int)(done * 0.99)] * 1e3 : 0,
           error_text);
    return 0;
}
