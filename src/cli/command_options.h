/* command_options.h - tables of options, which the table of commands names. */
#ifndef CULL_CLI_COMMAND_OPTIONS_H
#define CULL_CLI_COMMAND_OPTIONS_H
#include "cli.h"
#include "cull/job.h"

enum { OPTION_TABLES = 6 };
extern const cull_input *data_options[OPTION_TABLES], *feature_options[OPTION_TABLES],
    *compare_options[OPTION_TABLES], *compute_options[OPTION_TABLES], *trust_options[OPTION_TABLES],
    *weights_options[OPTION_TABLES];
extern const cull_input *const embed_options[],
    *const cluster_options[], *const layout_options[],
                                  *const micro3_options[],
                                      *const model_options[],
                                          *const search_options[],
                                              *const prompt_options[],
                                                  *const bench_options[],
                                                      *const apply_options[],
                                                          *const info_options[],
                                                              *const reproduce_options[],
                                                                  *const help_options[],
                                                                      *const no_options[];
#endif
