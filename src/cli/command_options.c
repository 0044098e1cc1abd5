/* command_options.c - the options of each command that no task or method brings. */
#include "command_options.h"

#include <string.h>

const cull_input common_options[] = {
    {"seed", "N", "seed of every random draw (1)"},
    {"threads", "N", "workers; 0 = one for each CPU (0). The answer does not depend on it"},
    {"memory", "SIZE", "most bytes to hold at once, for example 512M or 4G; nothing = no limit"},
    {"isa", "auto|v2|v3|v4", "instructions to use: SSE4.2, AVX2 or AVX-512 (auto)"},
    {"tmpdir", "DIR", "where big intermediates go ($TMPDIR, else /tmp)"},
    {"json", NULL, "the result on standard output as JSON"},
    {"quiet", NULL, "nothing on standard error but a failure's sentence (-q)"},
    {"verbose", NULL, "more on standard error (-v)"},
    {"help", NULL, "this text (-h)"},
    {"version", NULL, "the version, and the libraries that it was built with"},
    {NULL, NULL, NULL}};

/* ---- rows that several commands share ---- */

static const cull_input out_files[] = {
    {"out", "OUT...",
     "-o OUT: the kept records where OUT ends like the input (.jsonl, .csv, .tsv, .txt, .npy, "
     "...; with .gz or .zst), the pick file (.json), the report (.html, .md), or with - the kept "
     "records on standard output"},
    {NULL, NULL, NULL}};
static const cull_input out_file[] = {
    {"out", "OUT...", "-o OUT: where to write; - = standard output"}, {NULL, NULL, NULL}};
static const cull_input judge[] = {
    {"baselines", "on|off",
     "also measure random (5 draws) and tfidf-mean (on with --label or a report)"},
    {"order", "pool|pick", "the order of kept records: as in the pool, or as chosen (pool)"},
    {"plan", NULL, "say what would be done, how long it takes and what it holds; then stop"},
    {NULL, NULL, NULL}};
static const cull_input feature_own[] = {
    {"baselines", "on|off",
     "also measure random-columns (5 draws) and all columns (on with --target)"},
    {"order", "pool|pick", "the order of kept columns: as in the table, or as chosen (pool)"},
    {"plan", NULL, "say what would be done, how long it takes and what it holds; then stop"},
    {NULL, NULL, NULL}};
static const cull_input column_files[] = {
    {"out", "OUT...",
     "-o OUT: the table with the kept columns where OUT ends like the input (.csv, .tsv, .jsonl, "
     ".npy, ...; with .gz or .zst), the pick file (.json), the report (.html, .md), or with - the "
     "table on standard output"},
    {NULL, NULL, NULL}};
static const cull_input embed_own[] = {
    {"fit", "FILE...", "fit the features on these records instead of the inputs"},
    {"text", "PATH", "field with the text, for example text or messages[].content"},
    {"dim", "N", "numbers in the feature vector of a text (256)"},
    {"words", "LO-HI", "word n-grams that features count; 0 = none (1-2)"},
    {"chars", "LO-HI", "character n-grams that features count, for example 3-5 (0)"},
    {"bits", "N", "2^N hashed features before they are reduced (18)"},
    {"sample", "N", "texts that the reduction is fitted on (65536)"},
    {"power", "P", "evens out the directions of the reduction: 0 = not, 1 = whitened (0)"},
    {NULL, NULL, NULL}};
static const cull_input cluster_own[] = {
    {"clusters", "K", "how many"},
    {"iterations", "N", "passes at most; with --batch, how many batches (25)"},
    {"restarts", "N", "the best of so many runs (1)"},
    {"tolerance", "T",
     "stop when the objective falls by less than this share; 0 = never early (0)"},
    {"start", "k-means++|rows",
     "where to start: k-means++ on a sample of 32 K rows, or K rows drawn"},
    {"spherical", NULL, "rows count as unit vectors, centroids have unit length"},
    {"batch", "N", "minibatches of so many rows; 0 = all rows every time (0)"},
    {"assign", "FILE", "write the cluster of each row here (.npy)"},
    {"checkpoint", "DIR",
     "keep the state in DIR at the end of passes, so that the same command goes on after it was "
     "killed"},
    {"plan", NULL, "say what would be done and what it holds; then stop"},
    {NULL, NULL, NULL}};
