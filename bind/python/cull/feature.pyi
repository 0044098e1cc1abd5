# Written by tools/gen_stubs.py from the catalogue; a test checks that it is fresh.
import os
from typing import Any, Callable, Literal, Mapping, Optional, Protocol, Sequence, Union

import numpy.typing as npt

from ._features import FeaturePick

class Frame(Protocol):
    """pandas, polars, pyarrow: whatever has columns and gives them by name."""

    @property
    def columns(self) -> Any: ...
    def __getitem__(self, key: Any, /) -> Any: ...

Path = Union[str, "os.PathLike[str]"]
Progress = Callable[[str, float, float], object]
Table = Union[npt.ArrayLike, Mapping[str, Any], Frame]
Target = Union[npt.ArrayLike, Frame]
Which = Union[str, Sequence[str], Sequence[int], npt.ArrayLike, FeaturePick]
Budget = Union[int, float, str]

def boruta(
    X: Table,
    y: Optional[Target] = None,
    budget: Optional[Budget] = None,
    *,
    names: Optional[Sequence[str]] = None,
    task: Literal["auto", "classify", "regress"] = "auto",
    categorical: Optional[Which] = None,
    group: Optional[npt.ArrayLike] = None,
    cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
    have: Optional[Which] = None,
    avoid: Optional[Which] = None,
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
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
) -> FeaturePick:
    """All columns that beat columns permuted at random.

    Paper: Kursa and Rudnicki, 2010, Feature Selection with the Boruta Package.

    Needs y. Takes missing values and categorical columns as they are.

    X: an array (rows, columns), a dict of columns or a data frame; NaN and None are missing, columns
        with text are categorical.
    y: for each row a class (text, booleans, numbers) or a number to predict; (rows, m) = m numbers.
    budget: how many columns (20), which share (0.1, '10%'), or, with cost, which sum of costs;
        None = as many as the method finds
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

    Also the inputs of every method: help(cull.feature).
    """

def chi2(
    X: Table,
    y: Optional[Target] = None,
    budget: Optional[Budget] = None,
    *,
    names: Optional[Sequence[str]] = None,
    task: Literal["auto", "classify", "regress"] = "auto",
    categorical: Optional[Which] = None,
    group: Optional[npt.ArrayLike] = None,
    cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
    have: Optional[Which] = None,
    avoid: Optional[Which] = None,
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
) -> FeaturePick:
    """Counts or categories that are shared out unlike the classes, by the chi-squared test.

    Paper: Pearson 1900, On the Criterion that a Given System of Deviations from the Probable in the Case of a Correlated System of Variables is such that it can be Reasonably Supposed to have Arisen from Random Sampling.

    Needs y, which must be classes. Takes missing values and categorical columns as they are.

    X: an array (rows, columns), a dict of columns or a data frame; NaN and None are missing, columns
        with text are categorical.
    y: for each row a class (text, booleans, numbers) or a number to predict; (rows, m) = m numbers.
    budget: how many columns (20), which share (0.1, '10%'), or, with cost, which sum of costs

    Also the inputs of every method: help(cull.feature).
    """

def cmim(
    X: Table,
    y: Optional[Target] = None,
    budget: Optional[Budget] = None,
    *,
    names: Optional[Sequence[str]] = None,
    task: Literal["auto", "classify", "regress"] = "auto",
    categorical: Optional[Which] = None,
    group: Optional[npt.ArrayLike] = None,
    cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
    have: Optional[Which] = None,
    avoid: Optional[Which] = None,
    bins: int = 0,
    binning: Literal["frequency", "width"] = "frequency",
    per_cost: bool = False,
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
) -> FeaturePick:
    """Columns that say of the target what no column taken before says.

    Paper: Fleuret 2004, Fast Binary Feature Selection with Conditional Mutual Information.

    Needs y. Takes missing values and categorical columns as they are.

    X: an array (rows, columns), a dict of columns or a data frame; NaN and None are missing, columns
        with text are categorical.
    y: for each row a class (text, booleans, numbers) or a number to predict; (rows, m) = m numbers.
    budget: how many columns (20), which share (0.1, '10%'), or, with cost, which sum of costs
    bins: bins of a numeric column; 0 = the cube root of the rows, 2 to 64 (0 to 4096; 0)
    binning: what bins have in common (frequency|width; frequency)
    per_cost: take by score / cost (below 0: score * cost) (True or False; False)

    Also the inputs of every method: help(cull.feature).
    """

