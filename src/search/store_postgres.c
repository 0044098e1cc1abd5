/* store_postgres.c - a study on a PostgreSQL server. */
#include "search/store_kind.h"

static cull_status refuse(cull_ctx *cx, const char *where, bool make, bool sync,
                          const cull__study_facts *mine, bool *was, cull__study_facts *facts,
                          void **s)
{
    (void)make, (void)sync, (void)mine, (void)was, (void)facts, (void)s;
    return cull__fail(cx, CULL_ENODATA, "%s: cull was built without this kind of store", where);
}

const cull__store_kind cull__store_postgres = {.open = refuse};
