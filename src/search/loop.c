/* loop.c - the loop over evaluators. */
#include "search/eval.h"

void cull_evaluator_free(cull_evaluator *e)
{
    if (e) e->fns->free(e);
}
