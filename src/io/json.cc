/* json.cc - JSON in: simdjson's DOM (RFC 8259, UTF-8 checked) behind the C face of io.h.
 *
 * The only C++ of the library: no exceptions, no run-time types, nothing thrown. simdjson does not
 * say where a text is wrong, so a refused text is read again by the small checker below, which
 * finds the byte and the reason. Memory that simdjson takes by itself is counted: its buffers for
 * strings and tokens as far as text touches them (about three times the longest record). */
#include "io/io.h"

#include <cmath>
#include <cstring>
#include <new>
#include <simdjson.h>
#include <type_traits>

using namespace simdjson;

enum { DEPTH = 1024, TOUCHED = 3 };

struct cull__json_parser {
    cull_ctx *cx;
    dom::parser dom;
    uint64_t charged;
};

static_assert(sizeof(dom::element) == sizeof(cull__json_value), "a value is an element");
static_assert(std::is_trivially_copyable<dom::element>::value, "a value is an element");

static cull__json_value pack(dom::element e)
{
    cull__json_value v;
    std::memcpy(&v, &e, sizeof v);
    return v;
}

static dom::element unpack(cull__json_value v)
{
    dom::element e;
    std::memcpy(static_cast<void *>(&e), &v, sizeof v);
    return e;
}

/* ---- where and why a text is no JSON ---- */

namespace
{
struct checker {
    const char *s;
    size_t n, i = 0;
    const char *why = nullptr;

