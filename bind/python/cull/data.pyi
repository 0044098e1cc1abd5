# Written by tools/gen_stubs.py from the catalogue; a test checks that it is fresh.
import os
from typing import Any, Callable, Dict, Iterable, Literal, Mapping, Optional, Protocol, Sequence, Tuple, Union

import numpy.typing as npt

from .results import Comparison, Pick

class Table(Protocol):
    """pyarrow, polars, pandas, DuckDB: whatever has the Arrow C stream interface."""

    def __arrow_c_stream__(self, requested_schema: Optional[object] = ...) -> object: ...

Path = Union[str, "os.PathLike[str]"]
Progress = Callable[[str, float, float], object]
Examples = Union[
    npt.ArrayLike, Path, Sequence["os.PathLike[str]"], Sequence[str], Sequence[Mapping[str, Any]], Table
]
Budget = Union[int, float, str]

def color_filter(
    pool: Examples,
    target: Optional[Examples] = None,
    budget: Optional[Budget] = None,
    *,
    target_text: Optional[str] = None,
    target_task: Optional[Union[str, npt.ArrayLike]] = None,
    embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    target_embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    rates: Optional[Union[str, Sequence[float], npt.ArrayLike]] = None,
    scores: Optional[Union[Mapping[str, npt.ArrayLike], Table, Path]] = None,
    text: Optional[str] = None,
    id: Optional[str] = None,
    label: Optional[Union[str, npt.ArrayLike]] = None,
    label_is: Optional[str] = None,
    group: Optional[Union[str, npt.ArrayLike]] = None,
    quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
    cost: Optional[Union[str, npt.ArrayLike]] = None,
    avoid: Optional[Examples] = None,
    have: Optional[Union[Pick, npt.ArrayLike, Path]] = None,
    against: Optional[Examples] = None,
    avoid_ngram: Optional[int] = None,
    avoid_share: Optional[float] = None,
    avoid_list: Optional[Path] = None,
    embed_dim: Optional[int] = None,
    embed_words: Optional[Union[int, str]] = None,
    embed_chars: Optional[Union[int, str]] = None,
    embed_bits: Optional[int] = None,
    embed_sample: Optional[int] = None,
    embed_power: Optional[float] = None,
    groups: Optional[Path] = None,
    checkpoint: Optional[Path] = None,
    shard: Optional[str] = None,
    parts: Optional[Path] = None,
    tau: float = 0.0,
    rule: Literal["reduction", "conditional"] = "reduction",
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
    report: bool = False,
) -> Pick:
    """Examples that a model tuned to the target finds easier than its prior does.

    Paper: Brandfonbrener et al. 2024, CoLoR-Filter: Conditional Loss Reduction Filtering for Targeted Language Model Pre-training.

    Needs the scores loss_prior,loss_cond.

    pool, target: an array (n, d) of numbers, a path or a list of pathlib.Path, a list of str
        (texts), a list of dicts (records), a data frame or another table. A bare str is a path.
    budget: how many of the pool (500), which share (0.02, '2%'), or, with cost, which sum of costs.
    tau: random candidates for each example that the budget buys; 0 = the whole pool (0 to 1e+09; 0.0)
    rule: keep the largest loss_prior - loss_cond, or the smallest loss_cond (reduction|conditional; reduction)

    Also the inputs of every method: help(cull.data).
    """

def dsir(
    pool: Examples,
    target: Optional[Examples] = None,
    budget: Optional[Budget] = None,
    *,
    target_text: Optional[str] = None,
    target_task: Optional[Union[str, npt.ArrayLike]] = None,
    embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    target_embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    rates: Optional[Union[str, Sequence[float], npt.ArrayLike]] = None,
    scores: Optional[Union[Mapping[str, npt.ArrayLike], Table, Path]] = None,
    text: Optional[str] = None,
    id: Optional[str] = None,
    label: Optional[Union[str, npt.ArrayLike]] = None,
    label_is: Optional[str] = None,
    group: Optional[Union[str, npt.ArrayLike]] = None,
    quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
    cost: Optional[Union[str, npt.ArrayLike]] = None,
    avoid: Optional[Examples] = None,
    have: Optional[Union[Pick, npt.ArrayLike, Path]] = None,
    against: Optional[Examples] = None,
    avoid_ngram: Optional[int] = None,
    avoid_share: Optional[float] = None,
    avoid_list: Optional[Path] = None,
    embed_dim: Optional[int] = None,
    embed_words: Optional[Union[int, str]] = None,
    embed_chars: Optional[Union[int, str]] = None,
    embed_bits: Optional[int] = None,
    embed_sample: Optional[int] = None,
    embed_power: Optional[float] = None,
    groups: Optional[Path] = None,
    checkpoint: Optional[Path] = None,
    shard: Optional[str] = None,
    parts: Optional[Path] = None,
    buckets: int = 10000,
    alpha: float = 1.0,
    sample: bool = True,
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
    report: bool = False,
) -> Pick:
    """Importance resampling by hashed n-grams.

    Paper: Xie et al. 2023, Data Selection for Language Models via Importance Resampling.

    Needs the pool's text, target examples.

    pool, target: an array (n, d) of numbers, a path or a list of pathlib.Path, a list of str
        (texts), a list of dicts (records), a data frame or another table. A bare str is a path.
    budget: how many of the pool (500), which share (0.02, '2%'), or, with cost, which sum of costs.
    buckets: hash buckets of the n-grams (16 to 1.67772e+07; 10000)
    alpha: counts added to each bucket of both distributions (1e-06 to 1e+06; 1.0)
    sample: draw by weight; false = keep the largest weights (True or False; True)

    Also the inputs of every method: help(cull.data).
    """

