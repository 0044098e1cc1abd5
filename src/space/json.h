/* json.h - what the two readers of JSON share. */
#ifndef CULL__SPACE_JSON_H
#define CULL__SPACE_JSON_H
#include "io/io.h"
#include "space/inner.h"

/* A value as text: of a string, a number, true or false. */
cull_status cull__json_word(cull__doc *d, const char *name, cull__json_value v, const char **out);
/* A list of weights, a number for each of the node's items. */
cull_status cull__json_weights(cull__doc *d, cull__node *n, cull__json_value v);
/* An object of ConfigSpace's, which has "hyperparameters". */
cull_status cull__space_read_configspace(cull__doc *d, cull__json_value root);
#endif
