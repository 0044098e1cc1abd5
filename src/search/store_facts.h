/* store_facts.h - what the stores of src/search have in common. */
#ifndef CULL__STORE_FACTS_H
#define CULL__STORE_FACTS_H
#include "search/store_kind.h"

/* Facts whose strings lie in one block, `*text`, to be freed with cull__free. */
cull_status cull__facts_copy(cull_ctx *cx, const cull__study_facts *from, cull__study_facts *to,
                             char **text);
/* Sum of what exceeds 0, as people read it; NaN where there are no constraints. */
double cull__violation_sum(const double *violation, int n);
/* Widths and counts that a study can have; a store that says otherwise is damaged. */
bool cull__facts_sound(const cull__study_facts *f);
#endif
