/* page.c - the frame of a page and the parts that every page has. One file, nothing loaded, nothing
 * that runs; light or dark as the reader's system is. */
#include "report/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 100 }; /* notes, inputs, words of a command: a page stays a page */

static void add(cull_buf *b, const char *s) { cull__buf_add(b, s, strlen(s)); }

static const char style[] =
    ":root{color-scheme:light dark;--bg:#fff;--ink:#1b1f24;--soft:#5b6470;--line:#e3e6ea;"
    "--card:#f6f7f9;--kept:#1d6fb8;--pool:#9aa3ad;--third:#b8541d;--fourth:#3a8f5c;--fifth:#8a4fb5}"
    "\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#14171a;--ink:#e6e9ec;--soft:#98a1ab;"
    "--line:#2b3036;--card:#1c2024;--kept:#5aa9ea;--pool:#737c86;--third:#e58a55;--fourth:#63b986;"
    "--fifth:#b98ae0}}\n"
    "*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);"
    "font:15px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,\"DejaVu Sans\",sans-serif}\n"
    "main{max-width:860px;margin:0 auto;padding:36px 20px 64px}\n"
    "h1{font-size:26px;line-height:1.25;margin:0 0 4px;font-weight:650}"
    "h2{font-size:17px;margin:40px 0 10px;font-weight:650}"
    "h3{font-size:14px;margin:18px 0 6px;font-weight:600;color:var(--soft)}\n"
    "p{margin:0 0 10px}.sub{color:var(--soft)}ul{margin:10px 0;padding-left:20px}\n"
    ".cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:10px;"
    "margin:22px 0 0}.card{background:var(--card);border:1px solid var(--line);border-radius:8px;"
    "padding:10px 14px}.card b{display:block;font-size:18px;font-weight:600;"
    "font-variant-numeric:tabular-nums;overflow-wrap:anywhere}.card span{color:var(--soft);"
    "font-size:13px}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:14px}"
    "th,td{text-align:left;padding:6px 8px;border-bottom:1px solid var(--line);"
    "vertical-align:top;overflow-wrap:anywhere;unicode-bidi:isolate}"
    "th:first-child,td:first-child{padding-left:0}th{font-weight:600;color:var(--soft);white-space:"
    "nowrap}"
    ".n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    "tr.strong td{font-weight:650}.facts th{width:150px}.text td:last-child{color:var(--soft);"
    "width:60%}\n"
    "code,pre{font:13px/1.5 ui-monospace,\"DejaVu Sans Mono\",monospace}pre{background:var(--card);"
    "border:1px solid var(--line);border-radius:8px;padding:12px "
    "14px;margin:0;white-space:pre-wrap;"
    "overflow-wrap:anywhere}\n"
    "svg{display:block;width:100%;height:auto;margin:4px 0 8px;font:12px system-ui,-apple-system,"
    "\"Segoe UI\",Roboto,\"DejaVu Sans\",sans-serif}svg text{fill:var(--ink)}svg "
    ".tick{fill:var(--soft)}"
    "svg .strong{font-weight:650}svg .num{font-variant-numeric:tabular-nums}"
    ".grid{stroke:var(--line);stroke-width:1}.kept{fill:var(--kept);stroke:var(--kept)}"
    ".pool{fill:var(--pool);stroke:var(--pool)}.third{fill:var(--third);stroke:var(--third)}"
    ".fourth{fill:var(--fourth);stroke:var(--fourth)}.fifth{fill:var(--fifth);stroke:var(--fifth)}"
    "rect.kept,rect.pool,path.pool{stroke:none}path.pool{fill-opacity:.5}"
    ".area{fill-opacity:.35;stroke-width:1.5}.whisker{stroke-width:2.5;stroke-linecap:round}"
    ".on{paint-order:stroke;stroke:var(--bg);stroke-width:3px}.run{fill:var(--bg);stroke-width:1.2}"
    ".curve{fill:none;stroke-width:2.2;"
    "stroke-linejoin:round}\n"
    "footer{margin-top:44px;padding-top:12px;border-top:1px solid var(--line);color:var(--soft);"
    "font-size:13px}\n"
    "@media(max-width:600px){.wide svg{min-width:560px}td code{display:block;min-width:230px}}\n"
    "@media print{main{max-width:none;padding:0}}\n";

void cull__page_open(cull_buf *b, const char *title)
{
    add(b, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
           "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>");
    cull__add_html(b, title);
    add(b, "</title>\n<style>\n");
    add(b, style);
    add(b, "</style>\n</head>\n<body>\n<main>\n");
}

void cull__page_close(cull_buf *b)
{
    add(b, "<footer>Written by cull ");
    add(b, cull_version());
    add(b, ". This page loads nothing from elsewhere.</footer>\n</main>\n</body>\n</html>\n");
}

void cull__page_fact(cull_buf *b, const char *name, const char *value)
{
    if (!value || !*value) return;
    add(b, "<tr><th scope=\"row\">");
    cull__add_html(b, name);
    add(b, "</th><td>");
    cull__add_html(b, value);
    add(b, "</td></tr>\n");
}

void cull__page_command(cull_buf *b, const char *const *argv, int argc)
{
    if (argc < 1) return;
    cull_buf line = CULL_BUF(b->cx);
    for (int i = 0; i < argc && i < MOST; i++) {
        if (i) cull__buf_add(&line, " ", 1);
        cull__add_shell(&line, argv[i]);
    }
    if (argc > MOST) cull__buf_printf(&line, " ... and %d more", argc - MOST);
    if (line.status != CULL_OK && b->status == CULL_OK) b->status = line.status;
    add(b, "<h3>Command</h3>\n<pre>");
    cull__add_html(b, line.at ? line.at : "");
    add(b, "</pre>\n");
    cull__buf_free(&line);
}

void cull__page_inputs(cull_buf *b, const cull_run_input *in, int n)
{
    char rows[32], bytes[32];
    if (n < 1) return;
    add(b, "<h3>Inputs</h3>\n<div class=\"wide\"><table><thead><tr><th>role</th><th>file</th>"
           "<th class=\"n\">rows</th><th class=\"n\">size</th><th>XXH3-128</th></tr></thead>"
           "<tbody>\n");
    for (int i = 0; i < n && i < MOST; i++) {
        const cull_input_file *f = &in[i].file;
        add(b, "<tr><td>");
        cull__add_html(b, in[i].role ? in[i].role : "");
        add(b, "</td><td>");
        cull__add_html(b, f->path ? f->path : "");
        cull__buf_printf(b, "</td><td class=\"n\">%s</td><td class=\"n\">%s</td><td><code>",
                         cull__count(f->rows, rows), cull__format_bytes(f->bytes, bytes));
        cull__add_html(b, f->hash);
        add(b, "</code></td></tr>\n");
    }
    add(b, "</tbody></table></div>\n");
    if (n > MOST) cull__buf_printf(b, "<p class=\"sub\">and %d more</p>\n", n - MOST);
}

void cull__page_notes(cull_buf *b, const char *const *note, int n)
{
    if (n < 1) return;
    add(b, "<ul>\n");
    for (int i = 0; i < n && i < MOST; i++) {
        add(b, "<li>");
        cull__add_html_cut(b, note[i], 2 * CULL__SNIPPET);
        add(b, "</li>\n");
    }
    if (n > MOST) cull__buf_printf(b, "<li>and %d more</li>\n", n - MOST);
    add(b, "</ul>\n");
}