    bool no(const char *reason)
    {
        if (!why) why = reason;
        return false;
    }
    void blanks()
    {
        while (i < n && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r')) i++;
    }
    bool digits()
    {
        size_t from = i;
        while (i < n && s[i] >= '0' && s[i] <= '9') i++;
        return i > from;
    }
    bool hex4(unsigned *v)
    {
        *v = 0;
        for (int k = 0; k < 4; k++, i++) {
            char c = i < n ? s[i] : 0;
            bool digit = c >= '0' && c <= '9', letter = (c | 32) >= 'a' && (c | 32) <= 'f';
            if (!digit && !letter) return no("\\u wants four hexadecimal digits");
            *v = *v * 16 + static_cast<unsigned>(digit ? c - '0' : (c | 32) - 'a' + 10);
        }
        return true;
    }
    bool escape() /* at what follows the backslash */
    {
        if (i == n) return no("a string has no closing quote");
        char c = s[i];
        if (c != 'u') {
            if (!std::strchr("\"\\/bfnrt", c) || !c) return no("an unknown escape");
            i++;
            return true;
        }
        unsigned v, w;
        size_t at = i++;
        if (!hex4(&v)) return false;
        if (v < 0xD800 || v > 0xDFFF) return true;
        if (v < 0xDC00 && i + 1 < n && s[i] == '\\' && s[i + 1] == 'u') {
            i += 2;
            if (!hex4(&w)) return false;
            if (w >= 0xDC00 && w <= 0xDFFF) return true;
        }
        i = at;
        return no("half of a surrogate pair");
    }
    bool string() /* at the opening quote */
    {
        size_t from = i++;
        while (i < n && s[i] != '"') {
            if (static_cast<unsigned char>(s[i]) < 32)
                return no("a control character inside a string; it must be escaped");
            if (s[i++] == '\\' && !escape()) return false;
        }
        if (i == n) {
            i = from;
            return no("a string has no closing quote");
        }
        i++;
        return true;
    }
    /* What other writers of JSON, Python's among them, put for numbers that it does not have. */
    bool is_word(const char *w)
    {
        return n - i >= std::strlen(w) && !std::memcmp(s + i, w, std::strlen(w));
    }
    bool no_value()
    {
        if (is_word("NaN") || is_word("nan") || is_word("Infinity") || is_word("-Infinity"))
            return no("NaN and Infinity are not JSON; write null");
        return no("not a value of JSON");
    }
    bool number()
    {
        size_t from = i;
        if (is_word("-Infinity")) return no_value();
        bool whole = true;
        if (s[i] == '-') i++;
        if (i < n && s[i] == '0')
            i++;
        else if (!digits())
            return no_value();
        if (i < n && s[i] == '.') {
            whole = false, i++;
            if (!digits()) return no("a number wants a digit after its point");
        }
        if (i < n && (s[i] | 32) == 'e') {
            whole = false, i++;
            if (i < n && (s[i] == '+' || s[i] == '-')) i++;
            if (!digits()) return no("a number wants a digit in its exponent");
        }
        if (i < n && !std::strchr(" \t\r\n,]}:", s[i])) return no("a malformed number");
        double v = 0;
        if (!cull__parse_f64(s + from, i - from, &v) || !std::isfinite(v) ||
            (whole && (v >= 0x1p64 || v < -0x1p63))) {
            i = from;
            return no("a number out of range");
        }
        return true;
    }
    bool word(const char *w)
    {
        if (!is_word(w)) return no_value();
        i += std::strlen(w);
        return true;
    }
    bool scalar()
    {
        switch (s[i]) {
        case '"': return string();
        case 't': return word("true");
        case 'f': return word("false");
        case 'n': return word("null");
        default: return number();
        }
    }
    bool key()
    {
        blanks();
        if (i == n) return no("the text ends inside an object");
        if (s[i] != '"') return no("a key in quotes was expected");
        if (!string()) return false;
        blanks();
        if (i == n) return no("the text ends inside an object");
        if (s[i] != ':') return no("':' was expected after a key");
        i++;
        return true;
    }
    /* After a value: closes what ends here; sets `more` when another value is to follow. */
    bool after(bool *object, int *depth, bool *more)
    {
        for (*more = false; *depth;) {
            blanks();
            bool o = object[*depth];
            if (i == n)
                return no(o ? "the text ends inside an object" : "the text ends inside an array");
            if (s[i] == (o ? '}' : ']')) {
                i++, --*depth;
                continue;
            }
            if (s[i] != ',') return no(o ? "',' or '}' was expected" : "',' or ']' was expected");
            i++;
            *more = true;
            return o ? key() : true;
        }
        return true;
    }
    bool values()
    {
        bool object[DEPTH + 1];
        int depth = 0;
        for (bool more = true; more;) {
            blanks();
            if (i == n)
                return no(depth ? "the text ends where a value was expected" : "it is empty");
            if (s[i] == '{' || s[i] == '[') {
                if (depth == DEPTH - 1) return no("nested deeper than 1024 levels");
                bool o = s[i++] == '{';
                object[++depth] = o;
                blanks();
                if (i < n && s[i] == (o ? '}' : ']')) {
                    i++, depth--;
                } else {
                    if (o && !key()) return false;
                    continue;
                }
            } else if (!scalar()) {
                return false;
            }
            if (!after(object, &depth, &more)) return false;
        }
        return true;
    }
    void run(size_t *at)
    {
        size_t bad;
        bool fine = cull__utf8_ok(s, n, &bad);
        bool good = values();
        if (good) {
            blanks();
            if (i < n) good = no("something follows the value");
        }
        if (!fine && (good || bad < i)) {
            why = "bytes that are not UTF-8";
            i = bad;
        }
        if (!why) why = "malformed JSON";
        *at = i;
    }
};
} // namespace

/* ---- the face ---- */

extern "C" {

cull_status cull__json_parser_new(cull_ctx *cx, cull__json_parser **out)
{
    void *at;
    *out = nullptr;
    CULL_TRY(cull__alloc(cx, &at, 1, sizeof(cull__json_parser)));
    *out = new (at) cull__json_parser{cx, dom::parser(), 0};
    return CULL_OK;
}

void cull__json_parser_free(cull__json_parser *p)
{
    if (!p) return;
    cull__uncharge(p->cx, p->charged);
    p->~cull__json_parser();
    cull__free(p);
}

/* Room for n bytes; grown by doubling, since simdjson fits its buffers to the byte. */
static bool room(cull__json_parser *p, size_t n)
{
    if (n <= p->dom.capacity() && p->charged) return true;
    if (n >= SIMDJSON_MAXSIZE_BYTES) return false;
    size_t want = n < 4096 ? 4096 : n + n / 4;
    if (want >= SIMDJSON_MAXSIZE_BYTES) want = n;
    uint64_t bytes = static_cast<uint64_t>(want) * TOUCHED;
    if (!cull__charge(p->cx, bytes)) return false;
    cull__uncharge(p->cx, p->charged);
    p->charged = bytes;
    error_code e = p->dom.allocate(want, DEPTH);
    if (e == SUCCESS) e = p->dom.doc.allocate(want);
    return e == SUCCESS;
}

bool cull__json_parse(cull__json_parser *p, const char *text, size_t n, cull__json_value *root,
                      const char **why, size_t *at)
{
    dom::element e;
    error_code err = MEMALLOC;
    *at = SIZE_MAX;
    if (!room(p, n)) {
        *why = n >= SIMDJSON_MAXSIZE_BYTES ? "longer than 4 GiB" : "out of memory";
        return false;
    }
    err = p->dom.parse(text, n, false).get(e);
    if (err == SUCCESS) {
        *root = pack(e);
        return true;
    }
    if (err == MEMALLOC) {
        *why = "out of memory";
        return false;
    }
    checker c{text, n};
    c.run(at);
    *why = c.why;
    return false;
}

cull__json_type cull__json_kind(cull__json_value v)
{
    switch (unpack(v).type()) {
    case dom::element_type::ARRAY: return CULL__JSON_ARRAY;
    case dom::element_type::OBJECT: return CULL__JSON_OBJECT;
    case dom::element_type::STRING: return CULL__JSON_STRING;
    case dom::element_type::BOOL: return CULL__JSON_BOOL;
    case dom::element_type::NULL_VALUE: return CULL__JSON_NULL;
    default: return CULL__JSON_NUMBER;
    }
}

bool cull__json_get(cull__json_value object, const char *key, cull__json_value *out)
{
    dom::object o;
    dom::element e;
    if (unpack(object).get(o) != SUCCESS) return false;
    if (o.at_key(std::string_view(key)).get(e) != SUCCESS) return false;
    *out = pack(e);
    return true;
}

int64_t cull__json_count(cull__json_value v)
{
    dom::object o;
    dom::array a;
    int64_t n = 0;
    /* simdjson's own count saturates at 2^24 - 1 */
    if (unpack(v).get(o) == SUCCESS) {
        for (auto it = o.begin(); it != o.end(); ++it) n++;
    } else if (unpack(v).get(a) == SUCCESS) {
        for (auto it = a.begin(); it != a.end(); ++it) n++;
    }
    return n;
}

bool cull__json_each(cull__json_value v, cull__json_fn *fn, void *arg)
{
    dom::object o;
    dom::array a;
    if (unpack(v).get(o) == SUCCESS) {
        for (auto m : o)
            if (!fn(arg, m.key.data(), m.key.size(), pack(m.value))) return false;
    } else if (unpack(v).get(a) == SUCCESS) {
        for (auto e : a)
            if (!fn(arg, nullptr, 0, pack(e))) return false;
    }
    return true;
}

const char *cull__json_string(cull__json_value v, size_t *n)
{
    std::string_view s;
    if (unpack(v).get(s) != SUCCESS) return nullptr;
    *n = s.size();
    return s.data();
}

bool cull__json_number(cull__json_value v, double *out) { return unpack(v).get(*out) == SUCCESS; }

bool cull__json_integer(cull__json_value v, int64_t *out)
{
    int64_t i;
    double d;
    dom::element e = unpack(v);
    if (e.get(i) == SUCCESS) {
        *out = i;
        return true;
    }
    if (e.get(d) != SUCCESS || e.is_uint64() || d != std::floor(d) || !(std::fabs(d) < 0x1p53))
        return false;
    *out = static_cast<int64_t>(d);
    return true;
}

bool cull__json_unsigned(cull__json_value v, uint64_t *out)
{
    return unpack(v).is_uint64() && unpack(v).get(*out) == SUCCESS;
}

bool cull__json_truth(cull__json_value v)
{
    bool b = false;
    return unpack(v).get(b) == SUCCESS && b;
}

/* Few members: 256 bits say "surely new" of most keys and only the others are looked for. Many: a
 * table of hashes, so that no record takes time in the square of its members. */
cull_status cull__json_twice(cull_ctx *cx, cull__json_value object, const char **key, size_t *n)
{
    dom::object o;
    *key = nullptr;
    if (unpack(object).get(o) != SUCCESS) return CULL_OK;
    uint64_t seen[4] = {0, 0, 0, 0}, *table = nullptr;
    int64_t members = 0, mask = 0;
    for (auto m = o.begin(); m != o.end() && !*key; ++m) {
        std::string_view k = m.key();
        uint64_t h = cull__hash64(k.data(), k.size(), 0) | 1, bit = 1ull << (h >> 8 & 63);
        uint64_t *word = &seen[h >> 14 & 3];
        if (++members == 65) {
            mask = 128;
            while (mask < 2 * cull__json_count(object)) mask *= 2;
            CULL_TRY(CULL_TMP0(cx, table, mask--));
            for (auto b = o.begin(); b != m; ++b) {
                uint64_t g = cull__hash64(b.key().data(), b.key().size(), 0) | 1;
                int64_t at = static_cast<int64_t>(g >> 1) & mask;
                while (table[at]) at = (at + 1) & mask;
                table[at] = g;
            }
        }
        bool twice = false;
        if (table) {
            int64_t at = static_cast<int64_t>(h >> 1) & mask;
            while (table[at] && table[at] != h) at = (at + 1) & mask;
            twice = table[at] == h;
            table[at] = h;
        } else if (*word & bit) {
            for (auto b = o.begin(); b != m; ++b) twice = twice || b.key_equals(k);
        }
        *word |= bit;
        if (twice) *key = k.data(), *n = k.size();
    }
    return CULL_OK;
}
}
