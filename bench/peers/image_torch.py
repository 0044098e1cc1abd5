"""PyTorch on the work of bench_image: the peer of `bench_image ops|nb201|resnet20`.

usage: image_torch.py ops|nb201|resnet20 nchw|nhwc THREADS REPEAT
Prints case,tool,threads,seconds,megabytes: the median of REPEAT runs after two to warm up, of forward and
backward (of nets a step of SGD with momentum too); of nets the growth of the resident set's peak. One
thread counts its processor time, several count the clock."""
import resource
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

what, layout, threads, repeat = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
torch.set_num_threads(threads)
torch.manual_seed(0)
clock = time.process_time if threads == 1 else time.perf_counter
form = torch.channels_last if layout == "nhwc" else torch.contiguous_format


def median(run, times=1):
    run(), run()
    seconds = []
    for _ in range(repeat):
        start = clock()
        for _ in range(times):
            run()
        seconds.append((clock() - start) / times)
    return statistics.median(seconds)


def norm_relu_conv(c_in, c_out, k, stride=1):
    return nn.Sequential(
        nn.ReLU(), nn.Conv2d(c_in, c_out, k, stride, k // 2, bias=False), nn.BatchNorm2d(c_out)
    )


class Cell(nn.Module):
    """Four nodes; each is the sum over the nodes before it of five operations, weighted."""

    def __init__(self, c):
        super().__init__()
        self.one = nn.ModuleList(norm_relu_conv(c, c, 1) for _ in range(6))
        self.three = nn.ModuleList(norm_relu_conv(c, c, 3) for _ in range(6))

    def forward(self, x, w):
        nodes, e = [x], 0
        for i in range(1, 4):
            total = 0
            for j in range(i):
                h = nodes[j]
                parts = (h.mul(0.0), h, self.one[e](h), self.three[e](h),
                         F.avg_pool2d(h, 3, 1, 1, count_include_pad=False))
                total = total + sum(w[e, k] * part for k, part in enumerate(parts))
                e += 1
            nodes.append(total)
        return nodes[3]


class Reduction(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.a, self.b = norm_relu_conv(c_in, c_out, 3, 2), norm_relu_conv(c_out, c_out, 3)
        self.short = nn.Sequential(nn.AvgPool2d(2, 2), nn.Conv2d(c_in, c_out, 1, bias=False))

    def forward(self, x):
        return self.b(self.a(x)) + self.short(x)


class Supernet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16))
        self.cell = nn.ModuleList(Cell(c) for c in (16, 32, 64))
        self.reduction = nn.ModuleList((Reduction(16, 32), Reduction(32, 64)))
        self.bn, self.fc = nn.BatchNorm2d(64), nn.Linear(64, 10)
        self.alpha = nn.Parameter(1e-3 * torch.randn(6, 5))

    def forward(self, x):
        w, x = F.softmax(self.alpha, -1), self.stem(x)
        for s in range(3):
            x = self.cell[s](x, w)
            if s < 2:
                x = self.reduction[s](x)
        return self.fc(F.relu(self.bn(x)).mean((2, 3)))


class Block(nn.Module):
    def __init__(self, c_in, c, stride):
        super().__init__()
        self.stride, self.pad = stride, c // 4 if stride > 1 else 0
        self.conv1, self.bn1 = nn.Conv2d(c_in, c, 3, stride, 1, bias=False), nn.BatchNorm2d(c)
        self.conv2, self.bn2 = nn.Conv2d(c, c, 3, 1, 1, bias=False), nn.BatchNorm2d(c)

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu_(self.bn1(self.conv1(x)))))
        if self.stride > 1:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad))
        return F.relu_(y + x)


def resnet20():
    layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True)]
    c_in = 16
    for s in range(3):
        for b in range(3):
            layers.append(Block(c_in, 16 << s, 2 if s and not b else 1))
            c_in = 16 << s
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def net(model, batch):
    x, y = torch.randn(batch, 3, 32, 32), torch.arange(batch) % 10
    model, x = model.to(memory_format=form), x.contiguous(memory_format=form)
    weights = [p for n, p in model.named_parameters() if n != "alpha"]
    sgd = torch.optim.SGD(weights, 0.025, 0.9, weight_decay=3e-4)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def step():
        model.zero_grad(set_to_none=True)
        F.cross_entropy(model(x), y).backward()
        sgd.step()

    seconds = median(step)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"{what},torch-{layout},{threads},{seconds:.6f},{grown / 1024:.0f}", flush=True)


def operations():
    def tensor(*size):
        return torch.randn(*size).contiguous(memory_format=form).requires_grad_()

    def one(name, run, *leaves):
        with torch.no_grad():
            forward = median(run, 4)
        g = torch.randn_like(run())
        both = median(lambda: torch.autograd.grad(run(), leaves, g), 4)
        print(f"{name},torch-{layout},{threads},{both:.6f},forward {forward:.6f}", flush=True)

    for name, n, h, c_in, c_out, k, groups, stride, d in (
        ("conv 16x3x32x32 to 16 k3", 16, 32, 3, 16, 3, 1, 1, 1),
        ("conv 64x16x32x32 to 16 k3", 64, 32, 16, 16, 3, 1, 1, 1),
        ("conv 64x16x32x32 to 16 k1", 64, 32, 16, 16, 1, 1, 1, 1),
        ("conv 64x32x16x16 to 32 k3", 64, 16, 32, 32, 3, 1, 1, 1),
        ("conv 64x64x8x8 to 64 k3", 64, 8, 64, 64, 3, 1, 1, 1),
        ("conv 64x32x32x32 to 64 k3 s2", 64, 32, 32, 64, 3, 1, 2, 1),
        ("depthwise 64x16x32x32 k3", 64, 32, 16, 16, 3, 16, 1, 1),
        ("depthwise 64x16x32x32 k5 d2", 64, 32, 16, 16, 5, 16, 1, 2),
        ("depthwise 64x64x8x8 k3", 64, 8, 64, 64, 3, 64, 1, 1),
    ):
        x, w = tensor(n, c_in, h, h), tensor(c_out, c_in // groups, k, k)
        one(name, lambda: F.conv2d(x, w, None, stride, (k - 1) * d // 2, d, groups), x, w)
    x = tensor(64, 16, 32, 32)
    norm = nn.BatchNorm2d(16)
    affine = (x, norm.weight, norm.bias)
    one("avg_pool 3x3 64x16x32x32", lambda: F.avg_pool2d(x, 3, 1, 1, count_include_pad=False), x)
    one("max_pool 3x3 64x16x32x32", lambda: F.max_pool2d(x, 3, 1, 1), x)
    one("batch_norm 64x16x32x32", lambda: norm(x), *affine)
    one("batch_norm and relu 64x16x32x32", lambda: F.relu_(norm(x)), *affine)


if what == "ops":
    operations()
elif what == "nb201":
    net(Supernet(), 64)
else:
    net(resnet20(), 128)