def facility_location(
    pool: Examples,
    target: Optional[Examples] = None,
    budget: Optional[Budget] = None,
    *,
    target_text: Optional[str] = None,
    target_task: Optional[Union[str, npt.ArrayLike]] = None,
    embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    target_embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    rates: Optional[Union[str, Sequence[float], npt.ArrayLike]] = None,
    scores: Optional[Union[Mapping[str, npt.ArrayLike], Table, Path]] = None,
    text: Optional[str] = None,
    id: Optional[str] = None,
    label: Optional[Union[str, npt.ArrayLike]] = None,
    label_is: Optional[str] = None,
    group: Optional[Union[str, npt.ArrayLike]] = None,
    quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
    cost: Optional[Union[str, npt.ArrayLike]] = None,
    avoid: Optional[Examples] = None,
    have: Optional[Union[Pick, npt.ArrayLike, Path]] = None,
    against: Optional[Examples] = None,
    avoid_ngram: Optional[int] = None,
    avoid_share: Optional[float] = None,
    avoid_list: Optional[Path] = None,
    embed_dim: Optional[int] = None,
    embed_words: Optional[Union[int, str]] = None,
    embed_chars: Optional[Union[int, str]] = None,
    embed_bits: Optional[int] = None,
    embed_sample: Optional[int] = None,
    embed_power: Optional[float] = None,
    groups: Optional[Path] = None,
    checkpoint: Optional[Path] = None,
    shard: Optional[str] = None,
    parts: Optional[Path] = None,
    similarity: Literal["cosine", "rbf", "dot"] = "cosine",
    gamma: float = 0.0,
    neighbours: int = -1,
    recall: float = 0.0,
    optimizer: Literal["lazy", "naive", "stochastic"] = "lazy",
    epsilon: float = 0.01,
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
    report: bool = False,
) -> Pick:
    """Every example of the pool near to a kept one.

    Paper: Nemhauser, Wolsey and Fisher 1978, An analysis of approximations for maximizing submodular set functions.

    Needs embeddings of the pool.

    pool, target: an array (n, d) of numbers, a path or a list of pathlib.Path, a list of str
        (texts), a list of dicts (records), a data frame or another table. A bare str is a path.
    budget: how many of the pool (500), which share (0.02, '2%'), or, with cost, which sum of costs.
    similarity: how alike two examples are; below 0 counts as 0 (cosine|rbf|dot; cosine)
    gamma: rbf: exp(-gamma distance^2); 0 = 1 / the mean squared distance (0 to 1e+09; 0.0)
    neighbours: an example is covered only by its nearest so many; 0 = by any; -1 = any up to 20,000 examples, then the nearest 200 (-1 to 1.04858e+06; -1)
    recall: share of the true neighbours to find, measured on a sample; 1 = all; 0 = all up to 100,000 examples, then 0.95 (0 to 1; 0.0)
    optimizer: lazy and naive choose alike; stochastic looks at a draw for each example taken (lazy|naive|stochastic; lazy)
    epsilon: stochastic: looks at n / k ln(1/epsilon) for each of k examples (1e-09 to 0.99; 0.01)

    Also the inputs of every method: help(cull.data).
    """

def facility_location_cg(
    pool: Examples,
    target: Optional[Examples] = None,
    budget: Optional[Budget] = None,
    *,
    target_text: Optional[str] = None,
    target_task: Optional[Union[str, npt.ArrayLike]] = None,
    embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    target_embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    rates: Optional[Union[str, Sequence[float], npt.ArrayLike]] = None,
    scores: Optional[Union[Mapping[str, npt.ArrayLike], Table, Path]] = None,
    text: Optional[str] = None,
    id: Optional[str] = None,
    label: Optional[Union[str, npt.ArrayLike]] = None,
    label_is: Optional[str] = None,
    group: Optional[Union[str, npt.ArrayLike]] = None,
    quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
    cost: Optional[Union[str, npt.ArrayLike]] = None,
    avoid: Optional[Examples] = None,
    have: Optional[Union[Pick, npt.ArrayLike, Path]] = None,
    against: Optional[Examples] = None,
    avoid_ngram: Optional[int] = None,
    avoid_share: Optional[float] = None,
    avoid_list: Optional[Path] = None,
    embed_dim: Optional[int] = None,
    embed_words: Optional[Union[int, str]] = None,
    embed_chars: Optional[Union[int, str]] = None,
    embed_bits: Optional[int] = None,
    embed_sample: Optional[int] = None,
    embed_power: Optional[float] = None,
    groups: Optional[Path] = None,
    checkpoint: Optional[Path] = None,
    shard: Optional[str] = None,
    parts: Optional[Path] = None,
    nu: float = 1.0,
    similarity: Literal["cosine", "rbf", "dot"] = "cosine",
    gamma: float = 0.0,
    neighbours: int = -1,
    recall: float = 0.0,
    optimizer: Literal["lazy", "naive", "stochastic"] = "lazy",
    epsilon: float = 0.01,
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
    report: bool = False,
) -> Pick:
    """For the pool what given examples do not give.

    Paper: Kothawade et al. 2022, PRISM: A Rich Class of Parameterized Submodular Information Measures for Guided Data Subset Selection.

    Needs embeddings of the pool, examples to stay away from (against).

    pool, target: an array (n, d) of numbers, a path or a list of pathlib.Path, a list of str
        (texts), a list of dicts (records), a data frame or another table. A bare str is a path.
    budget: how many of the pool (500), which share (0.02, '2%'), or, with cost, which sum of costs.
    nu: how strictly to stay away: 0 = not at all, 1 = as if those examples were held (0 to 1e+06; 1.0)
    similarity: how alike two examples are; below 0 counts as 0 (cosine|rbf|dot; cosine)
    gamma: rbf: exp(-gamma distance^2); 0 = 1 / the mean squared distance (0 to 1e+09; 0.0)
    neighbours: an example is covered only by its nearest so many; 0 = by any; -1 = any up to 20,000 examples, then the nearest 200 (-1 to 1.04858e+06; -1)
    recall: share of the true neighbours to find, measured on a sample; 1 = all; 0 = all up to 100,000 examples, then 0.95 (0 to 1; 0.0)
    optimizer: lazy and naive choose alike; stochastic looks at a draw for each example taken (lazy|naive|stochastic; lazy)
    epsilon: stochastic: looks at n / k ln(1/epsilon) for each of k examples (1e-09 to 0.99; 0.01)

    Also the inputs of every method: help(cull.data).
    """

def facility_location_mi(
    pool: Examples,
    target: Optional[Examples] = None,
    budget: Optional[Budget] = None,
    *,
    target_text: Optional[str] = None,
    target_task: Optional[Union[str, npt.ArrayLike]] = None,
    embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    target_embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    rates: Optional[Union[str, Sequence[float], npt.ArrayLike]] = None,
    scores: Optional[Union[Mapping[str, npt.ArrayLike], Table, Path]] = None,
    text: Optional[str] = None,
    id: Optional[str] = None,
    label: Optional[Union[str, npt.ArrayLike]] = None,
    label_is: Optional[str] = None,
    group: Optional[Union[str, npt.ArrayLike]] = None,
    quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
    cost: Optional[Union[str, npt.ArrayLike]] = None,
    avoid: Optional[Examples] = None,
    have: Optional[Union[Pick, npt.ArrayLike, Path]] = None,
    against: Optional[Examples] = None,
    avoid_ngram: Optional[int] = None,
    avoid_share: Optional[float] = None,
    avoid_list: Optional[Path] = None,
    embed_dim: Optional[int] = None,
    embed_words: Optional[Union[int, str]] = None,
    embed_chars: Optional[Union[int, str]] = None,
    embed_bits: Optional[int] = None,
    embed_sample: Optional[int] = None,
    embed_power: Optional[float] = None,
    groups: Optional[Path] = None,
    checkpoint: Optional[Path] = None,
    shard: Optional[str] = None,
    parts: Optional[Path] = None,
    eta: float = 1.0,
    similarity: Literal["cosine", "rbf", "dot"] = "cosine",
    gamma: float = 0.0,
    optimizer: Literal["lazy", "naive", "stochastic"] = "lazy",
    epsilon: float = 0.01,
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
    report: bool = False,
) -> Pick:
    """Near to every target example, and each near to one.

    Paper: Kothawade et al. 2022, PRISM: A Rich Class of Parameterized Submodular Information Measures for Guided Data Subset Selection.

    Needs embeddings of the pool, target examples.

    pool, target: an array (n, d) of numbers, a path or a list of pathlib.Path, a list of str
        (texts), a list of dicts (records), a data frame or another table. A bare str is a path.
    budget: how many of the pool (500), which share (0.02, '2%'), or, with cost, which sum of costs.
    eta: weight of each kept example's own nearness: 0 = only the target's coverage counts (0 to 1e+06; 1.0)
    similarity: how alike two examples are; below 0 counts as 0 (cosine|rbf|dot; cosine)
    gamma: rbf: exp(-gamma distance^2); 0 = 1 / the mean squared distance (0 to 1e+09; 0.0)
    optimizer: lazy and naive choose alike; stochastic looks at a draw for each example taken (lazy|naive|stochastic; lazy)
    epsilon: stochastic: looks at n / k ln(1/epsilon) for each of k examples (1e-09 to 0.99; 0.01)

    Also the inputs of every method: help(cull.data).
    """

