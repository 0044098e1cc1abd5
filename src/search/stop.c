/* stop.c - rules of who goes on. */
#include "search/stop.h"

cull_status cull__stops_open(cull_ctx *cx, const cull_search_problem *p, cull__stops *t)
{
    t->rule = p->stop;
    t->m = p->objectives;
    if (p->stop.kind == CULL_STOP_NONE) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT, "stop rules are not there yet");
}

void cull__stops_close(cull__stops *t) { (void)t; }

cull_status cull__stops_decide(cull_ctx *cx, const cull__stops *t, int32_t point, int64_t before,
                               int64_t step, const double *value, bool *go)
{
    (void)cx, (void)t, (void)point, (void)before, (void)step, (void)value;
    *go = true;
    return CULL_OK;
}

cull_status cull__stops_reserve(cull_ctx *cx, cull__stops *t, int64_t step, int64_t points)
{
    (void)cx, (void)t, (void)step, (void)points;
    return CULL_OK;
}

void cull__stops_report(cull__stops *t, int32_t point, int64_t before, int64_t step,
                        const double *value)
{
    (void)t, (void)point, (void)before, (void)step, (void)value;
}

void cull__stops_point(cull__stops *t, int32_t point) { (void)t, (void)point; }

cull_status cull__stops_ask(cull_ctx *cx, const cull__stops *t, bool exhausted,
                            cull__stops_next *out)
{
    (void)cx, (void)t, (void)exhausted;
    *out = (cull__stops_next){.kind = CULL__STOPS_NEW};
    return CULL_OK;
}

void cull__stops_asked(cull__stops *t, int32_t point, int64_t budget, bool fresh)
{
    (void)t, (void)point, (void)budget, (void)fresh;
}

void cull__stops_told(cull__stops *t, int32_t point, int64_t budget, const double *value)
{
    (void)t, (void)point, (void)budget, (void)value;
}
