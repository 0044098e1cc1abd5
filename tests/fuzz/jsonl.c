/* jsonl: any bytes as a corpus of JSON records: refused with a sentence, or read twice alike. */
#include "fuzz.h"

#include "corpus_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const columns[] = {"s", "m.n[1]"};
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    o.format = "jsonl";
    fuzz_corpus(data, n, &o);
    o.text = "a[].b,text";
    o.id = "k";
    fuzz_corpus(data, n, &o);
    o.text = NULL;
    o.id = NULL;
    o.group = o.label = "g";
    o.columns = columns;
    o.ncolumns = 1 + (n & 1);
    fuzz_corpus(data, n, &o);
    return 0;
}
