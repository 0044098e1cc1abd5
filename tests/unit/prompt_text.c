/* prompt_text: templates, scores, programs that answer, the cache, and prompts that are kept as JSON. */
#include "test.h"

#include "cull/prompt_text.h"
#include "cull/report.h"
#include "prompt/text.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/cull-prompt-XXXXXX";

static const char *in_dir(const char *name)
{
    static char path[4][200];
    static int at;
    at = (at + 1) % 4;
    snprintf(path[at], sizeof path[at], "%s/%s", dir, name);
    return path[at];
}

static const char *file(const char *name, const char *text)
{
    const char *path = in_dir(name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    chmod(path, 0755);
    return path;
}

static cull_ctx *plain(void)
{
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.threads = 1;
    return cull_ctx_new(&o);
}

/* ---- templates ---- */

static void fills(cull_ctx *cx, const char *prompt, const char *exemplar, int64_t k,
                  const char *want)
{
    cull__template t;
    const char *in[] = {"1+1", "2+2"}, *out[] = {"2", "4"};
    const cull__filling f = {"Add.", "3+3", k, in, out};
    cull_buf b = CULL_BUF(cx);
    ok(cx, cull__template_open(cx, prompt, exemplar, &t));
    cull__buf_add(&b, "", 0);
    cull__template_fill(&t, &f, &b);
    assert_int_equal(b.status, CULL_OK);
    assert_string_equal(b.at, want);
    cull__buf_free(&b);
    cull__template_free(&t);
}

static void templates(void **state)
{
    (void)state;
    cull_ctx *cx = plain();
    cull__template t;
    fills(cx, NULL, NULL, 0, "Add.\n\nInput: 3+3\nOutput:");
    fills(cx, NULL, NULL, 2,
          "Add.\n\nInput: 1+1\nOutput: 2\n\nInput: 2+2\nOutput: 4\n\nInput: 3+3\nOutput:");
    fills(cx, "{exemplars}Q {input} A ", NULL, 1, "Q 1+1 A 2\n\nQ 3+3 A ");
    fills(cx, "{input} {{x}} {instruction}", NULL, 1, "3+3 {x} Add.");
    fills(cx, "{input}? {exemplars}!", "[{input}={output}]", 2, "3+3? [1+1=2][2+2=4]!");
    fills(cx, "{exemplars}{{\"q\": \"{input}\"}}", "{input}:{output};", 1,
          "1+1:2;{\"q\": \"3+3\"}");
    cull__filling none = {"", "3+3", 0, NULL, NULL};
    cull_buf b = CULL_BUF(cx);
    ok(cx, cull__template_open(cx, NULL, NULL, &t));
    cull__template_fill(&t, &none, &b);
    assert_string_equal(b.at, "Input: 3+3\nOutput:"); /* no blank lines before it */
    cull__buf_free(&b);
    cull__template_free(&t);
    refused(cx, cull__template_open(cx, "a\n{imput} {input}", NULL, &t), CULL_EINPUT,
            "line 2: no {imput} here");
    refused(cx, cull__template_open(cx, "a {input", NULL, &t), CULL_EINPUT, "without its }");
    refused(cx, cull__template_open(cx, "{exemplars}", NULL, &t), CULL_EINPUT, "no {input}");
    refused(cx, cull__template_open(cx, "{input}{exemplars}", NULL, &t), CULL_EINPUT,
            "how an exemplar looks");
    refused(cx, cull__template_open(cx, "{input}", "{input}", &t), CULL_EINPUT, "{output}");
    refused(cx, cull__template_open(cx, "{input}{output}", NULL, &t), CULL_EINPUT,
            "no {output} here");
    refused(cx, cull__template_open(cx, "{input}\xff", NULL, &t), CULL_EINPUT, "UTF-8");
    cull_ctx_free(cx);
}

/* ---- scores ---- */

static void scores(void **state)
{
    (void)state;
    static const struct {
        cull_prompt_scoring how;
        const char *after, *target, *answer;
        int right;
    } of[] = {
        {CULL_PROMPT_EXACT, NULL, "Yes", " Yes\n", 1},
        {CULL_PROMPT_EXACT, NULL, "Yes", "yes", 0},
        {CULL_PROMPT_EXACT, NULL, "", " \n", 1},
        {CULL_PROMPT_NORMAL, NULL, "yes", "Yes.", 1},
        {CULL_PROMPT_NORMAL, NULL, "the Beatles", "Beatles!", 1},
        {CULL_PROMPT_NORMAL, NULL, "New York", "new   york", 1},
        {CULL_PROMPT_NORMAL, NULL, "New York", "newyork", 0},
        {CULL_PROMPT_NORMAL, NULL, "yes", "yes it is", 0},
        {CULL_PROMPT_NORMAL, NULL, "yes", "", 0},
        {CULL_PROMPT_NORMAL, NULL, "don't", "dont", 1},
        {CULL_PROMPT_NORMAL, NULL, "(A)", "a", 1},
        {CULL_PROMPT_NORMAL, NULL, "A", "B", 0}, /* an article is all there is: as it is */
        {CULL_PROMPT_NORMAL, NULL, "A", "", 0},
        {CULL_PROMPT_NORMAL, NULL, "A", "a cat", 0},
        {CULL_PROMPT_CONTAINS, NULL, "A", "It is (A), I think", 1},
        {CULL_PROMPT_NORMAL, NULL, "-", "+", 0},
        {CULL_PROMPT_NORMAL, NULL, "\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9.", 1},
        {CULL_PROMPT_NORMAL, "answer is", "yes", "The answer is no. No, the answer is yes.", 1},
        {CULL_PROMPT_NORMAL, "answer is", "yes", "yes", 1},
        {CULL_PROMPT_CONTAINS, NULL, "New York", "It is in new york, I think", 1},
        {CULL_PROMPT_CONTAINS, NULL, "york", "It is in new yorkshire", 0},
        {CULL_PROMPT_CONTAINS, NULL, "b c", "a b d b c", 1},
        {CULL_PROMPT_NUMBER, NULL, "42", "6 times 7 is 42.", 1},
        {CULL_PROMPT_NUMBER, NULL, "42", "42 or 43", 0},
        {CULL_PROMPT_NUMBER, NULL, "1234.5", "it costs $1,234.50", 1},
        {CULL_PROMPT_NUMBER, NULL, "-3", "x = -3", 1},
        {CULL_PROMPT_NUMBER, NULL, "3", "5-3", 1}, /* a difference, no -3 */
        {CULL_PROMPT_NUMBER, NULL, "#### 18", "18", 1},
        {CULL_PROMPT_NUMBER, NULL, "1e3", "1000", 1},
        {CULL_PROMPT_NUMBER, NULL, ".5", "0.5", 1},
        {CULL_PROMPT_NUMBER, NULL, "5", "none", 0},
        {CULL_PROMPT_NUMBER, NULL, "1,2", "2", 1}, /* a list, no group of three */
        {CULL_PROMPT_NUMBER, NULL, "7", "7e", 1},
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        if (cull_prompt_score_of(of[i].how, of[i].after, of[i].target, of[i].answer) != of[i].right)
            fail_msg("%s: '%s' for '%s' is not %d", cull_prompt_scoring_name(of[i].how),
                     of[i].answer, of[i].target, of[i].right);
}

/* ---- rows ---- */

static void rows(void **state)
{
    (void)state;
    cull_ctx *cx = plain();
    cull_prompt_rows r;
    const char *path = file("r.jsonl", "{\"input\":\"a\\nb\",\"target\":7}\n\n"
                                       "{\"input\":\"\",\"target\":\"x\"}\n"
                                       "{\"target\":7,\"input\":\"c\"}\n");
    ok(cx, cull_prompt_rows_open(cx, path, NULL, NULL, &r));
    assert_int_equal(r.n, 3);
    assert_string_equal(r.input[0], "a\nb");
    assert_string_equal(r.input[1], "");
    assert_string_equal(r.target[0], "7");
    assert_string_equal(r.target[1], "x");
    assert_string_equal(r.target[2], "7");
    cull_prompt_rows_free(&r);
    path = file("r.csv", "q,a\n1+1,2\n\"x, y\",z\n");
    ok(cx, cull_prompt_rows_open(cx, path, "q", "a", &r));
    assert_string_equal(r.input[1], "x, y");
    assert_string_equal(r.target[1], "z");
    cull_prompt_rows_free(&r);
    refused(cx, cull_prompt_rows_open(cx, path, NULL, "a", &r), CULL_EINPUT, "input");
    path = file("w.jsonl", "{\"input\":\"a\",\"target\":\"b\"}\n{\"input\":\"a\"}\n");
    refused(cx, cull_prompt_rows_open(cx, path, NULL, NULL, &r), CULL_EINPUT, "w.jsonl:2");
    path = file("z.jsonl", "{\"input\":\"a\\u0000\",\"target\":\"b\"}\n");
    refused(cx, cull_prompt_rows_open(cx, path, NULL, NULL, &r), CULL_EINPUT, "NUL");
    path = file("i.txt", "One.\n\nTwo {x}.\n");
    ok(cx, cull_prompt_instructions_open(cx, path, &r));
    assert_int_equal(r.n, 2);
    assert_string_equal(r.input[1], "Two {x}.");
    cull_prompt_rows_free(&r);
    path = file("i.jsonl", "{\"instruction\":\"One\\ntwo\"}\n");
    ok(cx, cull_prompt_instructions_open(cx, path, &r));
    assert_string_equal(r.input[0], "One\ntwo");
    cull_prompt_rows_free(&r);
    cull_ctx_free(cx);
}

/* ---- a task: parity of a number, by what exemplars say of its last digit ---- */

enum { VAL = 40, TEST = 15 };
typedef struct {
    char text[VAL + TEST][16];
    const char *in[VAL + TEST], *target[VAL + TEST];
    cull_prompt_rows val, test;
} numbers;

static void make(numbers *n)
{
    for (int i = 0; i < VAL + TEST; i++) {
        snprintf(n->text[i], sizeof n->text[i], "number %d", (i * 37 + 5) % 100);
        n->in[i] = n->text[i];
        n->target[i] = (i * 37 + 5) % 2 ? "odd" : "even";
    }
    n->val = (cull_prompt_rows){VAL, n->in, n->target, NULL};
    n->test = (cull_prompt_rows){TEST, n->in + VAL, n->target + VAL, NULL};
}

/* Exemplars of the same last digit are believed, the last first; else every third number is odd. */
static const char *answer_of(const char *prompt)
{
    const char *last = strrchr(prompt, ' '), *at = prompt, *said = NULL;
    for (const char *p = prompt; (p = strstr(p, "number ")); p++) last = p;
    int v = atoi(last + 7);
    for (; (at = strstr(at, "number ")) && at != last; at++) {
        const char *out = strstr(at, "Output: ");
        if (out && atoi(at + 7) % 10 == v % 10)
            said = !strncmp(out + 8, "even", 4) ? "even" : "odd";
    }
    return said ? said : v % 3 == 0 ? "odd" : "even";
}

typedef struct {
    int64_t calls, at_most;
    char *text[4000];
    int64_t texts;
    bool once; /* a row is never shown to itself: its number stands once */
} seen;

static cull_status answers(void *user, const char *const *prompt, int64_t n, cull_prompt_answer *a)
{
    seen *s = user;
    for (int64_t i = 0; i < n; i++) {
        const char *last = prompt[i];
        for (const char *p = prompt[i]; (p = strstr(p, "number ")); p++) last = p;
        char query[20];
        snprintf(query, sizeof query, "number %d\n", atoi(last + 7));
        if (s->once) assert_ptr_equal(strstr(prompt[i], query), last);
        if (s->texts < 4000) s->text[s->texts++] = strdup(prompt[i]);
        s->calls++;
        CULL_TRY(cull_prompt_answer_put(a, i, answer_of(prompt[i])));
    }
    return CULL_OK;
}

static void forget(seen *s)
{
    for (int64_t i = 0; i < s->texts; i++) free(s->text[i]);
    *s = (seen){0};
}

static const char *const told[] = {"Even or odd?", "Is it even or odd?"};

static cull_prompt_task_opts task_opts(const numbers *n, seen *s)
{
    cull_prompt_task_opts o = CULL_PROMPT_TASK_OPTS;
    o.val = &n->val, o.test = &n->test;
    o.instruction = told, o.instructions = 2;
    o.answer = s ? answers : NULL;
    o.user = s;
    return o;
}

/* A function: each prompt is asked once, none shows a row to itself, what is kept makes the prompts of the test. */
static void functions(void **state)
{
    (void)state;
    numbers n;
    make(&n);
    for (int s = 0; s < CULL_PROMPT_STRATEGIES; s++) {
        cull_ctx *cx = plain();
        seen met = {.once = true};
        cull_prompt_task_opts o = task_opts(&n, &met);
        cull_prompt_opts so = CULL_PROMPT_OPTS;
        cull_prompt_task *t;
        cull_prompt_result r;
        cull_prompt_saved *kept;
        cull_prompt_calls calls;
        so.strategy = (cull_prompt_strategy)s;
        so.budget = 12;
        ok(cx, cull_prompt_task_open(cx, &o, &t));
        ok(cx, cull_prompt_task_search(cx, t, &so, &r));
        cull_prompt_task_calls(t, &calls);
        assert_int_equal(calls.made, met.calls);
        assert_true(calls.made <= r.calls + r.test_calls);
        for (int64_t i = 0; i < met.texts; i++)
            for (int64_t j = 0; j < i; j++) assert_string_not_equal(met.text[i], met.text[j]);
        const char *path = in_dir("best.json");
        ok(cx, cull_prompt_write(cx, t, &so, &r, path));
        ok(cx, cull_prompt_read(cx, path, &kept));
        for (int i = 0; i < TEST; i++) {
            char *text;
            bool was = false;
            ok(cx, cull_prompt_saved_text(cx, kept, n.test.input[i], &text));
            for (int64_t j = 0; j < met.texts; j++) was |= !strcmp(met.text[j], text);
            assert_true(was);
            cull_text_free(text);
        }
        cull_prompt_saved_free(kept);
        cull_prompt_result_free(&r);
        cull_prompt_task_free(t);
        forget(&met);
        cull_ctx_free(cx);
    }
}

/* The exemplars' own text is the model's: what it said, not the target. */
static cull_status wordy(void *user, const char *const *prompt, int64_t n, cull_prompt_answer *a)
{
    char text[80];
    (void)user;
    for (int64_t i = 0; i < n; i++) {
        snprintf(text, sizeof text, "Let me see. The answer is %s.\n", answer_of(prompt[i]));
        CULL_TRY(cull_prompt_answer_put(a, i, text));
    }
    return CULL_OK;
}

static void own_words(void **state)
{
    (void)state;
    numbers n;
    make(&n);
    for (int labels = 0; labels < 2; labels++) {
        cull_ctx *cx = plain();
        cull_prompt_task_opts o = task_opts(&n, NULL);
        cull_prompt_opts so = CULL_PROMPT_OPTS;
        cull_prompt_task *t;
        cull_prompt_result r;
        o.answer = wordy, o.after = "answer is", o.labels = labels;
        so.strategy = CULL_PROMPT_RANDOM;
        ok(cx, cull_prompt_task_open(cx, &o, &t));
        ok(cx, cull_prompt_task_search(cx, t, &so, &r));
        assert_int_equal(r.k, 3);
        for (int64_t i = 0; i < r.k; i++) {
            const char *in, *out;
            cull_prompt_task_exemplar(t, r.exemplar[i], &in, &out);
            assert_string_equal(in, n.in[r.exemplar[i]]);
            if (labels)
                assert_string_equal(out, n.target[r.exemplar[i]]);
            else
                assert_non_null(strstr(out, "Let me see. The answer is"));
            assert_non_null(strstr(out, n.target[r.exemplar[i]]));
        }
        cull_prompt_result_free(&r);
        cull_prompt_task_free(t);
        cull_ctx_free(cx);
    }
}

/* ---- programs ---- */

/* As answer_of, and a line in a log for each call. */
static const char model_sh[] =
    "#!/bin/sh\n"
    "text=$(cat)\n"
    "echo x >>\"$1\"\n"
    "n=${text##*number }; n=${n%%[!0-9]*}\n"
    "v=${n#${n%?}}; said=\n"
    "before=\n"
    "printf '%s\\n' \"$text\" | awk -v n=\"$n\" '\n"
    "/^Input: number / { q = $3 } /^Output: / { if (q % 10 == n % 10) said = $2 }\n"
    "END { print said != \"\" ? said : n % 3 == 0 ? \"odd\" : \"even\" }'\n";

static int64_t lines_of(const char *path)
{
    FILE *f = fopen(path, "r");
    int64_t lines = 0;
    int c;
    if (!f) return 0;
    while ((c = getc(f)) != EOF) lines += c == '\n';
    fclose(f);
    return lines;
}

typedef struct {
    double val, test;
    int64_t k, exemplar[8], calls, made, cached;
} summary;

static summary searched(cull_ctx *cx, const cull_prompt_task_opts *o, const cull_prompt_opts *so)
{
    cull_prompt_task *t;
    cull_prompt_result r;
    cull_prompt_calls calls;
    summary s = {0};
    ok(cx, cull_prompt_task_open(cx, o, &t));
    ok(cx, cull_prompt_task_search(cx, t, so, &r));
    cull_prompt_task_calls(t, &calls);
    s.val = r.val.mean, s.test = r.test.mean, s.k = r.k, s.calls = r.calls;
    for (int64_t i = 0; i < r.k && i < 8; i++) s.exemplar[i] = r.exemplar[i];
    s.made = calls.made, s.cached = calls.cached;
    assert_int_equal(calls.failed, 0);
    cull_prompt_result_free(&r);
    cull_prompt_task_free(t);
    return s;
}

static void same_choice(const summary *a, const summary *b)
{
    assert_true(a->val == b->val && a->test == b->test);
    assert_int_equal(a->k, b->k);
    assert_int_equal(a->calls, b->calls);
    assert_memory_equal(a->exemplar, b->exemplar, sizeof a->exemplar);
}

/* A program, with 1 and 4 workers, is as the function is; with a cache the second search costs nothing. */
static void programs(void **state)
{
    (void)state;
    numbers n;
    make(&n);
    cull_ctx *cx = plain();
    seen met = {0};
    char log[200];
    snprintf(log, sizeof log, "%s", in_dir("log"));
    cull_prompt_task_opts o = task_opts(&n, &met);
    cull_prompt_opts so = CULL_PROMPT_OPTS;
    so.budget = 4;
    summary by_function = searched(cx, &o, &so);
    const char *argv[] = {file("model.sh", model_sh), log, NULL};
    o = task_opts(&n, NULL);
    o.argv = argv;
    o.cache = in_dir("cache.db");
    char cache[200];
    snprintf(cache, sizeof cache, "%s", o.cache);
    o.cache = cache;
    for (int workers = 4; workers >= 1; workers -= 3) {
        o.workers = workers;
        summary s = searched(cx, &o, &so);
        same_choice(&s, &by_function);
        if (workers == 4) {
            assert_int_equal(s.made, met.calls);
            assert_int_equal(lines_of(log), met.calls);
        } else {
            assert_int_equal(s.made, 0);
            assert_int_equal(lines_of(log), met.calls);
        }
    }
    o.cache = NULL; /* without it, one worker pays all again */
    summary s = searched(cx, &o, &so);
    same_choice(&s, &by_function);
    assert_int_equal(lines_of(log), 2 * met.calls);
    forget(&met);
    cull_ctx_free(cx);
}

/* Killed at any moment, the search goes on from what was answered, and ends as it would have. */
static void killed(void **state)
{
    (void)state;
    numbers n;
    make(&n);
    cull_ctx *cx = plain();
    char log[200], cache[200];
    snprintf(log, sizeof log, "%s", in_dir("killed.log"));
    snprintf(cache, sizeof cache, "%s", in_dir("killed.db"));
    const char *argv[] = {file("model.sh", model_sh), log, NULL};
    cull_prompt_task_opts o = task_opts(&n, NULL);
    cull_prompt_opts so = CULL_PROMPT_OPTS;
    so.budget = 4;
    o.argv = argv, o.workers = 2;
    summary whole = searched(cx, &o, &so);
    unlink(log);
    o.cache = cache;
    int kills = 0;
    for (int64_t until = 20; until <= 80; until += 30) {
        pid_t pid = fork();
        if (pid == 0) {
            cull_ctx *mine = plain();
            searched(mine, &o, &so);
            _exit(0);
        }
        for (int i = 0; i < 10000 && lines_of(log) < until; i++) usleep(2000);
        kill(pid, SIGKILL);
        int status;
        waitpid(pid, &status, 0);
        kills += WIFSIGNALED(status);
    }
    assert_int_equal(kills, 3);
    int64_t before = lines_of(log);
    summary s = searched(cx, &o, &so);
    same_choice(&s, &whole);
    assert_true(s.cached >= before - 3 * 2 &&
                s.cached > 0); /* lost: what two workers had under way */
    assert_int_equal(s.made + s.cached, whole.made + whole.cached);
    cull_ctx_free(cx);
}

static const char stay_sh[] =
    "#!/bin/sh\n"
    "while read -r line; do\n"
    "  echo started >&2\n"
    "  echo 'not JSON'\n"
    "  case $line in\n"
    "  *'number 9'*) echo '{\"failed\": \"no nines\"}' ;;\n"
    "  *'number 2'*) exit 3 ;;\n"
    "  *) echo '{\"id\": 99999, \"answer\": \"odd\"}'; echo '{\"answer\": \"even \"}' ;;\n"
    "  esac\n"
    "done\n";

typedef struct {
    char answer[64][80], note[64][200];
    int times[64];
} came;

static cull_status note_down(cull_ctx *cx, void *user, int64_t i, const char *answer,
                             const char *note)
{
    came *c = user;
    (void)cx;
    snprintf(c->answer[i], 80, "%s", answer ? answer : "(failed)");
    snprintf(c->note[i], 200, "%s", note ? note : "");
    c->times[i]++;
    return CULL_OK;
}

static void run_texts(cull_ctx *cx, const char *path, bool stay, double timeout, int retries,
                      int workers, int n, came *out)
{
    const char *argv[] = {path, in_dir("counted"), NULL}, *text[64];
    static char each[64][40];
    cull__calls *c;
    for (int i = 0; i < n; i++) {
        snprintf(each[i], sizeof each[i], "number %d", i);
        text[i] = each[i];
    }
    const cull__calls_opts o = {argv, NULL, stay, timeout, retries, workers};
    *out = (came){0};
    ok(cx, cull__calls_open(cx, &o, &c));
    ok(cx, cull__calls_run(cx, c, text, n, note_down, out));
    for (int i = 0; i < n; i++) assert_int_equal(out->times[i], 1);
    cull__calls_close(c);
}

static void stays(void **state)
{
    (void)state;
    cull_ctx *cx = plain();
    came c;
    for (int workers = 1; workers <= 3; workers += 2) {
        run_texts(cx, file("stay.sh", stay_sh), true, 5, 1, workers, 20, &c);
        for (int i = 0; i < 20; i++) {
            if (i == 9) {
                assert_string_equal(c.note[i], "no nines");
            } else if (i == 2) {
                assert_non_null(strstr(c.note[i], "ended before its answer, exit status 3"));
            } else {
                assert_string_equal(c.answer[i], "even");
            }
        }
    }
    cull_ctx_free(cx);
}

static void calls_fail(void **state)
{
    (void)state;
    cull_ctx *cx = plain();
    came c;
    /* fails once for each text, then answers; text 5 hangs, 6 is no text, 7 prints no end, 8 leaves a child behind */
    const char *path = file("fails.sh", "#!/bin/sh\nread -r n || true\n"
                                        "case $n in\n"
                                        "*' 5') sleep 30 ;;\n"
                                        "*' 6') printf '\\377'; exit 0 ;;\n"
                                        "*' 7') yes; exit 0 ;;\n"
                                        "*' 8') (sleep 30 &) ; echo left; exit 0 ;;\n"
                                        "esac\n"
                                        "f=\"$1.$(echo $n | tr ' ' _)\"\n"
                                        "test -e $f || { : >$f; echo not yet >&2; exit 7; }\n"
                                        "echo \"got $n\"\n");
    run_texts(cx, path, false, 1, 1, 4, 12, &c);
    assert_string_equal(c.answer[0], "got number 0");
    assert_string_equal(c.answer[11], "got number 11");
    assert_non_null(strstr(c.note[5], "longer than 1 s"));
    assert_non_null(strstr(c.note[6], "UTF-8"));
    assert_non_null(strstr(c.note[7], "more than"));
    assert_string_equal(c.answer[8], "left");
    const char *argv[] = {file("never.sh", "#!/bin/sh\necho broken >&2; exit 4\n"), NULL};
    const char *text[30];
    for (int i = 0; i < 30; i++) text[i] = "x";
    const cull__calls_opts o = {argv, NULL, false, 0, 0, 2};
    cull__calls *calls;
    ok(cx, cull__calls_open(cx, &o, &calls));
    refused(cx, cull__calls_run(cx, calls, text, 30, note_down, &c), CULL_EINPUT,
            "the first 10 calls all failed; the last: exit status 4: broken");
    cull__calls_close(calls);
    const char *none[] = {"/nowhere/llm", NULL};
    const cull__calls_opts bad = {none, NULL, false, 0, 0, 2};
    refused(cx, cull__calls_open(cx, &bad, &calls), CULL_EINPUT, "there is no such program");
    cull_ctx_free(cx);
}

/* ---- judges and proposers ---- */

static void judges_and_proposers(void **state)
{
    (void)state;
    numbers n;
    make(&n);
    cull_ctx *cx = plain();
    seen met = {0};
    cull_prompt_task_opts o = task_opts(&n, &met);
    cull_prompt_opts so = CULL_PROMPT_OPTS;
    cull_prompt_task *t;
    cull_prompt_result r;
    const char *judge[] = {file("judge.sh",
                                "#!/bin/sh\nread -r l\n"
                                "case $l in *'\"target\":\"even\",\"answer\":\"even\"'*)"
                                " echo 1 ;; *) echo 0.25 ;; esac\n"),
                           NULL};
    o.judge = judge;
    so.strategy = CULL_PROMPT_NONE;
    so.budget = 2;
    ok(cx, cull_prompt_task_open(cx, &o, &t));
    ok(cx, cull_prompt_task_search(cx, t, &so, &r));
    double want = 0;
    for (int i = 0; i < VAL; i++)
        want += !strcmp(n.target[i], "even") && !strcmp(answer_of(n.in[i]), "even") ? 1 : 0.25;
    assert_true(fabs(r.val.mean - want / VAL) < 1e-12);
    cull_prompt_result_free(&r);
    cull_prompt_task_free(t);
    const char *nonsense[] = {file("nonsense.sh", "#!/bin/sh\necho good\n"), NULL};
    o.judge = nonsense;
    ok(cx, cull_prompt_task_open(cx, &o, &t));
    refused(cx, cull_prompt_task_search(cx, t, &so, &r), CULL_EINPUT, "printed 'good'");
    cull_prompt_task_free(t);
    o.judge = NULL;
    const char *proposer[] = {
        file("propose.sh", "#!/bin/sh\necho \"Think about $(grep -c '^Score: ') of them.\"\n"),
        NULL};
    o.propose = proposer;
    so.budget = 5;
    ok(cx, cull_prompt_task_open(cx, &o, &t));
    ok(cx, cull_prompt_task_search(cx, t, &so, &r));
    assert_true(r.proposals >= 2);
    assert_string_equal(cull_prompt_task_instruction(t, 2), "Think about 2 of them.");
    assert_string_equal(cull_prompt_task_instruction(t, 3), "Think about 3 of them.");
    assert_true(r.calls <= 5 * VAL);
    cull_prompt_result_free(&r);
    cull_prompt_task_free(t);
    forget(&met);
    cull_ctx_free(cx);
}

/* ---- what goes wrong ---- */

static void wrong(void **state)
{
    (void)state;
    numbers n;
    make(&n);
    cull_ctx *cx = plain();
    seen met = {0};
    cull_prompt_task_opts o = task_opts(&n, &met);
    cull_prompt_opts so = CULL_PROMPT_OPTS;
    cull_prompt_task *t;
    cull_prompt_result r;
    cull_prompt_saved *s;
    const char *argv[] = {"/bin/cat", NULL};
#define OPEN(part)                                                                                 \
    do {                                                                                           \
        refused(cx, cull_prompt_task_open(cx, &o, &t), CULL_EINPUT, part);                         \
        assert_null(t);                                                                            \
    } while (0)
    o.argv = argv;
    OPEN("one of them is the model");
    o.argv = NULL, o.answer = NULL;
    OPEN("there is no model");
    o.answer = answers;
    o.val = NULL;
    OPEN("no validation rows");
    cull_prompt_rows no_target = {2, n.in, NULL, NULL};
    o.val = &no_target;
    OPEN("validation, row 0 (from 0): there is no target");
    o.val = &n.val;
    o.cache = in_dir("unnamed.db");
    OPEN("give an id that names it");
    o.id = "";
    OPEN("give an id that names it");
    o.id = "toy";
    o.cache =
        file("not.db", "this is a text, and no cache at all, of more than a hundred bytes, so "
                       "that its head is read as one of SQLite's would be");
    OPEN("no SQLite file");
    o.cache = dir;
    OPEN("no regular file");
    o.cache = o.id = NULL;
    o.template_ = "{instruction} {input}";
    ok(cx, cull_prompt_task_open(cx, &o, &t));
    refused(cx, cull_prompt_task_search(cx, t, &so, &r), CULL_EINPUT, "no {exemplars}");
    cull_prompt_task_free(t);
    o.template_ = "{exemplars}{input}";
    ok(cx, cull_prompt_task_open(cx, &o, &t));
    refused(cx, cull_prompt_task_search(cx, t, &so, &r), CULL_EINPUT, "no {instruction}");
    cull_prompt_task_free(t);
    static const char *const saved[][2] = {
        {"", "bad.json"},
        {"[]", "no JSON object"},
        {"{\"form\":\"x\"}", "its form is 'x'"},
        {"{\"form\":\"cull prompt 1\"}", "no text 'instruction'"},
        {"{\"form\":\"cull prompt 1\",\"instruction\":\"\",\"template\":\"x\"}", "no {input}"},
        {"{\"form\":\"cull prompt 1\",\"instruction\":\"\",\"template\":\"{input}\"}",
         "no list 'exemplars'"},
        {"{\"form\":\"cull prompt "
         "1\",\"instruction\":\"\",\"template\":\"{input}\",\"exemplars\":[1]}",
         "no object"},
        {"{\"form\":\"cull prompt "
         "1\",\"instruction\":\"\",\"template\":\"{input}\",\"exemplars\":[],"
         "\"nearest\":2}",
         "'nearest'"},
    };
    for (size_t i = 0; i < sizeof saved / sizeof *saved; i++)
        refused(cx, cull_prompt_read(cx, file("bad.json", saved[i][0]), &s), CULL_EINPUT,
                saved[i][1]);
    cull_ctx_free(cx);
}

static void memory_fails(void **state)
{
    (void)state;
    numbers n;
    make(&n);
    for (int strategy = CULL_PROMPT_NEAREST; strategy <= CULL_PROMPT_MUTATE;
         strategy += CULL_PROMPT_MUTATE - CULL_PROMPT_NEAREST)
        for (long at = 0, calls = 1; at <= calls; at += at < 90 ? 1 : 41) {
            hooks h = {.fail_at = at};
            cull_ctx *cx = hooked_ctx(&h, 1);
            if (!cx) continue;
            seen met = {0};
            cull_prompt_task_opts o = task_opts(&n, &met);
            cull_prompt_opts so = CULL_PROMPT_OPTS;
            cull_prompt_task *t = NULL;
            cull_prompt_result r = {0};
            cull_prompt_saved *kept = NULL;
            char *text = NULL;
            so.strategy = (cull_prompt_strategy)strategy;
            so.budget = 4, so.draws = 5;
            const char *path = in_dir("memory.json");
            cull_status s = cull_prompt_task_open(cx, &o, &t);
            if (s == CULL_OK) s = cull_prompt_task_search(cx, t, &so, &r);
            if (s == CULL_OK) s = cull_prompt_write(cx, t, &so, &r, path);
            if (s == CULL_OK) s = cull_prompt_read(cx, path, &kept);
            if (s == CULL_OK) s = cull_prompt_saved_text(cx, kept, "number 12", &text);
            if (!at) {
                ok(cx, s);
                calls = h.calls;
            }
            if (s != CULL_ENOMEM) assert_int_equal(s, CULL_OK);
            cull_text_free(text);
            cull_prompt_saved_free(kept);
            cull_prompt_result_free(&r);
            cull_prompt_task_free(t);
            forget(&met);
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
        }
}

static int enter(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int leave(void **state)
{
    char command[300];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates),  cmocka_unit_test(scores),
        cmocka_unit_test(rows),       cmocka_unit_test(functions),
        cmocka_unit_test(own_words),  cmocka_unit_test(programs),
        cmocka_unit_test(killed),     cmocka_unit_test(stays),
        cmocka_unit_test(calls_fail), cmocka_unit_test(judges_and_proposers),
        cmocka_unit_test(wrong),      cmocka_unit_test(memory_fails),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
