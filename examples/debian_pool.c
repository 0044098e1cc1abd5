/* debian_pool.c - a pool of real text with known answers, from packages that every Debian has.
 *
 *   debian_pool MAN.txt FOLDOC.index FOLDOC.dict POOL.jsonl TARGET.jsonl
 *
 * MAN.txt holds manual pages as `mandoc -Tutf8 -Owidth=1000` prints them (a paragraph is one line),
 * each after a line "\x01NAME.SECTION". FOLDOC is the Free On-line Dictionary of Computing in
 * dictd's form: the index has lines "WORD TAB OFFSET TAB LENGTH", numbers in base 64.
 *
 * Passages are paragraphs and dictionary entries of 80 to 4000 bytes, white space made single.
 * Each is {id, text, source, page, topic, answer}. The answer is known from elsewhere than the text:
 * FOLDOC's tags, such as <networking, protocol>, which are cut out of the text, and the headers that
 * a manual page includes. It is "networking" or "other". The target is a part of FOLDOC's networking
 * entries; neither they nor near copies of them stay in the pool. */
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST = 80, MOST = 4000, SHINGLE = 8, TARGETS = 200 };

typedef struct {
    char *id, *text, *page, *topic;
    const char *source;
    int networking;
    uint64_t order; /* hash of the headword: which entries become the target */
    int where;      /* POOL, TARGET or DROPPED */
} passage;
enum { POOL, TARGET, DROPPED };

typedef struct {
    passage *at;
    size_t n, cap;
} passages;

/* ---- small things ---- */

static void die(const char *what, const char *why)
{
    fprintf(stderr, "debian_pool: %s: %s\n", what, why);
    exit(1);
}

static void *need(void *p)
{
    if (!p) die("memory", "there is not enough");
    return p;
}

static char *copy(const char *s, size_t n)
{
    char *p = need(malloc(n + 1));
    memcpy(p, s, n);
    p[n] = 0;
    return p;
}

static char *read_file(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    if (!f) die(path, strerror(errno));
    size_t cap = 1 << 20, got;
    char *s = need(malloc(cap + 1));
    for (*n = 0; (got = fread(s + *n, 1, cap - *n, f)) > 0;) {
        *n += got;
        if (*n == cap) s = need(realloc(s, (cap *= 2) + 1));
    }
    if (ferror(f)) die(path, "cannot be read");
    fclose(f);
    s[*n] = 0;
    return s;
}

static uint64_t hash(const char *s, size_t n) /* FNV-1a, then mixed */
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * 1099511628211u;
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93u;
    return h ^ h >> 32;
}

/* A set of 64-bit hashes: open addressing, 0 = free. */
typedef struct {
    uint64_t *at;
    size_t n, cap;
} set;

static int set_has(const set *s, uint64_t h)
{
    if (!s->cap) return 0;
    for (size_t i = h & (s->cap - 1);; i = (i + 1) & (s->cap - 1)) {
        if (!s->at[i]) return 0;
        if (s->at[i] == h) return 1;
    }
}

static int set_add(set *s, uint64_t h) /* 1 when it was new */
{
    if (2 * (s->n + 1) > s->cap) {
        set old = *s;
        s->cap = old.cap ? 2 * old.cap : 1024;
        s->at = need(calloc(s->cap, sizeof *s->at));
        s->n = 0;
        for (size_t i = 0; i < old.cap; i++)
            if (old.at[i]) set_add(s, old.at[i]);
        free(old.at);
    }
    h += !h;
    size_t i = h & (s->cap - 1);
    for (; s->at[i]; i = (i + 1) & (s->cap - 1))
        if (s->at[i] == h) return 0;
    s->at[i] = h;
    s->n++;
    return 1;
}

/* White space runs become one blank, none at the ends. In place; returns the length. */
static size_t squeeze(char *s, size_t n)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        int nbsp = c == 0xc2 && i + 1 < n && (unsigned char)s[i + 1] == 0xa0;
        if (c > ' ' && c != 127 && !nbsp)
            s[k++] = s[i];
        else if (k && s[k - 1] != ' ')
            s[k++] = ' ';
        i += nbsp;
    }
    while (k && s[k - 1] == ' ') k--;
    s[k] = 0;
    return k;
}

static passage *add(passages *p, const char *text, size_t n)
{
    if (p->n == p->cap) p->at = need(realloc(p->at, (p->cap = 2 * p->cap + 1024) * sizeof *p->at));
    passage *q = &p->at[p->n++];
    *q = (passage){.text = copy(text, n)};
    return q;
}

/* ---- manual pages ---- */

