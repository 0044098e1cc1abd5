/* cull/text.h - names and numbers as text, as every face of cull reads and writes them. */
#ifndef CULL_TEXT_H
#define CULL_TEXT_H
#include "cull/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether s[0..n) is UTF-8; else *bad (may be NULL) = the first wrong byte. */
CULL_API bool cull_utf8_ok(const char *s, size_t n, size_t *bad);
/* '_' and '-' are one. */
CULL_API bool cull_same_name(const char *a, const char *b);
/* The candidate nearest to s by edit distance, the first of equals, or NULL when none is near: at
 * most a third of the length of s, and one more. */
CULL_API const char *cull_nearest(const char *s, const char *const *cand, int n);
/* Whether all of s is as the pattern says: * stands for any bytes or none, ? for one, the rest for itself. */
CULL_API bool cull_glob(const char *pattern, const char *s);
/* The whole of s is one decimal number, whatever the locale; inf and nan are numbers here. */
CULL_API bool cull_parse_number(const char *s, double *out);
/* "512M", "4GiB", "1e6": bytes, in powers of 1024, to T; false for what is negative or no size. */
CULL_API bool cull_parse_bytes(const char *s, uint64_t *out);
/* The shortest text that reads back to v; "nan", "inf", "-inf". Returns buf. */
CULL_API const char *cull_format_number(double v, char buf[32]);
CULL_API const char *cull_format_bytes(uint64_t bytes, char buf[32]); /* "1.5 GiB" */

#ifdef __cplusplus
}
#endif
#endif
