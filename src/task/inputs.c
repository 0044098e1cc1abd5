/* inputs.c - what every method of a task is given, by name. */
#include "cull/method.h"

static const cull_input data[] = {
    {"budget", "N|P%|COST",
     "how much to keep: a count, a percentage of the pool, or a sum of costs"},
    {"target", "FILE...",
     "examples of what the choice is for (text or embeddings, like the pool); each FILE is a "
     "task of its own"},
    {"target-text", "PATH", "field with the text of the target (as --text)"},
    {"target-task", "PATH",
     "field that says which task a target record is of; without it each FILE is a task"},
    {"embeddings", "FILE...",
     "embeddings of the pool, a row each (npy, npz, safetensors); of several FILEs a row is "
     "their rows side by side"},
    {"target-embeddings", "FILE...", "embeddings of the target examples, likewise"},
    {"rates", "R,...",
     "weight of each checkpoint (its learning rate) where a row is gradients at several, side "
     "by side; without it each FILE of embeddings is one and they weigh the same"},
    {"scores", "FILE", "score columns made elsewhere (csv, tsv, jsonl, npz), a row each"},
    {"text", "PATH",
     "field with the text, for example text or messages[].content; comma-separated fields are "
     "joined"},
    {"id", "PATH", "field with the id"},
    {"label", "PATH", "field with the known answer; only reported on, never chosen by"},
    {"label-is", "VALUE",
     "the label that is looked for: precision = the share of the kept that has it"},
    {"group", "PATH", "field that quotas go by, and that splits keep together"},
    {"quota", "SPEC", "limit for each group: equal, proportional, or NAME=SHARE,..."},
    {"cost", "FIELD|words|bytes", "cost of each example; without it each costs 1"},
    {"avoid", "FILE...", "evaluation set: examples that overlap with it are never kept"},
    {"have", "FILE...",
     "a pick, or a list of rows, of what is held already: free, never kept again, and it "
     "counts "
     "where examples add to one another"},
    {"against", "FILE...", "examples to stay away from (text or embeddings, like the pool)"},
    {"avoid-ngram", "N", "words that an overlap must share in a row (13)"},
    {"avoid-share", "S", "least share of an example's n-grams that makes an overlap; 0 = one (0)"},
    {"avoid-list", "FILE", "write each overlap with --avoid to FILE as tsv"},
    {"embed-dim", "N", "numbers in the feature vector of a text (256)"},
    {"embed-words", "LO-HI", "word n-grams that features count; 0 = none (1-2)"},
    {"embed-chars", "LO-HI", "character n-grams that features count, for example 3-5 (0)"},
    {"embed-bits", "N", "2^N hashed features before they are reduced (18)"},
    {"embed-sample", "N", "texts that the reduction is fitted on (65536)"},
    {"embed-power", "P", "evens out the directions of the reduction: 0 = not, 1 = whitened (0)"},
    {"groups", "FILE", "write which rows are copies of which to FILE as tsv (semdedup, minhash)"},
    {"checkpoint", "DIR",
     "keep the state of long loops in DIR, so that the same command goes on after it was "
     "killed"},
    {"shard", "I/N",
     "do the I-th of N shares of the passes over the embeddings, and leave it in the --parts "
     "folder"},
    {"parts", "DIR", "folder of the shares; without --shard they are put together"},
    {NULL, NULL, NULL}};
static const cull_input feature[] = {
    {"budget", "N|P%|COST",
     "how much to keep at most: a number of columns, a percentage of them, or a sum of costs; "
     "without it what the method finds by itself"},
    {"target", "FIELD|FILE",
     "what is to be predicted: a column (of an array file the name of a member), or a file "
     "with a number for each row"},
    {"task", "auto|classify|regress",
     "what the target is; auto: classes where it is text or has at most 20 different whole "
     "numbers (auto)"},
    {"classes", "N", "the target is whole numbers 0 to N-1"},
    {"missing", "TOKENS",
     "cells that stand for no value, beside blank ones, comma-separated "
     "(NA,N/A,n/a,nan,NaN,null,NULL,?)"},
    {"categorical", "NAMES|auto",
     "columns of numbers that are names of kinds, comma-separated; columns with text are in "
     "any case (auto)"},
    {"group", "FIELD", "column whose equal rows are never split between folds"},
    {"cost", "FILE", "cost of each column: a csv with columns name and cost; without it 1 each"},
    {"have", "NAMES|FILE...",
     "columns held already, or a pick of them: free, never kept again, and they count where "
     "columns add to one another"},
    {"avoid", "NAMES|FILE...", "columns never to be kept, or a pick of them"},
    {"with-target", NULL, "kept columns are written with the target beside them"},
    {"stability", "B",
     "choose again from B bootstraps of the rows, and say how often each column was kept (0)"},
    {NULL, NULL, NULL}};
static const cull_input search[] = {
    {"minimize", "NAMES", "objectives that should be small, comma-separated"},
    {"maximize", "NAMES", "objectives that should be large, comma-separated"},
    {"constraints", "NAMES",
     "numbers told beside the objectives that are fulfilled at 0 or below, comma-separated"},
    {"budget", "N", "how many evaluations to pay for in all"},
    {"seconds", "S", "how long to go on, over all runs of the study"},
    {"cost", "COST", "how much evaluations may cost in sum, by what they say they cost"},
    {"again", "never|cached|paid",
     "a point that was asked before: is not asked again, is told what it was told then, or is "
     "evaluated once more (never)"},
    {"replicates", "N", "evaluations of each point, whose mean counts (1)"},
    {"retries", "N", "how often a failed evaluation is tried again (0)"},
    {"stop", "none|median|halving|asha|hyperband",
     "who of those that report on the way goes on (none)"},
    {"eta", "X", "of those at a rung one in so many goes on (3)"},
    {"first", "STEP", "the step of the first rung (1)"},
    {"last", "STEP", "the steps of a whole evaluation; a stop rule needs them"},
    {"anew", NULL,
     "evaluations begin anew with a larger budget at each rung, for programs that do not "
     "report"},
    {NULL, NULL, NULL}};
