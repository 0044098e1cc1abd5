"""The authors' sparse autoencoder (SciPy and Cython), the peer of `bench_sparse`.

usage: quickselection.py CHECKOUT X.npy EPOCHS
CHECKOUT is a clone of github.com/zahraatashgahi/QuickSelection. Its extension is built in a temporary
folder; nothing of it is changed. Prints case,tool,threads,seconds of one epoch: the difference of fits of
EPOCHS + 2 and of 2 epochs, divided by EPOCHS. Peak memory of the process goes to stderr."""
import contextlib
import io
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np

source, file, epochs = pathlib.Path(sys.argv[1]) / "QuickSelection", sys.argv[2], int(sys.argv[3])
work = tempfile.mkdtemp()
shutil.copy(source / "sparseoperations.pyx", work)
subprocess.run([sys.executable, "-m", "cython", "-3", "sparseoperations.pyx"], cwd=work, check=True)
config = {k: subprocess.check_output([sys.executable, "-c", c], text=True).strip() for k, c in {
    "python": "import sysconfig; print(sysconfig.get_paths()['include'])",
    "numpy": "import numpy; print(numpy.get_include())",
    "suffix": "import sysconfig; print(sysconfig.get_config_var('EXT_SUFFIX'))"}.items()}
subprocess.run(["cc", "-O3", "-fPIC", "-shared", "-w", "-I", config["python"], "-I", config["numpy"],
                "sparseoperations.c", "-o", "sparseoperations" + config["suffix"]], cwd=work, check=True)
sys.path[:0] = [work, str(source)]
if not hasattr(np, "in1d"):  # gone from numpy since
    np.in1d = lambda a, b: np.isin(a.ravel(), b.ravel())

from other_classes import MSE, Linear, Sigmoid
from Sparse_DAE import Sparse_DAE

x = np.load(file).astype(np.float64)
x = (x - x.mean(0)) / x.std(0)
y = np.zeros(len(x))


def fit(n):
    net = Sparse_DAE((x.shape[1], 1000, x.shape[1]), (Sigmoid, Linear), epsilon=13)
    os.makedirs(work + "/out", exist_ok=True)
    at = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        net.fit(x, y, x, y, loss=MSE, epochs=n, batch_size=100, learning_rate=0.01, momentum=0.9,
                weight_decay=1e-5, zeta=0.2, dropoutrate=0.2, testing=False,
                save_filename=work + "/out/", noise_factor=0.2)
    return time.perf_counter() - at


short, long = fit(2), fit(2 + epochs)
print(f"quickselection-n{len(x)}-d{x.shape[1]},authors,1,{(long - short) / epochs:.4f}")
print(f"# {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB", file=sys.stderr)
shutil.rmtree(work)