def feature_coverage(
    pool: Examples,
    target: Optional[Examples] = None,
    budget: Optional[Budget] = None,
    *,
    target_text: Optional[str] = None,
    target_task: Optional[Union[str, npt.ArrayLike]] = None,
    embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    target_embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    rates: Optional[Union[str, Sequence[float], npt.ArrayLike]] = None,
    scores: Optional[Union[Mapping[str, npt.ArrayLike], Table, Path]] = None,
    text: Optional[str] = None,
    id: Optional[str] = None,
    label: Optional[Union[str, npt.ArrayLike]] = None,
    label_is: Optional[str] = None,
    group: Optional[Union[str, npt.ArrayLike]] = None,
    quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
    cost: Optional[Union[str, npt.ArrayLike]] = None,
    avoid: Optional[Examples] = None,
    have: Optional[Union[Pick, npt.ArrayLike, Path]] = None,
    against: Optional[Examples] = None,
    avoid_ngram: Optional[int] = None,
    avoid_share: Optional[float] = None,
    avoid_list: Optional[Path] = None,
    embed_dim: Optional[int] = None,
    embed_words: Optional[Union[int, str]] = None,
    embed_chars: Optional[Union[int, str]] = None,
    embed_bits: Optional[int] = None,
    embed_sample: Optional[int] = None,
    embed_power: Optional[float] = None,
    groups: Optional[Path] = None,
    checkpoint: Optional[Path] = None,
    shard: Optional[str] = None,
    parts: Optional[Path] = None,
    concave: Literal["sqrt", "log", "min"] = "sqrt",
    share: float = 0.05,
    optimizer: Literal["lazy", "naive", "stochastic"] = "lazy",
    epsilon: float = 0.01,
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
    report: bool = False,
) -> Pick:
    """Every feature present, with less and less for more of it.

    Paper: Kirchhoff and Bilmes 2014, Submodularity for Data Selection in Machine Translation.

    Needs embeddings of the pool.

    pool, target: an array (n, d) of numbers, a path or a list of pathlib.Path, a list of str
        (texts), a list of dicts (records), a data frame or another table. A bare str is a path.
    budget: how many of the pool (500), which share (0.02, '2%'), or, with cost, which sum of costs.
    concave: the function of a feature's total x: its root, log(1 + x), or x up to a limit (sqrt|log|min; sqrt)
    share: min: the limit, as a share of the feature's total over the pool (1e-09 to 1; 0.05)
    optimizer: lazy and naive choose alike; stochastic looks at a draw for each example taken (lazy|naive|stochastic; lazy)
    epsilon: stochastic: looks at n / k ln(1/epsilon) for each of k examples (1e-09 to 0.99; 0.01)

    Also the inputs of every method: help(cull.data).
    """

def got_d(
    pool: Examples,
    target: Optional[Examples] = None,
    budget: Optional[Budget] = None,
    *,
    target_text: Optional[str] = None,
    target_task: Optional[Union[str, npt.ArrayLike]] = None,
    embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    target_embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    rates: Optional[Union[str, Sequence[float], npt.ArrayLike]] = None,
    scores: Optional[Union[Mapping[str, npt.ArrayLike], Table, Path]] = None,
    text: Optional[str] = None,
    id: Optional[str] = None,
    label: Optional[Union[str, npt.ArrayLike]] = None,
    label_is: Optional[str] = None,
    group: Optional[Union[str, npt.ArrayLike]] = None,
    quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
    cost: Optional[Union[str, npt.ArrayLike]] = None,
    avoid: Optional[Examples] = None,
    have: Optional[Union[Pick, npt.ArrayLike, Path]] = None,
    against: Optional[Examples] = None,
    avoid_ngram: Optional[int] = None,
    avoid_share: Optional[float] = None,
    avoid_list: Optional[Path] = None,
    embed_dim: Optional[int] = None,
    embed_words: Optional[Union[int, str]] = None,
    embed_chars: Optional[Union[int, str]] = None,
    embed_bits: Optional[int] = None,
    embed_sample: Optional[int] = None,
    embed_power: Optional[float] = None,
    groups: Optional[Path] = None,
    checkpoint: Optional[Path] = None,
    shard: Optional[str] = None,
    parts: Optional[Path] = None,
    epsilon: float = 0.1,
    tolerance: float = 0.01,
    iterations: int = 2000,
    away: bool = False,
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
    report: bool = False,
) -> Pick:
    """What pulls the pool toward the target: the gradient of optimal transport.

    Paper: Kang et al. 2024, Get more for less: Principled Data Selection for Warming Up Fine-Tuning in LLMs.

    Needs embeddings of the pool, target examples.

    pool, target: an array (n, d) of numbers, a path or a list of pathlib.Path, a list of str
        (texts), a list of dicts (records), a data frame or another table. A bare str is a path.
    budget: how many of the pool (500), which share (0.02, '2%'), or, with cost, which sum of costs.
    epsilon: weight of the entropy, in mean costs (0.001 to 1000; 0.1)
    tolerance: largest error of the transport's marginals (0.0001 to 1; 0.01)
    iterations: transport iterations at most (100 to 1e+06; 2000)
    away: keep what leads away from the target (True or False; False)

    Also the inputs of every method: help(cull.data).
    """

def graph_cut(
    pool: Examples,
    target: Optional[Examples] = None,
    budget: Optional[Budget] = None,
    *,
    target_text: Optional[str] = None,
    target_task: Optional[Union[str, npt.ArrayLike]] = None,
    embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    target_embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    rates: Optional[Union[str, Sequence[float], npt.ArrayLike]] = None,
    scores: Optional[Union[Mapping[str, npt.ArrayLike], Table, Path]] = None,
    text: Optional[str] = None,
    id: Optional[str] = None,
    label: Optional[Union[str, npt.ArrayLike]] = None,
    label_is: Optional[str] = None,
    group: Optional[Union[str, npt.ArrayLike]] = None,
    quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
    cost: Optional[Union[str, npt.ArrayLike]] = None,
    avoid: Optional[Examples] = None,
    have: Optional[Union[Pick, npt.ArrayLike, Path]] = None,
    against: Optional[Examples] = None,
    avoid_ngram: Optional[int] = None,
    avoid_share: Optional[float] = None,
    avoid_list: Optional[Path] = None,
    embed_dim: Optional[int] = None,
    embed_words: Optional[Union[int, str]] = None,
    embed_chars: Optional[Union[int, str]] = None,
    embed_bits: Optional[int] = None,
    embed_sample: Optional[int] = None,
    embed_power: Optional[float] = None,
    groups: Optional[Path] = None,
    checkpoint: Optional[Path] = None,
    shard: Optional[str] = None,
    parts: Optional[Path] = None,
    penalty: float = 0.5,
    optimizer: Literal["lazy", "naive", "stochastic"] = "lazy",
    epsilon: float = 0.01,
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
    report: bool = False,
) -> Pick:
    """Like the pool, unlike each other.

    Paper: Lin and Bilmes 2010, Multi-document summarization via budgeted maximization of submodular functions.

    Needs embeddings of the pool.

    pool, target: an array (n, d) of numbers, a path or a list of pathlib.Path, a list of str
        (texts), a list of dicts (records), a data frame or another table. A bare str is a path.
    budget: how many of the pool (500), which share (0.02, '2%'), or, with cost, which sum of costs.
    penalty: lambda: weight of the similarities among the kept; above 0.5 more may be worse (0 to 1e+06; 0.5)
    optimizer: lazy and naive choose alike; stochastic looks at a draw for each example taken (lazy|naive|stochastic; lazy)
    epsilon: stochastic: looks at n / k ln(1/epsilon) for each of k examples (1e-09 to 0.99; 0.01)

    Also the inputs of every method: help(cull.data).
    """

