/* glob.c - names against patterns with * and ?. */
#include "cull/text.h"

bool cull_glob(const char *pattern, const char *s)
{
    const char *star = NULL, *from = s; /* where the last * stands, what it has taken so far ends */
    while (*s) {
        if (*pattern == '*') {
            star = pattern++;
            from = s;
        } else if (*pattern == *s || *pattern == '?') {
            pattern++, s++;
        } else if (star) {
            pattern = star + 1;
            s = ++from;
        } else {
            return false;
        }
    }
    while (*pattern == '*') pattern++;
    return !*pattern;
}
