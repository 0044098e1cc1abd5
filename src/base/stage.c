/* stage.c - work that several processes share, and that a killed run need not do again.
 *
 * Shares go by hand (cull_ranks, for instance over MPI) or by file (a carrier: shards). Before any
 * bytes move the processes meet: each says at which stage it is and how it fares, so that a failure of
 * one is the failure of all, and none waits for another that has left. */
#include "base/ctx.h"

#include <string.h>

/* What each process tells the others. */
typedef struct {
    int number, status;
    uint64_t what; /* hash of the stage's name; 0 = it is through */
    char err[496];
} word;
static_assert(sizeof(word) == CULL__WORD, "words lie side by side in the ctx");

int cull__rank(const cull_ctx *cx) { return cx->root->o.ranks ? cx->root->o.ranks->rank : 0; }

void cull__carry(cull_ctx *cx, const cull__carrier *c)
{
    cx->root->carrier = c;
    cx->root->names = 0;
}

/* How many of this name there were before. By name, so that what a report needs besides does not move
 * the numbers of the method's own. */
static int number_of(cull_ctx *cx, const char *what)
{
    cull__root *r = cx->root;
    int i = 0;
    while (i < r->names && strcmp(r->seen[i].what, what)) i++;
    if (i == (int)(sizeof r->seen / sizeof *r->seen)) i--; /* the last place is for all others */
    if (i == r->names) {
        r->seen[r->names].what = what;
        r->seen[r->names++].count = 0;
    }
    return r->seen[i].count++;
}

static cull_status lost(cull_ctx *cx)
{
    return cull__fail(cx, CULL_EIO, "the processes have lost one another");
}

/* Every process says `mine`; *through = all of them are, or they cannot be asked. */
static cull_status meet(cull_ctx *cx, const word *mine, bool *through)
{
    const cull_ranks *r = cx->root->o.ranks;
    cull_status s = (cull_status)mine->status;
    word *all = cx->root->words;
    *through = true;
    if (r->gather(r->user, mine, all, sizeof *all)) return lost(cx);
    for (int i = 0; i < r->ranks; i++) {
        *through &= all[i].what == 0;
        if (s != CULL_OK || i == r->rank) continue;
        all[i].err[sizeof all[i].err - 1] = 0;
        if (all[i].status != CULL_OK)
            s = cull__fail(cx, (cull_status)all[i].status, "process %d: %s", i, all[i].err);
        else if (all[i].number != mine->number || all[i].what != mine->what)
            s = cull__fail(cx, CULL_EINPUT,
                           "process %d is at another step; all must be given the same inputs, "
                           "options and limits",
                           i);
    }
    return s;
}

/* `shape` is what the stage's sizes come to: those who differ there were not given the same. */
static word word_of(const cull_ctx *cx, const char *what, int number, uint64_t shape, cull_status s)
{
    word w = {.number = number, .status = s};
    if (what) w.what = cull__hash64(what, strlen(what), shape ^ cull_ctx_seed(cx)) | 1;
    if (s != CULL_OK) memcpy(w.err, cx->err, sizeof w.err - 1);
    return w;
}

/* A process that is through goes on meeting those that are not, who fail when they see that. */
cull_status cull_ctx_end(cull_ctx *cx, cull_status s)
{
    bool through = cx->root->o.ranks == NULL || cx->root->ended;
    cx->root->ended = true;
    word mine = word_of(cx, NULL, 0, 0, s);
    while (!through) {
        cull_status t = meet(cx, &mine, &through);
        if (s == CULL_OK) s = t;
    }
    return s;
}

static cull_status stage_open(cull_ctx *cx, const char *what, cull__stage *st)
{
    const cull__carrier *c = cx->root->carrier;
    const cull_ranks *r = cx->root->o.ranks;
    *st = (cull__stage){.what = what, .ranks = 1, .mine = true, .bare = st->bare};
    if (cx->worker >= 0) return CULL_OK;
    st->number = number_of(cx, what);
    if (r) {
        st->rank = r->rank;
        st->ranks = r->ranks;
    } else if (c && c->open) {
        return c->open(cx, c->user, st);
    }
    return CULL_OK;
}