/* Bold and underlined text is printed as CHAR BACKSPACE CHAR: the first of the two goes. */
static size_t plain(char *s, size_t n)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] != '\b') {
            s[k++] = s[i];
            continue;
        }
        while (k && ((unsigned char)s[k - 1] & 0xc0) == 0x80) k--;
        if (k) k--;
    }
    s[k] = 0;
    return k;
}

static int names_sockets(const char *synopsis, size_t n)
{
    static const char *const header[] = {"sys/socket.h", "sys/un.h", "netinet/", "arpa/inet.h",
                                         "netdb.h",      "net/if",   "linux/if", "netpacket/"};
    char *s = copy(synopsis, n);
    int found = 0;
    for (char *p = strstr(s, "#include <"); p && !found; p = strstr(p, "#include <")) {
        p += strlen("#include <");
        for (size_t i = 0; i < sizeof header / sizeof *header; i++)
            found |= !strncmp(p, header[i], strlen(header[i]));
    }
    free(s);
    return found;
}

/* Sections that hold names, prototypes, tables or programs, not passages. */
static int skipped(const char *heading)
{
    static const char *const no[] = {"NAME",       "SYNOPSIS", "LIBRARY", "SEE ALSO",
                                     "ATTRIBUTES", "COLOPHON", "EXAMPLES"};
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (!strncmp(heading, no[i], strlen(no[i]))) return 1;
    return 0;
}

typedef struct {
    const char *name;
    size_t len;
    char topic[16];
    int sockets, count;
} page;

static void man_paragraph(passages *all, page *pg, char *s, size_t n)
{
    n = squeeze(s, n);
    if (n < LEAST || n > MOST) return;
    passage *q = add(all, s, n);
    q->id = need(malloc(pg->len + 24));
    sprintf(q->id, "man:%.*s:%d", (int)pg->len, pg->name, ++pg->count);
    q->page = copy(pg->name, pg->len);
    q->topic = copy(pg->topic, strlen(pg->topic));
    q->source = "man";
    q->networking = pg->sockets;
}

static void man_page(passages *all, const char *name, size_t len, char *s, size_t n)
{
    page pg = {.name = name, .len = len};
    n = plain(s, n);
    char *syn = strstr(s, "\nSYNOPSIS\n"), *desc = syn ? strstr(syn, "\nDESCRIPTION\n") : NULL;
    if (syn) pg.sockets = names_sockets(syn, desc ? (size_t)(desc - syn) : strlen(syn));
    size_t dot = len;
    while (dot && name[dot - 1] != '.') dot--;
    if (pg.sockets)
        strcpy(pg.topic, "sockets");
    else
        snprintf(pg.topic, sizeof pg.topic, "man%.*s", (int)(len - dot), name + dot);

    int skip = 1; /* the page's first line is its title, not text */
    char *from = NULL;
    for (char *line = s, *end; line < s + n; line = end + 1) {
        end = memchr(line, '\n', (size_t)(s + n - line));
        if (!end) end = s + n;
        int blank = line == end, heading = !blank && *line != ' ';
        int sub = !blank && !strncmp(line, "   ", 3) && line[3] != ' '; /* a subsection's name */
        if (from && (blank || heading || sub)) {
            man_paragraph(all, &pg, from, (size_t)(line - from));
            from = NULL;
        }
        if (heading)
            skip = skipped(line) || line == s;
        else if (!blank && !sub && !skip && !from)
            from = line;
    }
}

static void man(passages *all, char *s, size_t n)
{
    for (char *p = memchr(s, 1, n); p;) {
        char *name = p + 1, *end = strchr(name, '\n');
        if (!end) break;
        char *next = memchr(end, 1, n - (size_t)(end - s));
        if (next) *next = 0;
        man_page(all, name, (size_t)(end - name), end + 1,
                 next ? (size_t)(next - end - 1) : n - (size_t)(end + 1 - s));
        p = next;
    }
}

/* ---- FOLDOC ---- */

static uint64_t base64(const char *s, const char *end)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint64_t v = 0;
    for (; s < end; s++) {
        const char *d = memchr(digit, *s, 64);
        if (!d) break;
        v = v << 6 | (uint64_t)(d - digit);
    }
    return v;
}

/* A list of words in <> at p, such as <networking, protocol>: where it ends, else NULL. */
static char *tags_at(char *p)
{
    if (*p != '<' || !islower((unsigned char)p[1])) return NULL;
    for (p++; islower((unsigned char)*p) || strchr(", -/", *p); p++)
        if (!*p) return NULL;
    return *p == '>' ? p + 1 : NULL;
}

