/* search_bench_json.c - a table of known results as a line of JSON. See cull/bench.h. */
#include "claim/search_bench.h"
#include "cull/report.h"

#include <math.h>

static void json_params(cull_json *j, const cull_space *s)
{
    cull__json_open(j, '[');
    for (int i = 0; i < cull_space_params(s); i++) {
        const cull_space_param *q = cull_space_at(s, i);
        cull__json_open(j, '{');
        cull__json_key(j, "name"), cull__json_str(j, q->name);
        cull__json_key(j, "kind");
        cull__json_str(j, q->kind == CULL_SPACE_ORDINAL ? "ordinal" : "category");
        cull__json_key(j, "values"), cull__json_open(j, '[');
        for (int64_t k = 0; k < q->n; k++) cull__json_str(j, q->value[k]);
        cull__json_close(j, ']'), cull__json_close(j, '}');
    }
    cull__json_close(j, ']');
}

static void json_values(cull_json *j, const cull__bench_problem *p, const double *v)
{
    cull__json_open(j, '[');
    for (int64_t i = 0; i < p->points; i++) {
        int64_t at = p->row ? p->row[i] : i;
        cull__json_f64(j, at < 0 ? NAN : v[at]);
    }
    cull__json_close(j, ']');
}

static void json_second(cull_json *j, const cull__bench_problem *p)
{
    cull__json_key(j, "second"), cull__json_str(j, p->about->second);
    cull__json_key(j, "second_value"), json_values(j, p, p->second);
    cull__json_key(j, "reference"), cull__json_open(j, '[');
    for (int i = 0; i < 2; i++) cull__json_f64(j, p->reference[i]);
    cull__json_close(j, ']');
    cull__json_key(j, "volume"), cull__json_f64(j, p->volume);
}

static cull_status json_table(cull_ctx *cx, const cull__bench_problem *p, char **out)
{
    cull_json j = {.b = CULL_BUF(cx)};
    char *space;
    CULL_TRY(cull_space_text(cx, p->space, false, &space));
    cull__json_open(&j, '{');
    cull__json_key(&j, "table"), cull__json_str(&j, p->about->name);
    cull__json_key(&j, "unit"), cull__json_str(&j, p->about->unit);
    cull__json_key(&j, "space"), cull__json_str(&j, space);
    cull__json_key(&j, "parameters"), json_params(&j, p->space);
    cull__json_key(&j, "minimize"), cull__json_bool(&j, p->minimize);
    cull__json_key(&j, "ratio"), cull__json_bool(&j, p->ratio);
    cull__json_key(&j, "scale"), cull__json_f64(&j, p->scale);
    cull__json_key(&j, "best"), cull__json_f64(&j, p->best);
    cull__json_key(&j, "worst"), cull__json_f64(&j, p->worst);
    cull__json_key(&j, "value"), json_values(&j, p, p->value);
    if (p->test) cull__json_key(&j, "test"), json_values(&j, p, p->test);
    if (p->second) json_second(&j, p);
    cull__json_close(&j, '}');
    cull_text_free(space);
    cull_status status = j.b.status;
    if (status == CULL_OK)
        *out = j.b.at;
    else
        cull__buf_free(&j.b);
    return status;
}

cull_status cull_bench_json(cull_ctx *cx, const char *table, const char *data_dir, char **out)
{
    const cull_bench_table *t;
    cull__bench_problem p = {0};
    *out = NULL;
    CULL_TRY(cull__bench_named(cx, table, &t));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = cull__bench_open(cx, t, data_dir, &p);
    if (s == CULL_OK) s = json_table(cx, &p, out);
    cull_space_free(p.space);
    cull__release(cx, mark);
    return s;
}
