/* parts.c - checkpoints and shares of a run as files of one folder.
 *
 * `run` says in words whose folder it is. A part is a head (whose, which, how large), the bytes, and a
 * hash of all before it; it is written beside its place and renamed, so that one is there whole or not
 * at all, and whoever finds it can tell whether it is still what was written. */
#define _GNU_SOURCE
#include "io/parts.h"
#include "io/temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECES = 8, PATH = 4096, VERSION = 1, AGAIN = 10 };

typedef struct {
    char magic[8];
    uint32_t version, pieces;
    cull_hash128 run;
    int32_t number, rank, ranks, pad;
    int64_t step;
    uint64_t bytes[PIECES];
    char what[40];
} head;

struct cull__parts {
    cull__carrier carrier;
    cull__parts_opts o;
    char *dir, *run_text;
    cull_hash128 run;
    int shards; /* to put together: as the files say; 0 = not known yet */
};

static const char magic[8] = "cullpart";

static void path_of(const cull__parts *p, const head *h, char out[PATH])
{
    char name[48];
    snprintf(name, sizeof name, "%s", h->what);
    for (char *s = name; *s; s++)
        if (!((*s | 32) >= 'a' && (*s | 32) <= 'z')) *s = '-';
    if (p->o.loops)
        snprintf(out, PATH, "%s/%04d-%s.checkpoint", p->dir, h->number, name);
    else
        snprintf(out, PATH, "%s/%04d-%s.%d-of-%d", p->dir, h->number, name, h->rank + 1, h->ranks);
}

static head head_of(const cull__parts *p, const char *what, int number, int rank, int ranks,
                    int64_t step, int pieces)
{
    head h;
    memset(&h, 0, sizeof h); /* padding is hashed too */
    memcpy(h.magic, magic, sizeof magic);
    h.version = VERSION;
    h.pieces = (uint32_t)pieces;
    h.run = p->run;
    h.number = number, h.rank = rank, h.ranks = ranks;
    h.step = step;
    snprintf(h.what, sizeof h.what, "%s", what);
    return h;
}

/* ---- one file ---- */

static cull_status put(cull_ctx *cx, cull__writer *w, cull__hasher *h, const void *at, uint64_t n)
{
    if (h) cull__hasher_add(h, at, n);
    return cull__write(cx, w, at, n);
}

static cull_status write_part(cull_ctx *cx, const cull__parts *p, const head *h,
                              const char *const *at)
{
    char path[PATH];
    cull__writer *w;
    cull__hasher *hash = NULL;
    path_of(p, h, path);
    CULL_TRY(cull__writer_open(cx, path, &w));
    cull_status s = cull__hasher_new(cx, &hash);
    if (s == CULL_OK) s = put(cx, w, hash, h, sizeof *h);
    for (uint32_t i = 0; s == CULL_OK && i < h->pieces; i++)
        s = put(cx, w, hash, at[i], h->bytes[i]);
    if (hash) {
        cull_hash128 sum = cull__hasher_end(hash);
        if (s == CULL_OK) s = put(cx, w, NULL, &sum, sizeof sum);
    }
    return cull__writer_end(cx, w, s);
}

static cull_status get(cull_ctx *cx, int fd, const char *path, cull__hasher *h, void *at,
                       uint64_t n)
{
    char *to = at;
    while (n) {
        ssize_t k = read(fd, to, n < 1 << 30 ? n : 1 << 30);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return cull__fail_errno(cx, path, "cannot read");
        if (k == 0) return cull__fail(cx, CULL_EIO, "%s: is cut short; remove it", path);
        if (h) cull__hasher_add(h, to, (size_t)k);
        to += k;
        n -= (uint64_t)k;
    }
    return CULL_OK;
}

