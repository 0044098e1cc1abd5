"""Writes sklearn.h: what scikit-learn says of columns that anyone can make again.

usage: python3 tests/method/ask_sklearn.py > tests/method/sklearn.h     (needs scikit-learn)"""

import sys

import numpy as np
import scipy
import sklearn
from sklearn.feature_selection import _mutual_info as mi
from sklearn.feature_selection import chi2, f_classif, f_regression, mutual_info_classif, mutual_info_regression

N, D = 157, 7


def numbers(count, seed):
    """SplitMix64 (Steele, Lea and Flood 2014) to multiples of 2^-24 in [0, 1): exact in f32."""
    with np.errstate(over="ignore"):
        z = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return ((z ^ (z >> np.uint64(31))) >> np.uint64(40)).astype(np.float64) / 2**24


X = numbers(N * D, 3).reshape(N, D)
U = numbers(N, 5)
CLASS = np.floor(3 * (0.6 * X[:, 1] + 0.4 * U)).astype(int)
NUMBER = X[:, 2] - 2 * X[:, 3] * X[:, 4] + U / 4
COUNTS = np.floor(9 * X)
# a lattice of 8 values whose ties are broken by little
TIED = np.floor(8 * X[:, 1]) / 8 + X[:, 5] * 1e-9
TIED_X = np.floor(8 * X[:, 2]) / 8 + X[:, 5] * 1e-9
TIED_Y = np.floor(8 * NUMBER) / 8 + X[:, 6] * 1e-9


def row(name, values):
    print(f"static const double {name}[] = {{{', '.join(repr(float(v)) for v in np.ravel(values))}}};")


print("/* sklearn.h - answers of scikit-learn %s (scipy %s, numpy %s), written by ask_sklearn.py. */" %
      (sklearn.__version__, scipy.__version__, np.__version__))
print("/* clang-format off */")
for name, (score, p) in {"f_classes": f_classif(X, CLASS), "f_numbers": f_regression(X, NUMBER), "chi2": chi2(COUNTS, CLASS)}.items():
    row(f"sklearn_{name}", score)
    row(f"sklearn_{name}_p", p)
row("sklearn_mutual_classes", mutual_info_classif(X, CLASS, random_state=1))
row("sklearn_mutual_numbers", mutual_info_regression(X, NUMBER, random_state=1))
row("sklearn_mutual_levels", mutual_info_regression(COUNTS, NUMBER, discrete_features=True, random_state=1))
row("sklearn_tied_classes", mi._compute_mi_cd(TIED, CLASS, 3))
row("sklearn_tied_numbers", mi._compute_mi_cc(TIED_X, TIED_Y, 4))
print("/* clang-format on */")
sys.stdout.flush()