def f_test(
    X: Table,
    y: Optional[Target] = None,
    budget: Optional[Budget] = None,
    *,
    names: Optional[Sequence[str]] = None,
    task: Literal["auto", "classify", "regress"] = "auto",
    categorical: Optional[Which] = None,
    group: Optional[npt.ArrayLike] = None,
    cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
    have: Optional[Which] = None,
    avoid: Optional[Which] = None,
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
) -> FeaturePick:
    """Means that differ between classes, or a correlation with a number, by the F test.

    Paper: Fisher 1925, Statistical Methods for Research Workers.

    Needs y. Takes missing values as they are.

    X: an array (rows, columns), a dict of columns or a data frame; NaN and None are missing, columns
        with text are categorical.
    y: for each row a class (text, booleans, numbers) or a number to predict; (rows, m) = m numbers.
    budget: how many columns (20), which share (0.1, '10%'), or, with cost, which sum of costs

    Also the inputs of every method: help(cull.feature).
    """

def fcbf(
    X: Table,
    y: Optional[Target] = None,
    budget: Optional[Budget] = None,
    *,
    names: Optional[Sequence[str]] = None,
    task: Literal["auto", "classify", "regress"] = "auto",
    categorical: Optional[Which] = None,
    group: Optional[npt.ArrayLike] = None,
    cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
    have: Optional[Which] = None,
    avoid: Optional[Which] = None,
    delta: float = 0.0,
    bins: int = 0,
    binning: Literal["frequency", "width"] = "frequency",
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
) -> FeaturePick:
    """Columns that say more of the target than of each other; it finds how many.

    Paper: Yu and Liu 2003, Feature Selection for High-Dimensional Data: A Fast Correlation-Based Filter Solution.

    Needs y. Takes missing values and categorical columns as they are.

    X: an array (rows, columns), a dict of columns or a data frame; NaN and None are missing, columns
        with text are categorical.
    y: for each row a class (text, booleans, numbers) or a number to predict; (rows, m) = m numbers.
    budget: how many columns (20), which share (0.1, '10%'), or, with cost, which sum of costs;
        None = as many as the method finds
    delta: least symmetrical uncertainty with the target (0 to 1; 0.0)
    bins: bins of a numeric column; 0 = the cube root of the rows, 2 to 64 (0 to 4096; 0)
    binning: what bins have in common (frequency|width; frequency)

    Also the inputs of every method: help(cull.feature).
    """

def jmi(
    X: Table,
    y: Optional[Target] = None,
    budget: Optional[Budget] = None,
    *,
    names: Optional[Sequence[str]] = None,
    task: Literal["auto", "classify", "regress"] = "auto",
    categorical: Optional[Which] = None,
    group: Optional[npt.ArrayLike] = None,
    cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
    have: Optional[Which] = None,
    avoid: Optional[Which] = None,
    bins: int = 0,
    binning: Literal["frequency", "width"] = "frequency",
    per_cost: bool = False,
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
) -> FeaturePick:
    """Columns that say much of the target together with those taken before.

    Paper: Yang and Moody 1999, Data Visualization and Feature Selection: New Algorithms for Nongaussian Data.

    Needs y. Takes missing values and categorical columns as they are.

    X: an array (rows, columns), a dict of columns or a data frame; NaN and None are missing, columns
        with text are categorical.
    y: for each row a class (text, booleans, numbers) or a number to predict; (rows, m) = m numbers.
    budget: how many columns (20), which share (0.1, '10%'), or, with cost, which sum of costs
    bins: bins of a numeric column; 0 = the cube root of the rows, 2 to 64 (0 to 4096; 0)
    binning: what bins have in common (frequency|width; frequency)
    per_cost: take by score / cost (below 0: score * cost) (True or False; False)

    Also the inputs of every method: help(cull.feature).
    """

