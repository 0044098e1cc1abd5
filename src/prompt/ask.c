/* ask.c - queries become prompts, prompts become answers (from the cache, a program or a function), answers become
 * scores. */
#include "prompt/task.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct cull_prompt_answer {
    cull_ctx *cx;
    char **at;
    int64_t n;
};

static cull_status copy(cull_ctx *cx, const char *s, char **out)
{
    size_t n = strlen(s);
    CULL_TRY(CULL_ALLOC(cx, *out, (int64_t)n + 1));
    memcpy(*out, s, n);
    return CULL_OK;
}

cull_status cull_prompt_answer_put(cull_prompt_answer *a, int64_t i, const char *text)
{
    size_t n = strlen(text), bad;
    if (i < 0 || i >= a->n)
        return cull__fail(a->cx, CULL_EINPUT, "an answer to prompt %lld of %lld", (long long)i,
                          (long long)a->n);
    if (!cull__utf8_ok(text, n, &bad))
        return cull__fail(a->cx, CULL_EINPUT, "the answer to prompt %lld is no UTF-8",
                          (long long)i);
    cull__free(a->at[i]);
    a->at[i] = NULL;
    CULL_TRY(copy(a->cx, text, &a->at[i]));
    while (n && strchr(" \t\r\n", a->at[i][n - 1])) a->at[i][--n] = 0;
    return CULL_OK;
}

/* ---- answers ---- */

static cull_hash128 key_of(const cull_prompt_task *t, int who, const char *text)
{
    const cull_hash128 both[2] = {t->id[who], cull__hash128(text, strlen(text))};
    return cull__hash128(both, sizeof both);
}

/* Texts that the cache lacks, each different one once. */
typedef struct {
    cull_prompt_task *t;
    int who;
    const char **text;
    cull_hash128 *key;
    char **answer;
    int64_t n;
} misses;

static cull_status came(cull_ctx *cx, void *user, int64_t i, const char *answer, const char *note)
{
    misses *m = user;
    cull_prompt_task *t = m->t;
    if (m->who != CULL__JUDGE) t->calls.made++;
    if (!answer) {
        t->calls.failed++;
        snprintf(t->calls.last, sizeof t->calls.last, "%s", note);
        return CULL_OK;
    }
    CULL_TRY(cull__cache_put(cx, t->cache, m->key[i], m->text[i], answer));
    return copy(cx, answer, &m->answer[i]);
}

static cull_status by_function(cull_ctx *cx, misses *m)
{
    cull_prompt_task *t = m->t;
    cull_prompt_answer a = {cx, m->answer, m->n};
    CULL_TRY(t->o.answer(t->o.user, m->text, m->n, &a));
    for (int64_t i = 0; i < m->n; i++) {
        t->calls.made++;
        if (m->answer[i])
            CULL_TRY(cull__cache_put(cx, t->cache, m->key[i], m->text[i], m->answer[i]));
        else
            t->calls.failed++;
        if (!m->answer[i]) snprintf(t->calls.last, sizeof t->calls.last, "there was no answer");
    }
    return CULL_OK;
}

static cull_status make(cull_ctx *cx, misses *m)
{
    cull_prompt_task *t = m->t;
    cull__calls *c[] = {t->model, t->judge, t->proposer};
    if (!m->n) return CULL_OK;
    if (m->who == CULL__MODEL && t->o.answer) return by_function(cx, m);
    return cull__calls_run(cx, c[m->who], m->text, m->n, came, m);
}

static bool same(cull_hash128 a, cull_hash128 b) { return a.lo == b.lo && a.hi == b.hi; }

static cull_status answers(cull_ctx *cx, misses *m, int64_t *of, char *const *text, int64_t n,
                           char **answer)
{
    cull_prompt_task *t = m->t;
    for (int64_t i = 0; i < n; i++) {
        cull_hash128 key = key_of(t, m->who, text[i]);
        int64_t j = 0;
        of[i] = -1;
        CULL_TRY(cull__cache_get(cx, t->cache, key, &answer[i]));
        if (m->who != CULL__JUDGE && answer[i]) t->calls.cached++;
        if (answer[i]) continue;
        while (j < m->n && !same(m->key[j], key)) j++;
        of[i] = j;
        if (j < m->n) continue;
        m->text[m->n] = text[i];
        m->key[m->n++] = key;
    }
    CULL_TRY(make(cx, m));
    for (int64_t i = 0; i < n; i++)
        if (of[i] >= 0 && m->answer[of[i]]) CULL_TRY(copy(cx, m->answer[of[i]], &answer[i]));
    return CULL_OK;
}

