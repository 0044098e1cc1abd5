/* stage.c - work that several processes share, and that a killed run need not do again.
 *
 * Shares go by hand (cull_ranks, for instance over MPI) or by file (a carrier: shards). Before any
 * bytes move the processes meet: each says at which stage it is and how it fares, so that a failure of
 * one is the failure of all, and none waits for another that has left. */
#include "base/ctx.h"

#include <stdio.h>
#include <string.h>

int cull__rank(const cull_ctx *cx) { return cx->root->o.ranks ? cx->root->o.ranks->rank : 0; }

int cull__ranks(const cull_ctx *cx) { return cx->root->o.ranks ? cx->root->o.ranks->ranks : 1; }

void cull__carry(cull_ctx *cx, const cull__carrier *c)
{
    cx->root->carrier = c;
    cx->root->names = 0;
}

/* How many of this name there were before. By name, so that what a report needs besides does not move
 * the numbers of the method's own; and loops apart from stages, of which a loop that goes on has fewer. */
static int number_of(cull_ctx *cx, const char *what, bool loop)
{
    cull__root *r = cx->root;
    int i = 0;
    while (i < r->names && strcmp(r->seen[i].what, what)) i++;
    if (i == (int)(sizeof r->seen / sizeof *r->seen)) i--; /* the last place is for all others */
    if (i == r->names) {
        r->seen[r->names].what = what;
        memset(r->seen[r->names++].count, 0, sizeof r->seen[i].count);
    }
    return r->seen[i].count[loop]++;
}

static cull_status lost(cull_ctx *cx)
{
    return cull__fail(cx, CULL_EIO, "the processes have lost one another");
}

/* How far inside of a job a place is. Who fails deep inside comes out to where the others pass too. */
enum { END, CHOICE, STAGE };

/* Every process says `mine`. *deeper: another is where it will yet come out of. */
static cull_status meet(cull_ctx *cx, const cull__word *mine, bool *deeper)
{
    const cull_ranks *r = cx->root->o.ranks;
    cull__word *all = cx->root->word; /* whoever runs out of memory can still say so */
    cull_status s = (cull_status)mine->status;
    *deeper = false;
    if (r->gather(r->user, mine, all, sizeof *all)) return lost(cx);
    for (int i = 0; i < r->ranks; i++) {
        *deeper |= all[i].depth > mine->depth;
        if (s != CULL_OK || i == r->rank) continue;
        all[i].err[sizeof all[i].err - 1] = 0;
        if (all[i].status != CULL_OK)
            s = cull__fail(cx, (cull_status)all[i].status, "process %d: %s", i, all[i].err);
        else if (all[i].depth != mine->depth || all[i].number != mine->number ||
                 all[i].what != mine->what || all[i].hash != mine->hash)
            s = cull__fail(cx, CULL_EINPUT,
                           "process %d has come to something else; all must be given the same "
                           "inputs, options and limits",
                           i);
    }
    return s;
}

static cull_status say(cull_ctx *cx, int depth, const char *what, int number, uint64_t hash,
                       cull_status s, bool *deeper)
{
    cull__word w = {.depth = depth, .number = number, .status = s};
    w.what = cull__hash64(what, strlen(what), 0);
    w.hash = hash ^ cull_ctx_seed(cx);
    if (s != CULL_OK)
        snprintf(w.err, sizeof w.err, "%.479s", *cx->err ? cx->err : cull_status_text(s));
    return meet(cx, &w, deeper);
}

/* Who has come out waits for those that are deeper inside: they fail as they see it. */
static cull_status say_to_all(cull_ctx *cx, int depth, const char *what, int number, uint64_t hash,
                              cull_status s)
{
    for (bool deeper = true; deeper;) s = say(cx, depth, what, number, hash, s, &deeper);
    return s;
}

cull_status cull__meet(cull_ctx *cx, const char *what)
{
    bool deeper;
    if (!cx->root->o.ranks) return CULL_OK;
    return say(cx, STAGE, what, number_of(cx, what, false), 0, CULL_OK, &deeper);
}

