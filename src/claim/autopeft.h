/* autopeft.h - the second half of autopeft's check: adapters of a small language model (autopeft_text.c). */
#ifndef CULL__CLAIM_AUTOPEFT_H
#define CULL__CLAIM_AUTOPEFT_H
#include "claim/claim.h"

/* gp as the paper has it, but for a fifth of its first points. */
#define CULL__PEFT_OPTIONS "startup=20 even=no sparse=yes scale=ranks looks=2000"

/* How large the check is; tests take a smaller one. */
typedef struct {
    int64_t width, heads, context, batch;
    int64_t pretrain, steps; /* of training; of each adaptation */
    int64_t trials;          /* of the search */
    const char *options;     /* of gp */
    int64_t dev, test;       /* sequences */
} cull__peft_scale;
extern const cull__peft_scale cull__peft_full;

enum { CULL__PEFT_MODULES = 3, CULL__PEFT_SIZES = 10 };
typedef struct {
    double numbers, dev, test; /* trained numbers; nats a character on either text */
} cull__adaptation;
/* Of one seed: single modules at the size of the best dev loss, and whether a point of the front that was found has no
 * more numbers and no larger test loss. */
typedef struct {
    cull__adaptation single[CULL__PEFT_MODULES], whole,
        least; /* whole: every tensor trained; least: the front's best */
    bool dominated[CULL__PEFT_MODULES];
    double margin[CULL__PEFT_MODULES]; /* least test loss of such a point, less the module's */
    double before;                     /* test loss, nothing adapted */
    int64_t front;                     /* points of it */
} cull__peft_verdict;
/* text[0..n): pretraining is on its first 60 %, adaptation on the next 20 %, dev and test on 10 % each. verdict (seeds). */
cull_status cull__peft_judge(cull_ctx *cx, const uint8_t *text, int64_t n,
                             const cull__peft_scale *scale, int seeds, cull__peft_verdict *verdict);
#endif
