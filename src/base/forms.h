/* forms.h - forms of numbers that only checkpoints have, counted on from cull_dtype. */
#ifndef CULL__FORMS_H
#define CULL__FORMS_H
#include "base/base.h"

enum { CULL__F8_E4M3 = CULL_DTYPES, CULL__F8_E5M2 };
#endif
