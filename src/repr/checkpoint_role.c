/* checkpoint_role.c - what a tensor does, told from its name. */
#include <string.h>

#include "repr/checkpoint.h"

static const char *const names[CULL_ROLES] = {
#define X(n, s) [CULL_ROLE_##n] = s,
    CULL_ROLE_MAP(X)
#undef X
};

const char *cull_role_name(cull_role r) { return (unsigned)r < CULL_ROLES ? names[r] : "?"; }

bool cull_role_find(const char *name, cull_role *out)
{
    for (int r = 0; r < CULL_ROLES; r++)
        if (cull__same_name(names[r], name)) return *out = (cull_role)r, true;
    return false;
}

/* The number that follows the first part of the name called `part`; -1 where there is none. */
static int numbered(const char *name, const char *part)
{
    size_t n = strlen(part);
    for (const char *s = name; s; s = strchr(s, '.')) {
        s += *s == '.';
        if (strncmp(s, part, n) || s[n] != '.') continue;
        int v = 0, digits = 0;
        for (const char *d = s + n + 1; *d >= '0' && *d <= '9' && digits < 9; d++, digits++)
            v = 10 * v + (*d - '0');
        if (digits) return v;
    }
    return -1;
}

static bool has(const char *name, const char *part) { return strstr(name, part) != NULL; }

void cull__checkpoint_role(cull_tensor *t)
{
    static const struct {
        const char *part;
        cull_role role;
    } rules[] = {
        {"lm_head", CULL_ROLE_HEAD},     {"norm", CULL_ROLE_NORM},
        {"ln_", CULL_ROLE_NORM},         {"embed", CULL_ROLE_EMBEDDING},
        {"wte", CULL_ROLE_EMBEDDING},    {"wpe", CULL_ROLE_EMBEDDING},
        {"attn", CULL_ROLE_ATTENTION},   {"attention", CULL_ROLE_ATTENTION},
        {"expert", CULL_ROLE_FFN},       {"block_sparse_moe.gate", CULL_ROLE_ROUTER},
        {"mlp.gate.", CULL_ROLE_ROUTER}, {"mlp", CULL_ROLE_FFN},
        {"conv", CULL_ROLE_CONV},
    };
    static const char *const layers[] = {"layers", "h", "layer", "block", "blocks"};
    t->role = CULL_ROLE_OTHER;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (has(t->name, rules[i].part)) {
            t->role = rules[i].role;
            break;
        }
    t->layer = -1;
    for (size_t i = 0; t->layer < 0 && i < sizeof layers / sizeof *layers; i++)
        t->layer = numbered(t->name, layers[i]);
    t->expert = numbered(t->name, "experts");
    t->lora = has(t->name, ".lora_A.") ? 'A' : has(t->name, ".lora_B.") ? 'B' : 0;
}
