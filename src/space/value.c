/* value.c - one parameter's value: as text and back, whether it is one, on a scale of 0 to 1. */
#include "space/inner.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- to text ---- */

typedef struct {
    char *buf;
    size_t size, n;
} text;

static void add(text *t, const char *s)
{
    for (; *s; s++, t->n++)
        if (t->n + 1 < t->size) t->buf[t->n] = *s;
}

static void add_number(text *t, double v)
{
    char one[32];
    add(t, cull__format_f64(v, one));
}

size_t cull__value_text(const cull_space_param *p, const double *v, char *buf, size_t size)
{
    text t = {buf, size, 0};
    bool some = false;
    if (!isnan(v[0])) switch (p->kind) {
        case CULL_SPACE_REAL:
        case CULL_SPACE_INT: add_number(&t, v[0]); break;
        case CULL_SPACE_CATEGORY:
        case CULL_SPACE_ORDINAL: add(&t, p->value[(int64_t)v[0]]); break;
        case CULL_SPACE_SUBSET:
            for (int64_t j = 0; j < p->n; j++)
                if (v[j] == 1) {
                    if (some) add(&t, "+");
                    add(&t, p->value[j]);
                    some = true;
                }
            if (!some) add(&t, "+"); /* none of them, which "" is not */
            break;
        case CULL_SPACE_PERMUTATION:
            for (int64_t j = 0; j < p->n; j++) {
                if (j) add(&t, ">");
                add(&t, p->value[(int64_t)v[j]]);
            }
            break;
        case CULL_SPACE_SIMPLEX:
            for (int64_t j = 0; j < p->n; j++) {
                if (j) add(&t, "/");
                add_number(&t, v[j]);
            }
        }
    if (size) buf[t.n < size ? t.n : size - 1] = 0;
    return t.n;
}

/* ---- whether it is one ---- */

static bool whole(double v, int64_t n) { return v >= 0 && v < (double)n && v == floor(v); }

static bool wrong_number(const cull_space_param *p, double v, char why[300])
{
    char a[32], b[32], c[32];
    bool within = v >= p->lo && v <= p->hi;
    if (within && (p->kind != CULL_SPACE_INT || fmod(v - p->lo, p->step) == 0)) return false;
    cull__format_f64(v, a); /* slow: for the sentence alone */
    if (!within)
        snprintf(why, 300, "%s is not from %s to %s", a, cull__format_f64(p->lo, b),
                 cull__format_f64(p->hi, c));
    else
        snprintf(why, 300, p->step == 1 ? "%s is no whole number" : "%s is no step of %s from %s",
                 a, cull__format_f64(p->step, b), cull__format_f64(p->lo, c));
    return true;
}

static bool wrong_subset(const cull_space_param *p, const double *v, char why[300])
{
    int64_t count = 0;
    for (int64_t j = 0; j < p->n; j++) {
        if (v[j] != 0 && v[j] != 1) {
            snprintf(why, 300, "the number of item '%.60s' is neither 0 nor 1", p->value[j]);
            return true;
        }
        count += v[j] == 1;
    }
    if (count >= p->least && count <= p->most) return false;
    snprintf(why, 300, "%" PRId64 " items; it has %" PRId64 " to %" PRId64, count, p->least,
             p->most);
    return true;
}

/* Without memory: each item once means that all are there, since there are as many places. */
static bool wrong_order(const cull_space_param *p, const double *v, char why[300])
{
    for (int64_t j = 0; j < p->n; j++)
        if (!whole(v[j], p->n)) {
            snprintf(why, 300, "place %" PRId64 " holds no item", j + 1);
            return true;
        }
    if (p->n <= 64) {
        uint64_t seen = 0;
        for (int64_t j = 0; j < p->n; j++) seen |= UINT64_C(1) << (int64_t)v[j];
        if (seen == UINT64_MAX >> (64 - p->n)) return false;
    }
    for (int64_t j = 0; j < p->n; j++)
        for (int64_t k = 0; k < j; k++)
            if (v[j] == v[k]) {
                snprintf(why, 300, "item '%.60s' is there twice", p->value[(int64_t)v[j]]);
                return true;
            }
    return false;
}

