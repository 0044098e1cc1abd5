/* tape.c - the tape: nodes and their memory, forward as it is written, backward over the nodes in turn.
 *
 * Nodes lie in blocks that a reset starts over. Numbers are cut from large blocks; what is given back
 * (forgotten values, and everything in backward as soon as it was used) waits on a list of its size,
 * since a network asks for the same few sizes again and again. So the peak of a step is known to the byte,
 * and nothing is allocated after the first step of a shape. */
#include "nn/nn.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NODE_BLOCK = 1 << 16, FLOAT_BLOCK = 1 << 18, LISTS = 64, LINE = 16 };

typedef struct block {
    struct block *next;
    int64_t room, used; /* bytes or floats, behind the header */
    void *at;
} block;
typedef struct spare {
    struct spare *next;
} spare;
typedef struct {
    int64_t n;
    spare *first;
} sizes;

struct cull_tape {
    cull_ctx *cx;
    cull_params *p;
    cull_status status;
    unsigned mode;
    uint64_t stream, draws;
    const char *scope;
    cull_var *last;
    cull_var **leaf;     /* of each parameter used in this step, or NULL */
    float *grad, *state; /* of the size of the parameters; NULL until there is use for it */
    uint8_t *stated;     /* of each parameter: this step left new statistics */
    int64_t grad_n, state_n, stated_n, leaves;
    block *nodes, *node_at, *floats, *float_at;
    int64_t cut, room; /* floats cut from the blocks in this step; most of any */
    sizes list[LISTS];
    int lists;
    uint64_t bytes, peak;
    double macs;
    struct cull__prims *prims;
};

cull_status cull_tape_new(cull_ctx *cx, cull_params *p, cull_tape **out)
{
    CULL_TRY(cull__alloc(cx, (void **)out, 1, sizeof **out));
    (*out)->cx = cx;
    (*out)->p = p;
    (*out)->scope = "";
    return CULL_OK;
}

static void blocks_free(block *b)
{
    while (b) {
        block *next = b->next;
        cull__free(b->at);
        cull__free(b);
        b = next;
    }
}

void cull_tape_free(cull_tape *t)
{
    if (!t) return;
    blocks_free(t->nodes);
    blocks_free(t->floats);
    cull__free(t->leaf);
    cull__free(t->grad);
    cull__free(t->state);
    cull__free(t->stated);
    cull__prims_free(t->prims);
    cull__free(t);
}

void cull_tape_reset(cull_tape *t, cull_ctx *cx, unsigned mode, uint64_t stream)
{
    t->cx = cx;
    t->status = CULL_OK;
    t->mode = mode;
    t->stream = stream;
    t->draws = 0;
    t->scope = "";
    t->last = NULL;
    for (block *b = t->nodes; b; b = b->next) b->used = 0;
    if (t->cut > t->room) t->room = t->cut;
    t->cut = 0;
    if (t->floats && t->floats->next) { /* next time one block holds the step */
        blocks_free(t->floats);
        t->floats = NULL;
    }
    if (t->floats) t->floats->used = 0;
    t->node_at = t->nodes;
    t->float_at = t->floats;
    t->lists = 0;
    t->bytes = t->peak = 0;
    t->macs = 0;
    if (t->leaf) memset(t->leaf, 0, (size_t)t->leaves * sizeof *t->leaf);
    if (t->stated) memset(t->stated, 0, (size_t)t->stated_n);
}

cull_status cull_tape_status(const cull_tape *t) { return t->status; }
void cull_tape_scope(cull_tape *t, const char *name) { t->scope = name; }
float *cull_tape_grad(cull_tape *t) { return t->grad; }
uint64_t cull_tape_bytes(const cull_tape *t) { return t->bytes; }
uint64_t cull_tape_peak(const cull_tape *t) { return t->peak; }
double cull_tape_macs(const cull_tape *t) { return t->macs; }
cull_ctx *cull__tape_ctx(const cull_tape *t) { return t->cx; }
unsigned cull__tape_mode(const cull_tape *t) { return t->mode; }
cull_params *cull__tape_params(const cull_tape *t) { return t->p; }
struct cull__prims **cull__tape_prims(cull_tape *t) { return &t->prims; }

