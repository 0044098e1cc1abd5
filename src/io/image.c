/* image.c - PNG by libpng's simple reader, JPEG by libjpeg, to rows of bytes. */
#include "io/image.h"

#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#if CULL_HAVE_PNG
#include <png.h>
#endif
#if CULL_HAVE_JPEG
#include <jpeglib.h>

#include <jerror.h>
#endif

/* How many pixels a byte of a file may stand for, at most: deflate makes 1032 bytes of 8 pixels each of
 * one; JPEG spends a bit for a block of 64 at least. */
enum { PNG_PIXELS = 8300, JPEG_PIXELS = 4096 };

static cull_status room(cull_ctx *cx, const char *path, size_t n, int per_byte, cull__image *out)
{
    uint64_t pixels = (uint64_t)out->height * (uint64_t)out->width;
    if (pixels == 0 || pixels / (uint64_t)per_byte > n)
        return cull__fail(cx, CULL_EIO,
                          "%s: says it is %lld x %lld pixels, which %zu bytes cannot hold", path,
                          (long long)out->width, (long long)out->height, n);
    return CULL_ALLOC(cx, out->at, (int64_t)pixels * out->channels);
}

#if CULL_HAVE_PNG || CULL_HAVE_JPEG
static cull_status damaged(cull_ctx *cx, const char *path, const char *form, const char *why)
{
    return cull__fail(cx, CULL_EIO, "%s: is a damaged %s file: %s", path, form, why);
}
#endif

#if !CULL_HAVE_PNG || !CULL_HAVE_JPEG
static cull_status missing(cull_ctx *cx, const char *path, const char *form, const char *package)
{
    return cull__fail(cx, CULL_ENODATA,
                      "%s: is a %s file, and this cull was built without the library for it; build "
                      "it where %s is installed",
                      path, form, package);
}
#endif

/* ---- PNG ---- */

#if CULL_HAVE_PNG
static cull_status png_pixels(cull_ctx *cx, const char *path, size_t n, png_image *p,
                              cull__image *out)
{
    out->height = p->height;
    out->width = p->width;
    if (!out->channels) out->channels = p->format & PNG_FORMAT_FLAG_COLOR ? 3 : 1;
    p->format = out->channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
    CULL_TRY(room(cx, path, n, PNG_PIXELS, out));
    /* the buffer is zeros: the black that shows through */
    if (png_image_finish_read(p, NULL, out->at, 0, NULL) && !PNG_IMAGE_FAILED(*p)) return CULL_OK;
    return damaged(cx, path, "PNG", p->message);
}

static cull_status read_png(cull_ctx *cx, const char *path, const unsigned char *at, size_t n,
                            cull__image *out)
{
    png_image p = {.version = PNG_IMAGE_VERSION};
    if (!png_image_begin_read_from_memory(&p, at, n)) return damaged(cx, path, "PNG", p.message);
    cull_status s = png_pixels(cx, path, n, &p, out);
    png_image_free(&p);
    return s;
}
#else
static cull_status read_png(cull_ctx *cx, const char *path, const unsigned char *at, size_t n,
                            cull__image *out)
{
    (void)at, (void)n, (void)out, (void)room;
    return missing(cx, path, "PNG", "libpng-dev");
}
#endif

/* ---- JPEG ---- */

#if CULL_HAVE_JPEG
typedef struct {
    struct jpeg_error_mgr mgr; /* first: libjpeg hands it back */
    jmp_buf out;
    char why[JMSG_LENGTH_MAX];
} jpeg_failure;

static void jpeg_stop(j_common_ptr p)
{
    jpeg_failure *f = (jpeg_failure *)p->err;
    p->err->format_message(p, f->why);
    longjmp(f->out, 1);
}

/* Warnings that mean that numbers were made up are failures. */
static void jpeg_warn(j_common_ptr p, int level)
{
    int code = p->err->msg_code;
    if (level < 0 && (code == JWRN_HIT_MARKER || code == JWRN_JPEG_EOF ||
                      code == JWRN_HUFF_BAD_CODE || code == JWRN_MUST_RESYNC))
        jpeg_stop(p);
}

static cull_status jpeg_head(cull_ctx *cx, const char *path, size_t n, j_decompress_ptr p,
                             cull__image *out)
{
    if (p->num_components != 1 && p->num_components != 3)
        return cull__fail(cx, CULL_EINPUT, "%s: has %d colour channels; it must be grey or RGB",
                          path, p->num_components);
    if (!out->channels) out->channels = p->num_components;
    out->height = p->image_height;
    out->width = p->image_width;
    p->out_color_space = out->channels == 3 ? JCS_RGB : JCS_GRAYSCALE;
    p->dct_method = JDCT_ISLOW; /* the same bits wherever it runs */
    return room(cx, path, n, JPEG_PIXELS, out);
}