static bool wrong_shares(const cull_space_param *p, const double *v, char why[300])
{
    double sum = 0;
    char a[32];
    for (int64_t j = 0; j < p->n; j++) {
        if (!(v[j] >= 0 && v[j] <= 1)) {
            snprintf(why, 300, "the share of '%.60s' is %s, not from 0 to 1", p->value[j],
                     cull__format_f64(v[j], a));
            return true;
        }
        sum += v[j];
    }
    /* whoever writes 15 digits of each is right */
    if (fabs(sum - 1) <= 1e-9) return false;
    snprintf(why, 300, "the shares have a sum of %s, not 1", cull__format_f64(sum, a));
    return true;
}

bool cull__value_check(const cull_space_param *p, const double *v, char why[300])
{
    char a[32];
    switch (p->kind) {
    case CULL_SPACE_REAL:
    case CULL_SPACE_INT: return !wrong_number(p, v[0], why);
    case CULL_SPACE_CATEGORY:
    case CULL_SPACE_ORDINAL:
        if (whole(v[0], p->n)) return true;
        snprintf(why, 300, "%s is not one of 0 .. %" PRId64, cull__format_f64(v[0], a), p->n - 1);
        return false;
    case CULL_SPACE_SUBSET: return !wrong_subset(p, v, why);
    case CULL_SPACE_PERMUTATION: return !wrong_order(p, v, why);
    case CULL_SPACE_SIMPLEX: return !wrong_shares(p, v, why);
    }
    return false;
}

/* ---- from text ---- */

/* From `start` on and around: items of a subset mostly come in order. */
static int64_t item_of(const cull_space_param *p, const char *s, size_t n, int64_t start)
{
    for (int64_t k = 0, j = start; k < p->n; k++, j++) {
        if (j == p->n) j = 0;
        if (!strncmp(p->value[j], s, n) && !p->value[j][n]) return j;
    }
    return -1;
}

/* A number that says a value otherwise than it is written: 16.0 for 16. */
static int64_t same_number(const cull_space_param *p, const char *s, size_t n)
{
    double v, w;
    if (!cull__parse_f64(s, n, &v)) return -1;
    for (int64_t j = 0; j < p->n; j++)
        if (cull__parse_f64(p->value[j], strlen(p->value[j]), &w) && v == w) return j;
    return -1;
}

/* What was meant, maybe: of numbers the one least away, else the name that is least otherwise. */
static const char *nearest_value(const cull_space_param *p, const char *s, size_t n)
{
    char key[CULL__SPACE_NAME + 2];
    double v;
    if (p->number && cull__parse_f64(s, n, &v)) {
        int64_t best = 0;
        for (int64_t j = 1; j < p->n; j++)
            if (fabs(p->number[j] - v) < fabs(p->number[best] - v)) best = j;
        return p->value[best];
    }
    snprintf(key, sizeof key, "%.*s", (int)(n < sizeof key ? n : sizeof key - 1), s);
    return n > 2 ? cull__nearest(key, p->value, p->n > 1000 ? 1000 : (int)p->n) : NULL;
}

static bool no_value(const cull_space_param *p, const char *s, size_t n, char why[300])
{
    char shown[60];
    const char *near = nearest_value(p, s, n);
    cull__quote(s, n, shown, sizeof shown);
    if (near) {
        snprintf(why, 300, "'%s' is none of its values; the nearest is '%.60s'", shown, near);
        return false;
    }
    size_t k = (size_t)snprintf(why, 300, "'%s' is none of its values", shown);
    for (int64_t j = 0; j < p->n && j < 6; j++)
        k += (size_t)snprintf(why + k, 300 - k, "%s%.20s", j ? ", " : ": ", p->value[j]);
    if (p->n > 6) snprintf(why + k, 300 - k, ", ...");
    return false;
}