cull_status cull__tape_keep(cull_tape *t, cull_status s)
{
    if (t->status == CULL_OK) t->status = s;
    return s;
}
static cull_status failed(cull_tape *t, cull_status s) { return cull__tape_keep(t, s); }

/* ---- memory ---- */

/* `n` units from the blocks of a list, a new block where none has room. */
static void *cut_from(cull_tape *t, block **first, block **at, int64_t n, size_t unit,
                      int64_t least)
{
    for (; *at; *at = (*at)->next) {
        block *b = *at;
        if (b->room - b->used < n) continue;
        void *p = (char *)b->at + (size_t)b->used * unit;
        b->used += n;
        return p;
    }
    block *b;
    if (failed(t, cull__alloc(t->cx, (void **)&b, 1, sizeof *b)) != CULL_OK) return NULL;
    b->room = n > least ? n : least;
    if (failed(t, cull__alloc(t->cx, &b->at, b->room, unit)) != CULL_OK) {
        cull__free(b);
        return NULL;
    }
    while (*first) first = &(*first)->next;
    *first = *at = b;
    b->used = n;
    return b->at;
}

static void *node_bytes(cull_tape *t, size_t bytes)
{
    int64_t n = (int64_t)(bytes + 15) / 16 * 16;
    return cut_from(t, &t->nodes, &t->node_at, n, 1, NODE_BLOCK);
}

static sizes *list_of(cull_tape *t, int64_t n, bool make)
{
    for (int i = 0; i < t->lists; i++)
        if (t->list[i].n == n) return t->list + i;
    if (!make || t->lists == LISTS) return NULL;
    t->list[t->lists] = (sizes){.n = n};
    return t->list + t->lists++;
}

float *cull__take_floats(cull_tape *t, int64_t n)
{
    n = (n + LINE - 1) / LINE * LINE;
    sizes *l = list_of(t, n, false);
    float *p;
    if (l && l->first) {
        p = (float *)l->first;
        l->first = l->first->next;
    } else {
        int64_t most = t->room > t->cut + n ? t->room - t->cut : 0;
        p = cut_from(t, &t->floats, &t->float_at, n, sizeof *p,
                     most > FLOAT_BLOCK ? most : FLOAT_BLOCK);
        if (!p) return NULL;
        t->cut += n;
    }
    t->bytes += (uint64_t)n * sizeof *p;
    if (t->bytes > t->peak) t->peak = t->bytes;
    return p;
}

void cull__give_floats(cull_tape *t, float *p, int64_t n)
{
    if (!p) return;
    n = (n + LINE - 1) / LINE * LINE;
    t->bytes -= (uint64_t)n * sizeof *p;
    sizes *l = list_of(t, n, true);
    if (!l) return; /* too many sizes: lost until the reset */
    ((spare *)p)->next = l->first;
    l->first = (spare *)p;
}

float *cull__save(cull_tape *t, cull_var *y, int64_t n)
{
    if (y->save) return y->save; /* computed again */
    y->save_n = n;
    return y->save = cull__take_floats(t, n);
}

static void give_value(cull_tape *t, cull_var *y)
{
    if (!y->borrowed) {
        cull__give_floats(t, y->v, y->n);
        y->v = NULL;
    }
    cull__give_floats(t, y->save, y->save_n);
    y->save = NULL;
}

/* ---- nodes ---- */

const char *cull__dims(const cull_var *x, char buf[96])
{
    int n = snprintf(buf, 96, "(");
    for (int i = 0; i < x->rank; i++)
        n += snprintf(buf + n, 96 - (size_t)n, i ? ", %" PRId64 : "%" PRId64, x->dim[i]);
    snprintf(buf + n, 96 - (size_t)n, ")");
    return buf;
}

cull_status cull__wrong(cull_tape *t, const cull_var *y, const char *fmt, ...)
{
    char why[400];
    va_list va;
    va_start(va, fmt);
    vsnprintf(why, sizeof why, fmt, va);
    va_end(va);
    const char *scope = y->scope ? y->scope : "";
    cull_status s = cull__fail(t->cx, CULL_EINPUT, "%s%s%s: %s", y->op ? y->op->name : "a tensor",
                               *scope ? " in " : "", scope, why);
    return failed(t, s);
}

static bool counted(cull_var *y)
{
    y->n = 1;
    for (int i = 0; i < y->rank; i++) {
        if (y->dim[i] < 1 || y->n > (INT64_C(1) << 40) / y->dim[i]) return false;
        y->n *= y->dim[i];
    }
    return true;
}

