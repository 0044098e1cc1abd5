/* weights_pack.c - cull weights pack, unpack and mask; cull apply of a mask; results of methods stored so. */
#include "cull/pack.h"
#include "cull/text.h"
#include "job.h"
#include "weights.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what is told ---- */

static void say_sizes(cli *c, const char *what, const cull_pack_report *r)
{
    char dense[32], written[32];
    double share = r->dense ? 100. * (double)r->written / (double)r->dense : 100;
    char zeros[40] = "";
    if (r->numbers)
        snprintf(zeros, sizeof zeros, "; zeros %.1f %%",
                 100. * (double)r->zeros / (double)r->numbers);
    talk(c, "%s %" PRId64 " of %" PRId64 " tensors; dense %s, written %s (%.1f %%)%s", what,
         r->packed, r->tensors, cull_format_bytes(r->dense, dense),
         cull_format_bytes(r->written, written), share, zeros);
}

static void say_report(cli *c, const char *what, const cull_pack_report *r)
{
    if (!c->json) {
        say_sizes(c, what, r);
        return;
    }
    progress_end();
    printf("{\"tensors\": %" PRId64 ", \"%s\": %" PRId64 ", \"numbers\": %" PRId64
           ", \"zeros\": %" PRId64 ", \"dense\": %" PRIu64 ", \"written\": %" PRIu64 "}\n",
           r->tensors, what, r->packed, r->numbers, r->zeros, r->dense, r->written);
}

/* ---- the verbs ---- */

static int take_opts(cli *c, cull_pack_opts *o)
{
    const char *shard = value_of(c, "shard-size", NULL);
    *o = (cull_pack_opts)CULL_PACK_OPTS;
    o->packing = value_of(c, "packing", NULL);
    if (shard && (!cull_parse_bytes(shard, &o->shard_bytes) || !o->shard_bytes))
        return fail(c, USAGE, "--shard-size '%s' is no size; write 500M or 4G", shard);
    return DONE;
}

/* `files` words behind the verb and one -o, which is none of them. */
static int take_words(cli *c, const char *verb, int files, const char *wants)
{
    if (c->inputs != files + 1) return fail(c, USAGE, "weights %s wants %s", verb, wants);
    if (c->outs != 1)
        return fail(c, USAGE, "weights %s wants one -o OUT: a .safetensors file, or a folder",
                    verb);
    for (int i = 1; i <= files; i++)
        if (one_file(c->out[0], c->input[i]))
            return fail(c, USAGE, "-o %s is also an input", c->out[0]);
    return DONE;
}

typedef cull_status pack_fn(cull_ctx *cx, const cull_checkpoint *ck, const char *out,
                            const cull_pack_opts *opts, cull_pack_report *report);

static int pack_with(cli *c, const char *verb, const char *what, pack_fn *fn)
{
    cull_pack_opts o;
    cull_pack_report r;
    cull_checkpoint *ck;
    TRY(take_words(c, verb, 1, "one checkpoint"));
    TRY(take_opts(c, &o));
    TRY(check(c, cull_checkpoint_open(c->cx, c->input[1], &ck)));
    int rc = check(c, fn(c->cx, ck, c->out[0], &o, &r));
    cull_checkpoint_free(ck);
    TRY(rc);
    say_report(c, what, &r);
    return flush_out(c);
}

int run_weights_pack(cli *c) { return pack_with(c, "pack", "packed", cull_checkpoint_pack); }
int run_weights_unpack(cli *c)
{
    return pack_with(c, "unpack", "unpacked", cull_checkpoint_unpack);
}

static int open_two(cli *c, const char *first, const char *second, cull_checkpoint *ck[2])
{
    TRY(check(c, cull_checkpoint_open(c->cx, first, &ck[0])));
    return check(c, cull_checkpoint_open(c->cx, second, &ck[1]));
}

static int make_mask(cli *c, const char *dense, const char *pruned, const char *out,
                     cull_pack_report *r)
{
    cull_checkpoint *ck[2] = {NULL, NULL};
    int rc = open_two(c, dense, pruned, ck);
    if (rc == DONE) rc = check(c, cull_checkpoint_mask(c->cx, ck[0], ck[1], out, r));
    cull_checkpoint_free(ck[0]);
    cull_checkpoint_free(ck[1]);
    return rc;
}

int run_weights_mask(cli *c)
{
    cull_pack_report r;
    TRY(take_words(c, "mask", 2, "the dense checkpoint and the pruned one"));
    TRY(make_mask(c, c->input[1], c->input[2], c->out[0], &r));
    say_report(c, "masked", &r);
    return flush_out(c);
}

int apply_mask(cli *c)
{
    cull_checkpoint *ck[2] = {NULL, NULL};
    cull_pack_opts o = CULL_PACK_OPTS;
    cull_pack_report r;
    if (c->inputs != 2)
        return fail(c, USAGE,
                    "%s is a mask; apply wants the checkpoint that it is put on behind it",
                    c->input[0]);
    if (c->outs != 1) return fail(c, USAGE, "apply of a mask wants one -o OUT");
    if (one_file(c->out[0], c->input[0]) || one_file(c->out[0], c->input[1]))
        return fail(c, USAGE, "-o %s is also an input", c->out[0]);
    o.any_values = has(c, "force");
    int rc = open_two(c, c->input[0], c->input[1], ck);
    if (rc == DONE) rc = check(c, cull_checkpoint_masked(c->cx, ck[0], ck[1], c->out[0], &o, &r));
    cull_checkpoint_free(ck[0]);
    cull_checkpoint_free(ck[1]);
    TRY(rc);
    say_report(c, "masked", &r);
    return flush_out(c);
}

/* ---- results of methods ---- */

static int mask_result(cli *c)
{
    cull_pack_report r;
    const char *mask = value_of(c, "mask", NULL);
    if (!mask) return DONE;
    TRY(make_mask(c, c->input[0], c->out[0], mask, &r));
    say_sizes(c, "masked", &r);
    return DONE;
}

/* Shapes and config stay as they are: methods that set a share of the numbers to 0. */
static bool prunes(const cull_method *m)
{
    for (const cull_opt *o = m->opts; o->name; o++)
        if (!strcmp(o->name, "sparsity")) return true;
    return false;
}

int weights_storing(cli *c, cull_weights_problem *p)
{
    int store;
    const char *mask = value_of(c, "mask", NULL);
    TRY(choice_of(c, "store", "dense", "dense|sparse", &store));
    if ((mask || store) && (c->inputs != 1 || !prunes(c->method)))
        return fail(c, USAGE,
                    "--mask and --store sparse are for methods that set weights of one checkpoint "
                    "to 0; cull weights pack packs any checkpoint");
    if (mask && !c->method->run.weights->keep)
        return fail(c, USAGE, "--mask says which weights stay as they are; %s changes them",
                    c->method->slug);
    if (mask && (one_file(mask, c->input[0]) || (c->outs && one_file(mask, c->out[0]))))
        return fail(c, USAGE, "--mask %s is also the checkpoint", mask);
    p->sparse = store;
    p->packing = value_of(c, "packing", NULL);
    return DONE;
}

int weights_result(cli *c, const cull_opts *opts, const cull_weights_problem *p,
                   cull_weights_report *r)
{
    TRY(check(c, cull_weights_run(c->cx, c->method, opts, p, c->out[0], r)));
    if (p->sparse) say_sizes(c, "packed", &r->packed);
    return mask_result(c);
}
