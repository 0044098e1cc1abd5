/* main.c - cull-mpi: the command over several processes, each with a share of the rows.
 *
 * What it links to MPI is here: the library knows of others beside it by two hooks. Rank 0 talks and
 * writes; the rest are silent. A process that dies takes the others with it, as MPI does, and leaves
 * no output. */
#include "cli/cli.h"

#include <mpi.h>
#include <stdlib.h>

/* Counts of MPI are ints: long stretches go in steps of a MiB. */
enum { STEP = 1 << 20 };

static int gather(void *user, const void *mine, void *all, uint64_t bytes)
{
    (void)user;
    return MPI_Allgather(mine, (int)bytes, MPI_BYTE, all, (int)bytes, MPI_BYTE, MPI_COMM_WORLD);
}

static int broadcast(char *at, uint64_t n, int from)
{
    int e = 0;
    MPI_Datatype step;
    if (n < STEP) return MPI_Bcast(at, (int)n, MPI_BYTE, from, MPI_COMM_WORLD);
    MPI_Type_contiguous(STEP, MPI_BYTE, &step);
    MPI_Type_commit(&step);
    e = MPI_Bcast(at, (int)(n / STEP), step, from, MPI_COMM_WORLD);
    MPI_Type_free(&step);
    uint64_t rest = n % STEP;
    if (!e && rest) e = MPI_Bcast(at + n - rest, (int)rest, MPI_BYTE, from, MPI_COMM_WORLD);
    return e;
}

static int fill(void *user, void *at, const uint64_t *from)
{
    const cull_ranks *r = user;
    int e = 0;
    for (int i = 0; !e && i < r->ranks; i++)
        if (from[i + 1] > from[i]) e = broadcast((char *)at + from[i], from[i + 1] - from[i], i);
    return e;
}

int main(int argc, char **argv)
{
    cull_ranks r = {.gather = gather, .fill = fill, .user = &r};
    int provided;
    if (MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS) {
        fprintf(stderr, "cull-mpi: MPI does not start; run it by mpirun -n 4 cull-mpi ...\n");
        return FAILED;
    }
    MPI_Comm_rank(MPI_COMM_WORLD, &r.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &r.ranks);
    if (r.rank > 0 && !(freopen("/dev/null", "w", stdout) && freopen("/dev/null", "w", stderr)))
        MPI_Abort(MPI_COMM_WORLD, FAILED);
    int rc = start(argc, argv, &r);
    if (rc == LOST) MPI_Abort(MPI_COMM_WORLD, rc);
    MPI_Finalize();
    return rc;
}
