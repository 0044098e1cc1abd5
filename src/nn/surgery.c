/* surgery.c - which channels of a network are cut together: units and groups from its layers. */
#include "nn/surgery.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef cull__model_layer layer;
enum { CHANNELS = 1 << 28 }; /* most of all layers together */

static const char INPUT[] = "the model's input", OUTPUT[] = "the model's output";

static int64_t channels_of(const layer *l) { return l->shape.dim[l->shape.rank - 1]; }
static bool is(const layer *l, const char *op) { return l->op && !strcmp(l->op->name, op); }

/* places of values: see the table in model_op.c */
enum { CONV_SIZE = 1, CONV_GROUPS = 5, CONV_BIAS = 6, LINEAR_BIAS = 1, SHORTCUT_FRONT = 2 };

cull__cuts cull__surgery_kind(const layer *l)
{
    return is(l, "conv")         ? CULL__CUTS_CONV
           : is(l, "linear")     ? CULL__CUTS_LINEAR
           : is(l, "batch_norm") ? CULL__CUTS_NORM
                                 : CULL__CUTS_NOT;
}

/* ---- places: a channel of a layer's output each; those that go together have one root ---- */

static int32_t root_of(int32_t *up, int32_t i)
{
    while (up[i] != i) i = up[i] = up[up[i]];
    return i;
}

/* The lower place becomes the root, so that roots do not depend on the order of ties. */
static void tie(int32_t *up, int64_t a, int64_t b)
{
    int32_t x = root_of(up, (int32_t)a), y = root_of(up, (int32_t)b);
    if (x < y)
        up[y] = x;
    else
        up[x] = y;
}

static cull_status lay_out(cull_surgery *s)
{
    const cull_model *m = s->m;
    CULL_TRY(CULL_ALLOC(s->cx, s->at, m->layers + 1));
    for (int64_t i = 0; i < m->layers; i++) {
        s->at[i + 1] = s->at[i] + channels_of(m->layer + i);
        if (s->at[i + 1] > CHANNELS)
            return cull__fail(s->cx, CULL_EINPUT,
                              "the model has more than %d channels in all its layers together",
                              CHANNELS);
    }
    int64_t n = s->at[m->layers];
    CULL_TRY(CULL_ALLOC(s->cx, s->unit, n));
    for (int64_t i = 0; i < n; i++) s->unit[i] = (int32_t)i;
    return CULL_OK;
}

/* Of groups: all channels that one of them reads and makes. */
static void tie_grouped(cull_surgery *s, int i)
{
    const layer *l = s->m->layer + i;
    int64_t g = (int64_t)l->arg[CONV_GROUPS], in = s->at[l->in[0]], out = s->at[i];
    int64_t reads = channels_of(s->m->layer + l->in[0]) / g, makes = channels_of(l) / g;
    if (g == 1) return;
    for (int64_t k = 0; k < g; k++) {
        for (int64_t c = 0; c < reads; c++) tie(s->unit, in + k * reads, in + k * reads + c);
        for (int64_t c = 0; c < makes; c++) tie(s->unit, in + k * reads, out + k * makes + c);
    }
}

/* The channels of layer i are those of its input `x`, the first being channel `from` of i. */
static void tie_range(cull_surgery *s, int i, int x, int64_t from)
{
    int64_t n = channels_of(s->m->layer + x);
    for (int64_t c = 0; c < n; c++) tie(s->unit, s->at[x] + c, s->at[i] + from + c);
}

static void tie_layer(cull_surgery *s, int i)
{
    const layer *l = s->m->layer + i, *x = s->m->layer + l->in[0];
    int64_t n = channels_of(l), from = 0;
    if (is(l, "linear")) return;
    if (is(l, "conv"))
        tie_grouped(s, i);
    else if (is(l, "flatten")) /* pixel by pixel, its channels together */
        for (int64_t c = 0; c < n; c++)
            tie(s->unit, s->at[l->in[0]] + c % channels_of(x), s->at[i] + c);
    else if (is(l, "shortcut"))
        tie_range(s, i, l->in[0], (int64_t)l->arg[SHORTCUT_FRONT]);
    else if (is(l, "concat"))
        for (int k = 0; k < l->ins; k++) {
            tie_range(s, i, l->in[k], from);
            from += channels_of(s->m->layer + l->in[k]);
        }
    else
        for (int k = 0; k < (l->alias ? 1 : l->ins); k++) tie_range(s, i, l->in[k], 0);
}