cull_status cull__agree(cull_ctx *cx, const char *what, uint64_t hash, cull_status s)
{
    if (!cx->root->o.ranks) return s;
    s = say_to_all(cx, CHOICE, what, number_of(cx, what, false), hash, s);
    if (s != CULL_OK) cx->root->names = 0; /* not all have come equally far */
    return s;
}

cull_status cull_ctx_end(cull_ctx *cx, cull_status s)
{
    if (!cx->root->o.ranks || cx->root->ended) return s;
    cx->root->ended = true;
    return say_to_all(cx, END, "", 0, 0, s);
}

static cull_status stage_open(cull_ctx *cx, const char *what, cull__stage *st)
{
    const cull__carrier *c = cx->root->carrier;
    const cull_ranks *r = cx->root->o.ranks;
    *st = (cull__stage){.what = what, .ranks = 1, .mine = true, .bare = st->bare};
    if (cx->worker >= 0) return CULL_OK;
    st->number = number_of(cx, what, false);
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
                            const cull__piece *piece, int pieces)
{
    const cull_ranks *r = cx->root->o.ranks;
    uint64_t *from = cx->root->from;
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
    bool deeper;
    if (cx->worker >= 0) return s;
    if (!cx->root->o.ranks) {
        if (s != CULL_OK || !c || !c->close || st->bare) return s;
        return c->close(cx, c->user, st, chunks, piece, pieces);
    }
    uint64_t shape = (uint64_t)chunks; /* who differs there was not given the same */
    for (int p = 0; p < pieces; p++) shape = shape * 31 + piece[p].total;
    CULL_TRY(say(cx, STAGE, st->what, st->number, shape, s, &deeper));
    return exchange(cx, st, chunks, piece, pieces);
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

/* Processes must go on from the same state, or none of them does. */
static cull_status same_state(cull_ctx *cx, const cull__loop *l, int64_t step,
                              const cull__piece *piece, int pieces, bool found, cull_status s)
{
    uint64_t hash = found ? (uint64_t)step + 1 : 0;
    bool deeper;
    if (!cx->root->o.ranks) return s;
    for (int i = 0; s == CULL_OK && found && i < pieces; i++)
        hash = cull__hash64(piece[i].at, piece[i].total, hash);
    return say(cx, STAGE, l->what, l->number, hash, s, &deeper);
}

void cull__loop_open(cull_ctx *cx, const char *what, cull__loop *l)
{
    const cull__carrier *c = cx->root->carrier;
    *l = (cull__loop){.what = what, .number = -1};
    if (cx->worker < 0 && c && c->find) l->number = number_of(cx, what, true);
}

cull_status cull__loop_read(cull_ctx *cx, cull__loop *l, int64_t *step, const cull__piece *piece,
                            int pieces, bool *found)
{
    const cull__carrier *c = cx->root->carrier;
    *found = false;
    if (cx->worker >= 0 && cx->root->o.ranks) l->number = -1; /* processes do not meet in there */
    if (l->number < 0) return CULL_OK;
    cull_status s = c->find(cx, c->user, l, step, piece, pieces, found);
    return same_state(cx, l, *step, piece, pieces, *found, s);
}

cull_status cull__loop_find(cull_ctx *cx, const char *what, cull__loop *l, int64_t *step,
                            const cull__piece *piece, int pieces, bool *found)
{
    cull__loop_open(cx, what, l);
    return cull__loop_read(cx, l, step, piece, pieces, found);
}

cull_status cull__loop_keep(cull_ctx *cx, cull__loop *l, int64_t step, bool last,
                            const cull__piece *piece, int pieces)
{
    const cull__carrier *c = cx->root->carrier;
    if (l->number < 0) return CULL_OK;
    return c->keep(cx, c->user, l, step, last, piece, pieces);
}

void cull__loop_skip(cull_ctx *cx, const char *what, int n)
{
    const cull__carrier *c = cx->root->carrier;
    if (cx->worker >= 0 || !c || !c->find) return;
    while (n-- > 0) (void)number_of(cx, what, true);
}

void cull__loop_drop(cull_ctx *cx, const cull__loop *l)
{
    const cull__carrier *c = cx->root->carrier;
    if (l->number >= 0 && c->drop) c->drop(cx, c->user, l);
}