static bool read_items(const cull_space_param *p, const char *s, char sign, double *v,
                       char why[300])
{
    const char stop[] = {sign, 0};
    bool subset = p->kind == CULL_SPACE_SUBSET;
    if (subset)
        for (int64_t j = 0; j < p->n; j++) v[j] = 0;
    if (subset && !strcmp(s, "+")) return true;
    for (int64_t k = 0, j = p->n - 1;; k++) {
        size_t n = strcspn(s, stop);
        j = item_of(p, s, n, (j + 1) % p->n);
        if (j < 0) return no_value(p, s, n, why);
        if (subset ? v[j] == 1 : k >= p->n) {
            snprintf(why, 300,
                     subset ? "item '%.60s' is there twice"
                            : "there is more than one place for "
                              "each of its items, from '%.60s' on",
                     p->value[j]);
            return false;
        }
        v[subset ? j : k] = subset ? 1 : (double)j;
        if (!s[n]) {
            if (subset || k == p->n - 1) return true;
            snprintf(why, 300, "%" PRId64 " items; it puts all %" PRId64 " in an order", k + 1,
                     p->n);
            return false;
        }
        s += n + 1;
    }
}

static bool read_shares(const cull_space_param *p, const char *s, double *v, char why[300])
{
    char shown[60];
    for (int64_t j = 0; j < p->n; j++) {
        size_t n = strcspn(s, "/");
        if (!cull__parse_f64(s, n, &v[j])) {
            snprintf(why, 300, "'%s' is no share; they are numbers with / between them",
                     cull__quote(s, n, shown, sizeof shown));
            return false;
        }
        s += n;
        if (!*s != (j == p->n - 1)) {
            snprintf(why, 300, "it has %" PRId64 " shares, with / between them", p->n);
            return false;
        }
        s += *s == '/';
    }
    return true;
}

bool cull__value_read(const cull_space_param *p, const char *s, double *v, char why[300])
{
    size_t n = strlen(s);
    char shown[60];
    int64_t j;
    switch (p->kind) {
    case CULL_SPACE_REAL:
    case CULL_SPACE_INT:
        if (cull__parse_f64(s, n, v)) break;
        snprintf(why, 300, "'%s' is no number", cull__quote(s, n, shown, sizeof shown));
        return false;
    case CULL_SPACE_CATEGORY:
    case CULL_SPACE_ORDINAL:
        j = item_of(p, s, n, 0);
        if (j < 0) j = same_number(p, s, n);
        if (j < 0) return no_value(p, s, n, why);
        v[0] = (double)j;
        return true;
    case CULL_SPACE_SUBSET:
        if (!read_items(p, s, '+', v, why)) return false;
        break;
    case CULL_SPACE_PERMUTATION:
        if (!read_items(p, s, '>', v, why)) return false;
        break;
    case CULL_SPACE_SIMPLEX:
        if (!read_shares(p, s, v, why)) return false;
    }
    return cull__value_check(p, v, why);
}

/* ---- on a scale ---- */

static double clamp(double v, double lo, double hi) { return v < lo ? lo : v > hi ? hi : v; }

/* A whole number on a scale of ratios has what is nearest to it: half a step either way. */
static const double HALF = 0.5;

/* log(b / a) for 0 < a <= b, whose ratio may be past the largest number. */
static double log_ratio(double a, double b)
{
    double ratio = b / a;
    return ratio <= DBL_MAX ? log(ratio) : log(b) - log(a);
}

/* Of a scale of ratios the logarithm of its ends' ratio, else 0. */
double cull__space_span(const cull_space_param *p)
{
    if (!p->log) return 0;
    return p->kind == CULL_SPACE_INT ? log_ratio(p->lo - HALF, p->hi + HALF)
                                     : log_ratio(p->lo, p->hi);
}

