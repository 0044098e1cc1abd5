/* csv: any bytes as a table, with commas and with tabs. */
#include "fuzz.h"

#include "corpus_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const columns[] = {"s"};
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    o.format = "csv";
    fuzz_corpus(data, n, &o);
    o.text = "a";
    o.group = "g";
    o.columns = columns;
    o.ncolumns = 1;
    fuzz_corpus(data, n, &o);
    cull_corpus_opts t = CULL_CORPUS_OPTS;
    t.format = "tsv";
    fuzz_corpus(data, n, &t);
    return 0;
}
