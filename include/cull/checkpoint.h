/* cull/checkpoint.h - weights of any network as named tensors: read where they lie, written as they come.
 *
 * Files are safetensors, alone or sharded with an index, or a Hugging Face folder of them. A handle maps
 * the files and holds names and shapes alone; numbers are read a block at a time, and a writer puts them at
 * their places as they come: neither takes memory for a tensor. Pickles are never loaded. */
#ifndef CULL_CHECKPOINT_H
#define CULL_CHECKPOINT_H
#include "cull/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- reading ---- */
typedef struct cull_checkpoint cull_checkpoint;

/* What a tensor does, told from its name. */
#define CULL_ROLE_MAP(X)                                                                           \
    X(OTHER, "other")                                                                              \
    X(EMBEDDING, "embedding") /* of tokens, positions, patches */                                  \
    X(ATTENTION, "attention")                                                                      \
    X(FFN, "ffn") /* dense or of one expert, gates of gated units included */                      \
    X(NORM, "norm")                                                                                \
    X(ROUTER, "router") /* which experts an input goes to */                                       \
    X(HEAD, "head")     /* from the last layer to the outputs */                                   \
    X(CONV, "conv")
typedef enum {
#define X(n, s) CULL_ROLE_##n,
    CULL_ROLE_MAP(X)
#undef X
        CULL_ROLES
} cull_role;
CULL_API const char *cull_role_name(cull_role r);
CULL_API bool cull_role_find(const char *name, cull_role *out);

typedef struct {
    const char *name,
        *dtype; /* as the file has them: "model.layers.3.mlp.up_proj.weight", "BF16" */
    int ndim;
    int64_t shape[8];
    int64_t n;      /* numbers */
    uint64_t bytes; /* in the file */
    bool numeric;   /* cull_checkpoint_read gives its numbers */
    bool
        floating; /* F64, F32, F16, BF16, F8_E4M3, F8_E5M2: cull computes with them and writes them */
    cull_role role;
    int layer, expert; /* from 0; -1 = none, or one tensor has all of them */
    char lora;         /* 'A' or 'B' side of an adapter; 0 = none */
    int file;          /* of cull_checkpoint_file */
    const char *
        packing; /* how it is packed (cull/pack.h): "bitmask", ...; NULL = it lies there as it is */
} cull_tensor;

/* `path`: a .safetensors file (also as .gz or .zst: expanded to memory), a .safetensors.index.json, or a
 * folder with one of them; or an .npz, whose members are tensors. Tensors stand in the order of the files' heads, shards by name. All heads are
 * checked: sizes, overlaps, holes, names, and that index and shards agree. EIO: damaged or not
 * there; EINPUT: something else (a pickle, GGUF, a pointer of git-lfs, ...). */
CULL_API cull_status cull_checkpoint_open(cull_ctx *cx, const char *path,
                                          cull_checkpoint **out) CULL_CHECKED;
CULL_API void cull_checkpoint_free(cull_checkpoint *ck);
CULL_API const char *cull_checkpoint_path(const cull_checkpoint *ck);   /* as it was opened */
CULL_API const char *cull_checkpoint_folder(const cull_checkpoint *ck); /* of its files; "." */
CULL_API int cull_checkpoint_files(const cull_checkpoint *ck);
CULL_API const char *cull_checkpoint_file(const cull_checkpoint *ck, int i);
CULL_API uint64_t cull_checkpoint_bytes_all(const cull_checkpoint *ck); /* of all tensors */
CULL_API int64_t cull_checkpoint_count(const cull_checkpoint *ck);
CULL_API const cull_tensor *cull_checkpoint_at(const cull_checkpoint *ck, int64_t i);
/* The tensor called `name`, or -1; *near (may be NULL) = then the nearest name's, or -1 where none is near. */
CULL_API int64_t cull_checkpoint_find(const cull_checkpoint *ck, const char *name, int64_t *near);
/* Metadata of the first file that has this key, or NULL; pair i of all of the first file's, false past its end. */
CULL_API const char *cull_checkpoint_meta(const cull_checkpoint *ck, const char *key);
CULL_API bool cull_checkpoint_meta_at(const cull_checkpoint *ck, int64_t i, const char **key,
                                      const char **value);
/* Roles by rules "GLOB=role", the first that fits a name: "*.gate.*=router". Others keep what their names say. */
CULL_API cull_status cull_checkpoint_roles(cull_ctx *cx, cull_checkpoint *ck,
                                           const char *const *rule, int rules) CULL_CHECKED;