def k_centre(
    pool: Examples,
    target: Optional[Examples] = None,
    budget: Optional[Budget] = None,
    *,
    target_text: Optional[str] = None,
    target_task: Optional[Union[str, npt.ArrayLike]] = None,
    embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    target_embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    rates: Optional[Union[str, Sequence[float], npt.ArrayLike]] = None,
    scores: Optional[Union[Mapping[str, npt.ArrayLike], Table, Path]] = None,
    text: Optional[str] = None,
    id: Optional[str] = None,
    label: Optional[Union[str, npt.ArrayLike]] = None,
    label_is: Optional[str] = None,
    group: Optional[Union[str, npt.ArrayLike]] = None,
    quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
    cost: Optional[Union[str, npt.ArrayLike]] = None,
    avoid: Optional[Examples] = None,
    have: Optional[Union[Pick, npt.ArrayLike, Path]] = None,
    against: Optional[Examples] = None,
    avoid_ngram: Optional[int] = None,
    avoid_share: Optional[float] = None,
    avoid_list: Optional[Path] = None,
    embed_dim: Optional[int] = None,
    embed_words: Optional[Union[int, str]] = None,
    embed_chars: Optional[Union[int, str]] = None,
    embed_bits: Optional[int] = None,
    embed_sample: Optional[int] = None,
    embed_power: Optional[float] = None,
    groups: Optional[Path] = None,
    checkpoint: Optional[Path] = None,
    shard: Optional[str] = None,
    parts: Optional[Path] = None,
    metric: Literal["cosine", "euclidean"] = "cosine",
    start: Literal["mean", "first"] = "mean",
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
    report: bool = False,
) -> Pick:
    """Farthest first: no example far from a kept one.

    Paper: Gonzalez 1985, Clustering to minimize the maximum intercluster distance.

    Needs embeddings of the pool.

    pool, target: an array (n, d) of numbers, a path or a list of pathlib.Path, a list of str
        (texts), a list of dicts (records), a data frame or another table. A bare str is a path.
    budget: how many of the pool (500), which share (0.02, '2%'), or, with cost, which sum of costs.
    metric: distance: 1 - cosine, or Euclidean (cosine|euclidean; cosine)
    start: where nothing is held: begin nearest to the mean, or with the first that fits (mean|first; mean)

    Also the inputs of every method: help(cull.data).
    """

def kmq(
    pool: Examples,
    target: Optional[Examples] = None,
    budget: Optional[Budget] = None,
    *,
    target_text: Optional[str] = None,
    target_task: Optional[Union[str, npt.ArrayLike]] = None,
    embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    target_embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    rates: Optional[Union[str, Sequence[float], npt.ArrayLike]] = None,
    scores: Optional[Union[Mapping[str, npt.ArrayLike], Table, Path]] = None,
    text: Optional[str] = None,
    id: Optional[str] = None,
    label: Optional[Union[str, npt.ArrayLike]] = None,
    label_is: Optional[str] = None,
    group: Optional[Union[str, npt.ArrayLike]] = None,
    quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
    cost: Optional[Union[str, npt.ArrayLike]] = None,
    avoid: Optional[Examples] = None,
    have: Optional[Union[Pick, npt.ArrayLike, Path]] = None,
    against: Optional[Examples] = None,
    avoid_ngram: Optional[int] = None,
    avoid_share: Optional[float] = None,
    avoid_list: Optional[Path] = None,
    embed_dim: Optional[int] = None,
    embed_words: Optional[Union[int, str]] = None,
    embed_chars: Optional[Union[int, str]] = None,
    embed_bits: Optional[int] = None,
    embed_sample: Optional[int] = None,
    embed_power: Optional[float] = None,
    groups: Optional[Path] = None,
    checkpoint: Optional[Path] = None,
    shard: Optional[str] = None,
    parts: Optional[Path] = None,
    clusters: int = 0,
    share: float = 0.0,
    quality: bool = True,
    temperature: float = 1.0,
    iterations: int = 50,
    restarts: int = 5,
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
    report: bool = False,
) -> Pick:
    """A diverse set: shares of k-means clusters, drawn by quality.

    Paper: Yu et al. 2024, Diversify and Conquer: Diversity-Centric Data Selection with Iterative Refinement.

    Needs embeddings of the pool.
    Uses the scores quality where they are given.

    pool, target: an array (n, d) of numbers, a path or a list of pathlib.Path, a list of str
        (texts), a list of dicts (records), a data frame or another table. A bare str is a path.
    budget: how many of the pool (500), which share (0.02, '2%'), or, with cost, which sum of costs.
    clusters: number of clusters; 0 = the best silhouette of 8, 16, ..., 512 on a sample (0 to 1.04858e+06; 0)
    share: a cluster's share goes by size^share: 0 = all alike, 1 = in proportion to size (0 to 1; 0.0)
    quality: weigh by the column quality where there is one (True or False; True)
    temperature: chances within a cluster go by exp(quality / temperature) (1e-06 to 1e+06; 1.0)
    iterations: Lloyd iterations at most (1 to 10000; 50)
    restarts: k-means runs, of which the best is kept (1 to 100; 5)

    Also the inputs of every method: help(cull.data).
    """

