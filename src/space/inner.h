/* inner.h - what the files of src/space share: the document that text and JSON are read into, and what it is
 * compiled to. */
#ifndef CULL__SPACE_INNER_H
#define CULL__SPACE_INNER_H
#include "space/space.h"

enum {
    CULL__SPACE_BYTES = 4 << 20, /* of a description */
    CULL__SPACE_DEPTH = 32,      /* braces in braces, parentheses in parentheses */
    CULL__SPACE_NAME = 128,      /* bytes of a name, of a value */
    CULL__SPACE_PARAMS = 100000, /* copies and all */
    CULL__SPACE_ORDER = 4096,    /* items of a permutation */
    CULL__SPACE_WIDTH = 1000000, /* numbers of a point */
    CULL__SPACE_NAMES = 64 << 20 /* bytes of all names */
};

/* ---- the document, in scratch memory ---- */
typedef enum {
    CULL__FORM_REAL,
    CULL__FORM_INT,
    CULL__FORM_ONE,
    CULL__FORM_ORDINAL,
    CULL__FORM_SUBSET,
    CULL__FORM_PERMUTATION,
    CULL__FORM_SIMPLEX,
    CULL__FORM_OR, /* child: its branches */
    CULL__FORM_OPTIONAL,
    CULL__FORM_REPEAT, /* lo .. hi copies */
    CULL__FORMS,
    CULL__FORM_BRANCH = CULL__FORMS,
    CULL__FORM_FORBID, /* when: what */
    CULL__FORM_REQUIRE
} cull__form;

/* In order of how tightly they bind. */
typedef enum {
    CULL__EXPR_OR,
    CULL__EXPR_AND,
    CULL__EXPR_NOT,
    CULL__EXPR_EQ,
    CULL__EXPR_NE,
    CULL__EXPR_LT,
    CULL__EXPR_LE,
    CULL__EXPR_GT,
    CULL__EXPR_GE,
    CULL__EXPR_IN, /* b: words, by next */
    CULL__EXPR_ADD,
    CULL__EXPR_SUB,
    CULL__EXPR_MUL,
    CULL__EXPR_DIV,
    CULL__EXPR_NEG,
    CULL__EXPR_WORD /* of a parameter, a value, or a number */
} cull__expr_kind;
typedef struct cull__expr {
    cull__expr_kind kind;
    int line;
    bool quoted; /* the word was */
    const char *word;
    struct cull__expr *a, *b, *next;
} cull__expr;

typedef struct cull__node {
    cull__form form;
    int line;
    const char *name;
    double lo, hi, step;
    bool log, tied;
    int64_t least, most; /* SUBSET */
    int64_t items;
    const char **item;
    double *weight;     /* ONE: of the items, NaN where it has none; NULL = no item has */
    bool counted;       /* items were given as a number */
    const char *preset; /* its default as text, or NULL */
    cull__expr *when;
    struct cull__node *child, *next;
    /* what all its copies share */
    const char *const *value;
    const double *number, *chance; /* chance: weights made to sum 1 */
    const cull_key *key;
    const double *numbers; /* of its default */
} cull__node;
typedef struct {
    cull_ctx *cx;
    const char *file;
    bool json; /* no lines to tell */
    cull__node *child;
} cull__doc;

/* "space.cull:3: why" */
cull_status cull__space_wrong(const cull__doc *d, int line, const char *fmt, ...) CULL_PRINTF(3, 4);
const char *cull__form_name(cull__form f); /* "real" */
cull_status cull__space_keep(cull_ctx *cx, const char *s, size_t n, const char **out);
/* Why s is no name (of a value: `value`), or NULL. */
const char *cull__space_bad_name(const char *s, bool value);
/* n items called 1 .. n. */
cull_status cull__node_counted(cull__doc *d, cull__node *n, int64_t count);
/* What a node says must make sense by itself: bounds, names, numbers of items. */
cull_status cull__node_check(cull__doc *d, cull__node *n);
cull_status cull__space_read(cull_ctx *cx, const char *file, const char *text, size_t n,
                             cull__doc *d);
cull_status cull__space_read_json(cull_ctx *cx, const char *file, const char *text, size_t n,
                                  cull__doc *d);
/* An expression from *s on, to where it ends; `line` counts on. */
cull_status cull__expr_read(cull__doc *d, const char **s, int *line, cull__expr **out);
void cull__expr_write(cull_buf *b, const cull__expr *e);
/* A name or value, in quotes where it has other than letters, digits and `more`. */
void cull__word_write(cull_buf *b, const char *s, const char *more);
void cull__space_write(cull_buf *b, const cull__doc *d);
void cull__space_write_json(cull_json *j, const cull__doc *d);

/* ---- what it is compiled to ---- */
/* An expression in postfix order. Truth is 1, 0, or NaN where a parameter that it needs is not active. */
typedef enum {
    CULL__OP_NUMBER, /* push number */
    CULL__OP_VALUE,  /* push x[at] */
    CULL__OP_LOOKUP, /* push table[x[at]] */
    CULL__OP_PLACE,  /* push the place of item `number` among the n from x[at], from 1 */
    CULL__OP_ADD,
    CULL__OP_SUB,
    CULL__OP_MUL,
    CULL__OP_DIV,
    CULL__OP_NEG,
    CULL__OP_EQ,
    CULL__OP_NE,
    CULL__OP_LT,
    CULL__OP_LE,
    CULL__OP_GT,
    CULL__OP_GE,
    CULL__OP_IN, /* of the n numbers of table */
    CULL__OP_NOT,
    CULL__OP_AND,
    CULL__OP_OR
} cull__op_kind;
enum { CULL__OP_STACK = 64 };
typedef struct {
    cull__op_kind kind;
    int64_t at, n;
    double number;
    const double *table;
} cull__op;
typedef struct {
    const cull__op *op;
    int ops;
} cull__code;

