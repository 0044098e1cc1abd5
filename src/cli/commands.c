/* commands.c - the table of commands, and the options that no task or method brings. */
#include "cli.h"
#include "cull/job.h"
#include "cull/text.h"

#include <stdio.h>
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
     "train, eval: rows with labels; files may also stand behind the model. Arrays (IDX, CIFAR "
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
    {"init", "torch|he", "first weights: as PyTorch's layers, or He et al. 2015 (torch)"},
    {"val", "FILE|SHARE", "train: rows to validate on: a file, or a share of --data, as 10%"},
    {"val-labels", "FILE", "train: the classes of --val"},
    {"epochs", "N", "train: passes over the rows (10)"},
    {"batch", "N", "rows of a step (128)"},
    {"optimizer", "sgd|adam|adamw", "train: how steps are made (adamw)"},
    {"lr", "RATE", "train: learning rate (0.001; of sgd 0.1)"},
    {"momentum", "M", "train: of sgd (0.9)"},
    {"nesterov", NULL, "train: of sgd"},
    {"decay", "W", "train: weight decay (0; of adamw 0.01)"},
    {"clip", "L", "train: most length of a gradient; 0 = any (0)"},
    {"schedule", "cosine|constant|linear|step",
     "train: how the rate falls; step: to a tenth at half and three quarters (cosine)"},
    {"warmup", "STEPS", "train: steps on which the rate rises (0)"},
    {"smoothing", "S", "train: smoothing of labels (0)"},
    {"crop", "PIXELS", "train: images at random places within so much padding (0)"},
    {"flip", NULL, "train: half of the images mirrored"},
    {"cutout", "PIXELS", "train: a square of so many pixels blanked (0)"},
    {"ema", "DECAY", "train: validate and keep an average of the weights (0 = none)"},
    {"patience", "N", "train: stop after so many epochs that are no better (0 = never)"},
    {"last", NULL, "train: keep the last weights, not the best validated ones"},
    {"shards", "N",
     "train: parts of a batch that run beside one another; batch norm is of each (a part for each "
     "32 "
     "rows, at most 8)"},
    {"checkpoint", "DIR",
     "train: keep the state in DIR, so that the same command goes on after it was killed"},
    {"plan", NULL, "train: say what would be done and what it holds; then stop"},
    {"logits", "FILE", "eval: write the outputs of every row here (.npy)"},
    {"blocks", NULL, "stat: a line for each block, not for each layer"},
    {NULL, NULL, NULL}};