def less(
    pool: Examples,
    target: Optional[Examples] = None,
    budget: Optional[Budget] = None,
    *,
    target_text: Optional[str] = None,
    target_task: Optional[Union[str, npt.ArrayLike]] = None,
    embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    target_embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    rates: Optional[Union[str, Sequence[float], npt.ArrayLike]] = None,
    scores: Optional[Union[Mapping[str, npt.ArrayLike], Table, Path]] = None,
    text: Optional[str] = None,
    id: Optional[str] = None,
    label: Optional[Union[str, npt.ArrayLike]] = None,
    label_is: Optional[str] = None,
    group: Optional[Union[str, npt.ArrayLike]] = None,
    quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
    cost: Optional[Union[str, npt.ArrayLike]] = None,
    avoid: Optional[Examples] = None,
    have: Optional[Union[Pick, npt.ArrayLike, Path]] = None,
    against: Optional[Examples] = None,
    avoid_ngram: Optional[int] = None,
    avoid_share: Optional[float] = None,
    avoid_list: Optional[Path] = None,
    embed_dim: Optional[int] = None,
    embed_words: Optional[Union[int, str]] = None,
    embed_chars: Optional[Union[int, str]] = None,
    embed_bits: Optional[int] = None,
    embed_sample: Optional[int] = None,
    embed_power: Optional[float] = None,
    groups: Optional[Path] = None,
    checkpoint: Optional[Path] = None,
    shard: Optional[str] = None,
    parts: Optional[Path] = None,
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
    report: bool = False,
) -> Pick:
    """Gradients that point where the target's do, over checkpoints, by its best task.

    Paper: Xia et al. 2024, LESS: Selecting Influential Data for Targeted Instruction Tuning.

    Needs embeddings of the pool, target examples.

    pool, target: an array (n, d) of numbers, a path or a list of pathlib.Path, a list of str
        (texts), a list of dicts (records), a data frame or another table. A bare str is a path.
    budget: how many of the pool (500), which share (0.02, '2%'), or, with cost, which sum of costs.

    Also the inputs of every method: help(cull.data).
    """

def log_det(
    pool: Examples,
    target: Optional[Examples] = None,
    budget: Optional[Budget] = None,
    *,
    target_text: Optional[str] = None,
    target_task: Optional[Union[str, npt.ArrayLike]] = None,
    embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    target_embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    rates: Optional[Union[str, Sequence[float], npt.ArrayLike]] = None,
    scores: Optional[Union[Mapping[str, npt.ArrayLike], Table, Path]] = None,
    text: Optional[str] = None,
    id: Optional[str] = None,
    label: Optional[Union[str, npt.ArrayLike]] = None,
    label_is: Optional[str] = None,
    group: Optional[Union[str, npt.ArrayLike]] = None,
    quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
    cost: Optional[Union[str, npt.ArrayLike]] = None,
    avoid: Optional[Examples] = None,
    have: Optional[Union[Pick, npt.ArrayLike, Path]] = None,
    against: Optional[Examples] = None,
    avoid_ngram: Optional[int] = None,
    avoid_share: Optional[float] = None,
    avoid_list: Optional[Path] = None,
    embed_dim: Optional[int] = None,
    embed_words: Optional[Union[int, str]] = None,
    embed_chars: Optional[Union[int, str]] = None,
    embed_bits: Optional[int] = None,
    embed_sample: Optional[int] = None,
    embed_power: Optional[float] = None,
    groups: Optional[Path] = None,
    checkpoint: Optional[Path] = None,
    shard: Optional[str] = None,
    parts: Optional[Path] = None,
    similarity: Literal["cosine", "dot"] = "cosine",
    ridge: float = 0.1,
    optimizer: Literal["lazy", "naive", "stochastic"] = "lazy",
    epsilon: float = 0.01,
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
    report: bool = False,
) -> Pick:
    """A set that spans much: greedy MAP of a determinantal point process.

    Paper: Chen, Zhang and Zhou 2018, Fast Greedy MAP Inference for Determinantal Point Process to Improve Recommendation Diversity.

    Needs embeddings of the pool.

    pool, target: an array (n, d) of numbers, a path or a list of pathlib.Path, a list of str
        (texts), a list of dicts (records), a data frame or another table. A bare str is a path.
    budget: how many of the pool (500), which share (0.02, '2%'), or, with cost, which sum of costs.
    similarity: how alike two examples are (cosine|dot; cosine)
    ridge: the function is log det(I + K / ridge); the smaller, the more a repetition loses (1e-06 to 1e+06; 0.1)
    optimizer: lazy and naive choose alike; stochastic looks at a draw for each example taken (lazy|naive|stochastic; lazy)
    epsilon: stochastic: looks at n / k ln(1/epsilon) for each of k examples (1e-09 to 0.99; 0.01)

    Also the inputs of every method: help(cull.data).
    """

def minhash(
    pool: Examples,
    target: Optional[Examples] = None,
    budget: Optional[Budget] = None,
    *,
    target_text: Optional[str] = None,
    target_task: Optional[Union[str, npt.ArrayLike]] = None,
    embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    target_embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    rates: Optional[Union[str, Sequence[float], npt.ArrayLike]] = None,
    scores: Optional[Union[Mapping[str, npt.ArrayLike], Table, Path]] = None,
    text: Optional[str] = None,
    id: Optional[str] = None,
    label: Optional[Union[str, npt.ArrayLike]] = None,
    label_is: Optional[str] = None,
    group: Optional[Union[str, npt.ArrayLike]] = None,
    quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
    cost: Optional[Union[str, npt.ArrayLike]] = None,
    avoid: Optional[Examples] = None,
    have: Optional[Union[Pick, npt.ArrayLike, Path]] = None,
    against: Optional[Examples] = None,
    avoid_ngram: Optional[int] = None,
    avoid_share: Optional[float] = None,
    avoid_list: Optional[Path] = None,
    embed_dim: Optional[int] = None,
    embed_words: Optional[Union[int, str]] = None,
    embed_chars: Optional[Union[int, str]] = None,
    embed_bits: Optional[int] = None,
    embed_sample: Optional[int] = None,
    embed_power: Optional[float] = None,
    groups: Optional[Path] = None,
    checkpoint: Optional[Path] = None,
    shard: Optional[str] = None,
    parts: Optional[Path] = None,
    threshold: float = 0.7,
    ngram: int = 5,
    bands: int = 14,
    rows: int = 8,
    keep: Literal["first", "longest"] = "first",
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
    report: bool = False,
) -> Pick:
    """One of every group of texts with mostly the same word n-grams.

    Paper: Broder 1997, On the resemblance and containment of documents.

    Needs the pool's text.

    pool, target: an array (n, d) of numbers, a path or a list of pathlib.Path, a list of str
        (texts), a list of dicts (records), a data frame or another table. A bare str is a path.
    budget: how many of the pool (500), which share (0.02, '2%'), or, with cost, which sum of costs.
    threshold: least share of n-grams in common, as estimated (0.01 to 1; 0.7)
    ngram: words of an n-gram (1 to 64; 5)
    bands: bands of a signature: more of them miss less (1 to 1024; 14)
    rows: hash values of a band: more of them compare less (1 to 64; 8)
    keep: which of a group stays (first|longest; first)

    Also the inputs of every method: help(cull.data).
    """