/* Text of config.json (of adapter_config.json beside adapter_model.safetensors), or NULL. */
CULL_API const char *cull_checkpoint_config(const cull_checkpoint *ck);
/* *out = that text when tensor i keeps its first `rows` rows: no more words (vocab_size) than an embedding of words, or the
 * head of a model without one, has rows. NULL: nothing about it changes. Scratch of cx. */
CULL_API cull_status cull_checkpoint_config_rows(cull_ctx *cx, const cull_checkpoint *ck, int64_t i,
                                                 int64_t rows, const char **out) CULL_CHECKED;

/* The bytes of tensor i, mapped, at any address; NULL: it is packed. Reads of what lies on a disk happen on
 * touching them. */
CULL_API const void *cull_checkpoint_bytes(const cull_checkpoint *ck, int64_t i);
/* Numbers [from, from + n) of tensor i as f32: F64 and integers are rounded to nearest even, F64 past f32
 * becomes infinite; all other floats are exact, NaN stays NaN. EINPUT: not numeric. Safe from many threads,
 * as are bytes and done. */
CULL_API cull_status cull_checkpoint_read(cull_ctx *cx, const cull_checkpoint *ck, int64_t i,
                                          int64_t from, int64_t n, float *out) CULL_CHECKED;
/* That, where no number may be a NaN: EINPUT says which is one. */
CULL_API cull_status cull_checkpoint_read_sound(cull_ctx *cx, const cull_checkpoint *ck, int64_t i,
                                                int64_t from, int64_t n, float *out) CULL_CHECKED;
/* The same numbers as the bytes that the file has, or had before it was packed: for dtypes whose numbers have 1, 2,
 * 4 or 8 bytes. */
CULL_API cull_status cull_checkpoint_raw(cull_ctx *cx, const cull_checkpoint *ck, int64_t i,
                                         int64_t from, int64_t n, void *out) CULL_CHECKED;
/* Its pages need not stay in this process's memory. They can be read again all the same. */
CULL_API void cull_checkpoint_done(const cull_checkpoint *ck, int64_t i);
/* The same, and the system's page cache need not keep them, unless it had most of the file when that was opened: for a pass over
 * more than memory holds. */
CULL_API void cull_checkpoint_forget(const cull_checkpoint *ck, int64_t i);

/* Bytes [from, from + n) of it, where it is not packed, are read soon: the disk may begin. May wait for the disk. */
CULL_API void cull_checkpoint_ahead(const cull_checkpoint *ck, int64_t i, uint64_t from,
                                    uint64_t n);

/* ---- two of one network ---- */
typedef struct {
    size_t size;
    /* "OLD=NEW": b's tensor OLD is a's NEW; each has one * (for the same bytes) or none: "module.*=*". The
     * first rule that fits a name counts, once */
    const char *const *rename;
    /* "ABSENT=PRESENT": where one of the two lacks ABSENT, its PRESENT stands for it, as "lm_head.weight=wte.weight" of a
     * model that ties them. What the other has must then be a copy, and is left out */
    const char *const *tie;
    int renames, ties;
    bool missing; /* b may lack tensors of a */
    bool extra;   /* b may have more of them */
    bool
        rows; /* embeddings and heads may differ in rows (in bias: numbers): the common ones count */
    bool shapes; /* shapes may differ */
    bool
        buffers; /* what no training changes (cull_checkpoint_fixed) may be missing, and of any shape */
    /* A mark for each rename, then for each tie: becomes true where one met a tensor, for a caller that pairs several. NULL:
     * that none met any is EOPTION */
    bool *used;
} cull_checkpoint_pair_opts;
/* What a network computes for itself, which some files have and others have not: numbers that are not floating, causal masks,
 * frequencies of rotary embeddings. */
CULL_API bool cull_checkpoint_fixed(const cull_tensor *t);
/* clang-format off */
#define CULL_CHECKPOINT_PAIR_OPTS {.size = sizeof(cull_checkpoint_pair_opts)}
/* clang-format on */
/* of[i] (a's count) = the tensor of b that is tensor i of a, or -1. EINPUT names the tensor, both files and the
 * nearest name when one is missing, left over, or of another shape; vocabularies of different size have a
 * sentence of their own. EOPTION: a rule that is none, or makes two names one. opts may be NULL. */
CULL_API cull_status cull_checkpoint_pair(cull_ctx *cx, const cull_checkpoint *a,
                                          const cull_checkpoint *b,
                                          const cull_checkpoint_pair_opts *opts,
                                          int64_t *of) CULL_CHECKED;
