/* model.c - models: opened from files, texts and the zoo; the forward pass. */
#include "nn/model.h"
#include "cull/nn_image.h"
#include "cull/nn_ops.h"
#include "io/io.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef cull__model_layer layer;

void cull_model_free(cull_model *m)
{
    if (!m) return;
    for (int64_t i = 0; i < m->entries; i++) cull__free(m->entry[i].name);
    for (int64_t i = 0; i < m->tensors; i++) cull__free(m->tensor[i].name);
    for (int64_t i = 0; i < m->notes; i++) cull__free(m->note[i]);
    for (int i = 0; m->list && i < m->lists; i++) cull__sparse_free(m->list[i]);
    cull__free(m->list);
    cull__free(m->entry);
    cull__free(m->tensor);
    cull__free(m->note);
    cull__free(m->layer);
    cull__free(m->name);
    cull__free(m->text);
    cull_params_free(m->params);
    cull__free(m);
}

/* ---- opening ---- */

static cull_status check_opts(cull_ctx *cx, const char *name, const cull_model_opts *o)
{
    if (o->size != sizeof *o)
        return cull__fail(cx, CULL_EOPTION, "cull_model_opts of %zu bytes, not %zu", o->size,
                          sizeof *o);
    bool good = o->rank == 0 || o->rank == 1 || o->rank == 3;
    for (int i = 0; good && i < o->rank; i++) good = o->dim[i] >= 1 && o->dim[i] <= 1 << 24;
    if (!good)
        return cull__fail(cx, CULL_EOPTION,
                          "%s: an input has 1 or 3 dimensions, each from 1 to 16777216", name);
    if (o->outputs < 0 || o->outputs > 1 << 24)
        return cull__fail(cx, CULL_EOPTION, "%s: %" PRId64 " outputs are outside 1 to 16777216",
                          name, o->outputs);
    if (o->start != CULL_MODEL_TORCH && o->start != CULL_MODEL_HE && o->start != CULL_MODEL_GLOROT)
        return cull__fail(cx, CULL_EOPTION, "%s: there is no start %d", name, (int)o->start);
    return CULL_OK;
}

static cull_status read_doc(cull_ctx *cx, const char *text, size_t n, const char *name,
                            cull__model_doc *d)
{
    size_t i = 0;
    while (i < n && (text[i] == ' ' || text[i] == '\n' || text[i] == '\r' || text[i] == '\t')) i++;
    return i < n && text[i] == '{' ? cull__model_parse_json(cx, name, text, n, d)
                                   : cull__model_parse(cx, name, text, n, d);
}

static cull_status make(cull_model *m, const char *text, size_t n, const char *name,
                        const cull_model_opts *o)
{
    cull_ctx *cx = m->cx;
    cull__model_doc d;
    cull_buf b = CULL_BUF(cx);
    CULL_TRY(read_doc(cx, text, n, name, &d));
    if (o->rank) { /* of other channels than those that the text scales */
        if (d.rank && d.dim[d.rank - 1] != o->dim[o->rank - 1]) d.means = d.stds = 0;
        d.rank = o->rank;
        memcpy(d.dim, o->dim, sizeof d.dim);
    }
    if (o->outputs) d.outputs = o->outputs;
    m->start = o->start;
    m->shapes_only = o->shapes_only;
    CULL_TRY(cull__copy_text(cx, d.name, strlen(d.name), &m->name));
    CULL_TRY(cull__model_build(m, &d));
    cull__model_write(&d, &b);
    m->text = b.at;
    return b.status;
}

static cull_status from(cull_ctx *cx, const char *text, size_t n, const char *name,
                        const cull_model_opts *o, const uint64_t *seed, cull_model **out)
{
    cull_model *m;
    *out = NULL;
    CULL_TRY(check_opts(cx, name, o));
    CULL_TRY(CULL_ALLOC(cx, m, 1));
    m->cx = cx;
    m->seed = seed;
    cull__mark_t mark = cull__mark(cx);
    cull_status s = make(m, text, n, name, o);
    m->seed = NULL;
    cull__release(cx, mark);
    if (s != CULL_OK) {
        cull_model_free(m);
        return s;
    }
    *out = m;
    return CULL_OK;
}

cull_status cull_model_from(cull_ctx *cx, const char *text, size_t n, const char *name,
                            const cull_model_opts *opts, cull_model **out)
{
    const cull_model_opts plain = CULL_MODEL_OPTS;
    return from(cx, text, n, name, opts ? opts : &plain, NULL, out);
}