static const cull_input layout_own[] = {
    {"queries", "FILE",
     "the layouts that are wanted (select, prompt); what is not known is left out"},
    {"constraint", "types|sizes|relations|completion|refinement",
     "what is known of a wanted layout: its labels (types), also widths and heights (sizes), how "
     "boxes "
     "lie to one another (relations), the first boxes (completion), all boxes roughly "
     "(refinement)"},
    {"canvas", "NAME|WxH",
     "pixels of the canvas in text: rico (90x160), publaynet (120x160), posterlayout (102x150), "
     "webui "
     "(120x120), or WxH (webui)"},
    {"exemplars", "N", "layouts of the library for each query, at most (10)"},
    {"known", "N", "completion: how many first boxes are known (1)"},
    {"characters", "N", "characters of a prompt before the query, at most (8000)"},
    {"domain", "TEXT", "what a prompt calls these layouts (page)"},
    {"query", "N", "prompt: of this query alone, counted from 0"},
    {"library", "FILE", "parse: layouts that have the labels"},
    {"skip", NULL, "parse: pass over answers that are no layout, and say which"},
    {"valid", "FILE", "rank: layouts that good ones are like; not those that are tested on"},
    {NULL, NULL, NULL}};
static const cull_input micro3_own[] = {
    {"seeds", "N", "trainings of each architecture (3)"},
    {"data-dir", "DIR", "where data packages put their files (/usr/share/datasets)"},
    {NULL, NULL, NULL}};