def pcoreset(
    pool: Examples,
    target: Optional[Examples] = None,
    budget: Optional[Budget] = None,
    *,
    target_text: Optional[str] = None,
    target_task: Optional[Union[str, npt.ArrayLike]] = None,
    embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    target_embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    rates: Optional[Union[str, Sequence[float], npt.ArrayLike]] = None,
    scores: Optional[Union[Mapping[str, npt.ArrayLike], Table, Path]] = None,
    text: Optional[str] = None,
    id: Optional[str] = None,
    label: Optional[Union[str, npt.ArrayLike]] = None,
    label_is: Optional[str] = None,
    group: Optional[Union[str, npt.ArrayLike]] = None,
    quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
    cost: Optional[Union[str, npt.ArrayLike]] = None,
    avoid: Optional[Examples] = None,
    have: Optional[Union[Pick, npt.ArrayLike, Path]] = None,
    against: Optional[Examples] = None,
    avoid_ngram: Optional[int] = None,
    avoid_share: Optional[float] = None,
    avoid_list: Optional[Path] = None,
    embed_dim: Optional[int] = None,
    embed_words: Optional[Union[int, str]] = None,
    embed_chars: Optional[Union[int, str]] = None,
    embed_bits: Optional[int] = None,
    embed_sample: Optional[int] = None,
    embed_power: Optional[float] = None,
    groups: Optional[Path] = None,
    checkpoint: Optional[Path] = None,
    shard: Optional[str] = None,
    parts: Optional[Path] = None,
    values: Literal["logits", "probabilities"] = "logits",
    heads: int = 1,
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
    report: bool = False,
) -> Pick:
    """What to label next: far from the labelled in predicted probabilities.

    Paper: Kang et al. 2025, PCoreSet: Effective Active Learning through Knowledge Distillation from Vision-Language Models.

    Needs embeddings of the pool.

    pool, target: an array (n, d) of numbers, a path or a list of pathlib.Path, a list of str
        (texts), a list of dicts (records), a data frame or another table. A bare str is a path.
    budget: how many of the pool (500), which share (0.02, '2%'), or, with cost, which sum of costs.
    values: what the embeddings are (logits|probabilities; logits)
    heads: a row is so many predictions side by side, of which the mean counts (1 to 16; 1)

    Also the inputs of every method: help(cull.data).
    """

def random(
    pool: Examples,
    target: Optional[Examples] = None,
    budget: Optional[Budget] = None,
    *,
    target_text: Optional[str] = None,
    target_task: Optional[Union[str, npt.ArrayLike]] = None,
    embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    target_embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    rates: Optional[Union[str, Sequence[float], npt.ArrayLike]] = None,
    scores: Optional[Union[Mapping[str, npt.ArrayLike], Table, Path]] = None,
    text: Optional[str] = None,
    id: Optional[str] = None,
    label: Optional[Union[str, npt.ArrayLike]] = None,
    label_is: Optional[str] = None,
    group: Optional[Union[str, npt.ArrayLike]] = None,
    quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
    cost: Optional[Union[str, npt.ArrayLike]] = None,
    avoid: Optional[Examples] = None,
    have: Optional[Union[Pick, npt.ArrayLike, Path]] = None,
    against: Optional[Examples] = None,
    avoid_ngram: Optional[int] = None,
    avoid_share: Optional[float] = None,
    avoid_list: Optional[Path] = None,
    embed_dim: Optional[int] = None,
    embed_words: Optional[Union[int, str]] = None,
    embed_chars: Optional[Union[int, str]] = None,
    embed_bits: Optional[int] = None,
    embed_sample: Optional[int] = None,
    embed_power: Optional[float] = None,
    groups: Optional[Path] = None,
    checkpoint: Optional[Path] = None,
    shard: Optional[str] = None,
    parts: Optional[Path] = None,
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
    report: bool = False,
) -> Pick:
    """A uniform sample.


    pool, target: an array (n, d) of numbers, a path or a list of pathlib.Path, a list of str
        (texts), a list of dicts (records), a data frame or another table. A bare str is a path.
    budget: how many of the pool (500), which share (0.02, '2%'), or, with cost, which sum of costs.

    Also the inputs of every method: help(cull.data).
    """

def rds_plus(
    pool: Examples,
    target: Optional[Examples] = None,
    budget: Optional[Budget] = None,
    *,
    target_text: Optional[str] = None,
    target_task: Optional[Union[str, npt.ArrayLike]] = None,
    embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    target_embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    rates: Optional[Union[str, Sequence[float], npt.ArrayLike]] = None,
    scores: Optional[Union[Mapping[str, npt.ArrayLike], Table, Path]] = None,
    text: Optional[str] = None,
    id: Optional[str] = None,
    label: Optional[Union[str, npt.ArrayLike]] = None,
    label_is: Optional[str] = None,
    group: Optional[Union[str, npt.ArrayLike]] = None,
    quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
    cost: Optional[Union[str, npt.ArrayLike]] = None,
    avoid: Optional[Examples] = None,
    have: Optional[Union[Pick, npt.ArrayLike, Path]] = None,
    against: Optional[Examples] = None,
    avoid_ngram: Optional[int] = None,
    avoid_share: Optional[float] = None,
    avoid_list: Optional[Path] = None,
    embed_dim: Optional[int] = None,
    embed_words: Optional[Union[int, str]] = None,
    embed_chars: Optional[Union[int, str]] = None,
    embed_bits: Optional[int] = None,
    embed_sample: Optional[int] = None,
    embed_power: Optional[float] = None,
    groups: Optional[Path] = None,
    checkpoint: Optional[Path] = None,
    shard: Optional[str] = None,
    parts: Optional[Path] = None,
    rule: Literal["round-robin", "max", "mean"] = "round-robin",
    unit: bool = True,
    candidates: float = 2.0,
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
    report: bool = False,
) -> Pick:
    """Nearest to the target, its rows or tasks taking turns.

    Paper: Ivison et al. 2025, Large-Scale Data Selection for Instruction Tuning.

    Needs embeddings of the pool, target examples.

    pool, target: an array (n, d) of numbers, a path or a list of pathlib.Path, a list of str
        (texts), a list of dicts (records), a data frame or another table. A bare str is a path.
    budget: how many of the pool (500), which share (0.02, '2%'), or, with cost, which sum of costs.
    rule: target rows or tasks take turns; or one order by largest or mean similarity (round-robin|max|mean; round-robin)
    unit: cosine similarity; false = dot product (True or False; True)
    candidates: length of the first lists as a multiple of an even share of the budget (0.01 to 1e+06; 2.0)

    Also the inputs of every method: help(cull.data).
    """