static cull_status jpeg_lines(cull_ctx *cx, const char *path, const unsigned char *at, size_t n,
                              j_decompress_ptr p, jpeg_failure *f, cull__image *out)
{
    if (setjmp(f->out)) return damaged(cx, path, "JPEG", f->why);
    jpeg_mem_src(p, at, n);
    jpeg_read_header(p, TRUE);
    CULL_TRY(jpeg_head(cx, path, n, p, out));
    jpeg_start_decompress(p);
    while (p->output_scanline < p->output_height) {
        JSAMPROW row = out->at + (int64_t)p->output_scanline * out->width * out->channels;
        jpeg_read_scanlines(p, &row, 1);
    }
    jpeg_finish_decompress(p);
    return CULL_OK;
}

static cull_status read_jpeg(cull_ctx *cx, const char *path, const unsigned char *at, size_t n,
                             cull__image *out)
{
    struct jpeg_decompress_struct p = {0};
    jpeg_failure f;
    p.err = jpeg_std_error(&f.mgr);
    f.mgr.error_exit = jpeg_stop;
    f.mgr.emit_message = jpeg_warn;
    if (setjmp(f.out)) return cull__fail(cx, CULL_ENOMEM, "%s: %s", path, f.why);
    jpeg_create_decompress(&p);
    cull_status s = jpeg_lines(cx, path, at, n, &p, &f, out);
    jpeg_destroy_decompress(&p);
    return s;
}
#else
static cull_status read_jpeg(cull_ctx *cx, const char *path, const unsigned char *at, size_t n,
                             cull__image *out)
{
    (void)at, (void)n, (void)out, (void)room;
    return missing(cx, path, "JPEG", "libjpeg62-turbo-dev");
}
#endif

cull_status cull__image_read(cull_ctx *cx, const char *path, const unsigned char *at, size_t n,
                             int64_t channels, cull__image *out)
{
    cull_status s;
    *out = (cull__image){.channels = channels};
    if (n >= 8 && !memcmp(at, "\x89PNG\r\n\x1a\n", 8))
        s = read_png(cx, path, at, n, out);
    else if (n >= 3 && !memcmp(at, "\xff\xd8\xff", 3))
        s = read_jpeg(cx, path, at, n, out);
    else
        return cull__fail(cx, CULL_EINPUT, "%s: is neither a PNG nor a JPEG file", path);
    if (s == CULL_OK) return s;
    cull__free(out->at);
    out->at = NULL;
    return s;
}

/* ---- resizing ---- */

/* What of a line of `from` pixels goes into pixel i of `to`: *lo, and weights that sum to 1. Returns how
 * many. */
static int64_t weights(int64_t from, int64_t to, int64_t i, int64_t *lo, float *w)
{
    double scale = (double)from / (double)to, wide = scale > 1 ? scale : 1, sum = 0;
    double centre = ((double)i + .5) * scale;
    int64_t a = (int64_t)floor(centre - wide), b = (int64_t)ceil(centre + wide);
    a = a < 0 ? 0 : a;
    b = b > from ? from : b;
    for (int64_t j = a; j < b; j++) {
        double v = 1 - fabs((double)j + .5 - centre) / wide;
        w[j - a] = (float)(v > 0 ? v : 0);
        sum += (double)w[j - a];
    }
    for (int64_t j = a; j < b; j++) w[j - a] = (float)((double)w[j - a] / sum);
    *lo = a;
    return b - a;
}

cull_status cull__image_resize(cull_ctx *cx, const cull__image *in, int64_t height, int64_t width,
                               unsigned char *out)
{
    float *w, *half; /* half: (in->height, width, channels) */
    int64_t c = in->channels, longest = in->height > in->width ? in->height : in->width, lo;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, w, 2 * longest + 4));
    CULL_TRY(CULL_TMP0(cx, half, in->height * width * c));
    for (int64_t x = 0; x < width; x++) {
        int64_t n = weights(in->width, width, x, &lo, w);
        for (int64_t y = 0; y < in->height; y++)
            for (int64_t j = 0; j < n; j++)
                for (int64_t k = 0; k < c; k++)
                    half[(y * width + x) * c + k] +=
                        w[j] * (float)in->at[(y * in->width + lo + j) * c + k];
    }
    for (int64_t y = 0; y < height; y++) {
        int64_t n = weights(in->height, height, y, &lo, w);
        for (int64_t i = 0; i < width * c; i++) {
            float sum = 0;
            for (int64_t j = 0; j < n; j++) sum += w[j] * half[(lo + j) * width * c + i];
            out[y * width * c + i] = (unsigned char)(sum < 0 ? 0 : sum > 255 ? 255 : sum + .5f);
        }
    }
    cull__release(cx, mark);
    return CULL_OK;
}