def mrmr(
    X: Table,
    y: Optional[Target] = None,
    budget: Optional[Budget] = None,
    *,
    names: Optional[Sequence[str]] = None,
    task: Literal["auto", "classify", "regress"] = "auto",
    categorical: Optional[Which] = None,
    group: Optional[npt.ArrayLike] = None,
    cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
    have: Optional[Which] = None,
    avoid: Optional[Which] = None,
    criterion: Literal["mid", "miq"] = "mid",
    bins: int = 0,
    binning: Literal["frequency", "width"] = "frequency",
    per_cost: bool = False,
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
) -> FeaturePick:
    """Columns that say much of the target and little of one another.

    Paper: Peng, Long, Ding 2005, Feature Selection Based on Mutual Information: Criteria of Max-Dependency, Max-Relevance, and Min-Redundancy.

    Needs y. Takes missing values and categorical columns as they are.

    X: an array (rows, columns), a dict of columns or a data frame; NaN and None are missing, columns
        with text are categorical.
    y: for each row a class (text, booleans, numbers) or a number to predict; (rows, m) = m numbers.
    budget: how many columns (20), which share (0.1, '10%'), or, with cost, which sum of costs
    criterion: relevance less redundancy, or over it (mid|miq; mid)
    bins: bins of a numeric column; 0 = the cube root of the rows, 2 to 64 (0 to 4096; 0)
    binning: what bins have in common (frequency|width; frequency)
    per_cost: take by score / cost (below 0: score * cost) (True or False; False)

    Also the inputs of every method: help(cull.feature).
    """

def mutual_information(
    X: Table,
    y: Optional[Target] = None,
    budget: Optional[Budget] = None,
    *,
    names: Optional[Sequence[str]] = None,
    task: Literal["auto", "classify", "regress"] = "auto",
    categorical: Optional[Which] = None,
    group: Optional[npt.ArrayLike] = None,
    cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
    have: Optional[Which] = None,
    avoid: Optional[Which] = None,
    estimator: Literal["bins", "knn"] = "bins",
    bins: int = 0,
    binning: Literal["frequency", "width"] = "frequency",
    miller: bool = False,
    neighbours: int = 3,
    ties: Literal["count", "noise"] = "count",
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
) -> FeaturePick:
    """Columns that each say most of the target, by counts or by nearest neighbours.

    Paper: Battiti 1994, Using Mutual Information for Selecting Features in Supervised Neural Net Learning; Ross 2014, Mutual Information between Discrete and Continuous Data Sets.

    Needs y. Takes missing values and categorical columns as they are.

    X: an array (rows, columns), a dict of columns or a data frame; NaN and None are missing, columns
        with text are categorical.
    y: for each row a class (text, booleans, numbers) or a number to predict; (rows, m) = m numbers.
    budget: how many columns (20), which share (0.1, '10%'), or, with cost, which sum of costs
    estimator: tables of counts, or nearest neighbours (bins|knn; bins)
    bins: bins of a numeric column; 0 = the cube root of the rows, 2 to 64 (0 to 4096; 0)
    binning: what bins have in common (frequency|width; frequency)
    miller: bins: take off the bias of small counts (True or False; False)
    neighbours: knn: neighbours (1 to 1000; 3)
    ties: knn: what is done with rows at one point (count|noise; count)

    Also the inputs of every method: help(cull.feature).
    """