def saturated_coverage(
    pool: Examples,
    target: Optional[Examples] = None,
    budget: Optional[Budget] = None,
    *,
    target_text: Optional[str] = None,
    target_task: Optional[Union[str, npt.ArrayLike]] = None,
    embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    target_embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    rates: Optional[Union[str, Sequence[float], npt.ArrayLike]] = None,
    scores: Optional[Union[Mapping[str, npt.ArrayLike], Table, Path]] = None,
    text: Optional[str] = None,
    id: Optional[str] = None,
    label: Optional[Union[str, npt.ArrayLike]] = None,
    label_is: Optional[str] = None,
    group: Optional[Union[str, npt.ArrayLike]] = None,
    quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
    cost: Optional[Union[str, npt.ArrayLike]] = None,
    avoid: Optional[Examples] = None,
    have: Optional[Union[Pick, npt.ArrayLike, Path]] = None,
    against: Optional[Examples] = None,
    avoid_ngram: Optional[int] = None,
    avoid_share: Optional[float] = None,
    avoid_list: Optional[Path] = None,
    embed_dim: Optional[int] = None,
    embed_words: Optional[Union[int, str]] = None,
    embed_chars: Optional[Union[int, str]] = None,
    embed_bits: Optional[int] = None,
    embed_sample: Optional[int] = None,
    embed_power: Optional[float] = None,
    groups: Optional[Path] = None,
    checkpoint: Optional[Path] = None,
    shard: Optional[str] = None,
    parts: Optional[Path] = None,
    alpha: float = 0.05,
    similarity: Literal["cosine", "rbf", "dot"] = "cosine",
    gamma: float = 0.0,
    neighbours: int = -1,
    recall: float = 0.0,
    optimizer: Literal["lazy", "naive", "stochastic"] = "lazy",
    epsilon: float = 0.01,
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
    report: bool = False,
) -> Pick:
    """Every example of the pool covered, none over and over.

    Paper: Lin and Bilmes 2011, A Class of Submodular Functions for Document Summarization.

    Needs embeddings of the pool.

    pool, target: an array (n, d) of numbers, a path or a list of pathlib.Path, a list of str
        (texts), a list of dicts (records), a data frame or another table. A bare str is a path.
    budget: how many of the pool (500), which share (0.02, '2%'), or, with cost, which sum of costs.
    alpha: share of its similarity to the pool that covers an example (1e-09 to 1; 0.05)
    similarity: how alike two examples are; below 0 counts as 0 (cosine|rbf|dot; cosine)
    gamma: rbf: exp(-gamma distance^2); 0 = 1 / the mean squared distance (0 to 1e+09; 0.0)
    neighbours: an example is covered only by its nearest so many; 0 = by any; -1 = any up to 20,000 examples, then the nearest 200 (-1 to 1.04858e+06; -1)
    recall: share of the true neighbours to find, measured on a sample; 1 = all; 0 = all up to 100,000 examples, then 0.95 (0 to 1; 0.0)
    optimizer: lazy and naive choose alike; stochastic looks at a draw for each example taken (lazy|naive|stochastic; lazy)
    epsilon: stochastic: looks at n / k ln(1/epsilon) for each of k examples (1e-09 to 0.99; 0.01)

    Also the inputs of every method: help(cull.data).
    """

def select2reason(
    pool: Examples,
    target: Optional[Examples] = None,
    budget: Optional[Budget] = None,
    *,
    target_text: Optional[str] = None,
    target_task: Optional[Union[str, npt.ArrayLike]] = None,
    embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    target_embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    rates: Optional[Union[str, Sequence[float], npt.ArrayLike]] = None,
    scores: Optional[Union[Mapping[str, npt.ArrayLike], Table, Path]] = None,
    text: Optional[str] = None,
    id: Optional[str] = None,
    label: Optional[Union[str, npt.ArrayLike]] = None,
    label_is: Optional[str] = None,
    group: Optional[Union[str, npt.ArrayLike]] = None,
    quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
    cost: Optional[Union[str, npt.ArrayLike]] = None,
    avoid: Optional[Examples] = None,
    have: Optional[Union[Pick, npt.ArrayLike, Path]] = None,
    against: Optional[Examples] = None,
    avoid_ngram: Optional[int] = None,
    avoid_share: Optional[float] = None,
    avoid_list: Optional[Path] = None,
    embed_dim: Optional[int] = None,
    embed_words: Optional[Union[int, str]] = None,
    embed_chars: Optional[Union[int, str]] = None,
    embed_bits: Optional[int] = None,
    embed_sample: Optional[int] = None,
    embed_power: Optional[float] = None,
    groups: Optional[Path] = None,
    checkpoint: Optional[Path] = None,
    shard: Optional[str] = None,
    parts: Optional[Path] = None,
    weight: float = 0.25,
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
    report: bool = False,
) -> Pick:
    """Hard questions with long reasoning traces, by one joint rank.

    Paper: Yang et al. 2025, Select2Reason: Efficient Instruction-Tuning Data Selection for Long-CoT Reasoning.

    Needs the scores difficulty,length.

    pool, target: an array (n, d) of numbers, a path or a list of pathlib.Path, a list of str
        (texts), a list of dicts (records), a data frame or another table. A bare str is a path.
    budget: how many of the pool (500), which share (0.02, '2%'), or, with cost, which sum of costs.
    weight: weight of the rank by difficulty; length has the rest (0 to 1; 0.25)

    Also the inputs of every method: help(cull.data).
    """

def semdedup(
    pool: Examples,
    target: Optional[Examples] = None,
    budget: Optional[Budget] = None,
    *,
    target_text: Optional[str] = None,
    target_task: Optional[Union[str, npt.ArrayLike]] = None,
    embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    target_embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    rates: Optional[Union[str, Sequence[float], npt.ArrayLike]] = None,
    scores: Optional[Union[Mapping[str, npt.ArrayLike], Table, Path]] = None,
    text: Optional[str] = None,
    id: Optional[str] = None,
    label: Optional[Union[str, npt.ArrayLike]] = None,
    label_is: Optional[str] = None,
    group: Optional[Union[str, npt.ArrayLike]] = None,
    quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
    cost: Optional[Union[str, npt.ArrayLike]] = None,
    avoid: Optional[Examples] = None,
    have: Optional[Union[Pick, npt.ArrayLike, Path]] = None,
    against: Optional[Examples] = None,
    avoid_ngram: Optional[int] = None,
    avoid_share: Optional[float] = None,
    avoid_list: Optional[Path] = None,
    embed_dim: Optional[int] = None,
    embed_words: Optional[Union[int, str]] = None,
    embed_chars: Optional[Union[int, str]] = None,
    embed_bits: Optional[int] = None,
    embed_sample: Optional[int] = None,
    embed_power: Optional[float] = None,
    groups: Optional[Path] = None,
    checkpoint: Optional[Path] = None,
    shard: Optional[str] = None,
    parts: Optional[Path] = None,
    threshold: float = 0.95,
    clusters: int = 0,
    keep: Literal["first", "hard", "easy", "random"] = "first",
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
    report: bool = False,
) -> Pick:
    """One of every group of semantic copies.

    Paper: Abbas et al. 2023, SemDeDup: Data-efficient learning at web-scale through semantic deduplication.

    Needs embeddings of the pool.

    pool, target: an array (n, d) of numbers, a path or a list of pathlib.Path, a list of str
        (texts), a list of dicts (records), a data frame or another table. A bare str is a path.
    budget: how many of the pool (500), which share (0.02, '2%'), or, with cost, which sum of costs.
    threshold: least cosine of two copies (0.1 to 1; 0.95)
    clusters: compare within so many clusters only, as the paper does; 0 = all with all (0 to 1.67772e+07; 0)
    keep: which of a group stays: the first, the one least or most like its cluster's centroid, any (first|hard|easy|random; first)

    Also the inputs of every method: help(cull.data).
    """

