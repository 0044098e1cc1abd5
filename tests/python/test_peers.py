"""The same choice as other packages on the same input: their answers are in peers.json (peers.py asks
them). Sets of equal gain are rare there, so orders are compared whole."""

import json

import numpy as np
import pytest
from peers import ANSWERS, K, KNOWN, N, POOL, SCALED, TARGET

import cull

OF = {p: {k: v for k, v in a.items() if k != "version"} for p, a in json.loads(ANSWERS.read_text()).items()}
OURS = {
    "facility-location": lambda **o: cull.data.facility_location(POOL, budget=K, **o),
    "facility-location-mi": lambda **o: cull.data.facility_location_mi(POOL, TARGET, K, **o),
    "facility-location-cg": lambda **o: cull.data.facility_location_cg(POOL, budget=K, against=KNOWN, **o),
    "graph-cut": lambda **o: cull.data.graph_cut(POOL, budget=K, penalty=0.5, **o),
    "saturated-coverage": lambda **o: cull.data.saturated_coverage(POOL, budget=K, alpha=0.05, **o),
    "log-det": lambda **o: cull.data.log_det(POOL, budget=K, similarity="dot", ridge=0.5, **o),
}


def features(package, concave, **o):
    return cull.data.feature_coverage(np.abs(POOL) if package == "apricot" else SCALED, budget=K, concave=concave, **o)


SETS = [(p, name) for p in ("submodlib", "apricot") for name in OF[p]]


@pytest.mark.parametrize("optimizer", ["lazy", "naive"])
@pytest.mark.parametrize("package, name", SETS)
def test_set_functions(package, name, optimizer):
    slug, _, concave = name.partition(" ")
    ours = features(package, concave, optimizer=optimizer) if concave else OURS[slug](optimizer=optimizer)
    assert ours.idx.tolist() == OF[package][name]


def test_every_set_function_has_a_peer():
    assert {name.partition(" ")[0] for _, name in SETS} == {*OURS, "feature-coverage"}


def test_transport():
    """got-d's derivatives are those of POT's potentials, to what the tolerance on the marginals leaves."""
    ours = cull.data.got_d(POOL, TARGET, N, tolerance=1e-4)
    score = np.empty(N)
    score[ours.idx] = ours.score
    theirs = np.array(OF["pot"]["got-d"])
    assert np.abs(score - theirs).max() < 1e-3 * theirs.std()
    assert ours.idx[:50].tolist() == np.argsort(-theirs, kind="stable")[:50].tolist()


def test_nearest_rows():
    ours = cull.data.rds_plus(POOL, TARGET[:1], K, rule="max")
    assert ours.idx.tolist() == OF["faiss"]["nearest"]
    assert np.abs(ours.score - OF["faiss"]["nearest scores"]).max() < 1e-6  # theirs are f32