static cull_var *node(cull_tape *t, const cull__op *op, int ins)
{
    if (t->status != CULL_OK) return NULL;
    cull_var *y = node_bytes(t, sizeof *y + (size_t)ins * sizeof(cull_var *));
    if (!y) return NULL;
    *y = (cull_var){.op = op, .in = (cull_var **)(y + 1), .ins = ins, .param = -1};
    y->scope = t->scope;
    return y;
}

static cull_var *leaf(cull_tape *t, int rank, const int64_t *dim)
{
    cull_var *y = node(t, NULL, 0);
    if (!y) return NULL;
    y->rank = rank;
    bool good = rank >= 0 && rank <= CULL_RANK;
    for (int i = 0; good && i < rank; i++) y->dim[i] = dim[i];
    if (!good || !counted(y)) {
        cull__wrong(t, y, "an input must have 0 to %d dimensions of at least 1", CULL_RANK);
        return NULL;
    }
    return y;
}

cull_var *cull_nn_input(cull_tape *t, int rank, const int64_t *dim, const float *v, bool wants)
{
    cull_var *y = leaf(t, rank, dim);
    if (!y) return NULL;
    y->v = (float *)v;
    y->borrowed = true;
    y->needs = y->watched = wants && t->mode & CULL_TAPE_GRAD;
    return y;
}

cull_var *cull_nn_constant(cull_tape *t, int rank, const int64_t *dim, double value)
{
    cull_var *y = leaf(t, rank, dim);
    if (!y || !(y->v = cull__take_floats(t, y->n))) return NULL;
    for (int64_t i = 0; i < y->n; i++) y->v[i] = (float)value;
    return y;
}

cull_var *cull_nn_param(cull_tape *t, int index)
{
    if (t->status != CULL_OK) return NULL;
    const cull_param *q = cull_params_at(t->p, index);
    int64_t count = cull_params_count(t->p);
    if (!q) {
        failed(t, cull__fail(t->cx, CULL_EINPUT, "there is no parameter %d", index));
        return NULL;
    }
    if (t->leaves < count) {
        cull_var **grown;
        if (failed(t, CULL_ALLOC(t->cx, grown, count)) != CULL_OK) return NULL;
        if (t->leaf) memcpy(grown, t->leaf, (size_t)t->leaves * sizeof *grown);
        cull__free(t->leaf);
        t->leaf = grown;
        t->leaves = count;
    }
    if (t->leaf[index]) return t->leaf[index];
    cull_var *y = leaf(t, q->rank, q->dim);
    if (!y) return NULL;
    y->v = cull_params_value(t->p) + q->at;
    y->borrowed = true;
    y->param = index;
    y->needs = t->mode & CULL_TAPE_GRAD && !(q->flags & (CULL_PARAM_STATE | CULL_PARAM_FROZEN));
    y->scope = q->name;
    return t->leaf[index] = y;
}

cull_var *cull_nn_watch(cull_tape *t, cull_var *x)
{
    (void)t;
    for (cull_var *y = x; y; y = y->op && y->op->flags & CULL__VIEW ? y->in[0] : NULL)
        y->watched = true; /* a view's numbers are those of what it views */
    return x;
}

cull_var *cull_nn_detach(cull_tape *t, cull_var *x)
{
    if (!x) return NULL;
    cull_var *y = leaf(t, x->rank, x->dim);
    if (!y) return NULL;
    y->v = x->v;
    y->borrowed = true;
    x->held = true;
    return y;
}

cull_var *cull_nn_forget(cull_tape *t, cull_var *x)
{
    if (!x || !x->op || x->watched || x->held || x->borrowed || x->forgotten) return x;
    give_value(t, x);
    x->forgotten = true;
    return x;
}

static cull_status compute(cull_tape *t, cull_var *y)
{
    if (y->op->flags & CULL__VIEW) {
        y->v = y->in[0]->v;
        y->borrowed = y->in[0]->held = true;
        return CULL_OK;
    }
    if (!(y->v = cull__take_floats(t, y->n))) return t->status;
    int before = cull__alone(t->cx);
    cull_status s = y->op->forward(t, y);
    cull__not_alone(before);
    CULL_TRY(failed(t, s));
    return t->status; /* memory may have failed below an operation that could do without */
}

