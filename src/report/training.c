/* training.c - a training as one page: curves, what it holds, how good it is in each class. */
#include "cull/fit.h"
#include "report/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { EPOCHS_SHOWN = 200, CLASSES_SHOWN = 200 };

static void add(cull_buf *b, const char *s) { cull__buf_add(b, s, strlen(s)); }

static void card(cull_buf *b, const char *value, const char *name)
{
    add(b, "<div class=\"card\"><b>");
    cull__add_html(b, value);
    add(b, "</b><span>");
    cull__add_html(b, name);
    add(b, "</span></div>\n");
}

/* ---- the head ---- */

static int64_t shown_epoch(const cull_history *h) { return h->best >= 0 ? h->best : h->epochs - 1; }

static void head(cull_buf *b, const cull_training *t)
{
    const cull_history *h = t->history;
    char v[32];
    int64_t at = shown_epoch(h);
    add(b, "<h1>");
    cull__add_html(b, t->title);
    cull__buf_printf(b, " trained for %" PRId64 " epoch%s</h1>\n", h->epochs,
                     h->epochs == 1 ? "" : "s");
    cull__buf_printf(b, "<p class=\"sub\">%s%" PRId64 "%s</p>\n<div class=\"cards\">\n",
                     h->best >= 0 ? "These are the weights of epoch "
                                  : "These are the weights after epoch ",
                     at + 1, h->best >= 0 ? ", the best of those validated" : "");
    if (t->judged) card(b, cull__percent(t->judged->accuracy, v), "accuracy, validation");
    if (isfinite(h->val_loss[at])) card(b, cull__human(h->val_loss[at], v), "loss, validation");
    card(b, cull__human(h->train_loss[at], v), "loss, training");
    if (t->total) card(b, cull__count(t->total->params, v), "parameters");
    if (t->total) card(b, cull__amount(t->total->macs, v), "multiply-adds an example");
    if (t->seconds > 0) card(b, cull__duration(t->seconds, v), "time");
    if (t->peak_bytes) card(b, cull__format_bytes(t->peak_bytes, v), "peak memory");
    add(b, "</div>\n");
}

static void curves(cull_buf *b, const cull_training *t)
{
    const cull_history *h = t->history;
    const cull__curve loss[] = {{"training", "pool", h->train_loss},
                                {"validation", "kept", h->val_loss}};
    const cull__curve metric = {"validation", "kept", h->metric}, rate = {"rate", "third", h->lr};
    bool validated = isfinite(h->val_loss[0]);
    add(b, "<h2>Loss</h2>\n");
    cull__plot_curves(b, "Loss by epoch", "epoch", loss, validated ? 2 : 1, (int)h->epochs);
    if (isfinite(h->metric[0])) {
        add(b, "<h2>Accuracy</h2>\n");
        cull__plot_curves(b, "Accuracy by epoch", "epoch", &metric, 1, (int)h->epochs);
    }
    add(b, "<h2>Learning rate</h2>\n");
    cull__plot_curves(b, "Learning rate by epoch", "epoch", &rate, 1, (int)h->epochs);
}

/* ---- tables ---- */

static void cell(cull_buf *b, const char *v) { cull__buf_printf(b, "<td class=\"n\">%s</td>", v); }

static void epochs(cull_buf *b, const cull_history *h)
{
    char v[32];
    add(b, "<h2>Epochs</h2>\n<div class=\"wide\"><table><thead><tr><th class=\"n\">epoch</th>"
           "<th class=\"n\">training loss</th><th class=\"n\">validation loss</th>"
           "<th class=\"n\">accuracy</th><th class=\"n\">rate</th><th class=\"n\">time</th>"
           "</tr></thead><tbody>\n");
    int64_t from = h->epochs > EPOCHS_SHOWN ? h->epochs - EPOCHS_SHOWN : 0;
    for (int64_t i = from; i < h->epochs; i++) {
        cull__buf_printf(b, "<tr%s>", i == shown_epoch(h) ? " class=\"strong\"" : "");
        cell(b, cull__count(i + 1, v));
        cell(b, cull__human(h->train_loss[i], v));
        cell(b, cull__human(h->val_loss[i], v));
        cell(b, isfinite(h->metric[i]) ? cull__percent(h->metric[i], v) : "-");
        cell(b, cull__human(h->lr[i], v));
        cell(b, cull__duration(h->seconds[i], v));
        add(b, "</tr>\n");
    }
    add(b, "</tbody></table></div>\n");
    if (from) cull__buf_printf(b, "<p class=\"sub\">after %" PRId64 " more</p>\n", from);
}

static void one_class(cull_buf *b, const cull_training *t, int64_t k)
{
    int64_t of = 0, said = 0, right = t->confusion[k * t->classes + k];
    char v[32];
    for (int64_t j = 0; j < t->classes; j++) {
        of += t->confusion[k * t->classes + j];
        said += t->confusion[j * t->classes + k];
    }
    add(b, "<tr><td>");
    if (t->class_name && t->class_name[k])
        cull__add_html(b, t->class_name[k]);
    else
        cull__buf_printf(b, "%" PRId64, k);
    add(b, "</td>");
    cell(b, cull__count(of, v));
    cell(b, of ? cull__percent((double)right / (double)of, v) : "-");
    cell(b, said ? cull__percent((double)right / (double)said, v) : "-");
    add(b, "</tr>\n");
}

static void classes(cull_buf *b, const cull_training *t)
{
    if (!t->confusion) return;
    add(b, "<h2>Classes</h2>\n<div class=\"wide\"><table><thead><tr><th>class</th>"
           "<th class=\"n\">rows</th><th class=\"n\">found (recall)</th>"
           "<th class=\"n\">right when said (precision)</th></tr></thead><tbody>\n");
    for (int64_t k = 0; k < t->classes && k < CLASSES_SHOWN; k++) one_class(b, t, k);
    add(b, "</tbody></table></div>\n");
}

static void facts(cull_buf *b, const cull_training *t)
{
    char v[32];
    add(b, "<h2>How it was made</h2>\n<table class=\"facts\"><tbody>\n");
    for (int i = 0; i + 1 < t->facts; i += 2) cull__page_fact(b, t->fact[i], t->fact[i + 1]);
    if (t->judged) {
        cull__page_fact(b, "negative log-likelihood", cull__human(t->judged->nll, v));
        cull__page_fact(b, "calibration error (15 bins)", cull__human(t->judged->ece, v));
        cull__page_fact(b, "Brier score", cull__human(t->judged->brier, v));
    }
    add(b, "</tbody></table>\n");
    cull__page_command(b, t->argv, t->argc);
    if (!t->text) return;
    add(b, "<h3>Model</h3>\n<pre>");
    cull__add_html(b, t->text);
    add(b, "</pre>\n");
}

cull_status cull_training_write(cull_ctx *cx, const cull_training *t, const char *path)
{
    cull_buf b = CULL_BUF(cx);
    if (!t->history || t->history->epochs < 1)
        return cull__fail(cx, CULL_EINPUT, "%s: a training of no epoch has no page", path);
    cull__page_open(&b, t->title);
    head(&b, t);
    curves(&b, t);
    classes(&b, t);
    epochs(&b, t->history);
    facts(&b, t);
    cull__page_close(&b);
    cull_status s = cull__write_buf(cx, path, &b);
    cull__buf_free(&b);
    return s;
}
