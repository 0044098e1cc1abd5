/* plot.h - what plots are made of: axes, the frame, names of rows, legends. Units of the page; 720 wide. */
#ifndef CULL__PLOT_H
#define CULL__PLOT_H
#include "report/report.h"

enum { CULL__PLOT_WIDE = 720, CULL__PLOT_LEFT = 170 }; /* names of rows end before LEFT */

typedef struct {
    double lo, hi, step; /* of the values; lo and hi need no tick */
    double from, to;     /* of the page */
    bool percent;
} cull__axis;
/* lo <= hi, finite; about `want` ticks. `ends` moves both out to ticks. */
cull__axis cull__axis_of(double lo, double hi, int want, bool ends, double from, double to);
double cull__axis_at(const cull__axis *x, double v); /* what lies outside is at the end */
int cull__axis_ticks(const cull__axis *x, double v[16]);
void cull__axis_text(cull_buf *b, const cull__axis *x, double v); /* of a tick */
double cull__tick_wide(size_t columns);      /* of a tick's text, in the widest of common fonts */
double cull__axis_room(const cull__axis *y); /* that texts of ticks want beside a vertical one */
void cull__axis_x(cull_buf *b, const cull__axis *x, double top, double bottom, const char *title);
void cull__axis_y(cull_buf *b, const cull__axis *y, double left, double right, const char *title);

void cull__svg_open(cull_buf *b, double high, const char *title, const char *what);
void cull__svg_close(cull_buf *b);
void cull__svg_name(cull_buf *b, const char *name, double y, bool strong);
/* Returns where the next one begins. */
double cull__svg_legend(cull_buf *b, const char *cls, const char *name, double x, double y);
static inline const char *cull__px(double v, char buf[32]) { return cull__fixed(v, 1, buf); }
#endif