/* EOPTION: a rule of opts that is not marked in opts->used; the nearest name is one that in[1 .. n) or, of a tie, in[0] has. */
CULL_API cull_status cull_checkpoint_pair_used(cull_ctx *cx, const cull_checkpoint_pair_opts *opts,
                                               const cull_checkpoint *const *in,
                                               int n) CULL_CHECKED;

/* ---- writing ---- */
typedef struct cull_checkpoint_writer cull_checkpoint_writer;
typedef struct {
    size_t size;
    const char *const *meta; /* key, value, ...: metas strings; NULL = {"format": "pt"} */
    int64_t metas;
    uint64_t
        shard_bytes; /* of a folder: files of at most so many bytes of tensors, and an index; 0 = one file */
    const char
        *stem; /* of a folder's files; NULL = "model". "adapter_model" takes adapter_config.json */
    const cull_checkpoint
        *like;          /* of a folder: its config, tokenizer and so on are copied; NULL = none */
    const char *config; /* of a folder: text of the config instead of like's; NULL = like's */
    const char *
        manifest; /* one more text: cull_manifest.json of a folder, NAME.manifest.json beside NAME.safetensors */
} cull_checkpoint_opts;
/* clang-format off */
#define CULL_CHECKPOINT_OPTS {.size = sizeof(cull_checkpoint_opts)}
/* clang-format on */
/* A checkpoint of `count` tensors, of which name, dtype, ndim and shape are read (bytes too where the dtype
 * is not known). `path` ending in .safetensors is a file, anything else a folder. Nothing is at `path` before
 * cull_checkpoint_finish; space for all of it is taken now, and when there is not enough that is said (EIO). An
 * existing file is replaced; an existing folder may hold no other weights. opts may be NULL. */
CULL_API cull_status cull_checkpoint_create(cull_ctx *cx, const char *path,
                                            const cull_tensor *tensors, int64_t count,
                                            const cull_checkpoint_opts *opts,
                                            cull_checkpoint_writer **out) CULL_CHECKED;
/* The next n numbers, rounded to the dtype of the tensor they belong to, to nearest even. Tensors come in
 * order, each in as many calls as you like; none of them crosses from one tensor to the next. A finite number
 * past the largest of the dtype, and an infinity in F8_E4M3, is EINPUT by tensor and place. */
CULL_API cull_status cull_checkpoint_put(cull_ctx *cx, cull_checkpoint_writer *w, const float *x,
                                         int64_t n) CULL_CHECKED;
CULL_API cull_status cull_checkpoint_put_bytes(cull_ctx *cx, cull_checkpoint_writer *w,
                                               const void *p, uint64_t n) CULL_CHECKED;
/* The same to numbers (bytes) [from, from + n) of tensor i, in any order and from many threads; each place
 * once. For a file put either everything in order or everything so. */
CULL_API cull_status cull_checkpoint_write(cull_ctx *cx, cull_checkpoint_writer *w, int64_t i,
                                           int64_t from, const float *x, int64_t n) CULL_CHECKED;
CULL_API cull_status cull_checkpoint_write_bytes(cull_ctx *cx, cull_checkpoint_writer *w, int64_t i,
                                                 uint64_t from, const void *p,
                                                 uint64_t n) CULL_CHECKED;
/* x[0 .. n), numbers from .. of a tensor, rounded to its dtype, a floating one; EINPUT where the dtype cannot hold one of them. O(n). */
CULL_API cull_status cull_checkpoint_narrow(cull_ctx *cx, const char *name, const char *dtype,
                                            int64_t from, const float *x, int64_t n,
                                            void *out) CULL_CHECKED;
/* Tensor i = all of tensor k of ck, byte for byte; EINPUT unless dtype and bytes are the same. */
CULL_API cull_status cull_checkpoint_copy(cull_ctx *cx, cull_checkpoint_writer *w, int64_t i,
                                          const cull_checkpoint *ck, int64_t k) CULL_CHECKED;
/* EINPUT: what is written to `out` would replace a file of ck, or lie in its folder as its weights do; links are
 * followed. Writers ask this of what they read. */
CULL_API cull_status cull_checkpoint_apart(cull_ctx *cx, const cull_checkpoint *ck,
                                           const char *out) CULL_CHECKED;
/* Ends well when s is CULL_OK and every tensor is whole: all files appear. Else nothing stays. Frees w;
 * returns the first failure. */
CULL_API cull_status cull_checkpoint_finish(cull_ctx *cx, cull_checkpoint_writer *w,
                                            cull_status s) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