def optfs(
    X: Table,
    y: Optional[Target] = None,
    budget: Optional[Budget] = None,
    *,
    names: Optional[Sequence[str]] = None,
    task: Literal["auto", "classify", "regress"] = "auto",
    categorical: Optional[Which] = None,
    group: Optional[npt.ArrayLike] = None,
    cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
    have: Optional[Which] = None,
    avoid: Optional[Which] = None,
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
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
) -> FeaturePick:
    """Values of columns whose gates stay open in a click model.

    Paper: Lyu et al. 2023, Optimizing Feature Set for Click-Through Rate Prediction.

    Needs y, which must be classes. Takes missing values and categorical columns as they are.

    X: an array (rows, columns), a dict of columns or a data frame; NaN and None are missing, columns
        with text are categorical.
    y: for each row a class (text, booleans, numbers) or a number to predict; (rows, m) = m numbers.
    budget: how many columns (20), which share (0.1, '10%'), or, with cost, which sum of costs;
        None = as many as the method finds
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

    Also the inputs of every method: help(cull.feature).
    """

def quickselection(
    X: Table,
    y: Optional[Target] = None,
    budget: Optional[Budget] = None,
    *,
    names: Optional[Sequence[str]] = None,
    task: Literal["auto", "classify", "regress"] = "auto",
    categorical: Optional[Which] = None,
    group: Optional[npt.ArrayLike] = None,
    cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
    have: Optional[Which] = None,
    avoid: Optional[Which] = None,
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
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
) -> FeaturePick:
    """Columns that a sparse denoising autoencoder holds on to.

    Paper: Atashgahi, Sokar, van der Lee, Mocanu, Mocanu, Veldhuis, Pechenizkiy (2022), Quick and Robust Feature Selection: the Strength of Energy-efficient Sparse Training for Autoencoders.

    Needs no y.

    X: an array (rows, columns), a dict of columns or a data frame; NaN and None are missing, columns
        with text are categorical.
    y: for each row a class (text, booleans, numbers) or a number to predict; (rows, m) = m numbers.
    budget: how many columns (20), which share (0.1, '10%'), or, with cost, which sum of costs
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

    Also the inputs of every method: help(cull.feature).
    """

def random_columns(
    X: Table,
    y: Optional[Target] = None,
    budget: Optional[Budget] = None,
    *,
    names: Optional[Sequence[str]] = None,
    task: Literal["auto", "classify", "regress"] = "auto",
    categorical: Optional[Which] = None,
    group: Optional[npt.ArrayLike] = None,
    cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
    have: Optional[Which] = None,
    avoid: Optional[Which] = None,
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
) -> FeaturePick:
    """A uniform sample of columns.

    Needs no y. Takes missing values and categorical columns as they are.

    X: an array (rows, columns), a dict of columns or a data frame; NaN and None are missing, columns
        with text are categorical.
    y: for each row a class (text, booleans, numbers) or a number to predict; (rows, m) = m numbers.
    budget: how many columns (20), which share (0.1, '10%'), or, with cost, which sum of costs

    Also the inputs of every method: help(cull.feature).
    """

def relieff(
    X: Table,
    y: Optional[Target] = None,
    budget: Optional[Budget] = None,
    *,
    names: Optional[Sequence[str]] = None,
    task: Literal["auto", "classify", "regress"] = "auto",
    categorical: Optional[Which] = None,
    group: Optional[npt.ArrayLike] = None,
    cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
    have: Optional[Which] = None,
    avoid: Optional[Which] = None,
    neighbours: int = 10,
    rows: int = 0,
    sigma: float = 20.0,
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
) -> FeaturePick:
    """Columns that differ between near rows of different classes, and not of the same.

    Paper: Kononenko 1994, Estimating Attributes: Analysis and Extensions of RELIEF; Robnik-Sikonja and Kononenko 2003, Theoretical and Empirical Analysis of ReliefF and RReliefF.

    Needs y. Takes missing values and categorical columns as they are.

    X: an array (rows, columns), a dict of columns or a data frame; NaN and None are missing, columns
        with text are categorical.
    y: for each row a class (text, booleans, numbers) or a number to predict; (rows, m) = m numbers.
    budget: how many columns (20), which share (0.1, '10%'), or, with cost, which sum of costs
    neighbours: nearest rows of each class (1 to 10000; 10)
    rows: rows to ask, drawn by the seed; 0 = all (0 to 1e+15; 0)
    sigma: of numbers to predict: how fast the weight of neighbours falls with their rank; 0 = not (0 to 1e+06; 20.0)

    Also the inputs of every method: help(cull.feature).
    """

