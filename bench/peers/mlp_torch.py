"""Training steps of multilayer perceptrons in PyTorch, on one thread: the peer of bench_nn.

    MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=4294967296 python mlp_torch.py

Prints `case,tool,threads,microseconds` of the processor's time, the least over rounds. The variables keep glibc from giving
temporaries back to the system, which PyTorch pays for otherwise.
"""
import time

import torch
import torch.nn.functional as F

torch.set_num_threads(1)
for inputs, hidden, out, batch, steps in ((64, 64, 10, 32, 500), (784, 256, 10, 64, 100)):
    for mode in ("for each tensor", "foreach", "fused"):
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Linear(inputs, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, out))
        x, label = torch.randn(batch, inputs), torch.arange(batch) % out
        try:
            options = {"foreach": {"foreach": True}, "fused": {"fused": True}}.get(mode, {"foreach": False})
            adam = torch.optim.Adam(net.parameters(), 1e-5, **options)
        except (RuntimeError, TypeError, ValueError) as e:
            print(f"mlp {inputs}-{hidden}-{out} batch {batch},torch Adam {mode},1,- ({e})")
            continue

        def step():
            adam.zero_grad(set_to_none=True)
            F.cross_entropy(net(x), label).backward()
            adam.step()

        for _ in range(steps // 2):
            step()
        took = []
        for _ in range(7):
            start = time.process_time()
            for _ in range(steps):
                step()
            took.append((time.process_time() - start) / steps * 1e6)
        print(f"mlp {inputs}-{hidden}-{out} batch {batch},torch {torch.__version__} Adam {mode},1,{min(took):.1f}",
              flush=True)