static int has_word(const char *s, const char *end, const char *word)
{
    for (size_t n = strlen(word); s < end; s += strcspn(s, ",>") + 1) {
        s += strspn(s, " ");
        if (!strncmp(s, word, n) && (s[n] == ',' || s[n] == '>')) return 1;
    }
    return 0;
}

/* Cuts out every list of tags; topic and *networking say what they were. Returns the new length. */
static size_t cut_tags(char *s, char topic[64], int *networking)
{
    char *out = s;
    for (char *p = s, *end; *p;) {
        if (!(end = tags_at(p))) {
            if (*p != '{' && *p != '}') *out++ = *p; /* braces mark cross-references */
            p++;
            continue;
        }
        *networking |= has_word(p + 1, end, "networking");
        if (!*topic) snprintf(topic, 64, "%.*s", (int)strcspn(p + 1, ",>"), p + 1);
        for (p = end; *p == ' ';) p++;
    }
    *out = 0;
    return (size_t)(out - s);
}

/* "(2014-11-27)" and "[Jargon File]" at the end say when and whence, not what. */
static size_t cut_tail(char *s, size_t n)
{
    for (int again = 1; again;) {
        again = 0;
        while (n && s[n - 1] == ' ') n--;
        if (n >= 12 && s[n - 1] == ')' && s[n - 12] == '(' && s[n - 7] == '-' && s[n - 4] == '-')
            n -= 12, again = 1;
        else if (n >= 13 && !strncmp(s + n - 13, "[Jargon File]", 13))
            n -= 13, again = 1;
    }
    s[n] = 0;
    return n;
}

static void foldoc_entry(passages *all, const char *from, size_t n)
{
    char *s = copy(from, n), topic[64] = "";
    int networking = 0;
    char *body = strstr(s, "\n\n"); /* headwords, a blank line, the text */
    size_t word = strcspn(s, "\n");
    if (body && word && !isspace((unsigned char)*s)) {
        char *text = need(malloc(n + 8));
        size_t head = (size_t)sprintf(text, "%.*s: ", (int)word, s);
        size_t len = squeeze(body, strlen(body));
        memcpy(text + head, body, len + 1);
        len = head + cut_tags(text + head, topic, &networking);
        len = cut_tail(text, squeeze(text, len));
        if (len >= LEAST && len <= MOST && *topic) {
            passage *q = add(all, text, len);
            q->page = copy(s, word);
            q->id = need(malloc(word + 8));
            sprintf(q->id, "foldoc:%.*s", (int)word, s);
            q->topic = networking ? copy("networking", 10) : copy(topic, strlen(topic));
            q->source = "foldoc";
            q->networking = networking;
            q->order = hash(s, word);
        }
        free(text);
    }
    free(s);
}

typedef struct {
    uint64_t at, n;
} span;

static int by_place(const void *a, const void *b)
{
    const span *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

static void foldoc(passages *all, const char *index, const char *dict, size_t size)
{
    span *e = NULL;
    size_t n = 0, cap = 0;
    for (const char *line = index; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *end = line + strcspn(line, "\n"), *a = memchr(line, '\t', (size_t)(end - line));
        const char *b = a ? memchr(a + 1, '\t', (size_t)(end - a - 1)) : NULL;
        if (!b || !strncmp(line, "00", 2)) continue; /* 00database...: about the file itself */
        if (n == cap) e = need(realloc(e, (cap = 2 * cap + 1024) * sizeof *e));
        e[n++] = (span){base64(a + 1, b), base64(b + 1, end)};
    }
    if (n) qsort(e, n, sizeof *e, by_place);
    for (size_t i = 0; i < n; i++) {
        if (i && e[i].at == e[i - 1].at) continue; /* two words for one entry */
        if (e[i].at <= size && e[i].n <= size - e[i].at)
            foldoc_entry(all, dict + e[i].at, (size_t)e[i].n);
    }
    free(e);
}

/* ---- repeats, target, near copies ---- */

/* Letters and digits in small, all else one blank: what makes two passages the same. */
static char *fold(const char *s)
{
    size_t n = strlen(s), k = 0;
    char *p = need(malloc(n + 1));
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (isalnum(c) || c >= 128)
            p[k++] = (char)tolower(c);
        else if (k && p[k - 1] != ' ')
            p[k++] = ' ';
    }
    while (k && p[k - 1] == ' ') k--;
    p[k] = 0;
    return p;
}

/* Every run of SHINGLE words of folded text goes into s (add) or is looked up. Returns the share
 * that was there already; a text with fewer words is one run. */
