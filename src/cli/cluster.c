/* cluster.c - cull cluster: k-means over an array. */
#include "cull/cluster.h"
#include "cull/text.h"
#include "job.h"

#include <string.h>

static int settings(cli *c, cull_cluster_opts *o)
{
    double v;
    int at;
    *o = (cull_cluster_opts)CULL_CLUSTER_OPTS;
    if (!has(c, "clusters")) return fail(c, USAGE, "cluster wants --clusters: how many");
    TRY(number_of(c, "clusters", 0, 1, 2147483647, true, &v));
    o->clusters = (int64_t)v;
    TRY(number_of(c, "iterations", 25, 0, 1e6, true, &v));
    o->iterations = (int64_t)v;
    TRY(number_of(c, "restarts", 1, 1, 1000, true, &v));
    o->restarts = (int)v;
    TRY(number_of(c, "tolerance", 0, 0, 1, false, &o->tolerance));
    TRY(number_of(c, "batch", 0, 0, 1e12, true, &v));
    o->batch = (int64_t)v;
    TRY(choice_of(c, "start", "k-means++", "k-means++|rows", &at));
    o->sampled = at;
    o->spherical = has(c, "spherical");
    o->checkpoint = value_of(c, "checkpoint", NULL);
    return DONE;
}

static int write_array(cli *c, const char *path, const void *at, cull_dtype t, int64_t n, int64_t d)
{
    cull_array a = {.dtype = t, .ndim = d ? 2 : 1, .shape = {n, d}, .at = at};
    return check(c, cull_array_write(c->cx, path, &a));
}

static void say(cli *c, const cull_clusters *k, double seconds)
{
    int64_t least = k->n, most = 0, empty = 0;
    char a[32];
    for (int64_t i = 0; i < k->k; i++) {
        if (k->count[i] < least) least = k->count[i];
        if (k->count[i] > most) most = k->count[i];
        empty += !k->count[i];
    }
    progress_end();
    if (c->json) {
        printf("{\"rows\":%lld,\"dims\":%lld,\"clusters\":%lld,\"objective\":%.17g,"
               "\"least\":%lld,\"most\":%lld,\"empty\":%lld,\"out\":",
               (long long)k->n, (long long)k->d, (long long)k->k, k->objective, (long long)least,
               (long long)most, (long long)empty);
        say_json_list(stdout, c->out, c->outs);
        printf(",\"seconds\":%.3f,\"peak_bytes\":%llu}\n", seconds,
               (unsigned long long)cull_ctx_peak(c->cx));
        return;
    }
    talk(c, "%lld clusters of %lld rows: %lld to %lld rows each, %lld empty", (long long)k->k,
         (long long)k->n, (long long)least, (long long)most, (long long)empty);
    talk(c, "objective  %.9g, a row %.6g", k->objective, k->objective / (double)k->n);
    talk(c, "%.1f s, %s of memory", seconds, cull_format_bytes(cull_ctx_peak(c->cx), a));
}

static int say_plan(cli *c, const cull_pool *p, const cull_cluster_opts *o)
{
    cull_plan e;
    char a[32];
    TRY(check(c, cull_cluster_plan(c->cx, p, o, &e)));
    progress_end();
    printf(
        "rows      %lld\npasses    %.1f over the pool at most\nmemory    about %s\nwork      %.3g "
        "operations at most\n",
        (long long)cull_pool_n(p), e.passes, cull_format_bytes(e.bytes, a), e.flops);
    return DONE;
}

static int cluster(cli *c, const cull_pool *p, cull_clusters *k)
{
    cull_cluster_opts o;
    double began = seconds_now();
    const char *assign = value_of(c, "assign", NULL);
    TRY(settings(c, &o));
    if (has(c, "plan")) return say_plan(c, p, &o);
    TRY(check(c, cull_cluster(c->cx, p, &o, k)));
    for (int i = 0; i < c->outs; i++)
        TRY(write_array(c, c->out[i], k->centroid, CULL_F32, k->k, k->d));
    if (assign) TRY(write_array(c, assign, k->assign, CULL_I32, k->n, 0));
    say(c, k, seconds_now() - began);
    return DONE;
}

int run_cluster(cli *c)
{
    cull_pool *p = NULL;
    cull_clusters k = {0};
    const char *assign = value_of(c, "assign", NULL);
    if (!c->outs && !assign && !has(c, "plan") && !c->json)
        return fail(c, USAGE, "cluster wants -o CENTROIDS.npy or --assign ROWS.npy");
    TRY(one_stdout(c));
    for (int i = 0; i < c->outs + !!assign; i++) {
        const char *path = i < c->outs ? c->out[i] : assign;
        if (strcmp(path, "-") && !array_is_written(path))
            return fail(c, USAGE, "%s: arrays go to .npy, .npz or .safetensors", path);
        TRY(check_writable(c, path));
        for (int j = 0; j < c->inputs; j++)
            if (one_file(path, c->input[j])) return fail(c, USAGE, "%s is also the input", path);
    }
    for (int i = 0; i < c->inputs; i++)
        if (cull_file_kind_of(c->input[i]) != CULL_FILE_ARRAY)
            return fail(c, USAGE, "%s holds no array; embed turns records into one", c->input[i]);
    TRY(check(c, cull_pool_open_all(c->cx, (const char *const *)c->input, c->inputs, &p)));
    int rc = cluster(c, p, &k);
    cull_clusters_free(&k);
    cull_pool_free(p);
    return rc;
}