double cull__space_to_unit(const cull_space_param *p, double v)
{
    return cull__space_to_unit_by(p, cull__space_span(p), v);
}

double cull__space_to_unit_by(const cull_space_param *p, double span, double v)
{
    switch (p->kind) {
    case CULL_SPACE_REAL:
        if (p->hi <= p->lo) return 0.5;
        return p->log ? log_ratio(p->lo, v) / span : (v - p->lo) / (p->hi - p->lo);
    case CULL_SPACE_INT:
        if (p->log) return log(v / (p->lo - HALF)) / span;
        return ((v - p->lo) / p->step + 0.5) / (double)p->n;
    case CULL_SPACE_SUBSET:
    case CULL_SPACE_SIMPLEX: return v;
    default: return (v + 0.5) / (double)p->n;
    }
}

/* In a range whose ends' ratio is past the largest number; logarithms would miss the ends. */
static double far_from(const cull_space_param *p, double u)
{
    if (u <= 0 || u >= 1) return u <= 0 ? p->lo : p->hi;
    return exp(log(p->lo) + u * cull__space_span(p));
}

double cull__space_from_unit(const cull_space_param *p, double u)
{
    u = clamp(u, 0, 1);
    switch (p->kind) {
    case CULL_SPACE_REAL:
        if (p->hi <= p->lo) return p->lo;
        if (p->log && p->hi / p->lo > DBL_MAX)
            u = far_from(p, u);
        else
            u = p->log ? p->lo * pow(p->hi / p->lo, u) : p->lo + u * (p->hi - p->lo);
        return clamp(u, p->lo, p->hi);
    case CULL_SPACE_INT:
        if (p->log) {
            double a = p->lo - HALF;
            return clamp(floor(a * pow((p->hi + HALF) / a, u) + 0.5), p->lo, p->hi);
        }
        return p->lo + clamp(floor(u * (double)p->n), 0, (double)(p->n - 1)) * p->step;
    case CULL_SPACE_SUBSET: return u >= 0.5;
    case CULL_SPACE_SIMPLEX: return p->n > 1 ? u : 1; /* the only share is all there is */
    default: return clamp(floor(u * (double)p->n), 0, (double)(p->n - 1));
    }
}

void cull__space_preset(const cull_space *s, int i, double *v)
{
    const cull_space_param *p = s->param + i;
    const double *given = s->more[i].preset;
    int64_t left = p->least;
    for (int64_t j = 0; j < p->width; j++) {
        if (given)
            v[j] = given[j];
        else if (p->kind == CULL_SPACE_SUBSET)
            v[j] = left-- > 0;
        else if (p->kind == CULL_SPACE_PERMUTATION)
            v[j] = (double)j;
        else if (p->kind == CULL_SPACE_SIMPLEX)
            v[j] = 1 / (double)p->n;
        else if (p->kind == CULL_SPACE_CATEGORY)
            v[j] = 0;
        else
            v[j] = cull__space_from_unit(p, 0.5);
    }
}

double cull__space_by_chance(const cull_space_param *p, double u)
{
    double upto = 0;
    if (!p->weight) return cull__space_from_unit(p, u);
    for (int64_t k = 0; k < p->n - 1; k++)
        if (u < (upto += p->weight[k])) return (double)k;
    return (double)(p->n - 1);
}

double cull__value_chance(const cull_space_param *p, const double *v)
{
    if (p->weight) return p->weight[(int64_t)v[0]];
    if (p->kind != CULL_SPACE_INT || !p->log || p->n == 1) {
        cull__amount n = cull__values_of(p);
        return n.big ? 0 : 1 / (double)n.n;
    }
    double width = log((p->hi + HALF) / (p->lo - HALF));
    return log((v[0] + HALF) / (v[0] - HALF)) / width;
}
