/* tree_cuts.c - numbers as codes by cuts that stay. See trees.h. */
#include "score/trees.h"

#include <stdlib.h>

static int upward(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int cull__cuts_of(double *v, int64_t n, double *cut)
{
    qsort(v, (size_t)n, sizeof *v, upward);
    int64_t kinds = 1;
    int cuts = 0;
    for (int64_t i = 1; i < n; i++) kinds += v[i] > v[i - 1];
    int64_t parts = kinds <= CULL__CUTS + 1 ? n : CULL__CUTS + 1;
    for (int64_t k = 1; k < parts; k++) {
        int64_t i = kinds <= CULL__CUTS + 1 ? k : k * n / parts;
        if (!(v[i] > v[i - 1])) continue;
        double middle = v[i - 1] + (v[i] - v[i - 1]) / 2;
        cut[cuts++] = middle > v[i - 1] ? middle : v[i];
    }
    return cuts;
}

uint8_t cull__cut_code(const double *cut, int cuts, double v)
{
    int lo = 0, hi = cuts;
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (cut[mid] <= v)
            lo = mid + 1;
        else
            hi = mid;
    }
    return (uint8_t)lo;
}