/* The numbers of y, which may have been forgotten, and those that they are made of. */
static cull_status restore(cull_tape *t, cull_var *y)
{
    if (y->v) return CULL_OK;
    if (!y->op)
        return failed(t, cull__fail(t->cx, CULL_EINTERNAL, "a leaf of the tape has no numbers"));
    for (int i = 0; i < y->ins; i++) CULL_TRY(failed(t, restore(t, y->in[i])));
    return failed(t, compute(t, y));
}

cull_var *cull__apply(cull_tape *t, const cull__op *op, cull_var *const *in, int ins,
                      const void *attr, size_t bytes)
{
    for (int i = 0; i < ins; i++)
        if (!in[i]) return NULL;
    cull_var *y = node(t, op, ins);
    if (!y) return NULL;
    for (int i = 0; i < ins; i++) {
        y->in[i] = in[i];
        y->needs |= in[i]->needs;
    }
    if (!op->backward && !(op->flags & CULL__VIEW)) y->needs = false;
    if (bytes) {
        if (!(y->attr = node_bytes(t, bytes))) return NULL;
        memcpy(y->attr, attr, bytes);
        if (op->flags & CULL__RANDOM) {
            uint64_t stream = cull__hash64(&t->draws, sizeof t->draws, t->stream);
            t->draws++;
            memcpy(y->attr, &stream, sizeof stream);
        }
    }
    if (failed(t, op->shape(t, y)) != CULL_OK) return NULL;
    if (!counted(y)) {
        cull__wrong(t, y, "the result has no room");
        return NULL;
    }
    for (int i = 0; i < ins; i++)
        if (restore(t, in[i]) != CULL_OK) return NULL;
    if (failed(t, compute(t, y)) != CULL_OK) return NULL;
    if (op->macs) t->macs += op->macs(y);
    y->before = t->last;
    t->last = y;
    return y;
}

int cull_var_rank(const cull_var *x) { return x->rank; }
int64_t cull_var_dim(const cull_var *x, int i)
{
    if (i < 0) i += x->rank;
    return i < 0 || i >= x->rank ? 0 : x->dim[i];
}
int64_t cull_var_count(const cull_var *x) { return x->n; }
const float *cull_var_value(const cull_var *x) { return x->v; }
const float *cull_var_grad(const cull_var *x) { return x->g; }

/* ---- running statistics ---- */

float *cull__tape_state(cull_tape *t, int param)
{
    int64_t n = cull_params_size(t->p);
    if (!(t->mode & CULL_TAPE_TRAIN)) return NULL;
    if (t->state_n != n) {
        cull__free(t->state);
        cull__free(t->stated);
        t->state = NULL, t->stated = NULL, t->state_n = 0;
        if (failed(t, CULL_ALLOC(t->cx, t->state, n)) != CULL_OK ||
            failed(t, CULL_ALLOC(t->cx, t->stated, cull_params_count(t->p))) != CULL_OK)
            return NULL;
        t->state_n = n;
        t->stated_n = cull_params_count(t->p);
    }
    t->stated[param] = 1;
    return t->state + cull_params_at(t->p, param)->at;
}

void cull_tape_settle(cull_tape *const *t, int n)
{
    cull_params *p = t[0]->p;
    for (int i = 0; i < cull_params_count(p); i++) {
        const cull_param *q = cull_params_at(p, i);
        float *v = cull_params_value(p) + q->at;
        int from = 0;
        for (int k = 0; k < n; k++) from += t[k]->state_n && t[k]->stated[i];
        if (!from) continue;
        for (int64_t j = 0; j < q->n; j++) {
            float sum = 0;
            for (int k = 0; k < n; k++)
                if (t[k]->state_n && t[k]->stated[i]) sum += t[k]->state[q->at + j];
            v[j] = sum / (float)from;
        }
    }
}

/* ---- backward ---- */

float *cull__grad(cull_tape *t, cull_var *x, bool *add)
{
    *add = x->g != NULL;
    if (x->g) return x->g;
    if (x->param >= 0) return x->g = t->grad + cull_params_at(t->p, x->param)->at;
    return x->g = cull__take_floats(t, x->n);
}

