/* gates.h - SCORE: a gate for every value of categorical columns, trained with a click model and hardened
 * (OptFS: Lyu et al. 2023). */
#ifndef CULL__GATES_H
#define CULL__GATES_H
#include "base/base.h"

typedef enum { CULL__FM, CULL__DEEPFM, CULL__DCN, CULL__IPNN } cull__click_model;

/* n rows of `fields` ids each; the ids of field f are at[f] .. at[f+1]-1. */
typedef struct {
    int64_t n, fields;
    const int32_t *id;    /* (n, fields) */
    const int64_t *at;    /* fields + 1, at[0] = 0 */
    const uint8_t *click; /* n: 0 or 1 */
} cull__clicks;

typedef struct {
    cull__click_model model;
    int64_t dim, hidden,
        cross; /* numbers of an embedding; widest layer (then a half, a quarter); DCN's layers */
    int64_t batch;
    double rate, l2;    /* Adam's; weight decay of all but the gates */
    double penalty;     /* lambda, times the sum of all gates */
    double temperature; /* at the end of the search */
    double start;       /* of each gate's logit */
    int64_t search; /* epochs of the search; 0 = no gates: the full model, trained as in the end */
    int64_t rewind; /* weights at the start of this epoch of it are those trained in the end */
    int64_t epochs; /* most in the end; it stops at the first without a better AUC */
    const uint8_t *shut; /* ids: 1 = stays closed whatever is found, or NULL */
} cull__gates_opts;

typedef struct {
    int64_t ids;
    float *gate;    /* ids: logit at the end of the search */
    uint8_t *open;  /* ids: gate > 0 */
    int64_t epochs; /* of the end, trained */
    double auc;     /* on the rows held out, at the end */
    struct cull__gates_net *net;
} cull__gates;

/* val: rows to stop by. CULL_EINPUT: no click, or nothing but clicks, among the held-out rows. Ids that are never
 * seen have gates too. O(epochs n fields dim) time and more for deep models; 16 (dim + 1) bytes an id and a
 * gradient for each of 4 shards. */
cull_status cull__gates_train(cull_ctx *cx, const cull__clicks *train, const cull__clicks *val,
                              const cull__gates_opts *o, cull__gates *out);
/* Logits of the rows, by the network trained in the end. */
cull_status cull__gates_predict(cull_ctx *cx, const cull__gates *g, const cull__clicks *rows,
                                float *out);
void cull__gates_free(cull__gates *g);
/* tau of epoch e of the search: 1 at first, `temperature` in the last. */
double cull__gates_tau(double temperature, int64_t e, int64_t search);
#endif