def rfe(
    X: Table,
    y: Optional[Target] = None,
    budget: Optional[Budget] = None,
    *,
    names: Optional[Sequence[str]] = None,
    task: Literal["auto", "classify", "regress"] = "auto",
    categorical: Optional[Which] = None,
    group: Optional[npt.ArrayLike] = None,
    cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
    have: Optional[Which] = None,
    avoid: Optional[Which] = None,
    model: Literal["linear", "logistic", "trees"] = "linear",
    step: float = 0.1,
    l2: float = 0.001,
    grow: int = 100,
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
) -> FeaturePick:
    """Recursive elimination of the columns that a model weighs least.

    Paper: Guyon, Weston, Barnhill and Vapnik, 2002, Gene Selection for Cancer Classification using Support Vector Machines.

    Needs y. Takes missing values and categorical columns as they are.

    X: an array (rows, columns), a dict of columns or a data frame; NaN and None are missing, columns
        with text are categorical.
    y: for each row a class (text, booleans, numbers) or a number to predict; (rows, m) = m numbers.
    budget: how many columns (20), which share (0.1, '10%'), or, with cost, which sum of costs
    model: what weighs the columns (linear|logistic|trees; linear)
    step: share of the columns that leaves at once; 0 = one (0 to 0.99; 0.1)
    l2: penalty of linear and logistic, for each row (1e-09 to 1e+06; 0.001)
    grow: trees of a forest (1 to 100000; 100)

    Also the inputs of every method: help(cull.feature).
    """

def stepwise(
    X: Table,
    y: Optional[Target] = None,
    budget: Optional[Budget] = None,
    *,
    names: Optional[Sequence[str]] = None,
    task: Literal["auto", "classify", "regress"] = "auto",
    categorical: Optional[Which] = None,
    group: Optional[npt.ArrayLike] = None,
    cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
    have: Optional[Which] = None,
    avoid: Optional[Which] = None,
    model: Literal["linear", "logistic", "knn", "trees"] = "linear",
    search: Literal["forward", "backward", "floating"] = "forward",
    folds: int = 5,
    tolerance: float = 0.01,
    patience: int = 3,
    l2: float = 0.001,
    neighbours: int = 5,
    grow: int = 50,
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
) -> FeaturePick:
    """Columns one at a time, by a plain model's error.

    Paper: Pudil, Novovicova and Kittler, 1994, Floating Search Methods in Feature Selection.

    Needs y. Takes missing values and categorical columns as they are.

    X: an array (rows, columns), a dict of columns or a data frame; NaN and None are missing, columns
        with text are categorical.
    y: for each row a class (text, booleans, numbers) or a number to predict; (rows, m) = m numbers.
    budget: how many columns (20), which share (0.1, '10%'), or, with cost, which sum of costs;
        None = as many as the method finds
    model: what predicts (linear|logistic|knn|trees; linear)
    search: how sets follow one another (forward|backward|floating; forward)
    folds: of cross-validation (2 to 100; 5)
    tolerance: a step that lowers the error by less gains nothing (0 to 1; 0.01)
    patience: steps without gain until the search ends (1 to 1e+06; 3)
    l2: penalty of linear and logistic, for each row (1e-09 to 1e+06; 0.001)
    neighbours: rows that answer, of knn (1 to 100; 5)
    grow: trees of a forest (1 to 100000; 50)

    Also the inputs of every method: help(cull.feature).
    """

