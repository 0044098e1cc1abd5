/* cull/weights.h - surgery on checkpoints: several are merged to one, or one is made smaller, in blocks of tensors.
 *
 * Pointers in a problem are borrowed for the call. */
#ifndef CULL_WEIGHTS_H
#define CULL_WEIGHTS_H
#include "cull/checkpoint.h"
#include "cull/method.h"
#include "cull/pack.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cull_weights_problem {
    const cull_checkpoint *base;         /* what models were fine-tuned from; NULL = none */
    const cull_checkpoint *const *model; /* to be merged, or the one to be made smaller */
    int models;                          /* at most CULL_WEIGHTS_MODELS */
    const cull_checkpoint
        *activations;        /* statistics of what tensors are multiplied with, or NULL */
    const char *const *rule; /* options of some tensors: cull_weights_run says how */
    int rules;               /* at most 64 */
    const char *const
        *rename; /* "OLD=NEW": what a model calls OLD is NEW; a * in both stands for the same */
    int renames;
    const char *const *tied; /* "NAME=OTHER": where a model lacks NAME, its OTHER is taken */
    int ties;
    const char *dtype; /* of what is computed: "F32", "BF16", ...; NULL = as it was */
    uint64_t shard;    /* bytes of a file at most; 0 = one file */
    bool allow_nan;    /* NaN is read and made; else the tensor is refused by name */
    bool common_rows;  /* tensors that differ in rows alone: the rows that all have */
    const char *
        manifest; /* text of one: the choice that a method made before is made again; NULL = none */
    bool
        sparse; /* tensors that get smaller so are packed (cull/pack.h); never on disk as they were */
    const char *packing; /* then: of every tensor that it suits; NULL = the smallest */
} cull_weights_problem;
enum { CULL_WEIGHTS_MODELS = 32 };

/* What a run reads and writes and holds; before it as it is expected to be. */
typedef struct {
    int64_t tensors, computed; /* of the result; the others are copied */
    uint64_t read, written;    /* bytes; written: of tensors */
    uint64_t held;             /* most bytes held at once, what is mapped apart */
    int64_t zeroed, pruned_of; /* of methods that prune: numbers that became 0, of so many */
    int64_t
        unequal; /* tensors that are copied from the first although another model's is not the same */
    cull_pack_report packed; /* of a sparse result, after the run */
} cull_weights_report;

/* m (a method of task weights; opts NULL = defaults) on p; the result goes to `out`, a file or a folder, where nothing
 * stands before all is well. A rule is "SELECTOR: option=value, ...": it counts for tensors that are all its words say, a
 * pattern of their name (* and ?), role=ffn, layer=0-15, expert=2 or model=1 (counted from 1); of several that set an
 * option the last counts.
 * CULL_EINPUT, by name: shapes that differ, a tensor that a model lacks, a NaN (read, or made of infinite numbers), a rule that matches nothing. */
CULL_API cull_status cull_weights_run(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                                      const cull_weights_problem *p, const char *out,
                                      cull_weights_report *report) CULL_CHECKED;
/* Checks the same and says what it would take; nothing is written. */
CULL_API cull_status cull_weights_plan(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                                       const cull_weights_problem *p,
                                       cull_weights_report *report) CULL_CHECKED;

/* The greedy soup (Wortsman et al. 2022): from the best model on, in the order of their scores, a model joins the mean where that
 * scores no worse. score: the checkpoint at `path` is worth *out, larger is better; non-zero ends it all. known: scores of
 * the models, NULL = ask. Trials stand beside `out` while they are scored. kept[i]: model i is in it; *best is its score. */
typedef int cull_weights_score(void *user, const char *path, double *out);
CULL_API cull_status cull_weights_soup(cull_ctx *cx, const cull_opts *opts,
                                       const cull_weights_problem *p, const double *known,
                                       cull_weights_score *score, void *user, const char *out,
                                       bool *kept, double *best,
                                       cull_weights_report *report) CULL_CHECKED;

/* A manifest says what was chosen when a checkpoint was made smaller. It stands in the folder as cull_manifest.json, beside
 * a file NAME.safetensors as NAME.manifest.json. */
CULL_API bool cull_weights_is_manifest(const char *path);
/* The same choice on the one model of p, which must have the same names and shapes as the first one; out = NULL: whether it has. */
CULL_API cull_status cull_weights_apply(cull_ctx *cx, const char *manifest,
                                        const cull_weights_problem *p, const char *out,
                                        cull_weights_report *report) CULL_CHECKED;

