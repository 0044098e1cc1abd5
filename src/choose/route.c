/* route.c - models for rows by worth and price, and the curve of cost and quality that this gives (route.h). */
#include "choose/route.h"
#include "choose/front.h"

#include <math.h>

int cull__route_at(const cull__route_rows *r, int64_t i, double price)
{
    int best = 0;
    for (int k = 1; k < r->models; k++) {
        double c = r->cost[k * r->n + i], v = r->worth[k * r->n + i];
        double bc = r->cost[best * r->n + i], bv = r->worth[best * r->n + i];
        if (price == INFINITY) {
            if (c < bc || (c == bc && v > bv)) best = k;
            continue;
        }
        double gain = (v - bv) - price * (c - bc);
        if (gain > 0 || (gain == 0 && c < bc)) best = k;
    }
    return best;
}

typedef struct {
    int64_t row;
    int from, to;
} move;

/* The dearer model with the most worth for each unit of more cost; -1 = none. */
static int next_of(const cull__route_rows *r, int64_t i, int at, bool on, double *price)
{
    int best = -1;
    for (int k = 0; k < r->models; k++) {
        double more = r->cost[k * r->n + i] - r->cost[at * r->n + i];
        double p = (r->worth[k * r->n + i] - r->worth[at * r->n + i]) / more;
        if (!(more > 0) || (!on && !(p > 0))) continue;
        if (best >= 0 && !(p > *price) &&
            !(p == *price && r->cost[k * r->n + i] > r->cost[best * r->n + i]))
            continue;
        best = k;
        *price = p;
    }
    return best;
}

static cull_status moves_of(cull_ctx *cx, const cull__route_rows *r, bool on, move **out,
                            cull__place **order, int64_t *count)
{
    cull__place *room;
    int64_t most = r->n * (r->models > 1 ? r->models - 1 : 1);
    CULL_TRY(CULL_TMP(cx, *out, most));
    CULL_TRY(CULL_TMP(cx, *order, most));
    CULL_TRY(CULL_TMP(cx, room, most));
    *count = 0;
    for (int64_t i = 0; i < r->n; i++) {
        int at = cull__route_at(r, i, INFINITY), to;
        double price, last = INFINITY; /* along a hull prices fall, but for rounding */
        for (; (to = next_of(r, i, at, on, &price)) >= 0; at = to) {
            last = fmin(last, price);
            (*order)[*count] = (cull__place){-last, *count};
            (*out)[(*count)++] = (move){i, at, to};
        }
    }
    cull__places_sort(*order, room, *count);
    return CULL_OK;
}

cull_status cull__route_curve_of(cull_ctx *cx, const cull__route_rows *r, const double *known,
                                 bool on, cull__route_curve *out)
{
    move *m;
    cull__place *order;
    int64_t count;
    double cost = 0, quality = 0, n = (double)r->n;
    const double *paid = r->paid ? r->paid : r->cost;
    if (!known) known = r->worth;
    CULL_TRY(moves_of(cx, r, on, &m, &order, &count));
    CULL_TRY(CULL_TMP(cx, out->price, count + 1));
    CULL_TRY(CULL_TMP(cx, out->cost, count + 1));
    CULL_TRY(CULL_TMP(cx, out->quality, count + 1));
    for (int64_t i = 0; i < r->n; i++) {
        int k = cull__route_at(r, i, INFINITY);
        cost += paid[k * r->n + i];
        quality += known[k * r->n + i];
    }
    out->points = count + 1;
    out->price[0] = INFINITY, out->cost[0] = cost / n, out->quality[0] = quality / n;
    for (int64_t j = 0; j < count; j++) {
        const move *s = m + order[j].i;
        cost += paid[s->to * r->n + s->row] - paid[s->from * r->n + s->row];
        quality += known[s->to * r->n + s->row] - known[s->from * r->n + s->row];
        out->price[j + 1] = -order[j].v, out->cost[j + 1] = cost / n;
        out->quality[j + 1] = quality / n;
    }
    return CULL_OK;
}

double cull__route_quality_at(const cull__route_curve *c, double cost)
{
    int64_t j = 0;
    while (j + 1 < c->points && c->cost[j + 1] <= cost) j++;
    if (j + 1 == c->points) return c->quality[j];
    double part = (cost - c->cost[j]) / (c->cost[j + 1] - c->cost[j]);
    return c->quality[j] + (part > 0 ? part : 0) * (c->quality[j + 1] - c->quality[j]);
}

void cull__route_judge(const cull__route_curve *c, double weak, double weak_q, double strong,
                       double strong_q, cull__route_figures *out)
{
    double at = 0, value = (cull__route_quality_at(c, weak) - weak_q) / (strong_q - weak_q);
    *out = (cull__route_figures){0, value >= 0.5 ? 0 : 1, value >= 0.8 ? 0 : 1};
    for (int64_t j = 0; j <= c->points && at < 1; j++) {
        bool end = j == c->points;
        double to = end ? 1 : (c->cost[j] - weak) / (strong - weak);
        if (!(to > at)) {
            if (!end && to == at) value = (c->quality[j] - weak_q) / (strong_q - weak_q);
            continue;
        }
        double next = end ? value : (c->quality[j] - weak_q) / (strong_q - weak_q);
        if (to > 1) next = value + (next - value) * (1 - at) / (to - at), to = 1;
        out->recovered += (to - at) * (value + next) / 2;
        double *first[2] = {&out->cost50, &out->cost80}, level[2] = {0.5, 0.8};
        for (int l = 0; l < 2; l++) {
            if (*first[l] < 1 || value >= level[l] || next < level[l]) continue;
            *first[l] = at + (to - at) * (level[l] - value) / (next - value);
        }
        at = to, value = next;
    }
}