static cull_status check_head(cull_ctx *cx, const char *path, const head *got, const head *want)
{
    if (memcmp(got->magic, magic, sizeof magic) || got->version != VERSION)
        return cull__fail(cx, CULL_EIO, "%s: is no part of a run that this version wrote", path);
    if (memcmp(&got->run, &want->run, sizeof got->run))
        return cull__fail(cx, CULL_EINPUT, "%s: is of another run; remove it", path);
    if (got->number != want->number || got->rank != want->rank || got->ranks != want->ranks ||
        got->pieces != want->pieces || memcmp(got->what, want->what, sizeof got->what))
        return cull__fail(cx, CULL_EIO, "%s: is another part than its name says; remove it", path);
    for (uint32_t i = 0; i < want->pieces; i++)
        if (got->bytes[i] != want->bytes[i])
            return cull__fail(cx, CULL_EINPUT,
                              "%s: part %u has %" PRIu64 " bytes, this run wants %" PRIu64
                              "; was it made with another number of shards or rows?",
                              path, i + 1, got->bytes[i], want->bytes[i]);
    return CULL_OK;
}

static cull_status read_open(cull_ctx *cx, int fd, const char *path, const head *want,
                             char *const *at, int64_t *step)
{
    head got;
    struct stat st;
    cull__hasher *hash;
    cull_hash128 sum, own;
    uint64_t all = sizeof got + sizeof sum;
    CULL_TRY(get(cx, fd, path, NULL, &got, sizeof got));
    CULL_TRY(check_head(cx, path, &got, want));
    for (uint32_t i = 0; i < want->pieces; i++) all += want->bytes[i];
    if (fstat(fd, &st) != 0) return cull__fail_errno(cx, path, "cannot read");
    if ((uint64_t)st.st_size != all)
        return cull__fail(cx, CULL_EIO, "%s: has %lld bytes, not %" PRIu64 "; remove it", path,
                          (long long)st.st_size, all);
    CULL_TRY(cull__hasher_new(cx, &hash));
    cull__hasher_add(hash, &got, sizeof got);
    cull_status s = CULL_OK;
    for (uint32_t i = 0; s == CULL_OK && i < want->pieces; i++)
        s = get(cx, fd, path, hash, at[i], want->bytes[i]);
    own = cull__hasher_end(hash);
    CULL_TRY(s);
    CULL_TRY(get(cx, fd, path, NULL, &sum, sizeof sum));
    if (memcmp(&sum, &own, sizeof sum))
        return cull__fail(cx, CULL_EIO, "%s: is damaged (its checksum is another); remove it",
                          path);
    if (step) *step = got.step;
    return CULL_OK;
}