def tarot(
    pool: Examples,
    target: Optional[Examples] = None,
    budget: Optional[Budget] = None,
    *,
    target_text: Optional[str] = None,
    target_task: Optional[Union[str, npt.ArrayLike]] = None,
    embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    target_embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    rates: Optional[Union[str, Sequence[float], npt.ArrayLike]] = None,
    scores: Optional[Union[Mapping[str, npt.ArrayLike], Table, Path]] = None,
    text: Optional[str] = None,
    id: Optional[str] = None,
    label: Optional[Union[str, npt.ArrayLike]] = None,
    label_is: Optional[str] = None,
    group: Optional[Union[str, npt.ArrayLike]] = None,
    quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
    cost: Optional[Union[str, npt.ArrayLike]] = None,
    avoid: Optional[Examples] = None,
    have: Optional[Union[Pick, npt.ArrayLike, Path]] = None,
    against: Optional[Examples] = None,
    avoid_ngram: Optional[int] = None,
    avoid_share: Optional[float] = None,
    avoid_list: Optional[Path] = None,
    embed_dim: Optional[int] = None,
    embed_words: Optional[Union[int, str]] = None,
    embed_chars: Optional[Union[int, str]] = None,
    embed_bits: Optional[int] = None,
    embed_sample: Optional[int] = None,
    embed_power: Optional[float] = None,
    groups: Optional[Path] = None,
    checkpoint: Optional[Path] = None,
    shard: Optional[str] = None,
    parts: Optional[Path] = None,
    whiten: bool = True,
    ridge: float = 1e-05,
    depth: int = 2000,
    epsilon: float = 0.001,
    tolerance: float = 0.01,
    estimate: bool = False,
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
    report: bool = False,
) -> Pick:
    """Layers of nearest examples in whitened features, the last by optimal transport.

    Paper: Feng et al. 2025, TAROT: Targeted Data Selection via Optimal Transport.

    Needs embeddings of the pool, target examples.

    pool, target: an array (n, d) of numbers, a path or a list of pathlib.Path, a list of str
        (texts), a list of dicts (records), a data frame or another table. A bare str is a path.
    budget: how many of the pool (500), which share (0.02, '2%'), or, with cost, which sum of costs.
    whiten: whiten pool and target together; false = as they are (True or False; True)
    ridge: added to the variances before whitening (1e-12 to 1e+06; 1e-05)
    depth: nearest examples listed for a target row (1 to 1.67772e+07; 2000)
    epsilon: weight of the entropy in transport (0.0001 to 10; 0.001)
    tolerance: largest error of the transport's marginals (0.001 to 1; 0.01)
    estimate: keep no more than lowers the distance to held-out target rows (True or False; False)

    Also the inputs of every method: help(cull.data).
    """

def tfidf_mean(
    pool: Examples,
    target: Optional[Examples] = None,
    budget: Optional[Budget] = None,
    *,
    target_text: Optional[str] = None,
    target_task: Optional[Union[str, npt.ArrayLike]] = None,
    embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    target_embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    rates: Optional[Union[str, Sequence[float], npt.ArrayLike]] = None,
    scores: Optional[Union[Mapping[str, npt.ArrayLike], Table, Path]] = None,
    text: Optional[str] = None,
    id: Optional[str] = None,
    label: Optional[Union[str, npt.ArrayLike]] = None,
    label_is: Optional[str] = None,
    group: Optional[Union[str, npt.ArrayLike]] = None,
    quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
    cost: Optional[Union[str, npt.ArrayLike]] = None,
    avoid: Optional[Examples] = None,
    have: Optional[Union[Pick, npt.ArrayLike, Path]] = None,
    against: Optional[Examples] = None,
    avoid_ngram: Optional[int] = None,
    avoid_share: Optional[float] = None,
    avoid_list: Optional[Path] = None,
    embed_dim: Optional[int] = None,
    embed_words: Optional[Union[int, str]] = None,
    embed_chars: Optional[Union[int, str]] = None,
    embed_bits: Optional[int] = None,
    embed_sample: Optional[int] = None,
    embed_power: Optional[float] = None,
    groups: Optional[Path] = None,
    checkpoint: Optional[Path] = None,
    shard: Optional[str] = None,
    parts: Optional[Path] = None,
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
    report: bool = False,
) -> Pick:
    """Texts whose TF-IDF is nearest to the target's mean.

    Needs the pool's text, target examples.

    pool, target: an array (n, d) of numbers, a path or a list of pathlib.Path, a list of str
        (texts), a list of dicts (records), a data frame or another table. A bare str is a path.
    budget: how many of the pool (500), which share (0.02, '2%'), or, with cost, which sum of costs.

    Also the inputs of every method: help(cull.data).
    """

def compare(
    pool: Examples,
    target: Optional[Examples] = None,
    budget: Optional[Budget] = None,
    methods: Optional[Iterable[Union[str, Tuple[str, Dict[str, Any]]]]] = None,
    seeds: int = 5,
    *,
    target_text: Optional[str] = None,
    target_task: Optional[Union[str, npt.ArrayLike]] = None,
    embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    target_embeddings: Optional[Union[npt.ArrayLike, Path, Sequence["os.PathLike[str]"]]] = None,
    rates: Optional[Union[str, Sequence[float], npt.ArrayLike]] = None,
    scores: Optional[Union[Mapping[str, npt.ArrayLike], Table, Path]] = None,
    text: Optional[str] = None,
    id: Optional[str] = None,
    label: Optional[Union[str, npt.ArrayLike]] = None,
    label_is: Optional[str] = None,
    group: Optional[Union[str, npt.ArrayLike]] = None,
    quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
    cost: Optional[Union[str, npt.ArrayLike]] = None,
    avoid: Optional[Examples] = None,
    have: Optional[Union[Pick, npt.ArrayLike, Path]] = None,
    against: Optional[Examples] = None,
    avoid_ngram: Optional[int] = None,
    avoid_share: Optional[float] = None,
    avoid_list: Optional[Path] = None,
    embed_dim: Optional[int] = None,
    embed_words: Optional[Union[int, str]] = None,
    embed_chars: Optional[Union[int, str]] = None,
    embed_bits: Optional[int] = None,
    embed_sample: Optional[int] = None,
    embed_power: Optional[float] = None,
    groups: Optional[Path] = None,
    checkpoint: Optional[Path] = None,
    shard: Optional[str] = None,
    parts: Optional[Path] = None,
    targets: Optional[int] = None,
    split_by: Optional[str] = None,
    judge: Optional[bool] = None,
    valid: Optional[Examples] = None,
    valid_embeddings: Optional[Union[npt.ArrayLike, Path]] = None,
    valid_label: Optional[Union[Path, npt.ArrayLike]] = None,
    holdout: Optional[Union[float, str]] = None,
    judge_l2: Optional[float] = None,
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
) -> Comparison:
    """Run many methods on one problem, those that draw once for each of `seeds` seeds.

    methods: names, or (name, {option: value}); None = all whose inputs are there. The rest is as for
    the methods, and:

    targets           make a fair problem of one labelled pool: N random rows with the label become the target, and their groups leave the pool
    split_by          what a target row takes with it out of the pool: all that shares its FIELD, or its near copies (copies)
    judge             train a classifier on what each method kept, a uniform sample and all of the pool, and test it on records that none could keep
    valid             what is tested on, of the pool's form and with its label
    valid_embeddings  embeddings of the records of valid
    valid_label       labels of the rows of valid, where it is an array
    holdout           without valid: the share of each label that leaves the pool and is tested on, drawn anew for each seed, with all that split_by or group keeps together (20%)
    judge_l2          penalty of the classifier, in the sum of losses + P/2 |w|^2; without it chosen by cross-validation among the kept

    What is measured: precision (with label and label_is), coverage (with a target), accuracy and
    balanced accuracy of the classifier (with judge).
    """