/* ---- groups: units that have channels of the same layers, as many of each ---- */

typedef struct {
    uint64_t *sign;     /* of a unit: of the layers its places are of */
    const char **fixed; /* of a unit */
    int *origin;        /* the first layer with parameters that makes it, else its first layer */
    int32_t *number;    /* of the root at a place */
} marks;

static cull_status number_units(cull_surgery *s, marks *k)
{
    int64_t n = s->at[s->m->layers];
    CULL_TRY(CULL_TMP(s->cx, k->number, n));
    for (int64_t i = 0; i < n; i++) {
        int32_t r = root_of(s->unit, (int32_t)i);
        k->number[i] = r == i ? (int32_t)s->units++ : k->number[r];
    }
    memcpy(s->unit, k->number, (size_t)n * sizeof *s->unit);
    CULL_TRY(CULL_TMP0(s->cx, k->sign, s->units));
    CULL_TRY(CULL_TMP0(s->cx, k->fixed, s->units));
    return CULL_TMP(s->cx, k->origin, s->units);
}

static void mark_units(const cull_surgery *s, marks *k)
{
    int last = (int)s->m->layers - 1;
    for (int64_t u = 0; u < s->units; u++) k->origin[u] = -1;
    for (int i = 0; i <= last; i++)
        for (int64_t c = s->at[i]; c < s->at[i + 1]; c++) {
            int32_t u = s->unit[c];
            k->sign[u] = cull__hash64(&i, sizeof i, k->sign[u]);
            if (k->origin[u] < 0) k->origin[u] = i;
            if (!k->fixed[u] && (i == 0 || i == last)) k->fixed[u] = i ? OUTPUT : INPUT;
        }
}

/* Two groups may begin at one layer. */
static cull_status name_group(cull_surgery *s, int64_t g, int origin)
{
    const layer *l = s->m->layer + origin;
    const char *base = !origin ? "input" : *l->name ? l->name : l->op->name;
    size_t room = strlen(base) + 24;
    int64_t turn = 1;
    char *name;
    CULL_TRY(CULL_ALLOC(s->cx, name, (int64_t)room));
    s->group[g].name = name;
    snprintf(name, room, "%s", base);
    for (int64_t i = 0; i < g; i++)
        if (!strcmp(s->group[i].name, name)) {
            snprintf(name, room, "%s#%" PRId64, base, ++turn);
            i = -1;
        }
    return CULL_OK;
}

/* The group of a unit, by what it has been signed with: open addressing. */
static int64_t *slot_of(int64_t *table, int64_t room, const uint64_t *sign, const int64_t *example,
                        uint64_t h)
{
    for (int64_t i = (int64_t)(h & (uint64_t)(room - 1));; i = (i + 1) & (room - 1))
        if (table[i] < 0 || sign[example[table[i]]] == h) return table + i;
}

static cull_status make_groups(cull_surgery *s, const marks *k)
{
    int64_t room = 16, *table, *example;
    while (room < 2 * s->units) room *= 2;
    CULL_TRY(CULL_TMP(s->cx, table, room));
    CULL_TRY(CULL_TMP(s->cx, example, s->units));
    CULL_TRY(CULL_ALLOC(s->cx, s->group_of, s->units));
    for (int64_t i = 0; i < room; i++) table[i] = -1;
    for (int64_t u = 0; u < s->units; u++) {
        int64_t *at = slot_of(table, room, k->sign, example, k->sign[u]);
        if (*at < 0) {
            CULL_TRY(CULL_GROW(s->cx, s->group, &s->group_room, s->groups + 1));
            s->group[s->groups] = (cull__surgery_group){.fixed = k->fixed[u]};
            *at = s->groups++;
            example[*at] = u;
            CULL_TRY(name_group(s, *at, k->origin[u]));
        }
        s->group_of[u] = (int32_t)*at;
        s->group[*at].width++;
    }
    for (int64_t g = 1; g < s->groups; g++)
        s->group[g].first = s->group[g - 1].first + s->group[g - 1].width;
    return CULL_OK;
}

