# Written by tools/gen_stubs.py from the catalogue; a test checks that it is fresh.
from typing import Any, Literal, Mapping, Optional, Sequence, Union

import numpy as np
import numpy.typing as npt

from ._estimators import ExampleSelector as ExampleSelector
from ._estimators import FeatureSelector as FeatureSelector
from ._estimators import OnSelected as OnSelected

Budget = Union[int, float, str]
Column = Union[int, str]

class ColorFilter(ExampleSelector):
    """Examples that a model tuned to the target finds easier than its prior does.

    Paper: Brandfonbrener et al. 2024, CoLoR-Filter: Conditional Loss Reduction Filtering for Targeted Language Model Pre-training.

    budget: how many rows (500), which share (0.1, '2%'; at least one row), or, with cost, which sum of costs
    columns: dict of score -> its column of X, by number or name; a score left out is the column of that name; where X has none of these names, its first ones are: loss_prior, loss_cond
    cost: column of X, by number or name; of texts 'words' or 'bytes'; None = 1 a row
    quota: most of each class in y: 'equal', 'proportional', or a dict of class -> share
    tau: random candidates for each example that the budget buys; 0 = the whole pool (0 to 1e+09; 0.0)
    rule: keep the largest loss_prior - loss_cond, or the smallest loss_cond (reduction|conditional; reduction)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.ExampleSelector).
    """
    def __init__(
        self,
        budget: Budget = 0.1,
        *,
        columns: Optional[Mapping[str, Column]] = None,
        cost: Optional[Column] = None,
        quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
        tau: float = 0.0,
        rule: Literal["reduction", "conditional"] = "reduction",
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class Dsir(ExampleSelector):
    """Importance resampling by hashed n-grams.

    Paper: Xie et al. 2023, Data Selection for Language Models via Importance Resampling.

    budget: how many rows (500), which share (0.1, '2%'; at least one row), or, with cost, which sum of costs
    target: what is wanted: (m, d) as wide as the embeddings in X, or texts; None = X stands for itself, by its texts or the mean of its rows
    cost: column of X, by number or name; of texts 'words' or 'bytes'; None = 1 a row
    quota: most of each class in y: 'equal', 'proportional', or a dict of class -> share
    buckets: hash buckets of the n-grams (16 to 1.67772e+07; 10000)
    alpha: counts added to each bucket of both distributions (1e-06 to 1e+06; 1.0)
    sample: draw by weight; false = keep the largest weights (True or False; True)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.ExampleSelector).
    """
    def __init__(
        self,
        budget: Budget = 0.1,
        *,
        target: Optional[npt.ArrayLike] = None,
        cost: Optional[Column] = None,
        quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
        buckets: int = 10000,
        alpha: float = 1.0,
        sample: bool = True,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class FacilityLocation(ExampleSelector):
    """Every example of the pool near to a kept one.

    Paper: Nemhauser, Wolsey and Fisher 1978, An analysis of approximations for maximizing submodular set functions.

    budget: how many rows (500), which share (0.1, '2%'; at least one row), or, with cost, which sum of costs
    cost: column of X, by number or name; of texts 'words' or 'bytes'; None = 1 a row
    quota: most of each class in y: 'equal', 'proportional', or a dict of class -> share
    similarity: how alike two examples are; below 0 counts as 0 (cosine|rbf|dot; cosine)
    gamma: rbf: exp(-gamma distance^2); 0 = 1 / the mean squared distance (0 to 1e+09; 0.0)
    neighbours: an example is covered only by its nearest so many; 0 = by any; -1 = any up to 20,000 examples, then the nearest 200 (-1 to 1.04858e+06; -1)
    recall: share of the true neighbours to find, measured on a sample; 1 = all; 0 = all up to 100,000 examples, then 0.95 (0 to 1; 0.0)
    optimizer: lazy and naive choose alike; stochastic looks at a draw for each example taken (lazy|naive|stochastic; lazy)
    epsilon: stochastic: looks at n / k ln(1/epsilon) for each of k examples (1e-09 to 0.99; 0.01)
    embed_dim: of texts: numbers in the feature vector of a text (256)
    embed_words: of texts: word n-grams that features count; 0 = none (1-2)
    embed_chars: of texts: character n-grams that features count, for example 3-5 (0)
    embed_bits: of texts: 2^N hashed features before they are reduced (18)
    embed_sample: of texts: texts that the reduction is fitted on (65536)
    embed_power: of texts: evens out the directions of the reduction: 0 = not, 1 = whitened (0)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.ExampleSelector).
    """
    def __init__(
        self,
        budget: Budget = 0.1,
        *,
        cost: Optional[Column] = None,
        quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
        similarity: Literal["cosine", "rbf", "dot"] = "cosine",
        gamma: float = 0.0,
        neighbours: int = -1,
        recall: float = 0.0,
        optimizer: Literal["lazy", "naive", "stochastic"] = "lazy",
        epsilon: float = 0.01,
        embed_dim: Optional[int] = None,
        embed_words: Optional[Union[int, str]] = None,
        embed_chars: Optional[Union[int, str]] = None,
        embed_bits: Optional[int] = None,
        embed_sample: Optional[int] = None,
        embed_power: Optional[float] = None,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class FacilityLocationCg(ExampleSelector):
    """For the pool what given examples do not give.

    Paper: Kothawade et al. 2022, PRISM: A Rich Class of Parameterized Submodular Information Measures for Guided Data Subset Selection.

    budget: how many rows (500), which share (0.1, '2%'; at least one row), or, with cost, which sum of costs
    against: what to stay away from: (a, d) as wide as the embeddings in X, or texts; None = nothing
    cost: column of X, by number or name; of texts 'words' or 'bytes'; None = 1 a row
    quota: most of each class in y: 'equal', 'proportional', or a dict of class -> share
    nu: how strictly to stay away: 0 = not at all, 1 = as if those examples were held (0 to 1e+06; 1.0)
    similarity: how alike two examples are; below 0 counts as 0 (cosine|rbf|dot; cosine)
    gamma: rbf: exp(-gamma distance^2); 0 = 1 / the mean squared distance (0 to 1e+09; 0.0)
    neighbours: an example is covered only by its nearest so many; 0 = by any; -1 = any up to 20,000 examples, then the nearest 200 (-1 to 1.04858e+06; -1)
    recall: share of the true neighbours to find, measured on a sample; 1 = all; 0 = all up to 100,000 examples, then 0.95 (0 to 1; 0.0)
    optimizer: lazy and naive choose alike; stochastic looks at a draw for each example taken (lazy|naive|stochastic; lazy)
    epsilon: stochastic: looks at n / k ln(1/epsilon) for each of k examples (1e-09 to 0.99; 0.01)
    embed_dim: of texts: numbers in the feature vector of a text (256)
    embed_words: of texts: word n-grams that features count; 0 = none (1-2)
    embed_chars: of texts: character n-grams that features count, for example 3-5 (0)
    embed_bits: of texts: 2^N hashed features before they are reduced (18)
    embed_sample: of texts: texts that the reduction is fitted on (65536)
    embed_power: of texts: evens out the directions of the reduction: 0 = not, 1 = whitened (0)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.ExampleSelector).
    """
    def __init__(
        self,
        budget: Budget = 0.1,
        *,
        against: Optional[npt.ArrayLike] = None,
        cost: Optional[Column] = None,
        quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
        nu: float = 1.0,
        similarity: Literal["cosine", "rbf", "dot"] = "cosine",
        gamma: float = 0.0,
        neighbours: int = -1,
        recall: float = 0.0,
        optimizer: Literal["lazy", "naive", "stochastic"] = "lazy",
        epsilon: float = 0.01,
        embed_dim: Optional[int] = None,
        embed_words: Optional[Union[int, str]] = None,
        embed_chars: Optional[Union[int, str]] = None,
        embed_bits: Optional[int] = None,
        embed_sample: Optional[int] = None,
        embed_power: Optional[float] = None,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class FacilityLocationMi(ExampleSelector):
    """Near to every target example, and each near to one.

    Paper: Kothawade et al. 2022, PRISM: A Rich Class of Parameterized Submodular Information Measures for Guided Data Subset Selection.

    budget: how many rows (500), which share (0.1, '2%'; at least one row), or, with cost, which sum of costs
    target: what is wanted: (m, d) as wide as the embeddings in X, or texts; None = X stands for itself, by its texts or the mean of its rows
    cost: column of X, by number or name; of texts 'words' or 'bytes'; None = 1 a row
    quota: most of each class in y: 'equal', 'proportional', or a dict of class -> share
    eta: weight of each kept example's own nearness: 0 = only the target's coverage counts (0 to 1e+06; 1.0)
    similarity: how alike two examples are; below 0 counts as 0 (cosine|rbf|dot; cosine)
    gamma: rbf: exp(-gamma distance^2); 0 = 1 / the mean squared distance (0 to 1e+09; 0.0)
    optimizer: lazy and naive choose alike; stochastic looks at a draw for each example taken (lazy|naive|stochastic; lazy)
    epsilon: stochastic: looks at n / k ln(1/epsilon) for each of k examples (1e-09 to 0.99; 0.01)
    embed_dim: of texts: numbers in the feature vector of a text (256)
    embed_words: of texts: word n-grams that features count; 0 = none (1-2)
    embed_chars: of texts: character n-grams that features count, for example 3-5 (0)
    embed_bits: of texts: 2^N hashed features before they are reduced (18)
    embed_sample: of texts: texts that the reduction is fitted on (65536)
    embed_power: of texts: evens out the directions of the reduction: 0 = not, 1 = whitened (0)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.ExampleSelector).
    """
    def __init__(
        self,
        budget: Budget = 0.1,
        *,
        target: Optional[npt.ArrayLike] = None,
        cost: Optional[Column] = None,
        quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
        eta: float = 1.0,
        similarity: Literal["cosine", "rbf", "dot"] = "cosine",
        gamma: float = 0.0,
        optimizer: Literal["lazy", "naive", "stochastic"] = "lazy",
        epsilon: float = 0.01,
        embed_dim: Optional[int] = None,
        embed_words: Optional[Union[int, str]] = None,
        embed_chars: Optional[Union[int, str]] = None,
        embed_bits: Optional[int] = None,
        embed_sample: Optional[int] = None,
        embed_power: Optional[float] = None,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class FeatureCoverage(ExampleSelector):
    """Every feature present, with less and less for more of it.

    Paper: Kirchhoff and Bilmes 2014, Submodularity for Data Selection in Machine Translation.

    budget: how many rows (500), which share (0.1, '2%'; at least one row), or, with cost, which sum of costs
    cost: column of X, by number or name; of texts 'words' or 'bytes'; None = 1 a row
    quota: most of each class in y: 'equal', 'proportional', or a dict of class -> share
    concave: the function of a feature's total x: its root, log(1 + x), or x up to a limit (sqrt|log|min; sqrt)
    share: min: the limit, as a share of the feature's total over the pool (1e-09 to 1; 0.05)
    optimizer: lazy and naive choose alike; stochastic looks at a draw for each example taken (lazy|naive|stochastic; lazy)
    epsilon: stochastic: looks at n / k ln(1/epsilon) for each of k examples (1e-09 to 0.99; 0.01)
    embed_dim: of texts: numbers in the feature vector of a text (256)
    embed_words: of texts: word n-grams that features count; 0 = none (1-2)
    embed_chars: of texts: character n-grams that features count, for example 3-5 (0)
    embed_bits: of texts: 2^N hashed features before they are reduced (18)
    embed_sample: of texts: texts that the reduction is fitted on (65536)
    embed_power: of texts: evens out the directions of the reduction: 0 = not, 1 = whitened (0)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.ExampleSelector).
    """
    def __init__(
        self,
        budget: Budget = 0.1,
        *,
        cost: Optional[Column] = None,
        quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
        concave: Literal["sqrt", "log", "min"] = "sqrt",
        share: float = 0.05,
        optimizer: Literal["lazy", "naive", "stochastic"] = "lazy",
        epsilon: float = 0.01,
        embed_dim: Optional[int] = None,
        embed_words: Optional[Union[int, str]] = None,
        embed_chars: Optional[Union[int, str]] = None,
        embed_bits: Optional[int] = None,
        embed_sample: Optional[int] = None,
        embed_power: Optional[float] = None,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class GotD(ExampleSelector):
    """What pulls the pool toward the target: the gradient of optimal transport.

    Paper: Kang et al. 2024, Get more for less: Principled Data Selection for Warming Up Fine-Tuning in LLMs.

    budget: how many rows (500), which share (0.1, '2%'; at least one row), or, with cost, which sum of costs
    target: what is wanted: (m, d) as wide as the embeddings in X, or texts; None = X stands for itself, by its texts or the mean of its rows
    cost: column of X, by number or name; of texts 'words' or 'bytes'; None = 1 a row
    quota: most of each class in y: 'equal', 'proportional', or a dict of class -> share
    epsilon: weight of the entropy, in mean costs (0.001 to 1000; 0.1)
    tolerance: largest error of the transport's marginals (0.0001 to 1; 0.01)
    iterations: transport iterations at most (100 to 1e+06; 2000)
    away: keep what leads away from the target (True or False; False)
    embed_dim: of texts: numbers in the feature vector of a text (256)
    embed_words: of texts: word n-grams that features count; 0 = none (1-2)
    embed_chars: of texts: character n-grams that features count, for example 3-5 (0)
    embed_bits: of texts: 2^N hashed features before they are reduced (18)
    embed_sample: of texts: texts that the reduction is fitted on (65536)
    embed_power: of texts: evens out the directions of the reduction: 0 = not, 1 = whitened (0)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.ExampleSelector).
    """
    def __init__(
        self,
        budget: Budget = 0.1,
        *,
        target: Optional[npt.ArrayLike] = None,
        cost: Optional[Column] = None,
        quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
        epsilon: float = 0.1,
        tolerance: float = 0.01,
        iterations: int = 2000,
        away: bool = False,
        embed_dim: Optional[int] = None,
        embed_words: Optional[Union[int, str]] = None,
        embed_chars: Optional[Union[int, str]] = None,
        embed_bits: Optional[int] = None,
        embed_sample: Optional[int] = None,
        embed_power: Optional[float] = None,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class GraphCut(ExampleSelector):
    """Like the pool, unlike each other.

    Paper: Lin and Bilmes 2010, Multi-document summarization via budgeted maximization of submodular functions.

    budget: how many rows (500), which share (0.1, '2%'; at least one row), or, with cost, which sum of costs
    cost: column of X, by number or name; of texts 'words' or 'bytes'; None = 1 a row
    quota: most of each class in y: 'equal', 'proportional', or a dict of class -> share
    penalty: lambda: weight of the similarities among the kept; above 0.5 more may be worse (0 to 1e+06; 0.5)
    optimizer: lazy and naive choose alike; stochastic looks at a draw for each example taken (lazy|naive|stochastic; lazy)
    epsilon: stochastic: looks at n / k ln(1/epsilon) for each of k examples (1e-09 to 0.99; 0.01)
    embed_dim: of texts: numbers in the feature vector of a text (256)
    embed_words: of texts: word n-grams that features count; 0 = none (1-2)
    embed_chars: of texts: character n-grams that features count, for example 3-5 (0)
    embed_bits: of texts: 2^N hashed features before they are reduced (18)
    embed_sample: of texts: texts that the reduction is fitted on (65536)
    embed_power: of texts: evens out the directions of the reduction: 0 = not, 1 = whitened (0)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.ExampleSelector).
    """
    def __init__(
        self,
        budget: Budget = 0.1,
        *,
        cost: Optional[Column] = None,
        quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
        penalty: float = 0.5,
        optimizer: Literal["lazy", "naive", "stochastic"] = "lazy",
        epsilon: float = 0.01,
        embed_dim: Optional[int] = None,
        embed_words: Optional[Union[int, str]] = None,
        embed_chars: Optional[Union[int, str]] = None,
        embed_bits: Optional[int] = None,
        embed_sample: Optional[int] = None,
        embed_power: Optional[float] = None,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class KCentre(ExampleSelector):
    """Farthest first: no example far from a kept one.

    Paper: Gonzalez 1985, Clustering to minimize the maximum intercluster distance.

    budget: how many rows (500), which share (0.1, '2%'; at least one row), or, with cost, which sum of costs
    cost: column of X, by number or name; of texts 'words' or 'bytes'; None = 1 a row
    quota: most of each class in y: 'equal', 'proportional', or a dict of class -> share
    metric: distance: 1 - cosine, or Euclidean (cosine|euclidean; cosine)
    start: where nothing is held: begin nearest to the mean, or with the first that fits (mean|first; mean)
    embed_dim: of texts: numbers in the feature vector of a text (256)
    embed_words: of texts: word n-grams that features count; 0 = none (1-2)
    embed_chars: of texts: character n-grams that features count, for example 3-5 (0)
    embed_bits: of texts: 2^N hashed features before they are reduced (18)
    embed_sample: of texts: texts that the reduction is fitted on (65536)
    embed_power: of texts: evens out the directions of the reduction: 0 = not, 1 = whitened (0)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.ExampleSelector).
    """
    def __init__(
        self,
        budget: Budget = 0.1,
        *,
        cost: Optional[Column] = None,
        quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
        metric: Literal["cosine", "euclidean"] = "cosine",
        start: Literal["mean", "first"] = "mean",
        embed_dim: Optional[int] = None,
        embed_words: Optional[Union[int, str]] = None,
        embed_chars: Optional[Union[int, str]] = None,
        embed_bits: Optional[int] = None,
        embed_sample: Optional[int] = None,
        embed_power: Optional[float] = None,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class Kmq(ExampleSelector):
    """A diverse set: shares of k-means clusters, drawn by quality.

    Paper: Yu et al. 2024, Diversify and Conquer: Diversity-Centric Data Selection with Iterative Refinement.

    budget: how many rows (500), which share (0.1, '2%'; at least one row), or, with cost, which sum of costs
    columns: dict of score -> its column of X, by number or name; a score left out is the column of that name; used where there is one: quality
    cost: column of X, by number or name; of texts 'words' or 'bytes'; None = 1 a row
    quota: most of each class in y: 'equal', 'proportional', or a dict of class -> share
    clusters: number of clusters; 0 = the best silhouette of 8, 16, ..., 512 on a sample (0 to 1.04858e+06; 0)
    share: a cluster's share goes by size^share: 0 = all alike, 1 = in proportion to size (0 to 1; 0.0)
    quality: weigh by the column quality where there is one (True or False; True)
    temperature: chances within a cluster go by exp(quality / temperature) (1e-06 to 1e+06; 1.0)
    iterations: Lloyd iterations at most (1 to 10000; 50)
    restarts: k-means runs, of which the best is kept (1 to 100; 5)
    embed_dim: of texts: numbers in the feature vector of a text (256)
    embed_words: of texts: word n-grams that features count; 0 = none (1-2)
    embed_chars: of texts: character n-grams that features count, for example 3-5 (0)
    embed_bits: of texts: 2^N hashed features before they are reduced (18)
    embed_sample: of texts: texts that the reduction is fitted on (65536)
    embed_power: of texts: evens out the directions of the reduction: 0 = not, 1 = whitened (0)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.ExampleSelector).
    """
    def __init__(
        self,
        budget: Budget = 0.1,
        *,
        columns: Optional[Mapping[str, Column]] = None,
        cost: Optional[Column] = None,
        quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
        clusters: int = 0,
        share: float = 0.0,
        quality: bool = True,
        temperature: float = 1.0,
        iterations: int = 50,
        restarts: int = 5,
        embed_dim: Optional[int] = None,
        embed_words: Optional[Union[int, str]] = None,
        embed_chars: Optional[Union[int, str]] = None,
        embed_bits: Optional[int] = None,
        embed_sample: Optional[int] = None,
        embed_power: Optional[float] = None,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class Less(ExampleSelector):
    """Gradients that point where the target's do, over checkpoints, by its best task.

    Paper: Xia et al. 2024, LESS: Selecting Influential Data for Targeted Instruction Tuning.

    budget: how many rows (500), which share (0.1, '2%'; at least one row), or, with cost, which sum of costs
    target: what is wanted: (m, d) as wide as the embeddings in X, or texts; None = X stands for itself, by its texts or the mean of its rows
    cost: column of X, by number or name; of texts 'words' or 'bytes'; None = 1 a row
    quota: most of each class in y: 'equal', 'proportional', or a dict of class -> share
    embed_dim: of texts: numbers in the feature vector of a text (256)
    embed_words: of texts: word n-grams that features count; 0 = none (1-2)
    embed_chars: of texts: character n-grams that features count, for example 3-5 (0)
    embed_bits: of texts: 2^N hashed features before they are reduced (18)
    embed_sample: of texts: texts that the reduction is fitted on (65536)
    embed_power: of texts: evens out the directions of the reduction: 0 = not, 1 = whitened (0)
    rates: a number for each checkpoint, its learning rate, where a row of X is gradients at several, side by side; None = X is of one
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.ExampleSelector).
    """
    def __init__(
        self,
        budget: Budget = 0.1,
        *,
        target: Optional[npt.ArrayLike] = None,
        cost: Optional[Column] = None,
        quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
        embed_dim: Optional[int] = None,
        embed_words: Optional[Union[int, str]] = None,
        embed_chars: Optional[Union[int, str]] = None,
        embed_bits: Optional[int] = None,
        embed_sample: Optional[int] = None,
        embed_power: Optional[float] = None,
        rates: Optional[Union[str, Sequence[float], npt.ArrayLike]] = None,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class LogDet(ExampleSelector):
    """A set that spans much: greedy MAP of a determinantal point process.

    Paper: Chen, Zhang and Zhou 2018, Fast Greedy MAP Inference for Determinantal Point Process to Improve Recommendation Diversity.

    budget: how many rows (500), which share (0.1, '2%'; at least one row), or, with cost, which sum of costs
    cost: column of X, by number or name; of texts 'words' or 'bytes'; None = 1 a row
    quota: most of each class in y: 'equal', 'proportional', or a dict of class -> share
    similarity: how alike two examples are (cosine|dot; cosine)
    ridge: the function is log det(I + K / ridge); the smaller, the more a repetition loses (1e-06 to 1e+06; 0.1)
    optimizer: lazy and naive choose alike; stochastic looks at a draw for each example taken (lazy|naive|stochastic; lazy)
    epsilon: stochastic: looks at n / k ln(1/epsilon) for each of k examples (1e-09 to 0.99; 0.01)
    embed_dim: of texts: numbers in the feature vector of a text (256)
    embed_words: of texts: word n-grams that features count; 0 = none (1-2)
    embed_chars: of texts: character n-grams that features count, for example 3-5 (0)
    embed_bits: of texts: 2^N hashed features before they are reduced (18)
    embed_sample: of texts: texts that the reduction is fitted on (65536)
    embed_power: of texts: evens out the directions of the reduction: 0 = not, 1 = whitened (0)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.ExampleSelector).
    """
    def __init__(
        self,
        budget: Budget = 0.1,
        *,
        cost: Optional[Column] = None,
        quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
        similarity: Literal["cosine", "dot"] = "cosine",
        ridge: float = 0.1,
        optimizer: Literal["lazy", "naive", "stochastic"] = "lazy",
        epsilon: float = 0.01,
        embed_dim: Optional[int] = None,
        embed_words: Optional[Union[int, str]] = None,
        embed_chars: Optional[Union[int, str]] = None,
        embed_bits: Optional[int] = None,
        embed_sample: Optional[int] = None,
        embed_power: Optional[float] = None,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class Minhash(ExampleSelector):
    """One of every group of texts with mostly the same word n-grams.

    Paper: Broder 1997, On the resemblance and containment of documents.

    budget: how many rows (500), which share (0.1, '2%'; at least one row), or, with cost, which sum of costs
    cost: column of X, by number or name; of texts 'words' or 'bytes'; None = 1 a row
    quota: most of each class in y: 'equal', 'proportional', or a dict of class -> share
    threshold: least share of n-grams in common, as estimated (0.01 to 1; 0.7)
    ngram: words of an n-gram (1 to 64; 5)
    bands: bands of a signature: more of them miss less (1 to 1024; 14)
    rows: hash values of a band: more of them compare less (1 to 64; 8)
    keep: which of a group stays (first|longest; first)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.ExampleSelector).
    """
    def __init__(
        self,
        budget: Budget = 0.1,
        *,
        cost: Optional[Column] = None,
        quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
        threshold: float = 0.7,
        ngram: int = 5,
        bands: int = 14,
        rows: int = 8,
        keep: Literal["first", "longest"] = "first",
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class Pcoreset(ExampleSelector):
    """What to label next: far from the labelled in predicted probabilities.

    Paper: Kang et al. 2025, PCoreSet: Effective Active Learning through Knowledge Distillation from Vision-Language Models.

    budget: how many rows (500), which share (0.1, '2%'; at least one row), or, with cost, which sum of costs
    cost: column of X, by number or name; of texts 'words' or 'bytes'; None = 1 a row
    quota: most of each class in y: 'equal', 'proportional', or a dict of class -> share
    values: what the embeddings are (logits|probabilities; logits)
    heads: a row is so many predictions side by side, of which the mean counts (1 to 16; 1)
    embed_dim: of texts: numbers in the feature vector of a text (256)
    embed_words: of texts: word n-grams that features count; 0 = none (1-2)
    embed_chars: of texts: character n-grams that features count, for example 3-5 (0)
    embed_bits: of texts: 2^N hashed features before they are reduced (18)
    embed_sample: of texts: texts that the reduction is fitted on (65536)
    embed_power: of texts: evens out the directions of the reduction: 0 = not, 1 = whitened (0)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.ExampleSelector).
    """
    def __init__(
        self,
        budget: Budget = 0.1,
        *,
        cost: Optional[Column] = None,
        quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
        values: Literal["logits", "probabilities"] = "logits",
        heads: int = 1,
        embed_dim: Optional[int] = None,
        embed_words: Optional[Union[int, str]] = None,
        embed_chars: Optional[Union[int, str]] = None,
        embed_bits: Optional[int] = None,
        embed_sample: Optional[int] = None,
        embed_power: Optional[float] = None,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class Random(ExampleSelector):
    """A uniform sample.

    budget: how many rows (500), which share (0.1, '2%'; at least one row), or, with cost, which sum of costs
    cost: column of X, by number or name; of texts 'words' or 'bytes'; None = 1 a row
    quota: most of each class in y: 'equal', 'proportional', or a dict of class -> share
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.ExampleSelector).
    """
    def __init__(
        self,
        budget: Budget = 0.1,
        *,
        cost: Optional[Column] = None,
        quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class RdsPlus(ExampleSelector):
    """Nearest to the target, its rows or tasks taking turns.

    Paper: Ivison et al. 2025, Large-Scale Data Selection for Instruction Tuning.

    budget: how many rows (500), which share (0.1, '2%'; at least one row), or, with cost, which sum of costs
    target: what is wanted: (m, d) as wide as the embeddings in X, or texts; None = X stands for itself, by its texts or the mean of its rows
    cost: column of X, by number or name; of texts 'words' or 'bytes'; None = 1 a row
    quota: most of each class in y: 'equal', 'proportional', or a dict of class -> share
    rule: target rows or tasks take turns; or one order by largest or mean similarity (round-robin|max|mean; round-robin)
    unit: cosine similarity; false = dot product (True or False; True)
    candidates: length of the first lists as a multiple of an even share of the budget (0.01 to 1e+06; 2.0)
    embed_dim: of texts: numbers in the feature vector of a text (256)
    embed_words: of texts: word n-grams that features count; 0 = none (1-2)
    embed_chars: of texts: character n-grams that features count, for example 3-5 (0)
    embed_bits: of texts: 2^N hashed features before they are reduced (18)
    embed_sample: of texts: texts that the reduction is fitted on (65536)
    embed_power: of texts: evens out the directions of the reduction: 0 = not, 1 = whitened (0)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.ExampleSelector).
    """
    def __init__(
        self,
        budget: Budget = 0.1,
        *,
        target: Optional[npt.ArrayLike] = None,
        cost: Optional[Column] = None,
        quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
        rule: Literal["round-robin", "max", "mean"] = "round-robin",
        unit: bool = True,
        candidates: float = 2.0,
        embed_dim: Optional[int] = None,
        embed_words: Optional[Union[int, str]] = None,
        embed_chars: Optional[Union[int, str]] = None,
        embed_bits: Optional[int] = None,
        embed_sample: Optional[int] = None,
        embed_power: Optional[float] = None,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class SaturatedCoverage(ExampleSelector):
    """Every example of the pool covered, none over and over.

    Paper: Lin and Bilmes 2011, A Class of Submodular Functions for Document Summarization.

    budget: how many rows (500), which share (0.1, '2%'; at least one row), or, with cost, which sum of costs
    cost: column of X, by number or name; of texts 'words' or 'bytes'; None = 1 a row
    quota: most of each class in y: 'equal', 'proportional', or a dict of class -> share
    alpha: share of its similarity to the pool that covers an example (1e-09 to 1; 0.05)
    similarity: how alike two examples are; below 0 counts as 0 (cosine|rbf|dot; cosine)
    gamma: rbf: exp(-gamma distance^2); 0 = 1 / the mean squared distance (0 to 1e+09; 0.0)
    neighbours: an example is covered only by its nearest so many; 0 = by any; -1 = any up to 20,000 examples, then the nearest 200 (-1 to 1.04858e+06; -1)
    recall: share of the true neighbours to find, measured on a sample; 1 = all; 0 = all up to 100,000 examples, then 0.95 (0 to 1; 0.0)
    optimizer: lazy and naive choose alike; stochastic looks at a draw for each example taken (lazy|naive|stochastic; lazy)
    epsilon: stochastic: looks at n / k ln(1/epsilon) for each of k examples (1e-09 to 0.99; 0.01)
    embed_dim: of texts: numbers in the feature vector of a text (256)
    embed_words: of texts: word n-grams that features count; 0 = none (1-2)
    embed_chars: of texts: character n-grams that features count, for example 3-5 (0)
    embed_bits: of texts: 2^N hashed features before they are reduced (18)
    embed_sample: of texts: texts that the reduction is fitted on (65536)
    embed_power: of texts: evens out the directions of the reduction: 0 = not, 1 = whitened (0)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.ExampleSelector).
    """
    def __init__(
        self,
        budget: Budget = 0.1,
        *,
        cost: Optional[Column] = None,
        quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
        alpha: float = 0.05,
        similarity: Literal["cosine", "rbf", "dot"] = "cosine",
        gamma: float = 0.0,
        neighbours: int = -1,
        recall: float = 0.0,
        optimizer: Literal["lazy", "naive", "stochastic"] = "lazy",
        epsilon: float = 0.01,
        embed_dim: Optional[int] = None,
        embed_words: Optional[Union[int, str]] = None,
        embed_chars: Optional[Union[int, str]] = None,
        embed_bits: Optional[int] = None,
        embed_sample: Optional[int] = None,
        embed_power: Optional[float] = None,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class Select2reason(ExampleSelector):
    """Hard questions with long reasoning traces, by one joint rank.

    Paper: Yang et al. 2025, Select2Reason: Efficient Instruction-Tuning Data Selection for Long-CoT Reasoning.

    budget: how many rows (500), which share (0.1, '2%'; at least one row), or, with cost, which sum of costs
    columns: dict of score -> its column of X, by number or name; a score left out is the column of that name; where X has none of these names, its first ones are: difficulty, length
    cost: column of X, by number or name; of texts 'words' or 'bytes'; None = 1 a row
    quota: most of each class in y: 'equal', 'proportional', or a dict of class -> share
    weight: weight of the rank by difficulty; length has the rest (0 to 1; 0.25)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.ExampleSelector).
    """
    def __init__(
        self,
        budget: Budget = 0.1,
        *,
        columns: Optional[Mapping[str, Column]] = None,
        cost: Optional[Column] = None,
        quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
        weight: float = 0.25,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class Semdedup(ExampleSelector):
    """One of every group of semantic copies.

    Paper: Abbas et al. 2023, SemDeDup: Data-efficient learning at web-scale through semantic deduplication.

    budget: how many rows (500), which share (0.1, '2%'; at least one row), or, with cost, which sum of costs
    cost: column of X, by number or name; of texts 'words' or 'bytes'; None = 1 a row
    quota: most of each class in y: 'equal', 'proportional', or a dict of class -> share
    threshold: least cosine of two copies (0.1 to 1; 0.95)
    clusters: compare within so many clusters only, as the paper does; 0 = all with all (0 to 1.67772e+07; 0)
    keep: which of a group stays: the first, the one least or most like its cluster's centroid, any (first|hard|easy|random; first)
    embed_dim: of texts: numbers in the feature vector of a text (256)
    embed_words: of texts: word n-grams that features count; 0 = none (1-2)
    embed_chars: of texts: character n-grams that features count, for example 3-5 (0)
    embed_bits: of texts: 2^N hashed features before they are reduced (18)
    embed_sample: of texts: texts that the reduction is fitted on (65536)
    embed_power: of texts: evens out the directions of the reduction: 0 = not, 1 = whitened (0)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.ExampleSelector).
    """
    def __init__(
        self,
        budget: Budget = 0.1,
        *,
        cost: Optional[Column] = None,
        quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
        threshold: float = 0.95,
        clusters: int = 0,
        keep: Literal["first", "hard", "easy", "random"] = "first",
        embed_dim: Optional[int] = None,
        embed_words: Optional[Union[int, str]] = None,
        embed_chars: Optional[Union[int, str]] = None,
        embed_bits: Optional[int] = None,
        embed_sample: Optional[int] = None,
        embed_power: Optional[float] = None,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class Tarot(ExampleSelector):
    """Layers of nearest examples in whitened features, the last by optimal transport.

    Paper: Feng et al. 2025, TAROT: Targeted Data Selection via Optimal Transport.

    budget: how many rows (500), which share (0.1, '2%'; at least one row), or, with cost, which sum of costs
    target: what is wanted: (m, d) as wide as the embeddings in X, or texts; None = X stands for itself, by its texts or the mean of its rows
    cost: column of X, by number or name; of texts 'words' or 'bytes'; None = 1 a row
    quota: most of each class in y: 'equal', 'proportional', or a dict of class -> share
    whiten: whiten pool and target together; false = as they are (True or False; True)
    ridge: added to the variances before whitening (1e-12 to 1e+06; 1e-05)
    depth: nearest examples listed for a target row (1 to 1.67772e+07; 2000)
    epsilon: weight of the entropy in transport (0.0001 to 10; 0.001)
    tolerance: largest error of the transport's marginals (0.001 to 1; 0.01)
    estimate: keep no more than lowers the distance to held-out target rows (True or False; False)
    embed_dim: of texts: numbers in the feature vector of a text (256)
    embed_words: of texts: word n-grams that features count; 0 = none (1-2)
    embed_chars: of texts: character n-grams that features count, for example 3-5 (0)
    embed_bits: of texts: 2^N hashed features before they are reduced (18)
    embed_sample: of texts: texts that the reduction is fitted on (65536)
    embed_power: of texts: evens out the directions of the reduction: 0 = not, 1 = whitened (0)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.ExampleSelector).
    """
    def __init__(
        self,
        budget: Budget = 0.1,
        *,
        target: Optional[npt.ArrayLike] = None,
        cost: Optional[Column] = None,
        quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
        whiten: bool = True,
        ridge: float = 1e-05,
        depth: int = 2000,
        epsilon: float = 0.001,
        tolerance: float = 0.01,
        estimate: bool = False,
        embed_dim: Optional[int] = None,
        embed_words: Optional[Union[int, str]] = None,
        embed_chars: Optional[Union[int, str]] = None,
        embed_bits: Optional[int] = None,
        embed_sample: Optional[int] = None,
        embed_power: Optional[float] = None,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class TfidfMean(ExampleSelector):
    """Texts whose TF-IDF is nearest to the target's mean.

    budget: how many rows (500), which share (0.1, '2%'; at least one row), or, with cost, which sum of costs
    target: what is wanted: (m, d) as wide as the embeddings in X, or texts; None = X stands for itself, by its texts or the mean of its rows
    cost: column of X, by number or name; of texts 'words' or 'bytes'; None = 1 a row
    quota: most of each class in y: 'equal', 'proportional', or a dict of class -> share
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.ExampleSelector).
    """
    def __init__(
        self,
        budget: Budget = 0.1,
        *,
        target: Optional[npt.ArrayLike] = None,
        cost: Optional[Column] = None,
        quota: Optional[Union[str, Mapping[Any, Union[float, str]]]] = None,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...