cull_status cull__task_answers(cull_ctx *cx, cull_prompt_task *t, int who, char *const *text,
                               int64_t n, char **answer)
{
    misses m = {.t = t, .who = who};
    int64_t *of;
    CULL_TRY(CULL_TMP(cx, m.text, n + 1));
    CULL_TRY(CULL_TMP(cx, m.key, n + 1));
    CULL_TRY(CULL_TMP0(cx, m.answer, n + 1));
    CULL_TRY(CULL_TMP(cx, of, n + 1));
    cull_status s = answers(cx, &m, of, text, n, answer);
    for (int64_t i = 0; i < m.n; i++) cull__free(m.answer[i]);
    return s;
}

/* ---- prompts ---- */

static const cull_prompt_rows *set_of(const cull_prompt_task *t, cull_prompt_set set)
{
    return set == CULL_PROMPT_TEST ? &t->test : &t->val;
}

static cull_status prompt_of(cull_ctx *cx, const cull_prompt_task *t, const cull_prompt_query *q,
                             char **out)
{
    const char **input, **output;
    cull_buf b = CULL_BUF(cx);
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, input, q->k + 1));
    CULL_TRY(CULL_TMP(cx, output, q->k + 1));
    for (int64_t i = 0; i < q->k; i++)
        cull_prompt_task_exemplar(t, q->exemplar[i], &input[i], &output[i]);
    const cull__filling f = {.instruction = t->instruction[q->instruction],
                             .query = set_of(t, q->set)->input[q->row],
                             .k = q->k,
                             .input = input,
                             .output = output};
    cull__buf_add(&b, "", 0);
    cull__template_fill(&t->form, &f, &b);
    cull__release(cx, mark);
    cull_status s = b.status;
    if (s == CULL_OK)
        *out = b.at;
    else
        cull__buf_free(&b);
    return s;
}

/* ---- scores ---- */

/* What a judging program reads. */
static cull_status judged_text(cull_ctx *cx, const char *input, const char *target,
                               const char *answer, char **out)
{
    const char *const key[] = {"input", "target", "answer"}, *value[] = {input, target, answer};
    cull_json j = {.b = CULL_BUF(cx)};
    cull__json_open(&j, '{');
    for (int i = 0; i < 3; i++) {
        cull__json_key(&j, key[i]);
        cull__json_str(&j, value[i]);
    }
    cull__json_close(&j, '}');
    cull__buf_add(&j.b, "\n", 1);
    cull_status s = j.b.status;
    if (s == CULL_OK)
        *out = j.b.at;
    else
        cull__buf_free(&j.b);
    return s;
}

static cull_status mark_of(cull_ctx *cx, const cull_prompt_task *t, const char *said, float *out)
{
    char shown[80];
    double v;
    if (said && cull__parse_f64(said, strlen(said), &v) && v >= 0 && v <= 1) {
        *out = (float)v;
        return CULL_OK;
    }
    if (!said)
        return cull__fail(cx, CULL_EINPUT, "%s, which scores, failed: %s", t->o.judge[0],
                          t->calls.last);
    cull__quote(said, strlen(said), shown, sizeof shown);
    return cull__fail(cx, CULL_EINPUT, "%s, which scores, printed '%s', no number from 0 to 1",
                      t->o.judge[0], shown);
}

/* An answer that failed has no text, and is wrong. */
static cull_status judge(cull_ctx *cx, cull_prompt_task *t, const cull_prompt_query *q, int64_t n,
                         char *const *answer, char **text, char **said, float *score)
{
    int64_t asks = 0, at = 0;
    for (int64_t i = 0; i < n; i++) {
        const cull_prompt_rows *r = set_of(t, q[i].set);
        if (!answer[i]) continue;
        CULL_TRY(judged_text(cx, r->input[q[i].row], r->target[q[i].row], answer[i], &text[asks]));
        asks++;
    }
    CULL_TRY(cull__task_answers(cx, t, CULL__JUDGE, text, asks, said));
    for (int64_t i = 0; i < n; i++) {
        score[i] = 0;
        if (answer[i]) CULL_TRY(mark_of(cx, t, said[at++], &score[i]));
    }
    return CULL_OK;
}

