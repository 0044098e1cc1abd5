/* apply_experts.c - cull apply of a manifest of experts: the same choice on a checkpoint once more. */
#include "cull/weights.h"
#include "cull/text.h"
#include "job.h"
#include "weights.h"

#include <inttypes.h>
#include <stdio.h>

int apply_experts(cli *c)
{
    cull_weights_problem p = {.models = 1};
    cull_weights_report r;
    cull_checkpoint *ck;
    char written[32];
    if (c->inputs != 2)
        return fail(
            c, USAGE,
            "%s says which experts stay; apply wants the checkpoint that they are of behind "
            "it",
            c->input[0]);
    if (c->outs != 1) return fail(c, USAGE, "apply of experts wants one -o OUT");
    if (one_file(c->out[0], c->input[0]) || one_file(c->out[0], c->input[1]))
        return fail(c, USAGE, "-o %s is also an input", c->out[0]);
    TRY(check(c, cull_checkpoint_open(c->cx, c->input[1], &ck)));
    const cull_checkpoint *one = ck;
    p.model = &one;
    int rc = check(c, cull_weights_apply(c->cx, c->input[0], &p, c->out[0], &r));
    cull_checkpoint_free(ck);
    TRY(rc);
    if (!c->json) {
        talk(c, "applied   %" PRId64 " tensors, %s", r.tensors,
             cull_format_bytes(r.written, written));
        return DONE;
    }
    progress_end();
    printf("{\"tensors\":%" PRId64 ",\"written\":%" PRIu64 ",\"out\":", r.tensors, r.written);
    say_json_list(stdout, c->out, c->outs);
    puts("}");
    return flush_out(c);
}