/* Units anew, group by group, within one by their first channel. */
static cull_status order_units(cull_surgery *s)
{
    int64_t *next, n = s->at[s->m->layers];
    int32_t *now;
    CULL_TRY(CULL_TMP(s->cx, next, s->groups));
    CULL_TRY(CULL_TMP(s->cx, now, s->units));
    for (int64_t g = 0; g < s->groups; g++) next[g] = s->group[g].first;
    for (int64_t u = 0; u < s->units; u++) now[u] = (int32_t)next[s->group_of[u]]++;
    for (int64_t i = 0; i < n; i++) s->unit[i] = now[s->unit[i]];
    for (int64_t g = 0; g < s->groups; g++)
        for (int64_t u = s->group[g].first; u < s->group[g].first + s->group[g].width; u++)
            s->group_of[u] = (int32_t)g;
    return CULL_OK;
}

/* ---- parts: what a unit has of each layer with parameters ---- */

static bool reads_parts(const layer *l)
{
    return is(l, "linear") || (is(l, "conv") && l->arg[CONV_GROUPS] == 1);
}

/* One more channel of layer i for unit u: counted, or put down where `first` says. */
static void add_part(cull_surgery *s, int64_t *used, int32_t u, int i, bool read)
{
    int64_t n = used[u];
    cull__surgery_part *p = s->part ? s->part + s->first[u] : NULL;
    if (p && n && p[n - 1].layer == i) {
        *(read ? &p[n - 1].read : &p[n - 1].made) += 1;
        return;
    }
    if (p) p[n] = (cull__surgery_part){.layer = i, .made = !read, .read = read};
    used[u]++;
}

/* While counting, last[u] is the layer that was counted last. */
static void walk_parts(cull_surgery *s, int64_t *used, int *last)
{
    for (int i = 1; i < s->m->layers; i++) {
        const layer *l = s->m->layer + i;
        if (cull__surgery_kind(l) == CULL__CUTS_NOT) continue;
        for (int read = 0; read <= (int)reads_parts(l); read++) {
            int from = read ? l->in[0] : i;
            for (int64_t c = s->at[from]; c < s->at[from + 1]; c++) {
                int32_t u = s->unit[c];
                if (!s->part && last[u] == i) continue;
                last[u] = i;
                add_part(s, used, u, i, read);
            }
        }
    }
}

static cull_status make_parts(cull_surgery *s)
{
    int64_t *used;
    int *last;
    CULL_TRY(CULL_TMP0(s->cx, used, s->units));
    CULL_TRY(CULL_TMP0(s->cx, last, s->units));
    CULL_TRY(CULL_ALLOC(s->cx, s->first, s->units + 1));
    walk_parts(s, used, last);
    for (int64_t u = 0; u < s->units; u++) s->first[u + 1] = s->first[u] + used[u];
    CULL_TRY(CULL_ALLOC(s->cx, s->part, s->first[s->units] + 1));
    memset(used, 0, (size_t)s->units * sizeof *used);
    walk_parts(s, used, last);
    return CULL_OK;
}

/* ---- the handle ---- */

static cull_status find_groups(cull_surgery *s)
{
    marks k;
    CULL_TRY(lay_out(s));
    for (int i = 1; i < s->m->layers; i++) {
        tie_layer(s, i);
        CULL_TRY(cull__tick(s->cx, i, (double)s->m->layers));
    }
    CULL_TRY(number_units(s, &k));
    mark_units(s, &k);
    CULL_TRY(make_groups(s, &k));
    CULL_TRY(order_units(s));
    return make_parts(s);
}

cull_status cull_surgery_new(cull_ctx *cx, const cull_model *m, cull_surgery **out)
{
    cull_surgery *s;
    *out = NULL;
    CULL_TRY(CULL_ALLOC(cx, s, 1));
    s->cx = cx;
    s->m = m;
    cull__mark_t mark = cull__mark(cx);
    cull_status status = find_groups(s);
    cull__release(cx, mark);
    if (status != CULL_OK) {
        cull_surgery_free(s);
        return status;
    }
    *out = s;
    return CULL_OK;
}

void cull_surgery_free(cull_surgery *s)
{
    if (!s) return;
    for (int64_t g = 0; g < s->groups; g++) cull__free(s->group[g].name);
    cull__free(s->group);
    cull__free(s->group_of);
    cull__free(s->first);
    cull__free(s->part);
    cull__free(s->at);
    cull__free(s->unit);
    cull__free(s);
}

