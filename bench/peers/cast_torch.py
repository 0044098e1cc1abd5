"""Checksums of PyTorch's conversions between f32 and the narrow floats of checkpoints: tests/unit/cast.c has them.

Of each form: CRC-32 of all its patterns as f32, NaN made 0; then of 2^20 floats spread over all bit patterns, those
past its largest number and NaN made 0, as that form; then of all midpoints between neighbours, as that form.

    python cast_torch.py
"""
import zlib

import numpy as np
import torch

FORMS = {"F16": (torch.float16, np.uint16), "BF16": (torch.bfloat16, np.uint16),
         "F8_E4M3": (torch.float8_e4m3fn, np.uint8), "F8_E5M2": (torch.float8_e5m2, np.uint8)}


def widened(dtype, word):
    codes = np.arange(1 << (8 * word().itemsize), dtype=np.uint32).astype(word)
    return torch.from_numpy(codes.copy()).view(dtype).to(torch.float32).numpy()


def main():
    spread = (np.arange(1 << 20, dtype=np.uint64) * 4099 % (1 << 32)).astype(np.uint32).view(np.float32)
    for name, (dtype, word) in FORMS.items():
        all_of = widened(dtype, word)
        all_of = np.where(np.isnan(all_of), np.float32(0), all_of)
        v = np.unique(all_of[np.isfinite(all_of)].astype(np.float64))
        middle = ((v[:-1] + v[1:]) / 2).astype(np.float32)
        crc = [zlib.crc32(all_of.tobytes())]
        fit = np.where(np.abs(spread) <= torch.finfo(dtype).max, spread, np.float32(0))
        for x in (fit, middle):
            crc.append(zlib.crc32(torch.from_numpy(x).to(dtype).view(torch.uint8).numpy().tobytes()))
        print("%-8s 0x%08x 0x%08x 0x%08x" % (name, *crc))


if __name__ == "__main__":
    main()
