/* image: any bytes as a PNG or JPEG file, and what is read brought to 5 x 3 pixels. */
#include "io/image.h"
#include "array.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static cull_ctx *cx;
    if (!cx) cx = fuzz_ctx();
    for (int channels = 0; channels <= 3; channels += 3) {
        cull__image m;
        unsigned char small[5 * 3 * 3], sum = 0;
        cull__mark_t mark = cull__mark(cx);
        cull_status s = cull__image_read(cx, "p", data, n, channels, &m);
        if (s == CULL_OK) {
            for (int64_t i = 0; i < m.height * m.width * m.channels; i++) sum ^= m.at[i];
            if (cull__image_resize(cx, &m, 5, 3, small) == CULL_OK) sum ^= small[sum % 15];
            if (m.channels != 1 && m.channels != 3) abort();
        } else if (!cull_error(cx)[0] || s == CULL_EINTERNAL || m.at) {
            abort();
        }
        cull__free(m.at);
        cull__release(cx, mark);
    }
    return 0;
}