/* ---- what there is ---- */

int cull_surgery_groups(const cull_surgery *s) { return (int)s->groups; }
int64_t cull_surgery_units(const cull_surgery *s) { return s->units; }
int64_t cull_surgery_unit(const cull_surgery *s, int i, int64_t c) { return s->unit[s->at[i] + c]; }

int cull_surgery_find(const cull_surgery *s, const char *name, const char **near)
{
    const char *names[1024];
    int n = 0;
    for (int64_t g = 0; g < s->groups; g++) {
        if (!strcmp(s->group[g].name, name)) return (int)g;
        if (n < 1024) names[n++] = s->group[g].name;
    }
    if (near) *near = cull__nearest(name, names, n);
    return -1;
}

void cull__surgery_cost(const layer *l, int64_t made, int64_t read, double *macs, int64_t *params)
{
    double pixels = l->shape.rank == 3 ? (double)l->shape.dim[0] * (double)l->shape.dim[1] : 1;
    int64_t area = 1;
    *macs = 0;
    *params = 2 * made; /* of a batch norm: its scale and shift */
    if (cull__surgery_kind(l) == CULL__CUTS_NORM) return;
    if (is(l, "conv")) area = (int64_t)l->arg[CONV_SIZE] * (int64_t)l->arg[CONV_SIZE];
    bool bias = l->arg[is(l, "conv") ? CONV_BIAS : LINEAR_BIAS] != 0;
    *params = made * read * area + (bias ? made : 0);
    if (l->live) *macs = pixels * (double)area * (double)made * (double)read;
}

static int64_t kept(const cull_surgery *s, int i, const bool *keep)
{
    int64_t n = 0;
    if (!keep) return s->at[i + 1] - s->at[i];
    for (int64_t c = s->at[i]; c < s->at[i + 1]; c++) n += keep[s->unit[c]];
    return n;
}

int64_t cull__surgery_made(const cull_surgery *s, int i, const bool *keep)
{
    return kept(s, i, keep);
}

int64_t cull__surgery_read(const cull_surgery *s, int i, const bool *keep)
{
    const layer *l = s->m->layer + i;
    if (is(l, "conv") && l->arg[CONV_GROUPS] != 1)
        return channels_of(s->m->layer + l->in[0]) / (int64_t)l->arg[CONV_GROUPS];
    return kept(s, l->in[0], keep);
}

void cull_surgery_count(const cull_surgery *s, const bool *keep, double *macs, int64_t *params)
{
    double m = 0, one;
    int64_t p = 0, some;
    for (int i = 1; i < s->m->layers; i++) {
        const layer *l = s->m->layer + i;
        if (cull__surgery_kind(l) == CULL__CUTS_NOT) continue;
        cull__surgery_cost(l, cull__surgery_made(s, i, keep), cull__surgery_read(s, i, keep), &one,
                           &some);
        m += one;
        p += some;
    }
    if (macs) *macs = m;
    if (params) *params = p;
}

cull_channel_group cull_surgery_group(const cull_surgery *s, int g)
{
    const cull__surgery_group *k = s->group + g;
    cull_channel_group out = {.name = k->name,
                              .fixed = k->fixed,
                              .first = k->first,
                              .width = k->width,
                              .members = (int)(s->first[k->first + 1] - s->first[k->first])};
    for (int i = 0; i < out.members; i++) {
        const cull__surgery_part *p = s->part + s->first[k->first] + i;
        const layer *l = s->m->layer + p->layer;
        double before, after;
        int64_t had, has, made = channels_of(l), read = cull__surgery_read(s, p->layer, NULL);
        cull__surgery_cost(l, made, read, &before, &had);
        cull__surgery_cost(l, made - p->made, read - p->read, &after, &has);
        out.macs += before - after;
        out.params += had - has;
    }
    return out;
}

cull_channel_member cull_surgery_member(const cull_surgery *s, int g, int i)
{
    const cull__surgery_part *p = s->part + s->first[s->group[g].first] + i;
    const layer *l = s->m->layer + p->layer;
    return (cull_channel_member){
        .layer = l->name, .op = l->op->name, .made = p->made, .read = p->read};
}
