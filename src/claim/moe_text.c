/* moe_text.c - see moe_text.h: four kinds of text, each of a rule that can be learnt and of chance that cannot. */
#include "claim/moe_text.h"

#include <stdio.h>
#include <string.h>

const cull__moe_scale cull__moe_full = {.width = 32,
                                        .heads = 2,
                                        .hidden = 48,
                                        .context = 32,
                                        .batch = 16,
                                        .pretrain = 1200,
                                        .tune = 300,
                                        .letters = 100000,
                                        .calibration = 64,
                                        .validation = 256};

typedef struct {
    int32_t *id;
    int64_t n, most;
} line;

static void put(line *l, const char *text)
{
    for (; *text && l->n < l->most; text++) l->id[l->n++] = *text == '\n' ? 95 : *text - ' ';
}

static int below(cull_rng *r, int n) { return (int)cull__rng_below(r, n); }

/* "37+48=85" */
static void sum(cull_rng *r, line *l)
{
    char text[64];
    const int a = below(r, 100), b = below(r, 100);
    snprintf(text, sizeof text, "%d+%d=%d\n", a, b, a + b);
    put(l, text);
}

/* "f(a,[b,{c}])": what opens is closed in its order. */
static void brackets(cull_rng *r, line *l)
{
    static const char open[] = "([{", close[] = ")]}";
    char text[64], expect[8];
    int n = 0, deep = 0, words = 3 + below(r, 6);
    while (words > 0 || deep > 0) {
        const bool room = words > 0 && deep < (int)sizeof expect;
        if (room && (deep == 0 || below(r, 3) == 0)) {
            const int k = below(r, 3);
            text[n++] = (char)('f' + k); /* a name for each kind of bracket */
            text[n++] = open[k];
            expect[deep++] = close[k];
        } else if (words == 0 || below(r, 3) == 0) {
            text[n++] = expect[--deep];
        }
        if (words > 0 && deep > 0) text[n++] = (char)('a' + below(r, 4)), words--;
    }
    text[n++] = ';';
    text[n] = 0;
    put(l, text);
}

static void sentence(cull_rng *r, line *l)
{
    static const char *const which[] = {"the ", "a ", "my ", "every "},
                             *const how[] = {"small ", "red ", "quiet ", "old ", "clever "},
                             *const who[] = {"fox ", "teacher ", "river ", "child ", "engine "},
                             *const does[] = {"sees ", "follows ", "forgets ", "helps "};
    put(l, which[below(r, 4)]);
    if (below(r, 2)) put(l, how[below(r, 5)]);
    put(l, who[below(r, 5)]);
    put(l, does[below(r, 4)]);
    put(l, which[below(r, 4)]);
    put(l, who[below(r, 5)]);
    put(l, below(r, 4) ? ". " : "? ");
}

/* "2024-03-30 03-31 04-01": three days, each after the last. */
static void dates(cull_rng *r, line *l)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int month = below(r, 12), day = below(r, days[month]);
    char text[64];
    snprintf(text, sizeof text, "%d", 1990 + below(r, 40));
    put(l, text);
    for (int k = 0; k < 3; k++) {
        snprintf(text, sizeof text, "%c%02d-%02d", k ? ' ' : '-', month + 1, day + 1);
        put(l, text);
        if (++day == days[month]) day = 0, month = (month + 1) % 12;
    }
    put(l, "|");
}

cull_status cull__moe_text_new(cull_ctx *cx, const cull__moe_scale *scale, cull__moe_text *out)
{
    static void (*const add[CULL__MOE_KINDS])(cull_rng *, line *) = {sum, brackets, sentence,
                                                                     dates};
    *out = (cull__moe_text){.scale = scale};
    for (int k = 0; k < CULL__MOE_KINDS; k++) {
        cull_rng r = cull__rng(cx, 4900 + (uint64_t)k);
        line l = {.most = scale->letters};
        CULL_TRY(CULL_TMP(cx, l.id, scale->letters));
        while (l.n < l.most) add[k](&r, &l);
        out->id[k] = l.id;
    }
    return CULL_OK;
}

cull_status cull__moe_rows(cull_ctx *cx, const cull__moe_scale *scale, cull__moe_split part,
                           int kind, int64_t n, uint64_t stream, int64_t **at)
{
    static const int share[] = {0, 70, 85, 100};
    const int64_t lo = scale->letters * share[part] / 100,
                  room = scale->letters * share[part + 1] / 100 - lo - scale->context;
    cull_rng r = cull__rng(cx, stream);
    CULL_TRY(CULL_TMP(cx, *at, n));
    for (int64_t i = 0; i < n; i++) {
        const int64_t k = kind < 0 ? i % CULL__MOE_KINDS : kind;
        const int64_t place = part == CULL__MOE_LEARN ? cull__rng_below(&r, room) : i * room / n;
        (*at)[i] = k * scale->letters + lo + place;
    }
    return CULL_OK;
}
