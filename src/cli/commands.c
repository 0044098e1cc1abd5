/* commands.c - the table of commands. */
#include "command_options.h"
#include "cull/text.h"

#include <stdio.h>
#include <string.h>

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
     .usage =
         "cull model train|eval|ticket|stat|show|prune MODEL [--OPTION VALUE]... [DATA]... [-o "
         "OUT]...",
     .brief = "networks as text: trained, judged, counted, made smaller",
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
         "(--json: as JSON).\n"
         "ticket trains, prunes the smallest weights, goes back to the first ones and trains "
         "again, "
         "in rounds, as Frankle and Carbin 2019: a table of them, the first weights of the ticket "
         "(-o OUT.safetensors), its mask.\n"
         "prune cuts channels, of MODEL or of MODEL WEIGHTS.safetensors, with all that depends on "
         "them: filters, batch norms, what is added to them, the weights that read them. What is "
         "cut together is a group; without a limit they are listed.",
     .examples = "cull model train lenet train-images-idx3-ubyte --labels train-labels-idx1-ubyte "
                 "--val 10% "
                 "-o lenet.safetensors -o lenet.html\ta page with curves beside the parameters\n"
                 "cull model eval lenet.safetensors t10k-images-idx3-ubyte --labels "
                 "t10k-labels-idx1-ubyte\t"
                 "accuracy, likelihood, calibration, by class\n"
                 "cull model ticket mlp:784-300-100-10 train-images-idx3-ubyte --labels "
                 "train-labels-idx1-ubyte --val 10% --rounds 15 --controls reinit -o "
                 "ticket.safetensors --save-mask mask.safetensors\ta twenty-eighth of the weights\n"
                 "cull model stat resnet20 --blocks\tparameters, multiply-adds, memory\n"
                 "cull model prune resnet56 resnet56.safetensors --macs 2.1x -o small.safetensors\t"
                 "a network that is smaller and faster; train goes on from it",
     .options = model_options,
     .least = 1,
     .most = -1,
     .run = run_model},
    {.name = "search",
     .usage = "cull search SPACE --minimize NAMES [--budget N] [--OPTION VALUE]... [-o OUT]... -- "
              "PROGRAM WORD... | cull search SPACE ... --table FILE | cull search "
              "status|best|export|report|importance|stop STORE",
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
         "front, export every trial, report writes a page (-o page.html), importance says which "
         "parameters decided, stop asks all that "
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
    {.name = "compute",
     .usage = "cull compute METHOD [--OPTION VALUE]... [TABLE] -o POLICY.json | cull compute "
              "apply|check|show POLICY.json [TABLE] [-o DECISIONS]",
     .brief = "choose how much work each input gets: cascades, routers, exits, experts",
     .about =
         "TABLE (csv, tsv, jsonl, npz; also .gz or .zst) has a row for each input and columns for "
         "each model: what its answer is worth (--quality), how sure it is (--score), what it "
         "costs (--cost); arrays of outputs come by --logits or --probabilities, features by "
         "--features. METHOD learns a policy from rows whose outcomes are known, within the "
         "budget or up to the target.\n"
         "apply decides about other rows: which models run, whose answer is taken, at what cost. "
         "check says what decisions are worth on rows whose outcomes are known, beside each model "
         "alone, with 95 % intervals. show says what a policy is.",
     .examples =
         "cull compute cascade --quality small,large --score s1,s2 --cost 1,12 --budget 4 val.csv "
         "-o policy.json\ta cascade of mean cost 4 at most\n"
         "cull compute check policy.json --quality small,large --score s1,s2 --cost 1,12 "
         "test.csv\twhat it saves, with intervals\n"
         "cull compute apply policy.json --score s1,s2 --cost 1,12 new.csv -o decisions.csv\t"
         "which model answers which row",
     .options = compute_options,
     .word = WORD_METHOD,
     .verbs = "apply|check|show",
     .task = CULL_TASK_COMPUTE,
     .most = 3,
     .run = run_policy},
    {.name = "trust",
     .usage = "cull trust METHOD [--OPTION VALUE]... [TABLE] -o CERTIFICATE.json | cull trust "
              "apply|check|show CERTIFICATE.json [TABLE] [-o DECISIONS]",
     .brief = "choose which outputs to trust, with a guarantee",
     .about =
         "TABLE (csv, tsv, jsonl, npz; also .gz or .zst) has a row for each calibration example, "
         "with its truth (--truth) and what models said (--score, --logits, --probabilities). "
         "METHOD calibrates to the level; the certificate says what is guaranteed, what that "
         "assumes, and from how many rows.\n"
         "apply decides about other rows: kept ones, sets of classes, intervals. check compares "
         "that with the truth once it is known, and ends with 3 where the guarantee is refuted. "
         "Rows that stand in calibration and test alike are found, and the guarantee is then not "
         "given.",
     .examples =
         "cull trust conformal-selection --score mu --truth y --above 6.5 --level 0.2 calib.csv -o "
         "cert.json\tcalibrated\n"
         "cull trust apply cert.json --score mu new.csv -o kept.csv\tat most a fifth of the kept "
         "are false, in expectation\n"
         "cull trust check cert.json --score mu --truth y later.csv\tdid it hold?",
     .options = trust_options,
     .word = WORD_METHOD,
     .verbs = "apply|check|show",
     .task = CULL_TASK_TRUST,
     .most = 3,
     .run = run_policy},
    {.name = "weights",
     .usage = "cull weights METHOD [--base CHECKPOINT] [--OPTION VALUE]... CHECKPOINT... -o OUT "
              "[-- PROGRAM WORD...] | cull weights pack|unpack CHECKPOINT -o OUT | "
              "cull weights mask DENSE PRUNED -o MASK | cull weights stat|verify CHECKPOINT | cull "
              "weights verify MASK|MANIFEST MODEL | "
              "cull weights diff A B",
     .brief = "choose which weights of networks to keep: merge checkpoints, make one smaller",
     .about =
         "CHECKPOINT is a .safetensors file, a .safetensors.index.json, or a folder with one of "
         "them, as Hugging Face's. Tensors are paired by name, read and written in blocks: a "
         "model may be larger than the memory. What will be read, written and held is told before "
         "the run. Numbers are computed in f32 and rounded to the dtype that they had.\n"
         "OUT is a .safetensors file or a folder; nothing stands there before all is well.\n"
         "soup takes the mean of models; with a PROGRAM, in whose words {checkpoint} is a file and "
         "whose "
         "last line is its score, from the best model on those that make the mean no worse.\n"
         "pack writes tensors with many zeros in fewer bytes (a bitmask, 2:4, rows or gaps, the "
         "smallest of each); every command reads such files as they are, unpack writes them dense "
         "again, to the bit. mask writes which numbers of DENSE stay in PRUNED; cull apply puts "
         "that on.\n"
         "stat says what a checkpoint holds: shapes, dtypes, mean, standard deviation, zeros. diff "
         "says how far two are apart; its exit code is 0 when they are equal, 3 when not. verify "
         "checks index, shards, config and numbers; 1 when something is broken.",
     .examples =
         "cull weights magnitude --sparsity 0.9 --scope global --store sparse model.safetensors -o "
         "small.safetensors\tnine of ten weights become 0, in about an eighth of the bytes\n"
         "cull weights linear --weights 0.6,0.4 a.safetensors b.safetensors -o mean.safetensors\t"
         "a weighted mean\n"
         "cull weights linear --rule 'role=norm model=2: weight=0' a b -o mean --shard-size 4G\t"
         "norms are the first model's\n"
         "cull weights ties --base base --density 0.3 math code -o merged\tthe largest of what "
         "both learned, where they agree in sign\n"
         "cull weights soup a b c -o soup -- ./accuracy.sh {checkpoint}\ta greedy soup\n"
         "cull weights stat --by role llama/\twhat attention, feed-forward layers, norms hold\n"
         "cull weights diff base/ tuned/\ttensors that were changed, and by how much",
     .options = weights_options,
     .word = WORD_METHOD,
     .verbs = "pack|unpack|mask|stat|diff|verify",
     .task = CULL_TASK_WEIGHTS,
     .most = -1,
     .run = run_weights},
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
     .about =
         "A TABLE holds the results of a space's designs, so that regret is known: how far "
         "the best design found is from the best there is, in points of accuracy, or as log10 "
         "of the ratio to the least error or time; of two objectives, the share that is "
         "missing of the volume of the table's front. A design that has no result fails. Without "
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
     .about =
         "PICK is a pick file, or a bare list of rows (tsv or csv with a column row, a row "
         "number a line, npy). INPUT is the pool it was made from, or anything with the same "
         "rows: records or an array. A pick file knows the hash of its pool; another input "
         "is refused unless --force. A pick of columns takes them by name from any table that "
         "has them all. The manifest that expert-drop or expert-merge leaves (PICK) makes the same "
         "choice of experts on a checkpoint of the same names (INPUT).",
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