def tadred(
    X: Table,
    y: Optional[Target] = None,
    budget: Optional[Budget] = None,
    *,
    names: Optional[Sequence[str]] = None,
    task: Literal["auto", "classify", "regress"] = "auto",
    categorical: Optional[Which] = None,
    group: Optional[npt.ArrayLike] = None,
    cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
    have: Optional[Which] = None,
    avoid: Optional[Which] = None,
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
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
) -> FeaturePick:
    """Channels that a task network can do without.

    Paper: Blumberg et al. 2024, Experimental Design for Multi-Channel Imaging via Task-Driven Feature Selection.

    Needs y.

    X: an array (rows, columns), a dict of columns or a data frame; NaN and None are missing, columns
        with text are categorical.
    y: for each row a class (text, booleans, numbers) or a number to predict; (rows, m) = m numbers.
    budget: how many columns (20), which share (0.1, '10%'), or, with cost, which sum of costs
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

    Also the inputs of every method: help(cull.feature).
    """

def tree_importance(
    X: Table,
    y: Optional[Target] = None,
    budget: Optional[Budget] = None,
    *,
    names: Optional[Sequence[str]] = None,
    task: Literal["auto", "classify", "regress"] = "auto",
    categorical: Optional[Which] = None,
    group: Optional[npt.ArrayLike] = None,
    cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
    have: Optional[Which] = None,
    avoid: Optional[Which] = None,
    trees: Literal["forest", "boost"] = "forest",
    importance: Literal["gain", "count", "permutation"] = "gain",
    grow: int = 0,
    depth: int = 0,
    leaf: int = 0,
    shrink: float = 0.3,
    subsample: float = 1.0,
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
) -> FeaturePick:
    """The columns that trees split by to most effect.

    Paper: Breiman, 2001, Random Forests; Chen and Guestrin, 2016, XGBoost.

    Needs y. Takes missing values and categorical columns as they are.

    X: an array (rows, columns), a dict of columns or a data frame; NaN and None are missing, columns
        with text are categorical.
    y: for each row a class (text, booleans, numbers) or a number to predict; (rows, m) = m numbers.
    budget: how many columns (20), which share (0.1, '10%'), or, with cost, which sum of costs
    trees: a random forest, or boosted trees (XGBoost) (forest|boost; forest)
    importance: what a column is worth: the error that its splits took, their number, or the error that permuting it adds (gain|count|permutation; gain)
    grow: trees; 0 = 500 in a forest, 100 boosted (0 to 100000; 0)
    depth: of a tree at most; 0 = any in a forest, 6 boosted (0 to 64; 0)
    leaf: of a forest: rows of a leaf at least; 0 = 1 for classes, 5 for numbers (0 to 1e+06; 0)
    shrink: boosted: what each tree counts (0.001 to 1; 0.3)
    subsample: boosted: share of the rows for each tree (0.01 to 1; 1.0)

    Also the inputs of every method: help(cull.feature).
    """

def variance(
    X: Table,
    y: Optional[Target] = None,
    budget: Optional[Budget] = None,
    *,
    names: Optional[Sequence[str]] = None,
    task: Literal["auto", "classify", "regress"] = "auto",
    categorical: Optional[Which] = None,
    group: Optional[npt.ArrayLike] = None,
    cost: Union[Mapping[str, float], npt.ArrayLike, None] = None,
    have: Optional[Which] = None,
    avoid: Optional[Which] = None,
    scale: Literal["none", "range"] = "none",
    seed: int = 1,
    threads: int = 0,
    memory: Union[int, str, None] = None,
    isa: Optional[str] = None,
    tmpdir: Optional[Path] = None,
    progress: Union[bool, Progress, None] = None,
) -> FeaturePick:
    """Columns whose values vary most.

    Needs no y. Takes missing values as they are.

    X: an array (rows, columns), a dict of columns or a data frame; NaN and None are missing, columns
        with text are categorical.
    y: for each row a class (text, booleans, numbers) or a number to predict; (rows, m) = m numbers.
    budget: how many columns (20), which share (0.1, '10%'), or, with cost, which sum of costs
    scale: what values are divided by first (none|range; none)

    Also the inputs of every method: help(cull.feature).
    """
