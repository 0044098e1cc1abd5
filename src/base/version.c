/* version.c - what this build is made of. */
#include "base/base.h"

#include <sqlite3.h>
#include <zlib.h>
#include <zstd.h>

#include <xxhash.h>
#if CULL_HAVE_DNNL
#include <oneapi/dnnl/dnnl_version.h>
#endif

#define STR_(x) #x
#define STR(x) STR_(x)

const char *cull_version(void) { return CULL_VERSION; }

const char *cull_build(void)
{
    return "cull " CULL_VERSION ", OpenBLAS " CULL_OPENBLAS_VERSION
#if CULL_HAVE_DNNL
           ", oneDNN " STR(DNNL_VERSION_MAJOR) "." STR(DNNL_VERSION_MINOR) "." STR(
               DNNL_VERSION_PATCH)
#endif
               ", simdjson " CULL_SIMDJSON_VERSION ", SQLite " SQLITE_VERSION ", zlib " ZLIB_VERSION
               ", zstd " ZSTD_VERSION_STRING ", xxHash " STR(XXH_VERSION_MAJOR) "." STR(
                   XXH_VERSION_MINOR) "." STR(XXH_VERSION_RELEASE);
}