static const cull_input model_own[] = {
    {"data", "FILE...",
     "train, eval, ticket: rows with labels; files may also stand behind the model. Arrays (IDX, "
     "CIFAR "
     ".bin, "
     "npy, npz with x and y), tables, folders of images"},
    {"labels", "FILE...", "the classes of --data, from 0, where it has none: a file for each"},
    {"target", "NAME", "the column of a table to predict (its last one)"},
    {"predict", "classes|number|input",
     "what outputs are: scores of classes, a number, or the input again, as autoencoders do "
     "(classes)"},
    {"planes", NULL, "arrays have images channel by channel, as PyTorch's"},
    {"weights", "FILE", "parameters to begin with (.safetensors, names as PyTorch's)"},
    {"partial", NULL, "pass over tensors that are missing, too many or of another shape"},
    {"input", "HxWxC|N", "shape of the input, where it is not as the model says"},
    {"outputs", "N", "number of outputs, where it is not as the model says"},
    {"init", "torch|he|glorot",
     "first weights: as PyTorch's layers, He et al. 2015, or normal by Glorot and Bengio 2010 "
     "(torch)"},
    {"mask", "FILE",
     "train, ticket: weights that this file masks are 0, and stay so (.safetensors)"},
    {"val", "FILE|SHARE",
     "train, ticket: rows to validate on: a file, or a share of --data, as 10%"},
    {"val-labels", "FILE", "train, ticket: the classes of --val"},
    {"test", "FILE", "ticket: rows to judge by (those of --val)"},
    {"test-labels", "FILE", "ticket: the classes of --test"},
    {"epochs", "N", "train: passes over the rows (10)"},
    {"batch", "N", "rows of a step (128)"},
    {"optimizer", "sgd|adam|adamw", "train, ticket: how steps are made (adamw)"},
    {"lr", "RATE", "train, ticket: learning rate (0.001; of sgd 0.1)"},
    {"momentum", "M", "train, ticket: of sgd (0.9)"},
    {"nesterov", NULL, "train, ticket: of sgd"},
    {"decay", "W", "train, ticket: weight decay (0; of adamw 0.01)"},
    {"clip", "L", "train, ticket: most length of a gradient; 0 = any (0)"},
    {"norm-l1", "S",
     "train, ticket: S times the sign of each batch norm scale is added to its gradient, which "
     "draws scales to 0 for prune --slim (0)"},
    {"soft-keep", "SHARE",
     "train: after each epoch all filters but this share of every group, the largest by w^2, are "
     "set to 0, and trained on, for prune --keep SHARE --importance l2 --round 1 (0 = none)"},
    {"schedule", "cosine|constant|linear|step",
     "train, ticket: how the rate falls; step: to a tenth at half and three quarters (cosine)"},
    {"warmup", "STEPS", "train, ticket: steps on which the rate rises (0)"},
    {"smoothing", "S", "train, ticket: smoothing of labels (0)"},
    {"crop", "PIXELS", "train, ticket: images at random places within so much padding (0)"},
    {"flip", NULL, "train, ticket: half of the images mirrored"},
    {"cutout", "PIXELS", "train, ticket: a square of so many pixels blanked (0)"},
    {"ema", "DECAY", "train: validate and keep an average of the weights (0 = none)"},
    {"patience", "N", "train: stop after so many epochs that are no better (0 = never)"},
    {"last", NULL, "train: keep the last weights, not the best validated ones"},
    {"shards", "N",
     "train, ticket: parts of a batch that run beside one another; batch norm is of each (a part "
     "for each "
     "32 "
     "rows, at most 8)"},
    {"checkpoint", "DIR",
     "train, ticket: keep the state in DIR, so that the same command goes on after it was killed"},
    {"plan", NULL, "train: say what would be done and what it holds; then stop"},
    {"rounds", "N", "ticket: rounds of pruning (15)"},
    {"prune", "SHARE", "ticket: of a layer's weights, pruned in each round (20%)"},
    {"prune-output", "SHARE", "ticket: of the last layer's (half of --prune)"},
    {"rates", "NAME=SHARE,...", "ticket: of these layers' or tensors'; 0 = never pruned"},
    {"global", NULL, "ticket: the weights of all layers are ranked together"},
    {"one-shot", NULL, "ticket: one pruning, to what all rounds would leave"},
    {"steps", "N", "ticket: steps of each training (1500)"},
    {"every", "N", "ticket: steps from one validation to the next (those of an epoch)"},
    {"rewind", "N", "ticket: go back to the weights after so many steps, not to the first (0)"},
    {"controls", "reinit,signs,random,one-shot",
     "ticket: also train other first weights under the same mask, ones of the same signs, a random "
     "mask, the mask of one pruning"},
    {"controls-at", "N,...", "ticket: in these rounds alone (all)"},
    {"sparse", "SHARE", "ticket: linear layers of fewer weights left are computed as lists (10%)"},
    {"write-round", "N", "ticket: whose weights and mask are written (the last)"},
    {"save-mask", "FILE", "ticket: the mask goes here (.safetensors)"},
    {"save-trained", "FILE", "ticket: the last round's trained weights go here (.safetensors)"},
    {"logits", "FILE", "eval: write the outputs of every row here (.npy)"},
    {"blocks", NULL, "stat: a line for each block, not for each layer"},
    {"keep", "SHARE", "prune: so much of every group of channels stays, as 0.5"},
    {"widths", "N,... | NAME=N,...",
     "prune: channels that stay of each group that can be cut, in their order, or of those named"},
    {"macs", "X", "prune: at most so many multiply-adds stay: 2.1x fewer, 50%, or a number"},
    {"params", "X", "prune: at most so many parameters stay: 3x fewer, 50%, or a number"},
    {"slim", "SHARE",
     "prune: so much of all channels goes, those of the smallest batch norm scales"},
    {"importance", "l1|l2|norm|random",
     "prune: which channels stay: the largest filters by |w| or w^2, the largest scales of batch "
     "norms, any (l1)"},
    {"audit", NULL,
     "prune: fine-tune the smaller network on DATA, train it from scratch beside that, and uniform "
     "widths where others were found, and judge all by --val; options of train are those of the "
     "whole network's training"},
    {"seeds", "N", "prune --audit: so many, each with other first weights (1)"},
    {"round", "N", "prune: groups go down to multiples of N, and stay where they have no more (8)"},
    {NULL, NULL, NULL}};