typedef struct {
    cull_key id;           /* of its name */
    const cull_key *value; /* n: of the names of its values or items */
    const double *preset;  /* width numbers, or NULL */
    cull__code when;
    int end;            /* the first parameter after all that lie in it */
    int rule, rules;    /* constraints that can be judged once it has its value */
    int64_t feature[3]; /* its first, by cull_encode */
    bool always;        /* active in every point */
    bool watched;       /* conditions speak of it */
} cull__more;

typedef struct {
    cull__code code;
    bool forbid;
    int last; /* of the parameters that it speaks of */
    int line;
    const char *text;
} cull__rule;

struct cull_space {
    int params;
    cull_space_param *param; /* params */
    cull__more *more;
    int64_t width, features[3];
    bool flat;        /* all are reals, active in every point, without constraints */
    cull__rule *rule; /* by last */
    int rules;
    int *slot; /* hash table of names: parameter + 1; slots = 2^k */
    int64_t slots;
    char *text;
    size_t text_n;
    uint64_t hash;
    void *block; /* where the rest lies: chain of blocks */
    int64_t block_used, block_size;
    /* all points that keep the constraints, where those are few and hard to hit */
    double *point; /* (points, width) */
    double *upto;  /* points: chance of drawing one of those up to it */
    int64_t points;
};

cull_status cull__space_room(cull_ctx *cx, cull_space *s, void **out, int64_t n, size_t size);
#define CULL__SPACE_ROOM(cx, s, p, n) cull__space_room(cx, s, (void **)&(p), n, sizeof *(p))
cull_status cull__space_compile(cull__doc *d, cull_space **out);
/* e, said in `scope` ("block.2."), about parameters below `before` (all: params). *last: the last one of them. */
cull_status cull__expr_compile(cull__doc *d, cull_space *s, const cull__expr *e, const char *scope,
                               int before, cull__code *out, int *last);
double cull__code_value(const cull__code *c, const double *x);
int cull__space_find(const cull_space *s, const char *name, size_t n);

static inline bool cull__is_active(const cull_space *s, const double *x, int i)
{
    const cull_space_param *p = s->param + i;
    if (p->within >= 0) {
        double v = x[s->param[p->within].at];
        if (!(v >= p->from && v <= p->to)) return false;
    }
    return !p->when || cull__code_value(&s->more[i].when, x) == 1;
}
/* The constraints that can be judged once i has its value hold. */
bool cull__space_holds(const cull_space *s, const double *x, int i);
/* Every parameter has finitely many values. */
bool cull__space_discrete(const cull_space *s);
/* The first (fresh) or next assignment of n parameters `list` (ascending, closed under what their activity depends on; NULL
 * = all), with or without (free) the constraints. */
bool cull__space_walk(const cull_space *s, const int *list, int n, bool free, bool fresh,
                      double *x);
/* How many values p has: up to UINT64_MAX in n, else `big`; log10 in lg, INFINITY for those without number. */
typedef struct {
    uint64_t n;
    double lg;
    bool big;
} cull__amount;
cull__amount cull__values_of(const cull_space_param *p);
cull__amount cull__space_amount(cull_ctx *cx, const cull_space *s, bool *exact, cull_status *st);
/* Conditions that never hold, constraints that nothing keeps: EINPUT, where that can be told. Points that keep them, where
 * those are few and hard to hit. */
cull_status cull__space_reach(cull__doc *d, cull_space *s, const int *lines);
/* As make without fill; gives up as soon as a constraint cannot hold any more. */
bool cull__space_draw_once(const cull_space *s, cull_rng *r, double *x);
/* The number of a value of one of INT, CATEGORY and ORDINAL among all, and back. */
static inline int64_t cull__rank_of(const cull_space_param *p, double v)
{
    return p->kind == CULL_SPACE_INT ? (int64_t)((v - p->lo) / p->step) : (int64_t)v;
}
static inline double cull__value_at(const cull_space_param *p, int64_t k)
{
    return p->kind == CULL_SPACE_INT ? p->lo + (double)k * p->step : (double)k;
}
/* The chance that a draw of p gives v, where p is discrete. */
double cull__value_chance(const cull_space_param *p, const double *v);
/* The parameter that number `at` of a point belongs to. */
int cull__space_owner(const cull_space *s, int64_t at);
void cull__space_lay_features(cull_space *s);
/* cull__space_sbx of a flat space, not rounded (move_flat.c); what it shares with that of others (move.c). */
void cull__flat_sbx(const cull_space *s, const cull__sbx *o, cull_rng *r, const double *x,
                    const double *z, double *y);
double cull__power(double v, double k);
double cull__polynomial(cull_rng *r, double eta, double v); /* mutation within 0 .. 1 */
double cull__passed(cull_rng *r,
                    double keep); /* before the next that mutates; keep = ln(1 - rate) */
/* Parameter i's middle value, or its first: its default where it has one. */
void cull__space_preset(const cull_space *s, int i, double *v);
/* Text of parameter i's value; back: EINPUT says what it may be. */
size_t cull__value_text(const cull_space_param *p, const double *v, char *buf, size_t size);
/* false: `why` says what is wrong. */
bool cull__value_read(const cull_space_param *p, const char *s, double *v, char why[300]);
/* false: `why` says what is wrong with the numbers. */
bool cull__value_check(const cull_space_param *p, const double *v, char why[300]);
#endif
