/* parts.c - a run that can go on after it was killed, or is done in shares: whose run it is, in words. */
#define _GNU_SOURCE /* st_mtim */
#include "job.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* What only says where and how: the answer is the same. */
static bool aside(const char *name)
{
    static const char *const names[] = {"checkpoint", "shard", "parts", "avoid-list", "groups"};
    for (int i = 0; i < COUNT(names); i++)
        if (!strcmp(name, names[i])) return true;
    return false;
}

static void add_hash(cull_buf *b, const void *at, size_t n)
{
    char hex[33];
    cull__hash_hex(cull__hash128(at, n), hex);
    cull__buf_printf(b, "%s", hex);
}

/* A file by its size and time; a pool of 100 GB is not read for that. */
static void add_value(cull_buf *b, const char *value)
{
    struct stat st;
    cull__buf_printf(b, "%s", value);
    if (stat(value, &st) == 0 && S_ISREG(st.st_mode))
        cull__buf_printf(b, " (%lld bytes of %lld.%09ld)", (long long)st.st_size,
                         (long long)st.st_mtim.tv_sec, (long)st.st_mtim.tv_nsec);
}

static cull_status add_given(cull_job *j, cull_buf *b, const given *g)
{
    uint64_t bytes = cull_dtype_size(g->array.dtype);
    if (g->records || (g->value && !strcmp(g->value, "-")))
        return cull__fail(
            j->cx, CULL_EOPTION,
            "--%s cannot be read again by a later run: checkpoints and shards are for "
            "files and arrays",
            g->name);
    cull__buf_printf(b, "%s: ", g->name);
    if (g->value) {
        add_value(b, g->value);
    } else {
        for (int i = 0; i < g->array.ndim; i++) bytes *= (uint64_t)g->array.shape[i];
        cull__buf_printf(b, "%s ", cull_dtype_name(g->array.dtype));
        add_hash(b, g->array.at, bytes);
    }
    cull__buf_printf(b, "\n");
    return CULL_OK;
}

/* All that was given as `name`, in the order given. */
static cull_status add_all(cull_job *j, cull_buf *b, const char *name)
{
    for (int64_t i = 0; i < j->sets; i++)
        if (!strcmp(j->set[i].name, name)) CULL_TRY(add_given(j, b, &j->set[i]));
    return CULL_OK;
}

/* Inputs as the task lists them, so that it is one run in whatever order they were given. */
static cull_status describe(cull_job *j, const cull_method *m, const cull_opts *opts, cull_buf *b)
{
    char value[64];
    cull_opts *def = NULL;
    if (!opts) CULL_TRY(cull_opts_new(j->cx, m, &def));
    cull__buf_printf(b, "cull: %s %s\nmethod: %s %d\nseed: %" PRIu64 "\n", cull_version(),
                     cull_ctx_isa(j->cx), m->slug, m->rev, cull_ctx_seed(j->cx));
    for (const cull_opt *o = m->opts; o->name; o++) {
        cull_opts_get(opts ? opts : def, o->name, value, sizeof value);
        cull__buf_printf(b, "%s: %s\n", o->name, value);
    }
    cull_opts_free(def);
    CULL_TRY(add_all(j, b, "pool"));
    for (const cull_input *r = cull_task_inputs(j->task); r->name; r++)
        if (!aside(r->name)) CULL_TRY(add_all(j, b, r->name));
    for (int i = 0; i < j->mines; i++) {
        cull__buf_printf(b, "column %s: ", j->mine[i].name);
        add_hash(b, j->mine[i].v, (size_t)j->mine[i].n * sizeof *j->mine[i].v);
        cull__buf_printf(b, "\n");
    }
    for (int i = 0; i < CODES; i++) {
        if (!j->codes[i].code) continue;
        cull__buf_printf(b, "codes %d: ", i);
        add_hash(b, j->codes[i].code, (size_t)j->codes[i].n * sizeof *j->codes[i].code);
        cull__buf_printf(b, "\n");
    }
    return b->status;
}

/* "I/N" */
static cull_status shard_of(cull_job *j, cull__parts_opts *o)
{
    const char *s = value_of(j, "shard", NULL), *slash = s ? strchr(s, '/') : NULL;
    int64_t i = 0, n = 0;
    if (!s) return CULL_OK;
    if (!slash || !cull__parse_i64(s, (size_t)(slash - s), &i) ||
        !cull__parse_i64(slash + 1, strlen(slash + 1), &n) || i < 1 || n < i || n < 2 || n > 65536)
        return cull__fail(j->cx, CULL_EOPTION,
                          "--shard '%s' is no share; it takes I/N, as 2/8: 1 to N of 2 to 65536",
                          s);
    o->shard = (int)i;
    o->shards = (int)n;
    return CULL_OK;
}

cull_status parts_open(cull_job *j, const cull_method *m, const cull_opts *opts)
{
    cull__parts_opts o = {.dir = value_of(j, "checkpoint", NULL)};
    const char *parts = value_of(j, "parts", NULL);
    cull__parts_close(j->cx, j->parts); /* each run counts its stages from the first */
    j->parts = NULL;
    if (!o.dir && !parts && !has(j, "shard")) return CULL_OK;
    if (o.dir && parts)
        return cull__fail(
            j->cx, CULL_EOPTION,
            "--checkpoint and --parts are two ways; a shard's part is its checkpoint");
    if (!o.dir && !parts)
        return cull__fail(j->cx, CULL_EOPTION, "--shard wants --parts DIR: where its share goes");
    CULL_TRY(shard_of(j, &o));
    cull_buf text = CULL_BUF(j->cx);
    o.loops = o.dir != NULL;
    if (parts) o.dir = parts;
    cull_status s = describe(j, m, opts, &text);
    o.run = text.at;
    if (s == CULL_OK) s = cull__parts_open(j->cx, &o, &j->parts);
    cull__buf_free(&text);
    return s;
}

cull_status cull_job_done(cull_job *j)
{
    return j->parts && has(j, "checkpoint") ? cull__parts_clear(j->cx, j->parts) : CULL_OK;
}