cull_status cull__model_again(cull_ctx *cx, const cull_model *m, uint64_t seed, cull_model **out)
{
    const cull_model_opts o = {.size = sizeof o, .start = m->start};
    CULL_TRY(from(cx, m->text, strlen(m->text), "the model", &o, &seed, out));
    for (int i = 0; i < cull_params_count(m->params); i++)
        cull_params_flag((*out)->params, i, cull_params_at(m->params, i)->flags);
    return CULL_OK;
}

static bool is_file_name(const char *s)
{
    size_t n = strlen(s);
    return strchr(s, '/') || (n > 6 && !strcmp(s + n - 6, ".model")) ||
           (n > 5 && !strcmp(s + n - 5, ".json")) || access(s, F_OK) == 0;
}

static cull_status open_zoo(cull_ctx *cx, const char *what, const cull_model_opts *opts,
                            cull_model **out)
{
    cull_buf b = CULL_BUF(cx);
    bool known;
    cull_status s = cull__zoo_text(cx, what, &b, &known);
    if (s == CULL_OK && !known) {
        const char *names[16], *near, *brief;
        char stem[64];
        int n = 0;
        snprintf(stem, sizeof stem, "%.*s", (int)strcspn(what, ":"), what);
        while (n < 16 && (names[n] = cull_model_zoo(n, &brief))) n++;
        near = cull__nearest(stem, names, n);
        s = cull__fail(cx, CULL_EINPUT, "'%.100s' is neither a file nor a model of the zoo; %s%s",
                       what,
                       near ? "did you mean "
                            : "which has lenet, mlp:784-256-10, "
                              "autoencoder:784-64, resnet20 and mobilenet-small",
                       near ? near : "");
    }
    if (s == CULL_OK) s = cull_model_from(cx, b.at, b.n, what, opts, out);
    cull__buf_free(&b);
    return s;
}

cull_status cull_model_open(cull_ctx *cx, const char *what, const cull_model_opts *opts,
                            cull_model **out)
{
    cull__bytes file;
    *out = NULL;
    if (!is_file_name(what)) return open_zoo(cx, what, opts, out);
    CULL_TRY(cull__bytes_open(cx, what, &file));
    cull_status s = cull_model_from(cx, (const char *)file.at, file.n, what, opts, out);
    cull__bytes_close(&file);
    return s;
}

cull_status cull_model_text(cull_ctx *cx, const cull_model *m, bool json, char **out)
{
    cull_buf b = CULL_BUF(cx);
    cull__model_doc d;
    if (!json) return cull__copy_text(cx, m->text, strlen(m->text), out);
    cull__mark_t mark = cull__mark(cx);
    cull_status s = cull__model_parse(cx, "the model", m->text, strlen(m->text), &d);
    if (s == CULL_OK) cull__model_write_json(&d, &b);
    if (s == CULL_OK) s = b.status;
    cull__release(cx, mark);
    if (s != CULL_OK) cull__buf_free(&b);
    *out = s == CULL_OK ? b.at : NULL;
    return s;
}

/* ---- scaling ---- */

static cull_status write_scaled(cull_model *m, const float *mean, const float *std, int n,
                                char **out)
{
    cull__model_doc d;
    cull_buf b = CULL_BUF(m->cx);
    CULL_TRY(cull__model_parse(m->cx, "the model", m->text, strlen(m->text), &d));
    d.means = d.stds = n;
    memcpy(d.mean, mean, (size_t)n * sizeof *mean);
    memcpy(d.std, std, (size_t)n * sizeof *std);
    cull__model_write(&d, &b);
    *out = b.at;
    if (b.status != CULL_OK) cull__buf_free(&b);
    return b.status;
}

cull_status cull__model_scale(cull_model *m, const float *mean, const float *std, int n)
{
    char *text;
    cull__mark_t mark = cull__mark(m->cx);
    cull_status s = write_scaled(m, mean, std, n, &text);
    cull__release(m->cx, mark);
    if (s != CULL_OK) return s;
    cull__free(m->text);
    m->text = text;
    m->scaled = n;
    memcpy(m->mean, mean, (size_t)n * sizeof *mean);
    memcpy(m->std, std, (size_t)n * sizeof *std);
    return CULL_OK;
}