static const cull_input model_out[] = {
    {"out", "OUT...",
     "-o OUT: train: the parameters (.safetensors), the page of the training (.html); prune: the "
     "smaller parameters, and which channels stay (.json; cull apply reads it); ticket: the first "
     "weights of the ticket (.safetensors)"},
    {NULL, NULL, NULL}};
static const cull_input search_own[] = {
    {"minimize", "NAMES", "what is told and should be small: error, or error,latency"},
    {"maximize", "NAMES", "what should be large; after those of --minimize"},
    {"constraint", "NAMES", "told too, and kept where they are 0 or below"},
    {"budget", "N", "evaluations in all, over all runs of a study"},
    {"cost-budget", "X", "the sum of what evaluations tell as their cost, in all"},
    {"time", "TIME", "seconds, or 15m, 2h, 1d, over all runs; what runs then comes to its end"},
    {"workers", "N", "evaluations at a time (1)"},
    {"method", "NAME",
     "who proposes (that of the study in --store; gp up to a budget of 300, else tpe)"},
    {"store", "FILE", "keep the study here, as SQLite, or postgresql://...; it may be shared"},
    {"resume", NULL, "the store must be there; a search that was stopped goes on"},
    {"sync", NULL, "results survive a power failure"},
    {"widen", NULL, "the space may have grown since the store was made"},
    {"id", "TEXT", "what results depend on besides (the program's words, or the table's name)"},
    {"warm", "FILE...", "results from elsewhere, as rows of csv, tsv or jsonl; they cost nothing"},
    {"enqueue", "POINT...", "a point to begin with, as 'lr=0.1 opt=sgd'"},
    {"default-first", NULL, "begin with the space's defaults"},
    {"again", "never|cached|paid",
     "a point that comes again: another one is taken, its result is taken, it is evaluated "
     "(never)"},
    {"replicates", "N", "evaluations of each point, whose mean counts (1)"},
    {"retries", "N", "of an evaluation that failed (0)"},
    {"stop", "median|halving|asha|hyperband", "who of those that report on the way goes on"},
    {"rungs", "FIRST..LAST", "of --stop: steps of the first rung and of a whole evaluation"},
    {"eta", "X", "of --stop: one of so many goes on (3)"},
    {"anew", NULL, "of --stop: programs do not report, but run again with a larger {budget}"},
    {"in-order", "N",
     "results are taken as N workers would have them, so that the answer does not depend on time"},
    {"timeout", "TIME", "of one evaluation; its processes are ended"},
    {"grace", "TIME", "between SIGTERM and SIGKILL (5s)"},
    {"stay", NULL, "a program runs for many trials: a line of JSON in, a line out"},
    {"dir", "DIR", "keep a folder for each trial in here: point.json, out, err"},
    {"heartbeat", "TIME", "trials of workers silent for ten of them are run again (5s)"},
    {"table", "FILE", "look results up instead: csv, tsv, jsonl, or npy in the order of points"},
    {"columns", "NAMES", "of the table: the objectives, where they are called otherwise"},
    {"key", "NAME",
     "of the table, and of --stats: a column of points as digits, a digit for each parameter"},
    {"cost-column", "NAME", "of the table: what an evaluation costs"},
    {"step-columns", "NAMES", "of the table: values on the way, in order"},
    {"nearest", NULL, "a point that the table lacks takes the nearest one's row"},
    {"mean", NULL, "rows of one point count by their mean"},
    {"stats", "FILE",
     "what is known of designs without evaluating them, as rows of csv, tsv or jsonl; for methods "
     "that learn from it (nars)"},
    {"stats-columns", "NAMES", "of --stats: columns of numbers, as flops,params"},
    {"log", "FILE", "write every trial here: .csv, .tsv or .jsonl"},
    {"by", "ped-anova|fanova",
     "of search importance: where the best tenth lie, or shares of the values' variance, pairs too "
     "(ped-anova)"},
    {NULL, NULL, NULL}};
