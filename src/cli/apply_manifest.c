/* apply_manifest.c - cull apply of the manifest of a checkpoint that was made smaller: the same choice once more. */
#include "cull/text.h"
#include "cull/weights.h"
#include "job.h"
#include "weights.h"

#include <inttypes.h>
#include <stdio.h>

int apply_manifest(cli *c)
{
    cull_checkpoint *ck;
    cull_weights_report r;
    char written[32];
    if (c->inputs != 2)
        return fail(c, USAGE, "%s is a manifest; apply wants the checkpoint behind it",
                    c->input[0]);
    if (c->outs != 1)
        return fail(c, USAGE, "apply of a manifest wants -o OUT: a .safetensors file, or a folder");
    if (one_file(c->out[0], c->input[0]) || one_file(c->out[0], c->input[1]))
        return fail(c, USAGE, "-o %s is also an input", c->out[0]);
    TRY(check(c, cull_checkpoint_open(c->cx, c->input[1], &ck)));
    const cull_checkpoint *const model[] = {ck};
    const cull_weights_problem p = {.model = model, .models = 1};
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
