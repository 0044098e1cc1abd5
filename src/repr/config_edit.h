/* config_edit.h - numbers and lists of a model's config.json, read and changed where they stand (config_edit.c). */
#ifndef CULL__CONFIG_EDIT_H
#define CULL__CONFIG_EDIT_H
#include "base/base.h"

/* The whole number under the first of these keys that has one, of the config or of the text_config in it; -1 = none.
 * text may be NULL. */
cull_status cull__config_number(cull_ctx *cx, const char *path, const char *text,
                                const char *const *key, int keys, int64_t *out);
/* The text with every number `from` under one of these keys turned into `to`; *times says how many (may be NULL). All
 * of these give scratch of cx. */
cull_status cull__config_set(cull_ctx *cx, const char *text, const char *const *key, int keys,
                             int64_t from, int64_t to, const char **out, int *times);
/* The text with "key": value before each "before" that has a number, unless "key" stands there; a null under it
 * becomes value. */
cull_status cull__config_add(cull_ctx *cx, const char *text, const char *key, int64_t value,
                             const char *before, const char **out);
/* The text with "key": false: where it is true, and in front of all others where it stands nowhere. */
cull_status cull__config_deny(cull_ctx *cx, const char *text, const char *key, const char **out);
/* The text with "key": null where a list stands under it. */
cull_status cull__config_unlist(cull_ctx *cx, const char *text, const char *key, const char **out);
/* The text with those elements of every list of n under `key` that keep says; elements are no lists or objects. */
cull_status cull__config_list(cull_ctx *cx, const char *text, const char *key, const bool *keep,
                              int64_t n, const char **out);
/* The text with every list of places below n under `key` made of what number (n) says of each; those of -1 go. */
cull_status cull__config_places(cull_ctx *cx, const char *text, const char *key,
                                const int64_t *number, int64_t n, const char **out);
#endif
