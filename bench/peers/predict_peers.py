#!/usr/bin/env python3
"""Predictors beside scikit-learn's and XGBoost's, one thread, CPU seconds, in one run.

usage: predict_peers.py path/to/bench_predict [N,D ...]

Peers are set to the same work: RidgeCV over as many penalties, SVR over six bounds in 5 folds, XGBoost and the forest with
the same trees and leaves, a Gaussian process with a length for each feature from four starts, a network of the same
layers, batches and epochs. Prints `kind,n,d`, the peer's and cull's seconds, how many times faster cull is, R^2 of both."""
import os
import subprocess
import sys
import time
import warnings

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
import numpy as np
from sklearn.ensemble import RandomForestRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor
from sklearn.svm import SVR

try:
    from xgboost import XGBRegressor
except ImportError:
    XGBRegressor = None
warnings.filterwarnings("ignore")
ASKED = 10000
WORD = np.uint64


def hashed(stream, i):
    with np.errstate(over="ignore"):
        z = WORD(stream) * WORD(0xD1342543DE82EF95) + (i.astype(WORD) + WORD(1)) * WORD(0x9E3779B97F4A7C15)
        z = (z ^ (z >> WORD(30))) * WORD(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> WORD(27))) * WORD(0x94D049BB133111EB)
        return z ^ (z >> WORD(31))


def uniform(stream, i):
    return (hashed(stream, i) >> WORD(40)).astype(float) * 2.0**-23 - 1


def rows(stream, n, d):
    groups = d // 3
    op = (hashed(stream, np.arange(n * groups)) % WORD(3)).astype(int).reshape(n, groups)
    x = np.zeros((n, d))
    y = 0.3 * uniform(stream + 1, np.arange(n))
    for g in range(groups):
        x[np.arange(n), 3 * g + op[:, g]] = 1
        y += uniform(99, 3 * g + op[:, g])
        if g:
            y += 0.5 * uniform(98, 9 * g + 3 * op[:, g - 1] + op[:, g])
    return x, y


def peers(n, d):
    leaf = min(20, max(1, n // 20))
    yield "ridge", RidgeCV(alphas=n * 10.0 ** np.arange(-8, 5.01, 0.125))
    yield "svr", GridSearchCV(SVR(epsilon=0.02, gamma=1 / d, max_iter=20000 + 200 * n), {"C": [0.3, 1, 3, 10, 30, 100]}, cv=5)
    if XGBRegressor:
        yield "boost", XGBRegressor(n_estimators=100, max_depth=6, learning_rate=0.1, min_child_weight=leaf, tree_method="exact", n_jobs=1)
    yield "forest", RandomForestRegressor(100, max_features=1 / 3, min_samples_leaf=min(5, max(1, n // 50)), n_jobs=1, random_state=1)
    batch = min(64, max(8, n // 8))
    yield "mlp", MLPRegressor(hidden_layer_sizes=(128, 128), batch_size=batch, max_iter=200, learning_rate_init=3e-3, n_iter_no_change=1000, random_state=1)
    kernel = ConstantKernel(1) * Matern(np.full(d, 4 * d**0.5), (1e-3, 1e6), nu=2.5) + WhiteKernel(0.02)
    if n <= 300:
        yield "gp", GaussianProcessRegressor(kernel, n_restarts_optimizer=3, random_state=1)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sizes = [tuple(map(int, a.split(","))) for a in sys.argv[2:]] or [(100, 24), (100, 150), (300, 60), (1000, 24), (1000, 150)]
    print("kind,n,d,peer_fit,cull_fit,times,peer_ask,cull_ask,times,peer_r2,cull_r2")
    for n, d in sizes:
        x, y = rows(1, n, d)
        q, want = rows(11, ASKED, d)
        mean, std = x.mean(0), x.std(0)
        z, zq, t = (x - mean) / std, (q - mean) / std, (y - y.mean()) / y.std()
        for kind, model in peers(n, d):
            ours = subprocess.run([sys.argv[1], str(n), str(d), kind], capture_output=True, text=True, check=True)
            fit, ask, r2 = map(float, ours.stdout.strip().split(",")[3:])
            best = []
            for _ in range(2):
                a = time.process_time()
                model.fit(z, t)
                b = time.process_time()
                said = model.predict(zq)
                best.append((b - a, time.process_time() - b))
                if b - a > 5:
                    break
            pf, pa = min(v[0] for v in best), min(v[1] for v in best)
            said = said * y.std() + y.mean()
            pr = 1 - ((said - want) ** 2).sum() / ((want - want.mean()) ** 2).sum()
            print("%s,%d,%d,%.4f,%.4f,%.1f,%.4f,%.4f,%.1f,%.3f,%.3f" % (kind, n, d, pf, fit, pf / fit, pa, ask, pa / ask, pr, r2), flush=True)


if __name__ == "__main__":
    main()