static const cull_input model_out[] = {
    {"out", "OUT...",
     "-o OUT: train: the parameters (.safetensors), the page of the training (.html)"},
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
    {"key", "NAME", "of the table: a column of points as digits, a digit for each parameter"},
    {"cost-column", "NAME", "of the table: what an evaluation costs"},
    {"step-columns", "NAMES", "of the table: values on the way, in order"},
    {"nearest", NULL, "a point that the table lacks takes the nearest one's row"},
    {"mean", NULL, "rows of one point count by their mean"},
    {"log", "FILE", "write every trial here: .csv, .tsv or .jsonl"},
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

/* The inputs of task data come from the library; the table is made once, in commands_start. */
enum { MAX_TABLES = 6 };
static const cull_input *data_options[MAX_TABLES], *feature_options[MAX_TABLES],
    *compare_options[MAX_TABLES];
static cull_input only_feature[32]; /* inputs that task data has not */
static const cull_input *const embed_options[] = {embed_own, out_file, NULL};
static const cull_input *const cluster_options[] = {cluster_own, out_file, NULL};
static const cull_input *const layout_options[] = {layout_own, NULL};
static const cull_input *const micro3_options[] = {micro3_own, out_file, NULL};
static const cull_input *const model_options[] = {model_own, model_out, NULL};
static const cull_input *const search_options[] = {search_own, search_out, NULL};
static const cull_input *const prompt_options[] = {prompt_own, out_file, NULL};
static const cull_input *const bench_options[] = {bench_own, bench_out, NULL};
static const cull_input *const apply_options[] = {apply_own, out_file, NULL};
static const cull_input *const info_options[] = {info_own, NULL};
static const cull_input *const reproduce_options[] = {reproduce_own, NULL};
static const cull_input *const help_options[] = {help_own, NULL};
static const cull_input *const no_options[] = {NULL};

static const command table[] = {
    {.name = "data",
     .usage = "cull data [METHOD] --budget N|P%|COST [--OPTION VALUE]... POOL... [-o OUT]...",
     .brief = "choose which training examples to keep",
     .about =
         "POOL is jsonl, csv, tsv or plain text (a record a line; also .gz or .zst; several files "
         "or globs are one pool; - is standard input), or an array of embeddings (npy, npz, "
         "safetensors). METHOD is one of those below; without it rds-plus. What the method reads "
         "and was not given is made: embeddings from the text.\n"
         "The result goes to standard output as tsv (row, id, score, by), unless -o says where. "
         "Where a target is given, coverage says how well the kept ones cover it: the mean over "
         "target examples of their best cosine similarity to a kept one. Where the pool has a "
         "label, precision says which share of the kept has the one that is looked for.",
     .examples =
         "cull data --budget 500 --target dev.jsonl pool.jsonl -o kept.jsonl -o report.html\t"
         "the 500 records most like those of dev.jsonl, and a report\n"
         "cull data random --budget 2% --seed 7 pool.jsonl.gz -o kept.jsonl.gz\t"
         "a uniform sample of 2 %\n"
         "cull data --budget 1e6 --cost words --target dev.jsonl --avoid test.jsonl pool-*.jsonl "
         "-o kept.jsonl\ta million words, nothing that overlaps with test.jsonl",
     .options = data_options,
     .word = WORD_METHOD,
     .least = 1,
     .most = -1,
     .run = run_task},
    {.name = "feature",
     .usage = "cull feature METHOD --target FIELD|FILE [--budget N|P%|COST] [--OPTION VALUE]... "
              "TABLE... [-o OUT]...",
     .brief = "choose which columns of a table to measure",
     .about =
         "TABLE is csv, tsv or jsonl (also .gz or .zst; - is standard input) whose columns are "
         "numbers or text, or an array of numbers (npy, npz, safetensors, svmlight, IDX, CIFAR) "
         "whose columns are c0, c1, ... Text is categorical, a blank cell is missing. METHOD is "
         "one of those below.\n"
         "The result goes to standard output as tsv (column, name, score), unless -o says where. "
         "With a target, accuracy (of classes) or R2 (of numbers) says how well a plain model "
         "does on the kept columns, in cross-validation, beside a random choice and all columns.",
     .examples =
         "cull feature random-columns --budget 20 --target outcome table.csv -o smaller.csv "
         "--with-target\t20 columns and the target\n"
         "cull feature random-columns --budget 10% --target y data.npz -o pick.json\t"
         "the pick, for cull apply",
     .options = feature_options,
     .word = WORD_METHOD,
     .task = CULL_TASK_FEATURE,
     .least = 1,
     .most = -1,
     .run = run_task},
    {.name = "embed",
     .usage = "cull embed [--OPTION VALUE]... INPUT... -o OUT.npy|OUT.safetensors",
     .brief = "turn texts into feature vectors",
     .about = "Hashed word and character n-grams, weighted by TF-IDF and reduced by a randomized "
              "SVD: a row of unit length for each record, the same that `cull data` makes. To "
              "embed a pool and a target alike, fit both on the pool: --fit POOL.",
     .examples = "cull embed pool.jsonl -o pool.npy\tthe pool's vectors, (n, 256) f32\n"
                 "cull embed --fit pool.jsonl dev.jsonl -o dev.npy\ta target in the same space",
     .options = embed_options,
     .least = 1,
     .most = -1,
     .run = run_embed},
    {.name = "cluster",
     .usage = "cull cluster --clusters K [--OPTION VALUE]... INPUT... -o CENTROIDS.npy",
     .brief = "k-means over an array of any size",
     .about = "INPUT is an array (npy, npz, safetensors, ...) of f32, f16, bf16 or integers; it is "
              "read in passes, never held. The centroids are the same to the bit for any number of "
              "threads, and of processes (cull-mpi). Every row counts: nothing is sampled unless "
              "--batch says so.",
     .examples =
         "cull cluster --clusters 4096 pool.npy -o centroids.npy --assign cluster.npy\t"
         "4,096 centroids, and the cluster of each row\n"
         "cull cluster --clusters 4096 --batch 100000 --iterations 50 pool.npy -o centroids.npy\t"
         "by minibatches: far fewer reads of a large file",
     .options = cluster_options,
     .least = 1,
     .most = -1,
     .run = run_cluster},
    {.name = "layout",
     .usage = "cull layout select|prompt|serialize|parse|rank [--OPTION VALUE]... FILE...",
     .brief = "exemplars and prompts for generated layouts, and ranks of the answers",
     .about =
         "LayoutPrompter (Lin et al. 2023) around any text generator. FILE holds layouts, a line "
         "each: "
         "{\"id\": ..., \"width\": W, \"height\": H, \"elements\": [{\"label\": ..., \"left\": "
         "..., \"top\": ..., \"width\": ..., \"height\": ...}, ...]}, in pixels of that canvas, or "
         "without it in shares from 0 to 1. A record of --queries leaves out what is not known, "
         "and "
         "may say how its elements, counted from 0, are to lie: \"relations\": [[0, \"top\", 1], "
         "[1, \"center\", \"canvas\"]], by top, bottom, left, right, center, smaller, equal or "
         "larger; without, --constraint relations draws them from its boxes.\n"
         "select names the layouts of FILE most like each query, prompt writes them and the query "
         "as "
         "text, serialize writes all of FILE as text, parse reads answers (HTML, one after each "
         "blank "
         "line) to layouts, rank puts layouts in order, the best first: aligned, without overlap, "
         "and "
         "like those of --valid.",
     .examples =
         "cull layout prompt --constraint sizes --canvas rico --queries want.jsonl library.jsonl\t"
         "a prompt with ten exemplars\n"
         "cull layout parse --canvas rico --library library.jsonl --skip answers.txt > made.jsonl\t"
         "what the generator wrote, as layouts\n"
         "cull layout rank --valid valid.jsonl made.jsonl\tthe best first",
     .options = layout_options,
     .least = 1,
     .most = -1,
     .run = run_layout},
    {.name = "micro3",
     .usage = "cull micro3 [--seeds N] [--data-dir DIR] [-o TABLE.csv] | TABLE.csv",
     .brief = "a search space of 125 small nets, all trained",
     .about =
         "Trains every cell of three nodes and five operations on 4,000 images of Fashion-MNIST "
         "(Debian package dataset-fashion-mnist) and writes accuracy by seed, parameters and "
         "multiply-adds of each as csv. The answer does not depend on the number of threads. "
         "With a TABLE.csv, the one that is installed in share/cull or another, nothing is "
         "trained: it says the best cell, what a random pick gives, and how far seeds differ.",
     .examples = "cull micro3 share/micro3.csv\tthe table that comes with cull, in short\n"
                 "cull micro3 --seeds 3 -o micro3.csv\tmake it again: some minutes",
     .options = micro3_options,
     .most = 1,
     .run = run_micro3},
    {.name = "model",
     .usage = "cull model train|eval|stat|show MODEL [--OPTION VALUE]... [DATA]... [-o OUT]...",
     .brief = "networks as text: trained, judged, counted",
     .about =
         "MODEL is a .model file (docs/model.md: a line a layer, or the same as JSON), a "
         ".safetensors file that cull model train wrote, or a name: lenet, mlp:784-256-10, "
         "autoencoder:784-64, resnet20 (32, 44, 56, any 6 n + 2), mobilenet-small. A model by name "
         "takes the data's shape and number of classes.\n"
         "train writes parameters with PyTorch's names and shapes; where the model does not say "
         "how "
         "inputs are scaled, mean and deviation of the training rows are used, and kept in the "
         "file. The answer does not depend on the number of threads. eval judges a model with "
         "given parameters, stat counts parameters, multiply-adds and memory, show prints the text "
         "(--json: as JSON).",
     .examples = "cull model train lenet train-images-idx3-ubyte --labels train-labels-idx1-ubyte "
                 "--val 10% "
                 "-o lenet.safetensors -o lenet.html\ta page with curves beside the parameters\n"
                 "cull model eval lenet.safetensors t10k-images-idx3-ubyte --labels "
                 "t10k-labels-idx1-ubyte\t"
                 "accuracy, likelihood, calibration, by class\n"
                 "cull model stat resnet20 --blocks\tparameters, multiply-adds, memory",
     .options = model_options,
     .least = 1,
     .most = -1,
     .run = run_model},
    {.name = "search",
     .usage = "cull search SPACE --minimize NAMES [--budget N] [--OPTION VALUE]... [-o OUT]... -- "
              "PROGRAM WORD... | cull search SPACE ... --table FILE | cull search "
              "status|best|export|report|stop STORE",
     .brief = "choose a design: evaluate points of a space, find the best",
     .about =
         "SPACE is a file of typed parameters (docs/space.md). PROGRAM is run for each point: "
         "{NAME} in its words is the value of a parameter, {trial}, {worker}, {seed}, {budget} and "
         "{dir} are what they say, {{ is a brace; without a parameter in its words it reads the "
         "point as JSON from standard input. Its last line with all objectives is the result: "
         "JSON, name=value, or with one objective a number. A line with \"step\" is a report. "
         "Exit status 75 asks to be run again later, any other but 0 is a failure "
         "(docs/search.md).\n"
         "With --store a search that was stopped or killed goes on where it was, and several "
         "processes may share it. status says how it stands, best prints the best points or the "
         "front, export every trial, report writes a page (-o page.html), stop asks all that "
         "search in it to finish.",
     .examples =
         "cull search space.cull --minimize error,latency --budget 200 --workers 4 --store run.db "
         "-- ./train {lr} {arch}\ttwo objectives, four at a time\n"
         "cull search status run.db\thow it stands\n"
         "cull search space.cull --maximize acc --budget 100 --table results.csv -o best.json\t"
         "a table of known results",
     .options = search_options,
     .word = WORD_OPTION,
     .task = CULL_TASK_SEARCH,
     .least = 1,
     .most = -1,
     .run = run_search},
    {.name = "prompt",
     .usage =
         "cull prompt search VAL.jsonl [--OPTION VALUE]... [-o BEST.json] -- PROGRAM [WORD]... "
         "| show BEST.json --input TEXT",
     .brief = "choose a prompt's instruction and exemplars for a model",
     .about =
         "PROGRAM is the model: it reads a prompt on standard input and prints the answer. VAL has "
         "rows with an input and a target. First a part of the budget goes to the instruction, "
         "where there are several; what the model answered rightly on the way, in its own words, "
         "are exemplars that cost nothing, and the rest goes to choosing among them. A row is "
         "never shown as an exemplar of itself, and no prompt is asked twice: the budget counts "
         "calls.\n"
         "Told are the score on the validation rows with its 95 % interval (bootstrap over rows), "
         "what can be expected on rows that the choice was not made on, and with --test the score "
         "on those, and the difference. BEST.json has instruction and exemplars as they are; show "
         "prints the prompt that they make.",
     .examples =
         "cull prompt search val.jsonl --instructions instructions.txt --test test.jsonl --cache "
         "answers.db -o best.json -- ./llm.sh\tthe best prompt in 32 validations; a search that "
         "was stopped goes on\n"
         "cull prompt search val.jsonl --strategy nearest --k 5 --workers 8 --stay -- ./llm.py\t"
         "the five examples most like each query\n"
         "cull prompt show best.json --input 'Is it raining?'\tthe prompt for one query",
     .options = prompt_options,
     .least = 1,
     .most = -1,
     .run = run_prompt},
    {.name = "compare",
     .usage =
         "cull compare data|feature --budget N|P%|COST [--OPTION VALUE]... POOL... [-o OUT]...",
     .brief = "run many methods on one problem, fairly",
     .about = "Every method whose inputs are there runs on the same problem, those that draw once "
              "for each seed. The table says precision, coverage, time and memory of each, with "
              "95 % intervals, and its difference to a uniform sample, paired by seed. With "
              "--targets one labelled pool becomes a fair problem, made anew for each seed: the "
              "target's groups (or near copies) leave the pool, so that nothing leaks. Options of "
              "methods go to every method that has them; A:NAME=VALUE:NAME=VALUE in --methods is a "
              "row of its own.\n"
              "Of task feature the table says what a plain model does on the columns that each "
              "method kept, on a random choice and on all of them, in cross-validation.",
     .examples = "cull compare data --budget 2% --target dev.jsonl --label topic --label-is news "
                 "pool.jsonl\tevery method on one target\n"
                 "cull compare data --budget 400 --label topic --label-is news --targets 20 "
                 "pool.jsonl -o report.html\tthe target is drawn from the pool",
     .options = compare_options,
     .word = WORD_TASK,
     .any_method = true,
     .least = 1,
     .most = -1,
     .run = run_compare},
    {.name = "bench",
     .usage = "cull bench search [TABLE...] [--methods NAMES] [--seeds N] [--at NUMBERS] "
              "[--data DIR] [-o OUT]...",
     .brief = "methods of search on tables of known results, over seeds",
     .about = "A TABLE holds the results of a space's designs, so that regret is known: how far "
              "the best design found is from the best there is, in points of accuracy, or as log10 "
              "of the ratio to the least error or time. A design that has no result fails. Without "
              "a TABLE all whose data is here. Methods "
              "ask no design twice; told are the mean over seeds with its 95 % interval "
              "(bootstrap), the gain over random search with Welch's p, the value that the search "
              "did not see (test), and the processor's microseconds of an ask, the only part "
              "that is not the same twice.",
     .examples = "cull bench search micro3\tall methods on the table that comes with cull\n"
                 "cull bench search nb201-c10 fcnet-slice --methods tpe,regularized-evolution "
                 "--data tables -o report.md -o runs.csv\ttwo methods on two tables, beside "
                 "random search\n"
                 "cull bench search --list\tthe tables, their units and files",
     .options = bench_options,
     .least = 1,
     .most = -1,
     .run = run_bench},
    {.name = "apply",
     .usage = "cull apply PICK INPUT... [-o OUT]...",
     .brief = "write the rows of a file that a pick names",
     .about = "PICK is a pick file, or a bare list of rows (tsv or csv with a column row, a row "
              "number a line, npy). INPUT is the pool it was made from, or anything with the same "
              "rows: records or an array. A pick file knows the hash of its pool; another input "
              "is refused unless --force. A pick of columns takes them by name from any table that "
              "has them all.",
     .examples = "cull apply pick.json pool.jsonl -o kept.jsonl\tthe kept records\n"
                 "cull apply pick.json --force pool.npy -o kept.npy\ttheir embeddings",
     .options = apply_options,
     .least = 2,
     .most = -1,
     .run = run_apply},
    {.name = "replay",
     .usage = "cull replay PICK",
     .brief = "run a pick again and compare",
     .about = "Runs the command that made the pick file with its options and seed, from the same "
              "directory, and compares row by row. Exit 0: the same; 1: it differs. Picks are "
              "equal to the bit on one instruction set; across sets nearly equal scores may "
              "change places, and both are told.",
     .examples = "cull replay pick.json\tdoes it still come out the same?",
     .options = no_options,
     .least = 1,
     .most = 1,
     .run = run_replay},
    {.name = "list",
     .usage = "cull list [TASK]",
     .brief = "name the methods",
     .about = "With --json the whole catalogue: tasks with their inputs, methods with their "
              "options.",
     .examples = "cull list data\tthe methods of task data",
     .options = no_options,
     .least = 0,
     .most = 1,
     .run = run_list},
    {.name = "info",
     .usage = "cull info METHOD|FILE",
     .brief = "describe a method or a file",
     .about = "Of a method: what it keeps, its paper, what it reads, its options. Of a file: "
              "records, fields, shape, hash; of a pick file, what was chosen and how.",
     .examples = "cull info rds-plus\tits options and defaults\n"
                 "cull info pool.jsonl\trecords, bytes, fields",
     .options = info_options,
     .least = 1,
     .most = 1,
     .run = run_info},
    {.name = "papers",
     .usage = "cull papers",
     .brief = "the papers behind cull, and which of them it holds",
     .about = "",
     .examples = "cull papers\tnumber, method, task, state, title",
     .options = no_options,
     .least = 0,
     .most = 0,
     .run = run_papers},
    {.name = "reproduce",
     .usage = "cull reproduce SLUG [--quick] [--data DIR]",
     .brief = "check a paper's claim on this machine",
     .about = "Runs the check that belongs to a paper and says what was claimed, what was reached, "
              "what the baseline reaches, over how many seeds, with an interval. Exit 0: reached; "
              "3: not reached; 4: data is missing.",
     .examples = "cull reproduce rds-plus --quick\tthe smaller check",
     .options = reproduce_options,
     .least = 1,
     .most = 1,
     .run = run_reproduce},
    {.name = "completion",
     .usage = "cull completion bash|zsh",
     .brief = "print a completion script for a shell",
     .about = "",
     .examples = "eval \"$(cull completion bash)\"\tfor this shell",
     .options = no_options,
     .least = 1,
     .most = 1,
     .no_json = true,
     .run = run_completion},
    {.name = "help",
     .usage = "cull help [COMMAND]",
     .brief = "explain a command",
     .about = "",
     .examples = "cull help data\tthe same as cull data --help",
     .options = help_options,
     .least = 0,
     .most = 1,
     .no_json = true,
     .run = run_help},
};

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
    int n = 0;
    for (const cull_input *r = feature[0]; r->name && n < COUNT(only_feature) - 1; r++)
        if (!row_named(data[0], r->name)) only_feature[n++] = *r;
    memcpy(data_options, data, sizeof data);
    memcpy(feature_options, feature, sizeof feature);
    memcpy(compare_options, compare, sizeof compare);
}

const command *command_at(int i) { return i >= 0 && i < COUNT(table) ? &table[i] : NULL; }

bool takes_methods(const command *k) { return k->word == WORD_METHOD || k->word == WORD_OPTION; }

const cull_method *method_of(const command *k, int i)
{
    const cull_method *m = NULL;
    if (!takes_methods(k) && !k->any_method) return NULL;
    for (int at = 0; i >= 0 && (m = cull_method_at(at)); at++)
        if (k->any_method || m->task == k->task) i--;
    return m;
}

const char *task_names(char buf[64])
{
    size_t n = 0;
    for (int t = 0; t < CULL_TASKS && n < 64; t++)
        n += (size_t)snprintf(buf + n, 64 - n, "%s%s", t ? ", " : "", cull_task_name((cull_task)t));
    return buf;
}

const command *command_find(const char *name, const char **near)
{
    const char *names[COUNT(table)];
    for (int i = 0; i < COUNT(table); i++) {
        if (!strcmp(table[i].name, name)) return &table[i];
        names[i] = table[i].name;
    }
    if (near) *near = cull_nearest(name, names, COUNT(table));
    return NULL;
}
