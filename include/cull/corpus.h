/* cull/corpus.h - a pool as records of text: jsonl, csv, tsv or plain text, streamed, or memory.
 *
 * Opening makes one pass that counts records, checks every line and reads the columns asked for;
 * the text itself is never held. A row is a record's place over all files in the order given.
 *
 * Files may be .gz or .zst (told by their bytes). jsonl: an object a line, blank lines skipped,
 * no key twice. csv: RFC 4180 with a header; tsv: the same with tabs, so a field that begins
 * with a quote is quoted. txt: a text a line, blank lines skipped. All UTF-8, with or without a
 * byte order mark. Memory of a pass: 4 MiB, or 256 records and a parser's buffers for the
 * longest (about 3 times it, for each thread) where that is more. A file that changes between
 * passes is CULL_EIO. */
#ifndef CULL_CORPUS_H
#define CULL_CORPUS_H
#include "cull/base.h"
#include "cull/pool.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cull_corpus cull_corpus;
typedef struct {
    size_t size;
    const char *const *paths; /* files or globs; "-" = standard input (spooled to tmpdir) */
    int npaths;
    const char *format; /* "jsonl", "csv", "tsv", "txt"; NULL = from each name, jsonl for stdin */
    /* Fields by path: "text", "meta.source", "turns[0].value", "messages[].content"; in csv and
     * tsv a column's name. A backslash takes the next character ('.', ',', '[') as it is.
     * Comma-separated paths are joined by a newline, as are the elements of []; empty parts take no
     * line, and null is passed over inside [] only. Where a text is a list of parts, as in chats with
     * images, it is the "text" of those that have one, each a line. NULL = the first that the first record has of:
     * text, content, messages[].content, conversations[].value, instruction+input+output (input if
     * it is there), prompt+completion, question+answer. "" = records have no
     * text. */
    const char *text;
    const char *id;             /* NULL = "id" where records have it */
    const char *group;          /* strings or numbers; NULL = none */
    const char *label;          /* strings or numbers; NULL = none */
    const char *const *columns; /* numeric fields, read into the table */
    int ncolumns;
    bool text_optional; /* text NULL and none of the usual fields: no error, but no text */
} cull_corpus_opts;
/* clang-format off */
#define CULL_CORPUS_OPTS \
    {.size = sizeof(cull_corpus_opts)}
/* clang-format on */
/* A record that is no JSON, lacks a field or has text that is not UTF-8 is CULL_EINPUT, named by
 * file and line. */
CULL_API cull_status cull_corpus_open(cull_ctx *cx, const cull_corpus_opts *o,
                                      cull_corpus **out) CULL_CHECKED;
/* A column of the caller's memory: strings (UTF-8; i is bytes[offset[i] .. offset[i + 1])) or numbers. */
typedef struct {
    const char *name;
    const int64_t *offset; /* n + 1; NULL = numbers */
    const char *bytes;
    const double *number; /* n; NULL = strings */
} cull_column;
/* Records in the caller's memory, n rows of `cols` columns: as from a csv of them, but that strings are
 * read where they lie. The fields of `o` are names of columns; paths and format are not read. Text,
 * id, group and label are strings, the last three also numbers; numeric columns are numbers, or
 * strings that read as such. What is wrong (text that is not UTF-8, offsets that run backwards) is
 * CULL_EINPUT and named by column and row, from 0. `col` itself is copied; what it points to is borrowed
 * until the corpus is freed, and does not change. Such a corpus has no files, and cannot be written. */
CULL_API cull_status cull_corpus_from(cull_ctx *cx, int64_t n, const cull_column *col, int cols,
                                      const cull_corpus_opts *o, cull_corpus **out) CULL_CHECKED;
CULL_API void cull_corpus_free(cull_corpus *c);
CULL_API int64_t cull_corpus_n(const cull_corpus *c);
CULL_API bool cull_corpus_has_text(const cull_corpus *c);
/* Of the files, uncompressed; of the texts where records are in memory. */
CULL_API uint64_t cull_corpus_bytes(const cull_corpus *c);
CULL_API const cull_table *cull_corpus_table(const cull_corpus *c);
/* Group and label of each row as codes 0..count-1 in order of first appearance; NULL if none. */
CULL_API const int32_t *cull_corpus_group(const cull_corpus *c, int32_t *count);
CULL_API const char *cull_corpus_group_name(const cull_corpus *c, int32_t code);
CULL_API const int32_t *cull_corpus_label(const cull_corpus *c, int32_t *count);
CULL_API const char *cull_corpus_label_name(const cull_corpus *c, int32_t code);