static double shingles(set *s, const char *text, int adding)
{
    const char *start[SHINGLE];
    size_t words = 0, runs = 0, known = 0;
    for (const char *p = text;; words++) {
        const char *end = p + strcspn(p, " ");
        memmove(start, start + 1, sizeof start - sizeof *start);
        start[SHINGLE - 1] = p;
        int last = !*end;
        if (words + 1 >= SHINGLE || last) {
            const char *from = words + 1 >= SHINGLE ? start[0] : text;
            uint64_t h = hash(from, (size_t)(end - from));
            runs++;
            known += (size_t)(adding ? !set_add(s, h) : set_has(s, h + !h));
        }
        if (last) break;
        p = end + 1;
    }
    return (double)known / (double)runs;
}

static int by_order(const void *a, const void *b)
{
    const passage *x = *(passage *const *)a, *y = *(passage *const *)b;
    return (x->order > y->order) - (x->order < y->order);
}

static void settle(passages *all)
{
    set seen = {0}, near = {0};
    passage **net = need(malloc((all->n + 1) * sizeof *net));
    size_t n = 0;
    for (size_t i = 0; i < all->n; i++) {
        passage *q = &all->at[i];
        char *f = fold(q->text);
        if (!set_add(&seen, hash(f, strlen(f))))
            q->where = DROPPED;
        else if (q->networking && !strcmp(q->source, "foldoc") && !(q->order >> 7 & 1))
            net[n++] = q; /* every second one, by the hash of its headword */
        free(f);
    }
    qsort(net, n, sizeof *net, by_order);
    for (size_t i = 0; i < n && i < TARGETS; i++) {
        char *f = fold(strchr(net[i]->text, ':') + 1); /* the headword is no part of a copy */
        shingles(&near, *f == ' ' ? f + 1 : f, 1);
        net[i]->where = TARGET;
        free(f);
    }
    for (size_t i = 0; i < all->n; i++) {
        passage *q = &all->at[i];
        if (q->where != POOL) continue;
        char *f = fold(q->text);
        if (shingles(&near, f, 0) >= 0.3) q->where = DROPPED;
        free(f);
    }
    free(net);
    free(seen.at);
    free(near.at);
}

/* ---- out ---- */

static void put_string(FILE *f, const char *s)
{
    putc('"', f);
    for (; *s; s++) {
        if (*s == '"' || *s == '\\') putc('\\', f);
        putc(*s, f); /* squeeze() left no control byte */
    }
    putc('"', f);
}

static size_t write_out(const passages *all, const char *path, int where)
{
    FILE *f = fopen(path, "wb");
    if (!f) die(path, strerror(errno));
    size_t n = 0;
    for (size_t i = 0; i < all->n; i++) {
        const passage *q = &all->at[i];
        if (q->where != where) continue;
        const char *v[] = {q->id,   q->text,  q->source,
                           q->page, q->topic, q->networking ? "networking" : "other"};
        const char *k[] = {"id", "text", "source", "page", "topic", "answer"};
        for (int j = 0; j < 6; j++) {
            fprintf(f, "%s\"%s\": ", j ? ", " : "{", k[j]);
            put_string(f, v[j]);
        }
        fputs("}\n", f);
        n++;
    }
    if (fclose(f)) die(path, strerror(errno));
    return n;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr,
                "usage: debian_pool MAN.txt FOLDOC.index FOLDOC.dict POOL.jsonl TARGET.jsonl\n");
        return 2;
    }
    passages all = {0};
    size_t man_n, index_n, dict_n, networking[2] = {0};
    char *pages = read_file(argv[1], &man_n), *index = read_file(argv[2], &index_n);
    char *dict = read_file(argv[3], &dict_n);
    man(&all, pages, man_n);
    foldoc(&all, index, dict, dict_n);
    settle(&all);
    for (size_t i = 0; i < all.n; i++)
        if (all.at[i].where == POOL)
            networking[*all.at[i].source == 'm'] += (size_t)all.at[i].networking;
    size_t pool = write_out(&all, argv[4], POOL), target = write_out(&all, argv[5], TARGET);
    fprintf(stderr,
            "pool: %zu passages, of which %zu dictionary entries and %zu paragraphs of manual "
            "pages are about networks\ntarget: %zu passages\n",
            pool, networking[0], networking[1], target);
    for (size_t i = 0; i < all.n; i++) {
        free(all.at[i].id), free(all.at[i].text), free(all.at[i].page), free(all.at[i].topic);
    }
    free(all.at), free(pages), free(index), free(dict);
    return pool && target ? 0 : 1;
}