static const cull_input search_out[] = {
    {"out", "OUT...",
     "-o OUT: the best points: .json, .csv, .tsv or .jsonl; - = csv on standard output; .html: the "
     "page of the search"},
    {NULL, NULL, NULL}};
static const cull_input bench_own[] = {
    {"methods", "NAMES",
     "which methods of task search (all), each also with options of its own, as tpe:gamma=0.2; "
     "random-search runs in any case"},
    {"seeds", "N", "runs of each method, with --seed and the seeds after it (50)"},
    {"at", "NUMBERS", "evaluations after which the best so far counts (50,100,200)"},
    {"data", "DIR", "where the tables lie (/usr/share/datasets)"},
    {"list", NULL, "name the tables"},
    {"dump", NULL,
     "write the tables themselves instead, a line of JSON each: for other programs to run on"},
    {NULL, NULL, NULL}};
static const cull_input policy_own[] = {
    {"watch", NULL,
     "apply: rows come in order, with the truth where it is known (else blank): say when they stop "
     "being like those of the calibration, and let the threshold follow them"},
    {"alarm", "CHANCE", "of --watch: the chance of any false alarm, at most (0.05)"},
    {"follow", "RATE",
     "of --watch: how fast the level follows; 0 = several rates, weighed by how they fare, or "
     "0.005 "
     "of a limit to the risk (0)"},
    {"window", "ROWS",
     "of --watch: rows that the threshold is set by, the last ones (as many as were calibrated on, "
     "100 to 10000)"},
    {"anew", "ROWS",
     "of --watch: after an alarm fit anew on the next so many rows whose outcome came, and decide "
     "by that from then on"},
    {"plan", NULL,
     "a fit, apply, check: say what would be read, done, written and held; then stop"},
    {NULL, NULL, NULL}};
static const cull_input policy_out[] = {
    {"out", "OUT...",
     "-o OUT: the policy; of apply the decisions, as csv, json or jsonl by its name, else tsv"},
    {NULL, NULL, NULL}};
static const cull_input weights_own[] = {
    {"scores", "NUMBERS",
     "soup with a program: the score of each model, comma-separated; else the program is asked"},
    {"store", "dense|sparse",
     "of methods that prune: sparse packs the result, as weights pack does (dense)"},
    {"packing", "bitmask|2:4|csr|gaps",
     "how tensors are packed; those that it does not make smaller stay dense (each the smallest)"},
    {"mask", "FILE",
     "of methods that prune: write which numbers stay to FILE too (.safetensors), for cull apply"},
    {"plan", NULL, "say what would be read, written and held; then stop"},
    {"out", "OUT...",
     "-o OUT: the result: a .safetensors file, or a folder, to which config and tokenizer are "
     "copied"},
    {"by", "tensor|role|layer", "stat: a row for each of them (tensor)"},
    {"role", "GLOB=ROLE...", "stat: what tensors of such names do, where their names do not say"},
    {"tolerance", "T", "diff: numbers are equal when |a - b| is at most T |a| in each tensor (0)"},
    {"quick", NULL, "stat, verify: do not read the numbers"},
    {"tsv", NULL, "stat, diff: rows of tsv"},
    {NULL, NULL, NULL}};
static const cull_input bench_out[] = {
    {"out", "OUT...",
     "-o OUT: every run (.csv), the tables (.md); - = the tables as tsv on standard output"},
    {NULL, NULL, NULL}};
