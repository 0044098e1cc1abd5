/* route.h - one model for each row: what it is predicted to be worth less a price times what it costs. */
#ifndef CULL__ROUTE_H
#define CULL__ROUTE_H
#include "base/base.h"

typedef struct {
    int64_t n;
    int models;
    const double *worth, *cost; /* (models, n); finite, cost >= 0: what it is chosen by */
    const double *paid;         /* (models, n): what the curve counts; NULL = cost */
} cull__route_rows;
/* The model of row i with the most worth - price cost; of equal ones the cheaper, then the lower. price inf: the cheapest, of equal
 * ones that of more worth. */
int cull__route_at(const cull__route_rows *r, int64_t i, double price);

/* Where the price falls from inf to 0, rows move to dearer models one after another. After the first `at` moves, in which
 * prices fall: */
typedef struct {
    int64_t points; /* moves + 1 */
    double *price;  /* points: from it down to the next point's, rows stand so; the first is inf */
    double *cost, *quality; /* points: means over rows; quality is of `known`, (models, n) */
} cull__route_curve;
/* Scratch. on: rows move on, by the least that it loses, where dearer models are worth no more, to the dearest of all. known
 * NULL: worth itself. O(n K^2 + moves log moves). */
cull_status cull__route_curve_of(cull_ctx *cx, const cull__route_rows *r, const double *known,
                                 bool on, cull__route_curve *out);
/* The most quality on the way for a mean cost of at most `cost`: the straight line between points. */
double cull__route_quality_at(const cull__route_curve *c, double cost);

/* RouteLLM's figures (Ong et al. 2024). Between a weak and a strong model, of mean cost and quality (weak, weak_q) and (strong,
 * strong_q): `recovered` is the mean over all costs between theirs of (quality - weak_q) / (strong_q - weak_q), 0.5 for calls by chance;
 * cost50 and cost80 the share of the way from the weak model's cost to the strong one's at which that is 0.5 and 0.8 first, 1
 * if never. A curve that ends before the strong model's cost is level from there. */
typedef struct {
    double recovered, cost50, cost80;
} cull__route_figures;
void cull__route_judge(const cull__route_curve *c, double weak, double weak_q, double strong,
                       double strong_q, cull__route_figures *out);
#endif
