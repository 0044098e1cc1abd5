"""The same networks from the same weights on the same batches in PyTorch: what tests/unit/nn_parity.c holds cull to.

usage: parity_torch.py > tests/nn/parity.tsv
Numbers come from a hash of their place, so that nothing but answers is recorded: of the first step, for each
parameter, the gradient's length and 16 random signed sums of it (their mean square difference is the squared
length of the gradients' difference, in expectation); then the losses of 100 steps on one thread and on two."""
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

SUMS, STEPS, CLASSES = 16, 100, 10


def hashed(stream, n):
    """n whole numbers of 64 bits, each of (stream, its place): splitmix64."""
    with np.errstate(over="ignore"):
        z = np.uint64(stream) * np.uint64(0xD1342543DE82EF95) + (np.arange(n, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def uniform(stream, n):
    """From -1 to 1, in steps of 2^-23."""
    return (hashed(stream, n) >> np.uint64(40)).astype(np.float64) * 2.0**-23 - 1


class Block(nn.Module):
    def __init__(self, c, d, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(c, d, 3, stride, 1, bias=False), nn.BatchNorm2d(d)
        self.conv2, self.bn2 = nn.Conv2d(d, d, 3, 1, 1, bias=False), nn.BatchNorm2d(d)
        self.stride, self.more = stride, d - c

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.more:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.more // 2, self.more // 2))
        return F.relu(x + y)


class ResNet20(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(*[Block(16, 16, 1) for _ in range(3)])
        self.layer2 = nn.Sequential(Block(16, 32, 2), Block(32, 32, 1), Block(32, 32, 1))
        self.layer3 = nn.Sequential(Block(32, 64, 2), Block(64, 64, 1), Block(64, 64, 1))
        self.linear = nn.Linear(64, CLASSES)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return self.linear(x.mean((2, 3)))


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(784, 256), nn.Linear(256, CLASSES)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x)))


def to_torch(flat, shape):
    """Numbers in the order (out, height, width, in) as a tensor of PyTorch's shape."""
    if len(shape) != 4:
        return torch.tensor(flat.reshape(shape), dtype=torch.float32)
    o, i, h, w = shape
    return torch.tensor(flat.reshape(o, h, w, i), dtype=torch.float32).permute(0, 3, 1, 2).contiguous()


def flat(t):
    return (t.permute(0, 2, 3, 1) if t.dim() == 4 else t).double().reshape(-1).numpy()


def begin(net):
    with torch.no_grad():
        for k, (name, p) in enumerate(net.named_parameters()):
            u = uniform(k + 1, p.numel())
            if p.dim() > 1:
                u = u * np.sqrt(6 / (p.numel() // p.shape[0]))
            elif "bn" in name and name.endswith("weight"):
                u = 1 + 0.2 * u
            else:
                u = 0.1 * u
            p.copy_(to_torch(u, tuple(p.shape)))
    return net


def batch(step, rows, shape):
    """Rows of ten kinds: a pattern of each, under noise."""
    d = int(np.prod(shape))
    label = np.arange(rows) % CLASSES
    x = np.stack([uniform(1000 + c, d) for c in label]) * 0.5 + uniform(2000 + step, rows * d).reshape(rows, d)
    x = torch.tensor(x.reshape(rows, *shape), dtype=torch.float32)
    return (x.permute(0, 3, 1, 2).contiguous() if len(shape) == 3 else x), torch.tensor(label)


def run(make, optimiser, rows, shape, threads):
    torch.set_num_threads(threads)
    net = begin(make())
    step = optimiser(net.parameters())
    first, losses = None, []
    for i in range(STEPS):
        x, y = batch(i, rows, shape)
        step.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        if i == 0:
            first = [(name, flat(p.grad)) for name, p in net.named_parameters()]
        losses.append(loss.item())
        step.step()
    return first, losses


print(f"# PyTorch {torch.__version__}: parity_torch.py")
for name, make, optimiser, rows, shape in (
    ("mlp:784-256-10", MLP, lambda p: torch.optim.Adam(p, 1e-3), 64, (784,)),
    ("resnet20", ResNet20, lambda p: torch.optim.SGD(p, 0.001, 0.9, weight_decay=1e-4), 16, (32, 32, 3)),
):
    first, one = run(make, optimiser, rows, shape, 1)
    _, two = run(make, optimiser, rows, shape, 2)
    for k, (tensor, g) in enumerate(first):
        signs = hashed(3000 + k, len(g))
        sums = [float((np.where((signs >> np.uint64(r)) & np.uint64(1), g, -g)).sum()) for r in range(SUMS)]
        print("gradient", name, tensor, *(f"{v:.10g}" for v in [np.linalg.norm(g), *sums]), sep="\t")
    for i in range(STEPS):
        print("loss", name, i, f"{one[i]:.9g}", f"{two[i]:.9g}", sep="\t")
    print(name, "largest difference between one thread and two:", max(abs(a - b) for a, b in zip(one, two)), file=sys.stderr)