static cull_status read_part(cull_ctx *cx, const cull__parts *p, const head *want, char *const *at,
                             int64_t *step, bool *found)
{
    char path[PATH];
    path_of(p, want, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *found = fd >= 0;
    if (fd < 0) return errno == ENOENT ? CULL_OK : cull__fail_errno(cx, path, "cannot read");
    cull_status s = read_open(cx, fd, path, want, at, step);
    close(fd);
    return s;
}

/* ---- checkpoints ---- */

static cull_status too_many(cull_ctx *cx, int pieces)
{
    if (pieces <= PIECES) return CULL_OK;
    return cull__fail(cx, CULL_EINTERNAL, "%d pieces; a part has at most %d", pieces, PIECES);
}

static cull_status find(cull_ctx *cx, void *user, const cull__loop *l, int64_t *step,
                        const cull__piece *piece, int pieces, bool *found)
{
    cull__parts *p = user;
    char *at[PIECES];
    CULL_TRY(too_many(cx, pieces));
    head h = head_of(p, l->what, l->number, 0, 1, 0, pieces);
    for (int i = 0; i < pieces; i++) at[i] = piece[i].at, h.bytes[i] = piece[i].total;
    CULL_TRY(read_part(cx, p, &h, at, step, found));
    if (*found) cull__log(cx, CULL_LOG_INFO, "%s: goes on after step %" PRId64, l->what, *step);
    return CULL_OK;
}

/* The last state of a loop is always written, others as long as writing is little beside the work. */
static cull_status keep(cull_ctx *cx, void *user, cull__loop *l, int64_t step, bool last,
                        const cull__piece *piece, int pieces)
{
    const cull__parts *p = user;
    const char *at[PIECES];
    double now = cull__now();
    if (cull__rank(cx) > 0 || (!last && now - l->last < AGAIN * l->took)) return CULL_OK;
    CULL_TRY(too_many(cx, pieces));
    head h = head_of(p, l->what, l->number, 0, 1, step, pieces);
    for (int i = 0; i < pieces; i++) at[i] = piece[i].at, h.bytes[i] = piece[i].total;
    CULL_TRY(write_part(cx, p, &h, at));
    l->last = cull__now();
    l->took = l->last - now;
    return CULL_OK;
}

static void drop(cull_ctx *cx, void *user, const cull__loop *l)
{
    const cull__parts *p = user;
    char path[PATH];
    head h = head_of(p, l->what, l->number, 0, 1, 0, 0);
    path_of(p, &h, path);
    if (cull__rank(cx) == 0) (void)unlink(path); /* it may never have been written */
}

/* ---- shares ---- */

static head share_head(const cull__parts *p, const cull__stage *st, int rank, int64_t chunks,
                       const cull__piece *piece, int pieces, char **at)
{
    head h = head_of(p, st->what, st->number, rank, st->ranks, 0, pieces);
    for (int i = 0; i < pieces; i++) {
        uint64_t lo = (uint64_t)cull__stage_first(st, chunks, rank) * piece[i].each;
        uint64_t hi = (uint64_t)cull__stage_first(st, chunks, rank + 1) * piece[i].each;
        if (lo > piece[i].total) lo = piece[i].total;
        if (hi > piece[i].total) hi = piece[i].total;
        at[i] = (char *)piece[i].at + lo;
        h.bytes[i] = hi - lo;
    }
    return h;
}

static bool there(const cull__parts *p, const cull__stage *st, int rank, int ranks)
{
    char path[PATH];
    struct stat s;
    head h = head_of(p, st->what, st->number, rank, ranks, 0, 0);
    path_of(p, &h, path);
    return stat(path, &s) == 0;
}

/* How many shards the folder's files speak of; different numbers are refused. */
static cull_status count_shards(cull_ctx *cx, cull__parts *p)
{
    DIR *d = opendir(p->dir);
    if (!d && errno != ENOENT) return cull__fail_errno(cx, p->dir, "cannot read the folder");
    cull_status s = CULL_OK;
    for (struct dirent *e; d && s == CULL_OK && (e = readdir(d));) {
        int number, rank, ranks;
        const char *of = strrchr(e->d_name, '.');
        if (sscanf(e->d_name, "%4d-", &number) != 1 || !of) continue;
        if (sscanf(of, ".%d-of-%d", &rank, &ranks) != 2 || ranks < 1) continue;
        if (p->shards && ranks != p->shards)
            s = cull__fail(cx, CULL_EINPUT, "%s: has shards of %d and of %d; remove one kind",
                           p->dir, p->shards, ranks);
        p->shards = ranks;
    }
    if (d) closedir(d);
    if (s == CULL_OK && !p->shards)
        s = cull__fail(cx, CULL_EINPUT,
                       "%s: there are no shards to put together; make them with "
                       "--shard 1/N to N/N",
                       p->dir);
    return s;
}

static cull_status share_open(cull_ctx *cx, void *user, cull__stage *st)
{
    const cull__parts *p = user;
    (void)cx;
    if (p->o.shards) {
        st->rank = p->o.shard - 1;
        st->ranks = p->o.shards;
        st->mine = st->bare || !there(p, st, st->rank, st->ranks);
        return CULL_OK;
    }
    if (st->bare) st->mine = false;     /* every shard has seen to its own */
    for (int r = 0; r < p->shards; r++) /* a stage that no shard came to is done here */
        if (there(p, st, r, p->shards)) st->ranks = p->shards, st->mine = false;
    return CULL_OK;
}

/* "2, 5 and 3 more": those that are missing, or "". */
static void missing_text(const cull__parts *p, const cull__stage *st, char *out, size_t size)
{
    int missing = 0, said = 0;
    size_t n = 0;
    out[0] = 0;
    for (int r = 0; r < st->ranks; r++) missing += !there(p, st, r, st->ranks);
    for (int r = 0; r < st->ranks && said < missing; r++) {
        if (there(p, st, r, st->ranks)) continue;
        if (said == 8) {
            snprintf(out + n, size - n, " and %d more", missing - said);
            return;
        }
        n += (size_t)snprintf(out + n, size - n, "%s%d", said ? ", " : "", r + 1);
        said++;
    }
}

static cull_status share_close(cull_ctx *cx, void *user, const cull__stage *st, int64_t chunks,
                               const cull__piece *piece, int pieces)
{
    cull__parts *p = user;
    char *at[PIECES], missing[128];
    CULL_TRY(too_many(cx, pieces));
    if (st->ranks == 1 && st->mine) return CULL_OK;
    if (st->mine) {
        head h = share_head(p, st, st->rank, chunks, piece, pieces, at);
        CULL_TRY(write_part(cx, p, &h, (const char *const *)at));
    }
    missing_text(p, st, missing, sizeof missing);
    if (p->o.shards && (*missing || st->mine))
        return cull__fail(cx, CULL_EWAIT, "shard %d of %d: its share of '%s' is in %s; %s%s",
                          p->o.shard, p->o.shards, st->what, p->dir,
                          *missing ? "still missing: "
                                   : "all are there: put them together without --shard",
                          missing);
    if (*missing)
        return cull__fail(cx, CULL_EINPUT, "%s: of %d shards at '%s' there are missing: %s", p->dir,
                          st->ranks, st->what, missing);
    for (int r = 0; r < st->ranks; r++) {
        bool found;
        head h = share_head(p, st, r, chunks, piece, pieces, at);
        CULL_TRY(read_part(cx, p, &h, at, NULL, &found));
        if (!found) return cull__fail(cx, CULL_EIO, "%s: shard %d is gone", p->dir, r + 1);
    }
    return CULL_OK;
}

/* ---- files that nobody wants any more ---- */

static bool finished(const char *name)
{
    const char *dot = strrchr(name, '.');
    return (dot && !strcmp(dot, ".checkpoint")) || !strcmp(name, "run");
}

/* Of a finished run. */
static cull_status clear(cull_ctx *cx, const cull__parts *p)
{
    char path[PATH + 300];
    DIR *d = opendir(p->dir);
    if (!d) return cull__fail_errno(cx, p->dir, "cannot read the folder");
    for (struct dirent *e; (e = readdir(d));) {
        if (!finished(e->d_name)) continue;
        snprintf(path, sizeof path, "%s/%s", p->dir, e->d_name);
        unlink(path);
    }
    closedir(d);
    return CULL_OK;
}

/* ---- whose folder it is ---- */

static size_t line_at(const char *s, const char **next)
{
    size_t n = strcspn(s, "\n");
    *next = s[n] ? s + n + 1 : s + n;
    return n;
}

static cull_status another(cull_ctx *cx, const cull__parts *p, const char *was)
{
    const char *now = p->run_text;
    while (*was && *now) {
        const char *a, *b;
        size_t n = line_at(was, &a), m = line_at(now, &b);
        if (n != m || memcmp(was, now, n)) {
            char q[160], r[160];
            return cull__fail(cx, CULL_EINPUT,
                              "%s: belongs to another run (there %s; here %s); give another folder "
                              "or remove it",
                              p->dir, cull__quote(was, n, q, sizeof q),
                              cull__quote(now, m, r, sizeof r));
        }
        was = a, now = b;
    }
    return cull__fail(cx, CULL_EINPUT,
                      "%s: belongs to another run; give another folder or remove it", p->dir);
}

static cull_status claim(cull_ctx *cx, const cull__parts *p)
{
    char path[PATH], *was;
    size_t got = 0, n = strlen(p->run_text), room = n + 8192; /* more of another run is not told */
    cull__reader *r;
    cull__writer *w;
    snprintf(path, sizeof path, "%s/run", p->dir);
    if (access(path, F_OK) != 0) {
        CULL_TRY(cull__writer_open(cx, path, &w));
        return cull__writer_end(cx, w, cull__write(cx, w, p->run_text, n));
    }
    cull__temporary_sweep(path); /* it may have been killed while it wrote a part */
    CULL_TRY(CULL_ALLOC(cx, was, (int64_t)room + 1));
    cull_status s = cull__reader_open(cx, path, &r);
    if (s == CULL_OK) {
        for (size_t k = 1; s == CULL_OK && k && got < room; got += k)
            s = cull__read(cx, r, was + got, room - got, &k);
        cull__reader_close(r);
    }
    was[got] = 0;
    if (s == CULL_OK && (got != n || memcmp(was, p->run_text, n))) s = another(cx, p, was);
    cull__free(was);
    return s;
}

static cull_status copy(cull_ctx *cx, const char *s, char **out)
{
    size_t n = strlen(s) + 1;
    CULL_TRY(CULL_ALLOC(cx, *out, (int64_t)n));
    memcpy(*out, s, n);
    return CULL_OK;
}

static cull_status start(cull_ctx *cx, cull__parts *p, const cull__parts_opts *o)
{
    CULL_TRY(copy(cx, o->dir, &p->dir));
    CULL_TRY(copy(cx, o->run, &p->run_text));
    if (strlen(p->dir) > PATH - 128)
        return cull__fail(cx, CULL_EOPTION, "the name of the folder of parts is too long");
    if (!o->loops && cull__ranks(cx) > 1)
        return cull__fail(cx, CULL_EOPTION,
                          "--parts is for processes that do not know one another; %d that do share "
                          "by themselves",
                          cull__ranks(cx));
    p->o = *o;
    p->run = cull__hash128(p->run_text, strlen(p->run_text));
    bool makes = o->loops || o->shards;
    if (makes && mkdir(p->dir, 0777) != 0 && errno != EEXIST)
        return cull__fail_errno(cx, p->dir, "cannot make the folder");
    if (!makes) CULL_TRY(count_shards(cx, p)); /* before the folder is claimed */
    CULL_TRY(claim(cx, p));
    p->carrier.user = p;
    if (o->loops)
        p->carrier.find = find, p->carrier.keep = keep, p->carrier.drop = drop;
    else
        p->carrier.open = share_open, p->carrier.close = share_close;
    cull__carry(cx, &p->carrier);
    return CULL_OK;
}

cull_status cull__parts_open(cull_ctx *cx, const cull__parts_opts *o, cull__parts **out)
{
    cull__parts *p;
    *out = NULL;
    CULL_TRY(CULL_ALLOC(cx, p, 1));
    cull_status s = start(cx, p, o);
    if (s == CULL_OK)
        *out = p;
    else
        cull__parts_close(cx, p);
    return s;
}

cull_status cull__parts_clear(cull_ctx *cx, cull__parts *p)
{
    if (cull__rank(cx) > 0) return CULL_OK;
    CULL_TRY(clear(cx, p));
    (void)rmdir(p->dir); /* unless the user has more in it */
    return CULL_OK;
}

void cull__parts_close(cull_ctx *cx, cull__parts *p)
{
    if (!p) return;
    cull__carry(cx, NULL);
    cull__free(p->run_text);
    cull__free(p->dir);
    cull__free(p);
}