cull_status cull__model_scale_like(cull_model *m, const char *text)
{
    cull__model_doc d;
    int64_t dim[3];
    if (m->scaled) return CULL_OK;
    cull__mark_t mark = cull__mark(m->cx);
    cull_status s = cull__model_parse(m->cx, "the model", text, strlen(text), &d);
    int64_t c = dim[cull_model_input(m, dim) - 1];
    if (s == CULL_OK && d.means && d.means == d.stds && (d.means == 1 || d.means == c))
        s = cull__model_scale(m, d.mean, d.std, d.means);
    cull__release(m->cx, mark);
    return s == CULL_EINPUT ? CULL_OK : s;
}

/* ---- what it is ---- */

const char *cull_model_name(const cull_model *m) { return m->name; }
cull_params *cull_model_params(cull_model *m) { return m->params; }
int cull_model_layers(const cull_model *m) { return (int)m->layers; }

static int shape_of(const layer *l, int64_t dim[3])
{
    for (int i = 0; i < 3; i++) dim[i] = i < l->shape.rank ? l->shape.dim[i] : 1;
    return l->shape.rank;
}

int cull_model_input(const cull_model *m, int64_t dim[3]) { return shape_of(m->layer, dim); }
int cull_model_output(const cull_model *m, int64_t dim[3])
{
    return shape_of(m->layer + m->layers - 1, dim);
}

bool cull_model_scaling(const cull_model *m, const float **mean, const float **std)
{
    *mean = m->mean;
    *std = m->std;
    return m->scaled > 0;
}

int cull_model_find(const cull_model *m, const char *name)
{
    for (int64_t i = 0; i < m->entries; i++)
        if (!strcmp(m->entry[i].name, name)) return m->entry[i].last;
    return -1;
}

/* ---- forward ---- */

static bool takes(const cull_model *m, cull_tape *t, cull_var *x)
{
    const cull__model_shape *s = &m->layer[0].shape;
    char given[96], wanted[80];
    bool good = cull_var_rank(x) == s->rank + 1;
    for (int i = 0; good && i < s->rank; i++) good = cull_var_dim(x, i + 1) == s->dim[i];
    if (good) return true;
    cull__wrong(t, x, "the model takes %s for each of n examples, and is given %s",
                cull__model_shape_text(s, wanted), cull__dims(x, given));
    return false;
}

static cull_var *compute(const cull_model *m, cull_tape *t, int i, cull_var *const *v)
{
    const layer *l = m->layer + i;
    cull_var *in[CULL__MODEL_INS];
    const layer *x = m->layer + l->in[0];
    bool joined = l->joins && v[l->in[0]] == NULL; /* with the layer before, which was left to it */
    const layer *from = joined ? x : l;
    if (l->alias) return v[l->in[0]];
    for (int k = 0; k < from->ins; k++) in[k] = v[from->in[k]];
    cull_tape_scope(t, from->name);
    return joined ? x->op->joined(t, x, in) : l->op->apply(t, l, in);
}

/* Without a backward to come: what no later layer reads goes. */
static void give_back(const cull_model *m, cull_tape *t, int i, cull_var *const *v)
{
    const layer *l = m->layer + i;
    for (int k = 0; k < l->ins; k++) {
        int x = l->in[k];
        if (x && m->layer[x].last == i && v[x] && v[x] != v[i]) cull_nn_forget(t, v[x]);
    }
}

cull_var *cull_model_forward(const cull_model *m, cull_tape *t, cull_var *x, cull_var **tap)
{
    bool keeps = tap || cull__tape_mode(t) & CULL_TAPE_GRAD;
    size_t bytes = (size_t)m->layers * sizeof *tap;
    if (!x || !takes(m, t, x)) return NULL;
    cull_var **v = tap;
    if (!v) v = (cull_var **)cull__take_floats(t, (int64_t)((bytes + 3) / sizeof(float)));
    if (!v) return NULL;
    memset(v, 0, bytes);
    v[0] = x;
    for (int i = 1; i < m->layers; i++) {
        const layer *l = m->layer + i;
        if (!tap && (!l->live || l->joined)) continue;
        if (!(v[i] = compute(m, t, i, v))) return NULL;
        if (keeps) continue;
        if (l->joins) give_back(m, t, l->in[0], v);
        give_back(m, t, i, v);
    }
    cull_tape_scope(t, "");
    return v[m->layers - 1];
}
