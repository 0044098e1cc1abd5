"""faiss and scikit-learn k-means, ten Lloyd iterations from the same start, on every row: the peers of
`bench_num kmeans`.

usage: kmeans_peers.py DIR faiss|sklearn THREADS REPEAT
Prints case,tool,threads,seconds,gflops (median of REPEAT fits after one to warm up), and the objective
(sum of squared distances of all rows from the final centroids) to stderr."""
import statistics
import sys
import time
import warnings

import numpy as np

folder, tool, threads, repeat = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
x, start = np.load(folder + "/x.npy"), np.load(folder + "/start.npy")
(n, d), k = x.shape, start.shape[0]

if tool == "faiss":
    import faiss

    faiss.omp_set_num_threads(threads)

    def fit():
        km = faiss.Kmeans(d, k, niter=10, nredo=1, max_points_per_centroid=n, min_points_per_centroid=1)
        km.train(x, init_centroids=start)
        return km.centroids
else:
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    threadpool_limits(limits=threads)
    warnings.simplefilter("ignore")

    def fit():
        km = KMeans(k, init=start, n_init=1, max_iter=10, tol=0, algorithm="lloyd", copy_x=False)
        return km.fit(x).cluster_centers_


def objective(c):
    total = 0.0
    c = c.astype(np.float64)
    for lo in range(0, n, 20000):
        b = x[lo : lo + 20000].astype(np.float64)
        dist = (b * b).sum(1)[:, None] - 2 * b @ c.T + (c * c).sum(1)
        total += dist.min(1).sum()
    return total


fit()
times = []
for _ in range(repeat):
    at = time.perf_counter()
    c = fit()
    times.append(time.perf_counter() - at)
t = statistics.median(times)
print(f"kmeans-n{n}-d{d}-m0-k{k},{tool},{threads},{t:.4f},{2e-9 * n * d * k * 11 / t:.1f}")
print(f"# {tool} objective {objective(c):.9g}", file=sys.stderr)
