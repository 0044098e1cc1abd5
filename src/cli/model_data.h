/* model_data.h - the data of `cull model train` and `eval`: files to data sets, and how they are judged. */
#ifndef CULL_CLI_MODEL_DATA_H
#define CULL_CLI_MODEL_DATA_H
#include "cull/fit.h"
#include "model.h"

enum { MAX_SETS = 256 };
typedef struct {
    cull_dataset *set[MAX_SETS];
    int sets;
    int64_t rows;
} data_files;
/* The files of --data and those that follow the model, with --labels, --target and the like. like: a model
 * whose input says what shape rows have where files do not. */
int data_open(cli *c, const cull_model *like, data_files *out);
int data_add(cli *c, const cull_model *like, const char *path, const char *labels, data_files *out);
void data_close(data_files *d);
int fit_kind_of(cli *c, cull_fit_kind *out);
int64_t data_classes(const data_files *d);

/* What is trained, on which rows (model_fit.c). */
typedef struct {
    cull_model *m;
    data_files data;
    int64_t *row, train, val,
        test; /* rows to train on, then those of --val, then those of --test */
    cull_fit_opts o;
} fitting;
int fitting_options(cli *c, cull_fit_opts *o);
/* f->o as fitting_options left it; afterwards no batch is larger than the rows. */
int fitting_open(cli *c, fitting *f);
/* The data alone, and its parts, for the model f->m. */
int fitting_rows(cli *c, fitting *f);
void fitting_close(fitting *f);

/* Predictions judged: metrics, and the table of labels and predictions (classes, classes). */
typedef struct {
    cull_fit_kind kind;
    int64_t n, classes;
    double loss;
    cull_class_metrics classed;
    cull_number_metrics numbers;
    int64_t *confusion;
    float *out; /* (n, outs) */
    int64_t outs;
} judged;
int judge_rows(cli *c, cull_model *m, const data_files *d, const int64_t *row, int64_t n,
               cull_fit_kind kind, judged *out);
void judged_free(judged *j);
void judged_json(const judged *j); /* members, without braces */
#endif