static cull_status judged(cull_ctx *cx, cull_prompt_task *t, const cull_prompt_query *q, int64_t n,
                          char *const *answer, float *score)
{
    char **text, **said;
    CULL_TRY(CULL_TMP0(cx, text, n));
    CULL_TRY(CULL_TMP0(cx, said, n));
    cull_status s = judge(cx, t, q, n, answer, text, said, score);
    for (int64_t i = 0; i < n; i++) {
        cull__free(text[i]);
        cull__free(said[i]);
    }
    return s;
}

static cull_status scores(cull_ctx *cx, cull_prompt_task *t, const cull_prompt_query *q, int64_t n,
                          char *const *answer, float *score)
{
    if (t->judge) return judged(cx, t, q, n, answer, score);
    for (int64_t i = 0; i < n; i++) {
        const cull_prompt_rows *r = set_of(t, q[i].set);
        const char *target = r->target[q[i].row];
        if (!answer[i])
            score[i] = 0;
        else if (t->o.judge_fn)
            score[i] = (float)t->o.judge_fn(t->o.user, r->input[q[i].row], target, answer[i]);
        else
            score[i] = (float)cull_prompt_score_of(t->o.scoring, t->o.after, target, answer[i]);
    }
    return CULL_OK;
}

/* ---- the model ---- */

static cull_status ask_all(cull_ctx *cx, cull_prompt_task *t, const cull_prompt_query *q, int64_t n,
                           char **text, char **answer, float *score)
{
    for (int64_t i = 0; i < n; i++) CULL_TRY(prompt_of(cx, t, &q[i], &text[i]));
    CULL_TRY(cull__task_answers(cx, t, CULL__MODEL, text, n, answer));
    return scores(cx, t, q, n, answer, score);
}

static cull_status ask(cull_ctx *cx, void *user, const cull_prompt_query *q, int64_t n,
                       float *score)
{
    char **text, **answer;
    cull__mark_t m = cull__mark(cx);
    CULL_TRY(CULL_TMP0(cx, text, n));
    CULL_TRY(CULL_TMP0(cx, answer, n));
    cull_status s = ask_all(cx, user, q, n, text, answer, score);
    for (int64_t i = 0; i < n; i++) {
        cull__free(text[i]);
        cull__free(answer[i]);
    }
    cull__release(cx, m);
    return s;
}

/* What was answered is in the cache: a wrong score has no right to be kept, and a failed call has none. */
static cull_status keep(cull_ctx *cx, void *user, const cull_prompt_query *q)
{
    cull_prompt_task *t = user;
    char *text;
    CULL_TRY(prompt_of(cx, t, q, &text));
    cull_status s = cull__cache_get(cx, t->cache, key_of(t, CULL__MODEL, text), &t->output[q->row]);
    cull__free(text);
    CULL_TRY(s);
    if (t->output[q->row]) return CULL_OK;
    return cull__fail(cx, CULL_EIO, "the cache has lost an answer: was it changed meanwhile?");
}

static cull_status embed(cull_ctx *cx, void *user, const int64_t *row, int64_t n,
                         const cull_pool **pool, const cull_pool **val, const cull_pool **test)
{
    cull_prompt_task *t = user;
    const char **input;
    const cull_prompt_rows *from = t->pool.n ? &t->pool : &t->val;
    CULL_TRY(CULL_TMP(cx, input, n + 1));
    for (int64_t i = 0; i < n; i++) input[i] = from->input[row[i]];
    const char *const *const at[] = {input, t->val.input, t->test.input};
    const int64_t rows[] = {n, t->val.n, t->test.n};
    cull__alike_close(&t->alike);
    CULL_TRY(cull__alike_open(cx, at, rows, 3, &t->alike));
    *pool = t->alike.of[0], *val = t->alike.of[1], *test = t->alike.of[2];
    return CULL_OK;
}

cull_prompt_model cull__task_model(cull_prompt_task *t)
{
    return (cull_prompt_model){.user = t,
                               .ask = ask,
                               .keep = keep,
                               .embed = embed,
                               .propose = t->proposer ? cull__task_propose : NULL};
}