cull_status cull__stage_open(cull_ctx *cx, const char *what, cull__stage *st)
{
    st->bare = false;
    return stage_open(cx, what, st);
}

int64_t cull__stage_first(const cull__stage *st, int64_t chunks, int r)
{
    int64_t each = chunks / st->ranks, more = chunks % st->ranks;
    return each * r + (r < more ? r : more);
}

static cull_status exchange(cull_ctx *cx, const cull__stage *st, int64_t chunks,
                            const cull__piece *piece, int pieces, uint64_t *from)
{
    const cull_ranks *r = cx->root->o.ranks;
    for (int p = 0; p < pieces; p++) {
        for (int i = 0; i <= st->ranks; i++) {
            uint64_t at = (uint64_t)cull__stage_first(st, chunks, i) * piece[p].each;
            from[i] = at < piece[p].total ? at : piece[p].total;
        }
        if (r->fill(r->user, piece[p].at, from)) return lost(cx);
    }
    return CULL_OK;
}

cull_status cull__stage_close(cull_ctx *cx, const cull__stage *st, cull_status s, int64_t chunks,
                              const cull__piece *piece, int pieces)
{
    const cull__carrier *c = cx->root->carrier;
    bool through;
    if (cx->worker >= 0) return s;
    if (!cx->root->o.ranks) {
        if (s != CULL_OK || !c || !c->close || st->bare) return s;
        return c->close(cx, c->user, st, chunks, piece, pieces);
    }
    uint64_t shape = (uint64_t)chunks;
    for (int p = 0; p < pieces; p++) shape = shape * 31 + piece[p].total;
    cull__mark_t mark = cull__mark(cx);
    uint64_t *from = NULL; /* before the meeting: after it nobody may fail alone */
    if (s == CULL_OK) s = CULL_TMP(cx, from, st->ranks + 1);
    word mine = word_of(cx, st->what, st->number, shape, s);
    s = meet(cx, &mine, &through);
    if (s == CULL_OK) s = exchange(cx, st, chunks, piece, pieces, from);
    cull__release(cx, mark);
    return s;
}

cull_status cull__spread(cull_ctx *cx, const char *what, int64_t n, int64_t grain, cull__for_fn *fn,
                         void *arg, const cull__piece *piece, int pieces)
{
    cull__stage st = {.bare = !pieces};
    if (n < 1) return CULL_OK;
    int64_t chunks = (n - 1) / grain + 1;
    CULL_TRY(stage_open(cx, what, &st));
    cull_status s = CULL_OK;
    if (st.mine)
        s = cull__for_some(cx, n, grain, cull__stage_first(&st, chunks, st.rank),
                           cull__stage_first(&st, chunks, st.rank + 1), fn, arg);
    return cull__stage_close(cx, &st, s, chunks, piece, pieces);
}

cull_status cull__loop_find(cull_ctx *cx, const char *what, cull__loop *l, int64_t *step,
                            const cull__piece *piece, int pieces, bool *found)
{
    const cull__carrier *c = cx->root->carrier;
    *found = false;
    *l = (cull__loop){what, -1};
    if (cx->worker >= 0 || !c || !c->find) return CULL_OK;
    l->number = number_of(cx, what);
    return c->find(cx, c->user, l, step, piece, pieces, found);
}

cull_status cull__loop_keep(cull_ctx *cx, const cull__loop *l, int64_t step, bool last,
                            const cull__piece *piece, int pieces)
{
    const cull__carrier *c = cx->root->carrier;
    if (l->number < 0) return CULL_OK;
    return c->keep(cx, c->user, l, step, last, piece, pieces);
}