static const cull_input compare_own[] = {
    {"methods", "A,B,...",
     "which methods, each also with options of its own, as rds-plus:rule=mean; without it all "
     "whose "
     "inputs are there"},
    {"seeds", "N", "how often each method that draws is run (5)"},
    {NULL, NULL, NULL}};
static const cull_input apply_own[] = {
    {"force", NULL, "go on although the input is not the one that was chosen from"},
    {"order", "pool|pick", "the order of kept records: as in the pool, or as chosen (pool)"},
    {NULL, NULL, NULL}};
static const cull_input info_own[] = {
    {"text", "PATH", "field with the text, when FILE holds records"},
    {"markdown", NULL, "a method's page as markdown"},
    {NULL, NULL, NULL}};
static const cull_input reproduce_own[] = {{"quick", NULL, "the smaller check, under a minute"},
                                           {"data", "DIR", "where the data sets lie"},
                                           {NULL, NULL, NULL}};
static const cull_input help_own[] = {{"man", NULL, "as a manual page"}, {NULL, NULL, NULL}};

/* ---- tables of them, as commands have them ---- */

/* The inputs of tasks come from the library; these tables are made once, in commands_start. */
const cull_input *data_options[OPTION_TABLES], *feature_options[OPTION_TABLES],
    *compare_options[OPTION_TABLES], *compute_options[OPTION_TABLES], *trust_options[OPTION_TABLES],
    *weights_options[OPTION_TABLES];
static cull_input only_feature[32]; /* inputs that task data has not */
const cull_input *const embed_options[] = {embed_own, out_file, NULL};
const cull_input *const cluster_options[] = {cluster_own, out_file, NULL};
const cull_input *const layout_options[] = {layout_own, NULL};
const cull_input *const micro3_options[] = {micro3_own, out_file, NULL};
const cull_input *const model_options[] = {model_own, model_out, NULL};
const cull_input *const search_options[] = {search_own, search_out, NULL};
const cull_input *const prompt_options[] = {prompt_own, out_file, NULL};
const cull_input *const bench_options[] = {bench_own, bench_out, NULL};
const cull_input *const apply_options[] = {apply_own, out_file, NULL};
const cull_input *const info_options[] = {info_own, NULL};
const cull_input *const reproduce_options[] = {reproduce_own, NULL};
const cull_input *const help_options[] = {help_own, NULL};
const cull_input *const no_options[] = {NULL};

static bool row_named(const cull_input *t, const char *name)
{
    while (t->name && strcmp(t->name, name)) t++;
    return t->name;
}

void commands_start(void)
{
    const cull_input *data[] = {cull_task_inputs(CULL_TASK_DATA), judge, out_files};
    const cull_input *compare[] = {cull_task_inputs(CULL_TASK_DATA), cull_compare_inputs(),
                                   only_feature, compare_own, out_file};
    const cull_input *feature[] = {cull_task_inputs(CULL_TASK_FEATURE), feature_own, column_files};
    const cull_input *compute[] = {cull_task_inputs(CULL_TASK_COMPUTE), policy_own, policy_out};
    const cull_input *trust[] = {cull_task_inputs(CULL_TASK_TRUST), policy_own, policy_out};
    const cull_input *weights[] = {cull_task_inputs(CULL_TASK_WEIGHTS), weights_own};
    int n = 0;
    for (const cull_input *r = feature[0]; r->name && n < COUNT(only_feature) - 1; r++)
        if (!row_named(data[0], r->name)) only_feature[n++] = *r;
    memcpy(data_options, data, sizeof data);
    memcpy(feature_options, feature, sizeof feature);
    memcpy(compare_options, compare, sizeof compare);
    memcpy(compute_options, compute, sizeof compute);
    memcpy(trust_options, trust, sizeof trust);
    memcpy(weights_options, weights, sizeof weights);
}
