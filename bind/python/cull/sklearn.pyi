# Written by tools/gen_stubs.py from the catalogue; a test checks that it is fresh.
from typing import Any, Literal, Mapping, Optional, Sequence, Union

import numpy as np
import numpy.typing as npt

from ._estimators import ExampleSelector as ExampleSelector
from ._estimators import FeatureSelector as FeatureSelector
from ._estimators import OnSelected as OnSelected
from ._selectors import FeatureMethod as FeatureMethod

Budget = Union[int, float, str]
Column = Union[int, str]
Columns = Union[int, str, Sequence[int], Sequence[str], npt.ArrayLike]

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

class Boruta(FeatureMethod):
    """All columns that beat columns permuted at random.

    Paper: Kursa and Rudnicki, 2010, Feature Selection with the Boruta Package.

    budget: how many columns (20), which share (0.5, '50%'; at least one), or, with cost, which sum of costs; None = as many as the method finds
    task: what y is: 'classify', 'regress', or auto: classes where it is text, booleans or at most 20 different whole numbers
    categorical: columns of numbers that are names of kinds: numbers or names of columns, or a mask
    cost: a number for each column, or a dict of name -> cost; None = 1 each
    have: columns that are kept in any case, for free, and count where columns add to one another
    avoid: columns never to be kept
    grow: trees of each forest (1 to 100000; 100)
    rounds: forests at most (1 to 10000; 100)
    depth: of a tree at most; 0 = until its leaves are pure (0 to 64; 0)
    leaf: rows of a leaf at least (1 to 1e+06; 1)
    patience: stop when so many rounds decided nothing; 0 = never before the end (0 to 10000; 0)
    shadows: at least so many, where fewer columns are left: some are permuted more than once (1 to 1e+06; 100)
    alpha: level of the tests (0 to 0.5; 0.01)
    perc: percentile of the shadows to beat; 100 = the largest (1 to 100; 100.0)
    two_step: correct for columns by false discoveries, then for rounds (True or False; True)
    rough: decide what is left by its median importance against the shadows' (True or False; False)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.FeatureMethod).
    """
    def __init__(
        self,
        budget: Optional[Budget] = None,
        *,
        task: Literal["auto", "classify", "regress"] = "auto",
        categorical: Optional[Columns] = None,
        cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
        have: Optional[Columns] = None,
        avoid: Optional[Columns] = None,
        grow: int = 100,
        rounds: int = 100,
        depth: int = 0,
        leaf: int = 1,
        patience: int = 0,
        shadows: int = 100,
        alpha: float = 0.01,
        perc: float = 100.0,
        two_step: bool = True,
        rough: bool = False,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class Chi2(FeatureMethod):
    """Counts or categories that are shared out unlike the classes, by the chi-squared test.

    Paper: Pearson 1900, On the Criterion that a Given System of Deviations from the Probable in the Case of a Correlated System of Variables is such that it can be Reasonably Supposed to have Arisen from Random Sampling.

    budget: how many columns (20), which share (0.5, '50%'; at least one), or, with cost, which sum of costs
    task: what y is: 'classify', 'regress', or auto: classes where it is text, booleans or at most 20 different whole numbers
    categorical: columns of numbers that are names of kinds: numbers or names of columns, or a mask
    cost: a number for each column, or a dict of name -> cost; None = 1 each
    have: columns that are kept in any case, for free, and count where columns add to one another
    avoid: columns never to be kept
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.FeatureMethod).
    """
    def __init__(
        self,
        budget: Optional[Budget] = 0.5,
        *,
        task: Literal["auto", "classify", "regress"] = "auto",
        categorical: Optional[Columns] = None,
        cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
        have: Optional[Columns] = None,
        avoid: Optional[Columns] = None,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class Cmim(FeatureMethod):
    """Columns that say of the target what no column taken before says.

    Paper: Fleuret 2004, Fast Binary Feature Selection with Conditional Mutual Information.

    budget: how many columns (20), which share (0.5, '50%'; at least one), or, with cost, which sum of costs
    task: what y is: 'classify', 'regress', or auto: classes where it is text, booleans or at most 20 different whole numbers
    categorical: columns of numbers that are names of kinds: numbers or names of columns, or a mask
    cost: a number for each column, or a dict of name -> cost; None = 1 each
    have: columns that are kept in any case, for free, and count where columns add to one another
    avoid: columns never to be kept
    bins: bins of a numeric column; 0 = the cube root of the rows, 2 to 64 (0 to 4096; 0)
    binning: what bins have in common (frequency|width; frequency)
    per_cost: take by score / cost (below 0: score * cost) (True or False; False)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.FeatureMethod).
    """
    def __init__(
        self,
        budget: Optional[Budget] = 0.5,
        *,
        task: Literal["auto", "classify", "regress"] = "auto",
        categorical: Optional[Columns] = None,
        cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
        have: Optional[Columns] = None,
        avoid: Optional[Columns] = None,
        bins: int = 0,
        binning: Literal["frequency", "width"] = "frequency",
        per_cost: bool = False,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class FTest(FeatureMethod):
    """Means that differ between classes, or a correlation with a number, by the F test.

    Paper: Fisher 1925, Statistical Methods for Research Workers.

    budget: how many columns (20), which share (0.5, '50%'; at least one), or, with cost, which sum of costs
    task: what y is: 'classify', 'regress', or auto: classes where it is text, booleans or at most 20 different whole numbers
    categorical: columns of numbers that are names of kinds: numbers or names of columns, or a mask
    cost: a number for each column, or a dict of name -> cost; None = 1 each
    have: columns that are kept in any case, for free, and count where columns add to one another
    avoid: columns never to be kept
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.FeatureMethod).
    """
    def __init__(
        self,
        budget: Optional[Budget] = 0.5,
        *,
        task: Literal["auto", "classify", "regress"] = "auto",
        categorical: Optional[Columns] = None,
        cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
        have: Optional[Columns] = None,
        avoid: Optional[Columns] = None,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class Fcbf(FeatureMethod):
    """Columns that say more of the target than of each other; it finds how many.

    Paper: Yu and Liu 2003, Feature Selection for High-Dimensional Data: A Fast Correlation-Based Filter Solution.

    budget: how many columns (20), which share (0.5, '50%'; at least one), or, with cost, which sum of costs; None = as many as the method finds
    task: what y is: 'classify', 'regress', or auto: classes where it is text, booleans or at most 20 different whole numbers
    categorical: columns of numbers that are names of kinds: numbers or names of columns, or a mask
    cost: a number for each column, or a dict of name -> cost; None = 1 each
    have: columns that are kept in any case, for free, and count where columns add to one another
    avoid: columns never to be kept
    delta: least symmetrical uncertainty with the target (0 to 1; 0.0)
    bins: bins of a numeric column; 0 = the cube root of the rows, 2 to 64 (0 to 4096; 0)
    binning: what bins have in common (frequency|width; frequency)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.FeatureMethod).
    """
    def __init__(
        self,
        budget: Optional[Budget] = None,
        *,
        task: Literal["auto", "classify", "regress"] = "auto",
        categorical: Optional[Columns] = None,
        cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
        have: Optional[Columns] = None,
        avoid: Optional[Columns] = None,
        delta: float = 0.0,
        bins: int = 0,
        binning: Literal["frequency", "width"] = "frequency",
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class Jmi(FeatureMethod):
    """Columns that say much of the target together with those taken before.

    Paper: Yang and Moody 1999, Data Visualization and Feature Selection: New Algorithms for Nongaussian Data.

    budget: how many columns (20), which share (0.5, '50%'; at least one), or, with cost, which sum of costs
    task: what y is: 'classify', 'regress', or auto: classes where it is text, booleans or at most 20 different whole numbers
    categorical: columns of numbers that are names of kinds: numbers or names of columns, or a mask
    cost: a number for each column, or a dict of name -> cost; None = 1 each
    have: columns that are kept in any case, for free, and count where columns add to one another
    avoid: columns never to be kept
    bins: bins of a numeric column; 0 = the cube root of the rows, 2 to 64 (0 to 4096; 0)
    binning: what bins have in common (frequency|width; frequency)
    per_cost: take by score / cost (below 0: score * cost) (True or False; False)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.FeatureMethod).
    """
    def __init__(
        self,
        budget: Optional[Budget] = 0.5,
        *,
        task: Literal["auto", "classify", "regress"] = "auto",
        categorical: Optional[Columns] = None,
        cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
        have: Optional[Columns] = None,
        avoid: Optional[Columns] = None,
        bins: int = 0,
        binning: Literal["frequency", "width"] = "frequency",
        per_cost: bool = False,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class Mrmr(FeatureMethod):
    """Columns that say much of the target and little of one another.

    Paper: Peng, Long, Ding 2005, Feature Selection Based on Mutual Information: Criteria of Max-Dependency, Max-Relevance, and Min-Redundancy.

    budget: how many columns (20), which share (0.5, '50%'; at least one), or, with cost, which sum of costs
    task: what y is: 'classify', 'regress', or auto: classes where it is text, booleans or at most 20 different whole numbers
    categorical: columns of numbers that are names of kinds: numbers or names of columns, or a mask
    cost: a number for each column, or a dict of name -> cost; None = 1 each
    have: columns that are kept in any case, for free, and count where columns add to one another
    avoid: columns never to be kept
    criterion: relevance less redundancy, or over it (mid|miq; mid)
    bins: bins of a numeric column; 0 = the cube root of the rows, 2 to 64 (0 to 4096; 0)
    binning: what bins have in common (frequency|width; frequency)
    per_cost: take by score / cost (below 0: score * cost) (True or False; False)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.FeatureMethod).
    """
    def __init__(
        self,
        budget: Optional[Budget] = 0.5,
        *,
        task: Literal["auto", "classify", "regress"] = "auto",
        categorical: Optional[Columns] = None,
        cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
        have: Optional[Columns] = None,
        avoid: Optional[Columns] = None,
        criterion: Literal["mid", "miq"] = "mid",
        bins: int = 0,
        binning: Literal["frequency", "width"] = "frequency",
        per_cost: bool = False,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class MutualInformation(FeatureMethod):
    """Columns that each say most of the target, by counts or by nearest neighbours.

    Paper: Battiti 1994, Using Mutual Information for Selecting Features in Supervised Neural Net Learning; Ross 2014, Mutual Information between Discrete and Continuous Data Sets.

    budget: how many columns (20), which share (0.5, '50%'; at least one), or, with cost, which sum of costs
    task: what y is: 'classify', 'regress', or auto: classes where it is text, booleans or at most 20 different whole numbers
    categorical: columns of numbers that are names of kinds: numbers or names of columns, or a mask
    cost: a number for each column, or a dict of name -> cost; None = 1 each
    have: columns that are kept in any case, for free, and count where columns add to one another
    avoid: columns never to be kept
    estimator: tables of counts, or nearest neighbours (bins|knn; bins)
    bins: bins of a numeric column; 0 = the cube root of the rows, 2 to 64 (0 to 4096; 0)
    binning: what bins have in common (frequency|width; frequency)
    miller: bins: take off the bias of small counts (True or False; False)
    neighbours: knn: neighbours (1 to 1000; 3)
    ties: knn: what is done with rows at one point (count|noise; count)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.FeatureMethod).
    """
    def __init__(
        self,
        budget: Optional[Budget] = 0.5,
        *,
        task: Literal["auto", "classify", "regress"] = "auto",
        categorical: Optional[Columns] = None,
        cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
        have: Optional[Columns] = None,
        avoid: Optional[Columns] = None,
        estimator: Literal["bins", "knn"] = "bins",
        bins: int = 0,
        binning: Literal["frequency", "width"] = "frequency",
        miller: bool = False,
        neighbours: int = 3,
        ties: Literal["count", "noise"] = "count",
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class Optfs(FeatureMethod):
    """Values of columns whose gates stay open in a click model.

    Paper: Lyu et al. 2023, Optimizing Feature Set for Click-Through Rate Prediction.

    budget: how many columns (20), which share (0.5, '50%'; at least one), or, with cost, which sum of costs; None = as many as the method finds
    task: what y is: 'classify', 'regress', or auto: classes where it is text, booleans or at most 20 different whole numbers
    categorical: columns of numbers that are names of kinds: numbers or names of columns, or a mask
    cost: a number for each column, or a dict of name -> cost; None = 1 each
    have: columns that are kept in any case, for free, and count where columns add to one another
    avoid: columns never to be kept
    model: what predicts the click (fm|deepfm|dcn|ipnn; deepfm)
    dim: numbers of an embedding (1 to 1024; 16)
    hidden: units of the first layer; then a half, a quarter (4 to 8192; 256)
    cross: cross layers of dcn (0 to 8; 3)
    rate: Adam's learning rate (1e-09 to 1; 0.003)
    l2: weight decay of all but the gates (0 to 1; 3e-05)
    batch: rows of a step (1 to 4.1943e+06; 1000)
    penalty: penalty of all gates open: larger keeps less (0 to 1e+06; 0.2)
    temperature: how steep gates are in the last of them (1 to 1e+06; 200.0)
    gate: logit that gates begin at (0 to 10; 0.5)
    anneal: epochs in which gates are trained and grow steep (1 to 65536; 8)
    rewind: epoch whose weights are trained on in the end (0 to 65536; 1)
    epochs: most epochs in the end (1 to 65536; 20)
    rare: a value in fewer rows shares a gate with others such (1 to 1.07374e+09; 2)
    bins: bins of a numeric column (2 to 4096; 32)
    holdout: share of the rows that stopping is judged by (0.01 to 0.9; 0.1)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.FeatureMethod).
    """
    def __init__(
        self,
        budget: Optional[Budget] = None,
        *,
        task: Literal["auto", "classify", "regress"] = "auto",
        categorical: Optional[Columns] = None,
        cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
        have: Optional[Columns] = None,
        avoid: Optional[Columns] = None,
        model: Literal["fm", "deepfm", "dcn", "ipnn"] = "deepfm",
        dim: int = 16,
        hidden: int = 256,
        cross: int = 3,
        rate: float = 0.003,
        l2: float = 3e-05,
        batch: int = 1000,
        penalty: float = 0.2,
        temperature: float = 200.0,
        gate: float = 0.5,
        anneal: int = 8,
        rewind: int = 1,
        epochs: int = 20,
        rare: int = 2,
        bins: int = 32,
        holdout: float = 0.1,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class Quickselection(FeatureMethod):
    """Columns that a sparse denoising autoencoder holds on to.

    Paper: Atashgahi, Sokar, van der Lee, Mocanu, Mocanu, Veldhuis, Pechenizkiy (2022), Quick and Robust Feature Selection: the Strength of Energy-efficient Sparse Training for Autoencoders.

    budget: how many columns (20), which share (0.5, '50%'; at least one), or, with cost, which sum of costs
    task: what y is: 'classify', 'regress', or auto: classes where it is text, booleans or at most 20 different whole numbers
    categorical: columns of numbers that are names of kinds: numbers or names of columns, or a mask
    cost: a number for each column, or a dict of name -> cost; None = 1 each
    have: columns that are kept in any case, for free, and count where columns add to one another
    avoid: columns never to be kept
    epochs: passes over the rows (2 to 1e+06; 100)
    hidden: units of the hidden layer (1 to 1e+06; 1000)
    epsilon: links of a layer, in units of its rows and columns (0.01 to 100000; 13.0)
    zeta: share of the links that an epoch drops and grows anew (0 to 0.99; 0.2)
    noise: deviation of the noise that is to be taken off again (0 to 100; 0.2)
    rate: rate of learning (1e-09 to 100; 0.01)
    momentum: momentum of the steps (0 to 0.999999; 0.9)
    decay: share of itself that a weight loses in a step (0 to 1; 1e-05)
    dropout: share of the hidden units left out of a step (0 to 0.99; 0.2)
    batch: rows of a step; what is left of an epoch waits (1 to 65536; 100)
    activation: of the output (linear|tanh; linear)
    scale: what columns are brought to first (z-score|min-max; z-score)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.FeatureMethod).
    """
    def __init__(
        self,
        budget: Optional[Budget] = 0.5,
        *,
        task: Literal["auto", "classify", "regress"] = "auto",
        categorical: Optional[Columns] = None,
        cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
        have: Optional[Columns] = None,
        avoid: Optional[Columns] = None,
        epochs: int = 100,
        hidden: int = 1000,
        epsilon: float = 13.0,
        zeta: float = 0.2,
        noise: float = 0.2,
        rate: float = 0.01,
        momentum: float = 0.9,
        decay: float = 1e-05,
        dropout: float = 0.2,
        batch: int = 100,
        activation: Literal["linear", "tanh"] = "linear",
        scale: Literal["z-score", "min-max"] = "z-score",
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class RandomColumns(FeatureMethod):
    """A uniform sample of columns.

    budget: how many columns (20), which share (0.5, '50%'; at least one), or, with cost, which sum of costs
    task: what y is: 'classify', 'regress', or auto: classes where it is text, booleans or at most 20 different whole numbers
    categorical: columns of numbers that are names of kinds: numbers or names of columns, or a mask
    cost: a number for each column, or a dict of name -> cost; None = 1 each
    have: columns that are kept in any case, for free, and count where columns add to one another
    avoid: columns never to be kept
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.FeatureMethod).
    """
    def __init__(
        self,
        budget: Optional[Budget] = 0.5,
        *,
        task: Literal["auto", "classify", "regress"] = "auto",
        categorical: Optional[Columns] = None,
        cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
        have: Optional[Columns] = None,
        avoid: Optional[Columns] = None,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class Relieff(FeatureMethod):
    """Columns that differ between near rows of different classes, and not of the same.

    Paper: Kononenko 1994, Estimating Attributes: Analysis and Extensions of RELIEF; Robnik-Sikonja and Kononenko 2003, Theoretical and Empirical Analysis of ReliefF and RReliefF.

    budget: how many columns (20), which share (0.5, '50%'; at least one), or, with cost, which sum of costs
    task: what y is: 'classify', 'regress', or auto: classes where it is text, booleans or at most 20 different whole numbers
    categorical: columns of numbers that are names of kinds: numbers or names of columns, or a mask
    cost: a number for each column, or a dict of name -> cost; None = 1 each
    have: columns that are kept in any case, for free, and count where columns add to one another
    avoid: columns never to be kept
    neighbours: nearest rows of each class (1 to 10000; 10)
    rows: rows to ask, drawn by the seed; 0 = all (0 to 1e+15; 0)
    sigma: of numbers to predict: how fast the weight of neighbours falls with their rank; 0 = not (0 to 1e+06; 20.0)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.FeatureMethod).
    """
    def __init__(
        self,
        budget: Optional[Budget] = 0.5,
        *,
        task: Literal["auto", "classify", "regress"] = "auto",
        categorical: Optional[Columns] = None,
        cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
        have: Optional[Columns] = None,
        avoid: Optional[Columns] = None,
        neighbours: int = 10,
        rows: int = 0,
        sigma: float = 20.0,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class Rfe(FeatureMethod):
    """Recursive elimination of the columns that a model weighs least.

    Paper: Guyon, Weston, Barnhill and Vapnik, 2002, Gene Selection for Cancer Classification using Support Vector Machines.

    budget: how many columns (20), which share (0.5, '50%'; at least one), or, with cost, which sum of costs
    task: what y is: 'classify', 'regress', or auto: classes where it is text, booleans or at most 20 different whole numbers
    categorical: columns of numbers that are names of kinds: numbers or names of columns, or a mask
    cost: a number for each column, or a dict of name -> cost; None = 1 each
    have: columns that are kept in any case, for free, and count where columns add to one another
    avoid: columns never to be kept
    model: what weighs the columns (linear|logistic|trees; linear)
    step: share of the columns that leaves at once; 0 = one (0 to 0.99; 0.1)
    l2: penalty of linear and logistic, for each row (1e-09 to 1e+06; 0.001)
    grow: trees of a forest (1 to 100000; 100)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.FeatureMethod).
    """
    def __init__(
        self,
        budget: Optional[Budget] = 0.5,
        *,
        task: Literal["auto", "classify", "regress"] = "auto",
        categorical: Optional[Columns] = None,
        cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
        have: Optional[Columns] = None,
        avoid: Optional[Columns] = None,
        model: Literal["linear", "logistic", "trees"] = "linear",
        step: float = 0.1,
        l2: float = 0.001,
        grow: int = 100,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class Stepwise(FeatureMethod):
    """Columns one at a time, by a plain model's error.

    Paper: Pudil, Novovicova and Kittler, 1994, Floating Search Methods in Feature Selection.

    budget: how many columns (20), which share (0.5, '50%'; at least one), or, with cost, which sum of costs; None = as many as the method finds
    task: what y is: 'classify', 'regress', or auto: classes where it is text, booleans or at most 20 different whole numbers
    categorical: columns of numbers that are names of kinds: numbers or names of columns, or a mask
    cost: a number for each column, or a dict of name -> cost; None = 1 each
    have: columns that are kept in any case, for free, and count where columns add to one another
    avoid: columns never to be kept
    model: what predicts (linear|logistic|knn|trees; linear)
    search: how sets follow one another (forward|backward|floating; forward)
    folds: of cross-validation (2 to 100; 5)
    tolerance: a step that lowers the error by less gains nothing (0 to 1; 0.01)
    patience: steps without gain until the search ends (1 to 1e+06; 3)
    l2: penalty of linear and logistic, for each row (1e-09 to 1e+06; 0.001)
    neighbours: rows that answer, of knn (1 to 100; 5)
    grow: trees of a forest (1 to 100000; 50)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.FeatureMethod).
    """
    def __init__(
        self,
        budget: Optional[Budget] = None,
        *,
        task: Literal["auto", "classify", "regress"] = "auto",
        categorical: Optional[Columns] = None,
        cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
        have: Optional[Columns] = None,
        avoid: Optional[Columns] = None,
        model: Literal["linear", "logistic", "knn", "trees"] = "linear",
        search: Literal["forward", "backward", "floating"] = "forward",
        folds: int = 5,
        tolerance: float = 0.01,
        patience: int = 3,
        l2: float = 0.001,
        neighbours: int = 5,
        grow: int = 50,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class Tadred(FeatureMethod):
    """Channels that a task network can do without.

    Paper: Blumberg et al. 2024, Experimental Design for Multi-Channel Imaging via Task-Driven Feature Selection.

    budget: how many columns (20), which share (0.5, '50%'; at least one), or, with cost, which sum of costs
    task: what y is: 'classify', 'regress', or auto: classes where it is text, booleans or at most 20 different whole numbers
    categorical: columns of numbers that are names of kinds: numbers or names of columns, or a mask
    cost: a number for each column, or a dict of name -> cost; None = 1 each
    have: columns that are kept in any case, for free, and count where columns add to one another
    avoid: columns never to be kept
    hidden: units of each hidden layer (1 to 8192; 256)
    layers: hidden layers of both networks (1 to 8; 2)
    rate: Adam's learning rate (1e-09 to 1; 0.0001)
    batch: rows of a step (1 to 1.04858e+06; 1500)
    shrink: what a step leaves of the channels, until the budget (0.01 to 0.99; 0.5)
    holdout: share of the rows that stopping is judged by (0.01 to 0.9; 0.2)
    fix: epochs of a step before its scores are fixed (2 to 1.04858e+06; 25)
    fade: epochs in which the score network fades out (1 to 1.04858e+06; 10)
    drop: epochs in which the channels that go fade out (1 to 1.04858e+06; 10)
    patience: a step ends after so many epochs without a better loss (1 to 1.04858e+06; 20)
    epochs: most epochs of a step (1 to 1.04858e+06; 1000)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.FeatureMethod).
    """
    def __init__(
        self,
        budget: Optional[Budget] = 0.5,
        *,
        task: Literal["auto", "classify", "regress"] = "auto",
        categorical: Optional[Columns] = None,
        cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
        have: Optional[Columns] = None,
        avoid: Optional[Columns] = None,
        hidden: int = 256,
        layers: int = 2,
        rate: float = 0.0001,
        batch: int = 1500,
        shrink: float = 0.5,
        holdout: float = 0.2,
        fix: int = 25,
        fade: int = 10,
        drop: int = 10,
        patience: int = 20,
        epochs: int = 1000,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class TreeImportance(FeatureMethod):
    """The columns that trees split by to most effect.

    Paper: Breiman, 2001, Random Forests; Chen and Guestrin, 2016, XGBoost.

    budget: how many columns (20), which share (0.5, '50%'; at least one), or, with cost, which sum of costs
    task: what y is: 'classify', 'regress', or auto: classes where it is text, booleans or at most 20 different whole numbers
    categorical: columns of numbers that are names of kinds: numbers or names of columns, or a mask
    cost: a number for each column, or a dict of name -> cost; None = 1 each
    have: columns that are kept in any case, for free, and count where columns add to one another
    avoid: columns never to be kept
    trees: a random forest, or boosted trees (XGBoost) (forest|boost; forest)
    importance: what a column is worth: the error that its splits took, their number, or the error that permuting it adds (gain|count|permutation; gain)
    grow: trees; 0 = 500 in a forest, 100 boosted (0 to 100000; 0)
    depth: of a tree at most; 0 = any in a forest, 6 boosted (0 to 64; 0)
    leaf: of a forest: rows of a leaf at least; 0 = 1 for classes, 5 for numbers (0 to 1e+06; 0)
    shrink: boosted: what each tree counts (0.001 to 1; 0.3)
    subsample: boosted: share of the rows for each tree (0.01 to 1; 1.0)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.FeatureMethod).
    """
    def __init__(
        self,
        budget: Optional[Budget] = 0.5,
        *,
        task: Literal["auto", "classify", "regress"] = "auto",
        categorical: Optional[Columns] = None,
        cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
        have: Optional[Columns] = None,
        avoid: Optional[Columns] = None,
        trees: Literal["forest", "boost"] = "forest",
        importance: Literal["gain", "count", "permutation"] = "gain",
        grow: int = 0,
        depth: int = 0,
        leaf: int = 0,
        shrink: float = 0.3,
        subsample: float = 1.0,
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...

class Variance(FeatureMethod):
    """Columns whose values vary most.

    budget: how many columns (20), which share (0.5, '50%'; at least one), or, with cost, which sum of costs
    task: what y is: 'classify', 'regress', or auto: classes where it is text, booleans or at most 20 different whole numbers
    categorical: columns of numbers that are names of kinds: numbers or names of columns, or a mask
    cost: a number for each column, or a dict of name -> cost; None = 1 each
    have: columns that are kept in any case, for free, and count where columns add to one another
    avoid: columns never to be kept
    scale: what values are divided by first (none|range; none)
    random_state: seed; None or a RandomState draws one, as elsewhere in scikit-learn
    threads: workers; 0 = one for each CPU. The answer does not depend on it
    memory: most bytes to hold at once, or '512M', '4G'

    What fit leaves and the other calls: help(cull.sklearn.FeatureMethod).
    """
    def __init__(
        self,
        budget: Optional[Budget] = 0.5,
        *,
        task: Literal["auto", "classify", "regress"] = "auto",
        categorical: Optional[Columns] = None,
        cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
        have: Optional[Columns] = None,
        avoid: Optional[Columns] = None,
        scale: Literal["none", "range"] = "none",
        random_state: Union[int, np.random.RandomState, None] = 1,
        threads: int = 0,
        memory: Union[int, str, None] = None,
    ) -> None: ...