bool cull__grad_move(cull_tape *t, cull_var *y, cull_var *x)
{
    (void)t;
    if (x->g || x->param >= 0 || y->watched || x->n != y->n) return false;
    x->g = y->g;
    y->g = NULL;
    return true;
}

static bool finite(const float *v, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(v[i])) return false;
    return true;
}

/* Of the operations whose numbers are still there, the first that made one that is not finite. */
static cull_status not_finite(cull_tape *t, cull_var *loss)
{
    cull_var *first = loss;
    char is[32];
    cull__format_f64((double)loss->v[0], is);
    for (cull_var *y = loss; y; y = y->before)
        if (y->v && !finite(y->v, y->n)) first = y;
    for (int i = 0; i < first->ins; i++) {
        cull_var *x = first->in[i];
        if (x->op || !x->v || finite(x->v, x->n)) continue;
        if (x->param >= 0)
            return cull__wrong(t, first, "the loss is %s: the parameter %s is not finite", is,
                               x->scope);
        return cull__wrong(t, first, "the loss is %s: an input is not finite", is);
    }
    return cull__wrong(t, first, "the loss is %s: here is the first result that is not finite", is);
}

static cull_status gradient_room(cull_tape *t)
{
    int64_t n = cull_params_size(t->p);
    if (t->grad_n == n) return CULL_OK;
    cull__free(t->grad);
    t->grad = NULL;
    t->grad_n = 0;
    CULL_TRY(failed(t, CULL_ALLOC(t->cx, t->grad, n)));
    t->grad_n = n;
    return CULL_OK;
}

/* What came of a step before, or of another loss: parameters that this one reaches write theirs anew. */
static void gradients_clear(cull_tape *t, cull_var *loss)
{
    for (cull_var *y = loss; y; y = y->before)
        for (int i = 0; i < y->ins; i++) {
            cull_var *x = y->in[i];
            if (x->g && x->param < 0) cull__give_floats(t, x->g, x->n);
            x->g = NULL;
        }
}

static cull_status one_back(cull_tape *t, cull_var *y)
{
    unsigned f = y->op->flags;
    if (f & CULL__READS_OUT) CULL_TRY(restore(t, y));
    for (int i = 0; i < y->ins; i++)
        if (f & CULL__READS_IN || (i == 0 && f & CULL__READS_IN0) ||
            (i == 1 && f & CULL__READS_IN1))
            CULL_TRY(restore(t, y->in[i]));
    int before = cull__alone(t->cx);
    cull_status s = y->op->backward(t, y);
    cull__not_alone(before);
    CULL_TRY(failed(t, s));
    return t->status;
}

static cull_status view_back(cull_tape *t, cull_var *y)
{
    cull_var *x = y->in[0];
    if (!x->needs || cull__grad_move(t, y, x)) return CULL_OK;
    bool add;
    float *g = cull__grad(t, x, &add);
    if (!g) return t->status;
    for (int64_t i = 0; i < x->n; i++) g[i] = add ? g[i] + y->g[i] : y->g[i];
    return CULL_OK;
}

cull_status cull_tape_backward(cull_tape *t, cull_var *loss)
{
    CULL_TRY(t->status);
    if (!loss || loss->n != 1 || !loss->op)
        return failed(
            t, cull__fail(t->cx, CULL_EINPUT, "a loss must be one number that was computed"));
    if (!isfinite(loss->v[0])) return not_finite(t, loss);
    CULL_TRY(gradient_room(t));
    gradients_clear(t, loss);
    loss->watched = true;
    bool add;
    if (!cull__grad(t, loss, &add)) return t->status;
    loss->g[0] = 1;
    for (cull_var *y = loss; y; y = y->before) {
        if (y->g && y->needs)
            CULL_TRY(y->op->flags & CULL__VIEW ? view_back(t, y) : one_back(t, y));
        if (y->watched) continue;
        if (y->g) cull__give_floats(t, y->g, y->n);
        y->g = NULL;
        give_value(t, y);
        y->forgotten = true;
    }
    for (int i = 0; i < cull_params_count(t->p); i++)
        if (!t->leaf || i >= t->leaves || !t->leaf[i] || !t->leaf[i]->g) {
            const cull_param *q = cull_params_at(t->p, i);
            memset(t->grad + q->at, 0, (size_t)q->n * sizeof *t->grad);
        }
    return CULL_OK;
}