/* ---- for methods ---- */
/* A tensor of the result. */
typedef struct cull_weights_item {
    cull_tensor t;           /* name, dtype, shape of the result */
    int64_t from;            /* which tensor of source[0] it is made of; -1 = of none */
    bool copy;               /* its bytes are those of `from` */
    bool turned;             /* a matrix that its network stores (inputs, outputs) */
    int64_t part;            /* the method's own */
    const int64_t *at;       /* of each source: which tensor is its pair; -1 = none */
    const void *const *opts; /* of each source: the options in force */
} cull_weights_item;

typedef struct cull_weights_work {
    const cull_weights_problem *problem;
    const cull_checkpoint *const *source; /* the base, where there is one, then the models */
    int sources, first;                   /* models are source[first ..] */
    cull_weights_item *item;
    int64_t items;
    const void *opts; /* where no rule counts */
    bool planning;    /* nothing will be written: what would take long need not be known */
    /* what `items` may leave */
    const char *config; /* of the result; NULL = as source[0] has it */
    const char *
        stem; /* of its files in a folder, "adapter_model": nothing else is copied then; NULL = "model" */
    const char *manifest;    /* JSON of what was chosen, written beside the weights; NULL = none */
    const char *const *meta; /* key, value, ...: of the files, too; metas strings */
    int metas;
    void *own; /* the method's */
} cull_weights_work;

/* Flags of needs. */
enum {
    CULL_WEIGHTS_BASE = 1, /* a base must be there */
    CULL_WEIGHTS_OWN_NAMES =
        2, /* models have tensors of other names and shapes: nothing is paired */
    CULL_WEIGHTS_ACTIVATIONS = 4, /* reads statistics of activations */
    CULL_WEIGHTS_NO_BASE = 8,     /* has no use for a base */
    CULL_WEIGHTS_RENAMES = 16     /* pairs nothing, and goes by the problem's rename itself */
};

/* What a method of task weights is. A tensor's elements are made in blocks by several threads, each from the same blocks
 * of all sources; what must be known of whole tensors or models is found before. Scratch (CULL_TMP) of `begin` lasts to
 * the end of the run, as that of `items` does, that of `tensor` as long as the tensor, that of `block` as long as the block. */
typedef struct cull_weights_fns {
    unsigned needs;
    int least, most; /* models beside the base */
    /* Other tensors than those of source[0] as they are: changes, drops, adds items. Called for a plan, too. NULL = no */
    cull_status (*items)(cull_ctx *cx, cull_weights_work *w);
    /* Why option `name` counts for nothing where these are in force, "N:M is ..."; NULL = it counts. Where it was set, that is
     * refused. NULL = all always count */
    const char *(*idle)(const void *opts, const char *name);
    /* Passes over whole models; NULL = none */
    cull_status (*begin)(cull_ctx *cx, const cull_weights_work *w, void **state);
    /* Passes over a tensor; NULL = none */
    cull_status (*tensor)(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                          void *state, void **own);
    /* Elements from .. from + n of it: n floats to out; of integers the n * size bytes. */
    cull_status (*block)(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                         void *state, const void *own, int64_t from, int64_t n, float *out);
    /* Instead of block, where numbers stay or become 0: keep[i] = 1 where number from + i of the first model's tensor stays,
     * with the bits it has, else 0. */
    cull_status (*keep)(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                        void *state, const void *own, int64_t from, int64_t n, uint8_t *keep);
    /* After all tensors; NULL = none */
    cull_status (*end)(cull_ctx *cx, const cull_weights_work *w, void *state);
    /* Most bytes that begin and tensor hold; and passes over the sources beside the one of blocks. NULL = none */
    void (*plan)(const cull_weights_work *w, int threads, uint64_t *bytes, double *passes);
} cull_weights_fns;

/* Elements from .. from + n of the tensor that source s has for it, as f32; a NaN is refused. From any thread. */
CULL_API cull_status cull_weights_read(cull_ctx *cx, const cull_weights_work *w,
                                       const cull_weights_item *it, int s, int64_t from, int64_t n,
                                       float *out) CULL_CHECKED;
/* For methods with sums over a tensor that are not finite: EINPUT, by name, where source s has an infinite number in it,
 * unless the problem allows NaN, which those sums then are. O(n) time. */
CULL_API cull_status cull_weights_finite(cull_ctx *cx, const cull_weights_work *w,
                                         const cull_weights_item *it, int s) CULL_CHECKED;
/* One more item, in `items`: *it is copied, its strings too. */
CULL_API cull_status cull_weights_add(cull_ctx *cx, cull_weights_work *w,
                                      const cull_weights_item *it) CULL_CHECKED;
CULL_API void cull_weights_drop(cull_weights_work *w, int64_t i); /* in `items` */
enum { CULL_WEIGHTS_BLOCK = 65536 };                              /* elements of a block */

#ifdef __cplusplus
}
#endif
#endif
