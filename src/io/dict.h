/* dict.h - texts as codes 0, 1, ... in order of first appearance. */
#ifndef CULL__DICT_H
#define CULL__DICT_H
#include "base/base.h"

typedef struct {
    char *text;  /* all of them, each with a NUL */
    int64_t *at; /* (n) where each begins */
    int32_t *slot;
    int64_t used, text_cap, n, cap, slots;
} cull__dict;
cull_status cull__dict_add(cull_ctx *cx, cull__dict *d, const char *s, size_t n, int32_t *code);
int32_t cull__dict_find(const cull__dict *d, const char *s, size_t n); /* -1 = not there */
static inline const char *cull__dict_text(const cull__dict *d, int32_t code)
{
    return d->text + d->at[code];
}
void cull__dict_free(cull__dict *d);
#endif