typedef struct {
    const char *path;
    uint64_t bytes; /* of the file as it lies on disk */
    int64_t rows;
    char hash[33]; /* XXH3-128 of the file's bytes, hexadecimal */
} cull_input_file;
/* How many there are: none where records are in memory. */
CULL_API int cull_corpus_files(const cull_corpus *c, const cull_input_file **files);
/* The same for any file, for reports of arrays: of path:NAME that of the whole file, of a sharded
 * checkpoint that of the shard. */
CULL_API cull_status cull_file_hash(cull_ctx *cx, const char *path,
                                    cull_input_file *out) CULL_CHECKED;

/* Lengths of every row's text: what = "words" or "bytes", else CULL_EOPTION. out has n doubles.
 * One pass. */
CULL_API cull_status cull_corpus_lengths(cull_ctx *cx, const cull_corpus *c, const char *what,
                                         double *out) CULL_CHECKED;
/* Ids of rows idx[0..n) (any order) as strings; free with cull_strings_free. One pass. A record
 * without an id is named by its row number. With `snippet` > 0 also its text cut to that many
 * characters (else texts is NULL). */
typedef struct {
    int64_t n;
    char **id, **text;
    void *mem_;
} cull_strings;
CULL_API cull_status cull_corpus_ids(cull_ctx *cx, const cull_corpus *c, const int64_t *idx,
                                     int64_t n, int snippet, cull_strings *out) CULL_CHECKED;
CULL_API void cull_strings_free(cull_strings *s);
/* The fields of the first record, or the columns: id holds the names, text what each is ("string",
 * "number", "column" of a csv, ...). None for plain text. */
CULL_API cull_status cull_corpus_fields(cull_ctx *cx, const cull_corpus *c,
                                        cull_strings *out) CULL_CHECKED;
/* The records row[0..n), any order, as a corpus in memory: their text and id. n >= 1. One pass. */
CULL_API cull_status cull_corpus_take(cull_ctx *cx, const cull_corpus *c, const int64_t *row,
                                      int64_t n, cull_corpus **out) CULL_CHECKED;
/* Write the records idx[0..n), byte for byte, in the order given (in pool order where idx is
 * sorted), to path ("-" = standard output); a csv keeps its header. .gz and .zst by name. Atomic.
 * Files of two formats, or with two headers, are CULL_EINPUT: they cannot be one file; so are records
 * in memory, which have no bytes of a file. */
CULL_API cull_status cull_corpus_write(cull_ctx *cx, const cull_corpus *c, const int64_t *idx,
                                       int64_t n, const char *path) CULL_CHECKED;

/* Near copies of an evaluation set: avoid[row] = 1 where the row's text shares at least `share`
 * of its word n-grams (or any, if share is 0) with a text of `eval`, else 0 (n entries). hits (may
 * be NULL) lists each such row, in order. ngram is 2 to 64, customarily 13; share is 0 to 1. A text
 * of eval with fewer words, but at least 5, is one n-gram of all its words, found inside longer
 * texts too; with fewer than 5 it is not looked for. Words are lower-cased runs of letters and
 * digits; characters of scripts without spaces (Han, kana, Thai, ...) are words of their own. Source: the n-gram overlap of GPT-3's
 * decontamination (Brown et al. 2020, appendix C). O(bytes) time, O(n-grams of eval) memory; one
 * pass, two over eval. */
typedef struct {
    int64_t row, eval_row; /* the first text of eval that it overlaps */
    int64_t shared, total; /* n-grams of the row found in eval; all of the row */
    char *sample;          /* the first shared n-gram */
} cull_overlap;
typedef struct {
    int64_t n;
    cull_overlap *hit;
    void *mem_;
} cull_overlaps;
CULL_API cull_status cull_corpus_overlap(cull_ctx *cx, const cull_corpus *c,
                                         const cull_corpus *eval, int ngram, double share,
                                         uint8_t *avoid, cull_overlaps *hits) CULL_CHECKED;
CULL_API void cull_overlaps_free(cull_overlaps *h);
/* Groups of near copies: rows that share a word n-gram which at most `cap` rows have are joined
 * (connected components), and so are rows of the same words throughout, however many. Of texts
 * with more than 16 n-grams a fixed quarter of them counts (told by their hash), so a
 * copy that shares k n-grams is missed with probability 0.75^k. group has n entries, codes in
 * order of first appearance. Two passes, more where memory is short (16 bytes for each n-gram that
 * counts). */
CULL_API cull_status cull_corpus_copies(cull_ctx *cx, const cull_corpus *c, int ngram, int64_t cap,
                                        int32_t *group, int32_t *groups) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
