#!/usr/bin/env python3
"""What scikit-learn says of the rows that tests/unit/predict_peers.c makes: prints tests/predict/sklearn.tsv.

usage: predict_sklearn.py > tests/predict/sklearn.tsv"""
import numpy as np
import sklearn
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern
from sklearn.linear_model import Ridge
from sklearn.svm import SVR

N, D, M = 60, 5, 40
WORD = (1 << 64) - 1


def hashed(stream, i):
    z = (stream * 0xD1342543DE82EF95 + (i + 1) * 0x9E3779B97F4A7C15) & WORD
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & WORD
    return z ^ (z >> 31)


def uniform(stream, n):
    return np.array([(hashed(stream, i) >> 40) * 2.0**-23 - 1 for i in range(n)])


def say(name, v):
    print(name, *("%.17g" % a for a in v), sep="\t")


x = uniform(1, N * D).reshape(N, D)
q = uniform(2, M * D).reshape(M, D) * 1.2
y = np.where(x[:, 0] > 0.2, 1.0, 0.0) + x[:, 1] * x[:, 2] + 0.5 * x[:, 3] ** 2 + 0.1 * uniform(3, N)

print("# scikit-learn %s, numpy %s; made by bench/peers/predict_sklearn.py" % (sklearn.__version__, np.__version__))
for name, nu in ("gp", 2.5), ("gp.rough", 1.5):
    kernel = ConstantKernel(1.7) * Matern([0.5, 1.5, 0.8, 2.5, 9.0], nu=nu)
    gp = GaussianProcessRegressor(kernel, alpha=0.013, optimizer=None).fit(x, y)
    mean, std = gp.predict(q, return_std=True)
    say(name + ".mean", mean)
    say(name + ".std", std)
    theta = np.log([1.7, 0.5, 1.5, 0.8, 2.5, 9.0])
    value, slope = gp.log_marginal_likelihood(theta, eval_gradient=True)
    say(name + ".likelihood", [value])
    say(name + ".gradient", slope)
one = ConstantKernel(0.6) * Matern(1.1, nu=2.5)
mean, std = GaussianProcessRegressor(one, alpha=1e-4, optimizer=None).fit(x, y).predict(q, return_std=True)
say("gp.one.mean", mean)
say("gp.one.std", std)

z, zq = (x - x.mean(0)) / x.std(0), (q - x.mean(0)) / x.std(0)
t = (y - y.mean()) / y.std()
weight = 1.5 + uniform(4, N)
for c, epsilon, gamma in [(1, 0.1, 0.2), (30, 0.02, 0.07), (0.05, 0.3, 1.0)]:
    m = SVR(C=c, epsilon=epsilon, gamma=gamma, tol=1e-8).fit(z, t)
    say("svr.%g" % c, m.predict(zq) * y.std() + y.mean())
zw = (x - np.average(x, axis=0, weights=weight)) / np.sqrt(np.average((x - np.average(x, axis=0, weights=weight)) ** 2, axis=0, weights=weight))
mid = np.average(y, weights=weight)
dev = np.sqrt(np.average((y - mid) ** 2, weights=weight))
zqw = (q - np.average(x, axis=0, weights=weight)) / np.sqrt(np.average((x - np.average(x, axis=0, weights=weight)) ** 2, axis=0, weights=weight))
m = SVR(C=3, epsilon=0.05, gamma=0.2, tol=1e-8).fit(zw, (y - mid) / dev, sample_weight=weight / weight.mean())
say("svr.weighted", m.predict(zqw) * dev + mid)
m = Ridge(alpha=2.5, solver="cholesky").fit(zw, (y - mid) / dev, sample_weight=weight / weight.mean())
say("ridge.weighted", m.predict(zqw) * dev + mid)
