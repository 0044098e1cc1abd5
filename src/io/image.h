/* image.h - pixels of PNG and JPEG files. */
#ifndef CULL__IMAGE_H
#define CULL__IMAGE_H
#include "base/base.h"

typedef struct {
    int64_t height, width, channels; /* channels: 1 or 3 */
    unsigned char *at;               /* (height, width, channels); from cull__alloc */
} cull__image;
/* The image in bytes at[0..n), told by its first bytes; `path` is for sentences. channels: 1, 3, or 0 = grey
 * as 1 and colour as 3. What is transparent is on black; 16 bits become 8. EIO: damaged, or cut; EINPUT: no
 * PNG or JPEG, or colours that are not read; ENODATA: cull was built without the library. A claimed size
 * that so many bytes cannot hold is EIO before anything is allocated. Free out->at with cull__free. */
cull_status cull__image_read(cull_ctx *cx, const char *path, const unsigned char *at, size_t n,
                             int64_t channels, cull__image *out);
/* in brought to (height, width) by a triangle filter as wide as what one pixel covers; scratch of cx. */
cull_status cull__image_resize(cull_ctx *cx, const cull__image *in, int64_t height, int64_t width,
                               unsigned char *out);
#endif