/* Columns and arrays of outcomes, which both tasks read. */
#define OUTCOMES                                                                                   \
    {"models", "NAMES",                                                                            \
     "what the models are called, comma-separated; else as the columns or files"},                 \
        {"score", "COLUMNS",                                                                       \
         "a column for each model: how sure it is of the row, or what it predicts"},               \
        {"truth", "COLUMN|FILE",                                                                   \
         "the class (0, 1, ...) or the number that is true, for each row"},                        \
        {"logits", "FILE...",                                                                      \
         "for each model an array (rows, classes) of outputs before softmax"},                     \
        {"probabilities", "FILE...", "for each model an array (rows, classes) of probabilities"},  \
        {"features", "FILE...",                                                                    \
         "an array (rows, numbers) that describes the rows; of exits one each (npy, npz, ...)"},   \
        {"attributes", "COLUMNS",                                                                  \
         "columns of numbers that describe the rows, instead of --features"},                      \
    {                                                                                              \
        "group", "COLUMN", "groups of rows, by text or number"                                     \
    }
static const cull_input compute[] = {
    OUTCOMES,
    {"quality", "COLUMNS",
     "a column for each model: what its answer is worth, 1 = right, 0 = wrong, or any number"},
    {"cost", "COLUMNS|NUMBERS", "a column or a number for each model: what running it costs (1)"},
    {"delay", "NUMBERS", "a number for each model: how long it takes"},
    {"long", "workload=COLUMN,way=COLUMN,quality=COLUMN[,cost=COLUMN]",
     "a row of the table is a run: of a workload (a row elsewhere) in a way (a model elsewhere); "
     "A+B "
     "are two columns together; loss=COLUMN is small where it is good, time=COLUMN counts by 1 / "
     "time"},
    {"workloads", "FILE",
     "of --long: a table with a row for each workload; --attributes and --group are of its "
     "columns"},
    {"budget", "COST", "the mean cost of a row is at most this"},
    {"target", "QUALITY", "the mean quality is at least this"},
    {"within", "DELAY", "no row takes longer than this"},
    {"risk", "SHARE",
     "a guarantee: the mean loss is at most this: 1 - quality, or what is lost against the "
     "strongest model"},
    {"delta", "CHANCE",
     "the chance that the guarantee does not hold; 0 = it holds in expectation (0.1)"},
    {NULL, NULL, NULL}};
static const cull_input trust[] = {
    OUTCOMES,
    {"quality", "COLUMN",
     "what the model's answer is worth, 1 = right, 0 = wrong: of selective-classification beside a "
     "score"},
    {"level", "SHARE",
     "what may go wrong at most: false discoveries, misses of sets and intervals, risk of what is "
     "accepted (0.1)"},
    {"delta", "CHANCE", "the chance that it is more; 0 = the level holds in expectation (0)"},
    {"above", "NUMBER", "rows whose truth is above it are looked for; else those of truth 1"},
    {"weight", "COLUMN",
     "likelihood ratio of test rows to calibration rows, where they are not alike"},
    {"spread", "COLUMN", "how far off predictions are expected to be"},
    {NULL, NULL, NULL}};
static const cull_input weights[] = {
    {"base", "CHECKPOINT", "what the models were fine-tuned from"},
    {"weights", "NUMBERS",
     "the weight of each model, comma-separated; of methods that have weight"},
    {"rule", "RULE...",
     "options of some tensors, as 'model.layers.*: density=0.3, weight=0.5'; words before the "
     "colon are a "
     "pattern of names (* and ?), role=ffn, layer=0-15, expert=2 or model=1, and all must hold; "
     "the last "
     "rule counts"},
    {"activations", "CHECKPOINT",
     "norms of what tensors are multiplied with, under the tensors' names; of methods that read "
     "them"},
    {"rename", "OLD=NEW...", "what models call OLD is NEW; a * in both stands for the same"},
    {"tied", "NAME=OTHER...", "where a model lacks NAME, its OTHER is taken"},
    {"common-rows", NULL,
     "tensors that differ in their number of rows, as embeddings of other vocabularies: the rows "
     "that all "
     "have"},
    {"allow-nan", NULL, "compute with NaN; else a tensor that has one is refused by name"},
    {"dtype", "F32|F16|BF16|...", "of the tensors that are computed (as they were)"},
    {"shard-size", "SIZE", "bytes of a file at most, for example 4G (one file)"},
    {NULL, NULL, NULL}};
static const cull_input none[] = {{NULL, NULL, NULL}};

const cull_input *cull_task_inputs(cull_task t)
{
    switch (t) {
    case CULL_TASK_DATA: return data;
    case CULL_TASK_FEATURE: return feature;
    case CULL_TASK_SEARCH: return search;
    case CULL_TASK_COMPUTE: return compute;
    case CULL_TASK_TRUST: return trust;
    case CULL_TASK_WEIGHTS: return weights;
    case CULL_TASKS: break;
    }
    return none;
}
