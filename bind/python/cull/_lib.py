"""libcull by ctypes: where it lies, its structs and prototypes, contexts, failures as exceptions."""

from __future__ import annotations

import ctypes
import importlib
import os
import re
import signal
import threading
from ctypes import POINTER, byref, c_bool, c_char, c_char_p, c_double, c_int, c_int32, c_int64
from ctypes import c_size_t, c_uint, c_uint64, c_void_p
from itertools import count
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Callable, Dict, List, Optional, Tuple, Type

# ---- failures ----


class Error(Exception):
    """Base of what cull raises: a sentence that says what, where, and what would be right."""


class InputError(Error, ValueError):
    """An input is not of the required form."""


class OptionError(Error, ValueError):
    """An option is unknown or out of range."""


class MemoryLimitError(Error, MemoryError):
    """More memory is needed than `memory` allows or the machine has."""


class CancelledError(Error):
    """The call was stopped."""


class FileError(Error, OSError):
    """A file could not be read or written."""


class DataMissingError(Error):
    """Data that the call needs is not installed."""


class InternalError(Error):
    """A bug in cull."""


class WaitingError(Error):
    """This shard's part is done; other shards are not."""


# in the order of cull_status, from -1 down
_RAISES: Tuple[Type[Error], ...] = (
    InputError,
    OptionError,
    MemoryLimitError,
    CancelledError,
    FileError,
    DataMissingError,
    InternalError,
    WaitingError,
)

# ---- structs; tests/python/test_lib.py holds each against the headers ----

TICK = ctypes.CFUNCTYPE(c_int, c_void_p, c_char_p, c_double, c_double)


class CtxOpts(ctypes.Structure):
    C = "cull_ctx_opts"
    _fields_ = [
        ("size", c_size_t),
        ("seed", c_uint64),
        ("threads", c_int),
        ("tick_ms", c_int),
        ("memory", c_uint64),
        ("seconds", c_double),
        ("isa", c_char_p),
        ("tmpdir", c_char_p),
        ("user", c_void_p),
        ("tick", TICK),
        ("log", c_void_p),
        ("alloc", c_void_p),
        ("free", c_void_p),
        ("ranks", c_void_p),
    ]


class Array(ctypes.Structure):
    C = "cull_array"
    _fields_ = [
        ("dtype", c_int),
        ("ndim", c_int),
        ("shape", c_int64 * 8),
        ("at", c_void_p),
        ("name", c_char * 64),
        ("mem_", c_void_p),
    ]


class Column(ctypes.Structure):
    C = "cull_column"
    _fields_ = [
        ("name", c_char_p),
        ("offset", c_void_p),
        ("bytes", c_void_p),
        ("number", c_void_p),
    ]


class CorpusOpts(ctypes.Structure):
    C = "cull_corpus_opts"
    _fields_ = [
        ("size", c_size_t),
        ("paths", POINTER(c_char_p)),
        ("npaths", c_int),
        ("format", c_char_p),
        ("text", c_char_p),
        ("id", c_char_p),
        ("group", c_char_p),
        ("label", c_char_p),
        ("columns", POINTER(c_char_p)),
        ("ncolumns", c_int),
        ("text_optional", c_bool),
    ]


class PickStruct(ctypes.Structure):
    C = "cull_pick"
    _fields_ = [
        ("n", c_int64),
        ("idx", c_void_p),
        ("score", c_void_p),
        ("by", c_void_p),
        ("spent", c_double),
        ("by_what", c_char_p),
        ("rows", c_int64),
        ("stands", c_void_p),
        ("like", c_void_p),
        ("stays", c_char_p),
        ("mem_", c_void_p),
    ]


class FeatureProblem(ctypes.Structure):
    C = "cull_feature_problem"
    _fields_ = [
        ("n", c_int64),
        ("d", c_int64),
        ("x", c_void_p),
        ("levels", c_void_p),
        ("name", POINTER(c_char_p)),
        ("y", c_void_p),
        ("classes", c_int32),
        ("ys", c_void_p),
        ("group", c_void_p),
        ("groups", c_int32),
        ("cost", c_void_p),
        ("budget", c_double),
        ("have", c_void_p),
        ("avoid", c_void_p),
    ]


class FeaturePickStruct(ctypes.Structure):
    C = "cull_feature_pick"
    _fields_ = [
        ("pick", PickStruct),
        ("d", c_int64),
        ("score", c_void_p),
        ("p", c_void_p),
        ("verdict", c_void_p),
        ("score_is", c_char_p),
        ("level_at", c_void_p),
        ("level_kept", c_void_p),
    ]


class ClusterOpts(ctypes.Structure):
    C = "cull_cluster_opts"
    _fields_ = [
        ("size", c_size_t),
        ("clusters", c_int64),
        ("iterations", c_int64),
        ("restarts", c_int),
        ("tolerance", c_double),
        ("sampled", c_bool),
        ("spherical", c_bool),
        ("batch", c_int64),
        ("checkpoint", c_char_p),
    ]


class ClustersStruct(ctypes.Structure):
    C = "cull_clusters"
    _fields_ = [
        ("n", c_int64),
        ("d", c_int64),
        ("k", c_int64),
        ("centroid", c_void_p),
        ("assign", c_void_p),
        ("count", c_void_p),
        ("objective", c_double),
    ]


class LayoutOpts(ctypes.Structure):
    C = "cull_layout_opts"
    _fields_ = [
        ("size", c_size_t),
        ("kind", c_int),
        ("width", c_int32),
        ("height", c_int32),
        ("exemplars", c_int64),
        ("known", c_int64),
        ("characters", c_int64),
        ("domain", c_char_p),
        ("exhaustive", c_bool),
    ]


class LayoutQuality(ctypes.Structure):
    C = "cull_layout_quality"
    _fields_ = [
        ("alignment", c_double),
        ("overlap", c_double),
        ("likeness", c_double),
        ("score", c_double),
    ]


PROMPT_ANSWER = ctypes.CFUNCTYPE(c_int, c_void_p, POINTER(c_char_p), c_int64, c_void_p)
PROMPT_JUDGE = ctypes.CFUNCTYPE(c_double, c_void_p, c_char_p, c_char_p, c_char_p)


class PromptOpts(ctypes.Structure):
    C = "cull_prompt_opts"
    _fields_ = [
        ("size", c_size_t),
        ("strategy", c_int),
        ("rule", c_int),
        ("k", c_int64),
        ("budget", c_double),
        ("calls", c_int64),
        ("share", c_double),
        ("labels", c_bool),
        ("ordered", c_bool),
        ("race", c_bool),
        ("starts", c_int64),
        ("batch", c_int64),
        ("right", c_double),
        ("draws", c_int),
    ]


class PoolMerge(ctypes.Structure):
    C = "cull_pool_merge"
    _fields_ = [("column", c_int64), ("a", c_double), ("b", c_double)]


class PromptRows(ctypes.Structure):
    C = "cull_prompt_rows"
    _fields_ = [("n", c_int64), ("input", c_void_p), ("target", c_void_p), ("mem_", c_void_p)]


class PromptTaskOpts(ctypes.Structure):
    C = "cull_prompt_task_opts"
    _fields_ = [
        ("size", c_size_t),
        ("val", POINTER(PromptRows)),
        ("test", POINTER(PromptRows)),
        ("pool", POINTER(PromptRows)),
        ("instruction", POINTER(c_char_p)),
        ("instructions", c_int32),
        ("template_", c_char_p),
        ("exemplar", c_char_p),
        ("labels", c_bool),
        ("scoring", c_int),
        ("after", c_char_p),
        ("judge", POINTER(c_char_p)),
        ("judge_fn", PROMPT_JUDGE),
        ("argv", POINTER(c_char_p)),
        ("path", c_char_p),
        ("stay", c_bool),
        ("answer", PROMPT_ANSWER),
        ("user", c_void_p),
        ("workers", c_int),
        ("timeout", c_double),
        ("retries", c_int),
        ("cache", c_char_p),
        ("id", c_char_p),
        ("propose", POINTER(c_char_p)),
    ]


class PromptScore(ctypes.Structure):
    C = "cull_prompt_score"
    _fields_ = [("mean", c_double), ("lo", c_double), ("hi", c_double)]


class PromptResult(ctypes.Structure):
    C = "cull_prompt_result"
    _fields_ = [
        ("instruction", c_int32),
        ("k", c_int64),
        ("exemplar", c_void_p),
        ("each", c_int64),
        ("val", PromptScore),
        ("test", PromptScore),
        ("expected", c_double),
        ("optimism", PromptScore),
        ("calls", c_int64),
        ("test_calls", c_int64),
        ("instruction_calls", c_int64),
        ("proposals", c_int64),
        ("candidates", c_int64),
        ("tried", c_int64),
        ("trail", c_void_p),
        ("mem_", c_void_p),
    ]


class RunHead(ctypes.Structure):
    """The first fields of cull_run; what follows them is read as JSON."""

    C = "cull_run"
    PART = True
    _fields_ = [
        ("task", c_char_p),
        ("method", c_void_p),
        ("slug", c_char_p),
        ("rev", c_int),
        ("opts", c_void_p),
        ("option", c_void_p),
        ("options", c_int),
        ("seed", c_uint64),
        ("isa", c_char_p),
        ("threads", c_int),
        ("version", c_char_p),
        ("build", c_char_p),
        ("input", c_void_p),
        ("inputs", c_int),
        ("n", c_int64),
        ("budget", c_double),
        ("budget_text", c_char_p),
        ("cost_unit", c_char_p),
        ("pick", POINTER(PickStruct)),
    ]


class Variant(ctypes.Structure):
    C = "cull_variant"
    _fields_ = [("method", c_void_p), ("opts", c_void_p), ("name", c_char_p)]


class SpaceParam(ctypes.Structure):
    C = "cull_space_param"
    _fields_ = [
        ("name", c_char_p),
        ("kind", c_int),
        ("role", c_int),
        ("at", c_int64),
        ("width", c_int64),
        ("lo", c_double),
        ("hi", c_double),
        ("step", c_double),
        ("log", c_bool),
        ("n", c_int64),
        ("least", c_int64),
        ("most", c_int64),
        ("value", POINTER(c_char_p)),
        ("number", POINTER(c_double)),
        ("weight", POINTER(c_double)),
        ("within", c_int),
        ("from", c_double),
        ("to", c_double),
        ("when", c_bool),
    ]


class ObjectiveStruct(ctypes.Structure):
    C = "cull_objective"
    _fields_ = [("name", c_char_p), ("maximize", c_bool)]


class StopStruct(ctypes.Structure):
    C = "cull_stop"
    _fields_ = [
        ("kind", c_int),
        ("eta", c_double),
        ("first", c_int64),
        ("last", c_int64),
        ("anew", c_bool),
    ]


class SearchProblem(ctypes.Structure):
    C = "cull_search_problem"
    _fields_ = [
        ("space", c_void_p),
        ("objectives", c_int),
        ("objective", POINTER(ObjectiveStruct)),
        ("constraints", c_int),
        ("constraint", POINTER(c_char_p)),
        ("trials", c_int64),
        ("seconds", c_double),
        ("cost", c_double),
        ("again", c_int),
        ("replicates", c_int64),
        ("retries", c_int64),
        ("stop", StopStruct),
        ("id", c_char_p),
        ("stats", c_void_p),
    ]


class TrialStruct(ctypes.Structure):
    C = "cull_trial"
    _fields_ = [
        ("number", c_int64),
        ("x", POINTER(c_double)),
        ("state", c_int),
        ("value", POINTER(c_double)),
        ("violation", POINTER(c_double)),
        ("cost", c_double),
        ("began", c_double),
        ("ended", c_double),
        ("steps", c_int64),
        ("budget", c_int64),
        ("replicate", c_int32),
        ("point", c_int64),
        ("mean", POINTER(c_double)),
        ("noise", POINTER(c_double)),
        ("note", c_char_p),
    ]


class Outcome(ctypes.Structure):
    C = "cull_outcome"
    _fields_ = [
        ("state", c_int),
        ("value", POINTER(c_double)),
        ("violation", POINTER(c_double)),
        ("cost", c_double),
        ("noise", c_double),
        ("note", c_char_p),
    ]


class StudyOpts(ctypes.Structure):
    C = "cull_study_opts"
    _fields_ = [
        ("size", c_size_t),
        ("store", c_char_p),
        ("resume", c_bool),
        ("widen", c_bool),
        ("sync", c_bool),
        ("default_first", c_bool),
    ]


class ImportanceOpts(ctypes.Structure):
    C = "cull_importance_opts"
    _fields_ = [
        ("size", c_size_t),
        ("top", c_double),
        ("region", c_double),
        ("uniform", c_bool),
        ("objective", c_int),
        ("draws", c_int64),
        ("stream", c_uint64),
    ]


class Importance(ctypes.Structure):
    C = "cull_importance"
    _fields_ = [
        ("divergence", c_double),
        ("share", c_double),
        ("chance", c_double),
        ("p", c_double),
        ("active", c_double),
        ("best", c_int64),
        ("seen", c_int64),
    ]


class FanovaOpts(ctypes.Structure):
    C = "cull_fanova_opts"
    _fields_ = [
        ("size", c_size_t),
        ("trees", c_int64),
        ("among", c_int),
        ("objective", c_int),
        ("stream", c_uint64),
    ]


class Fanova(ctypes.Structure):
    C = "cull_fanova"
    _fields_ = [("share", c_double), ("sd", c_double)]


class FanovaPair(ctypes.Structure):
    C = "cull_fanova_pair"
    _fields_ = [("a", c_int), ("b", c_int), ("share", c_double), ("sd", c_double)]


class Running(ctypes.Structure):
    C = "cull_running"
    _fields_ = [
        ("number", c_int64),
        ("seconds", c_double),
        ("silent", c_bool),
        ("worker", c_char * 96),
    ]


class Outcomes(ctypes.Structure):
    C = "cull_outcomes"
    _fields_ = [
        ("n", c_int64),
        ("models", c_int),
        ("name", POINTER(c_char_p)),
        ("classes", c_int32),
        ("outputs", c_int),
        ("out", c_void_p),
        ("score", c_void_p),
        ("quality", c_void_p),
        ("cost", c_void_p),
        ("each", c_void_p),
        ("delay", c_void_p),
        ("truth", c_void_p),
        ("weight", c_void_p),
        ("spread", c_void_p),
        ("group", c_void_p),
        ("groups", c_int32),
        ("group_name", POINTER(c_char_p)),
        ("hash", c_void_p),
        ("x", c_void_p),
        ("d", c_void_p),
        ("xs", c_int),
        ("where", c_char_p),
        ("first", c_int64),
    ]


class ComputeProblem(ctypes.Structure):
    C = "cull_compute_problem"
    _fields_ = [
        ("rows", POINTER(Outcomes)),
        ("budget", c_double),
        ("target", c_double),
        ("delay", c_double),
        ("risk", c_double),
        ("delta", c_double),
    ]


class PolicyWork(ctypes.Structure):
    C = "cull_policy_work"
    _fields_ = [("what", c_char_p), ("n", c_double)]


class PolicyPlan(ctypes.Structure):
    C = "cull_policy_plan"
    _fields_ = [
        ("bytes", c_uint64),
        ("tried", c_int64),
        ("refused", ctypes.c_char * 512),
        ("work", PolicyWork * 6),
        ("works", c_int),
        ("bend", c_double),
    ]


class TrustProblem(ctypes.Structure):
    C = "cull_trust_problem"
    _fields_ = [
        ("rows", POINTER(Outcomes)),
        ("level", c_double),
        ("delta", c_double),
        ("above", c_double),
    ]


class GuaranteeStruct(ctypes.Structure):
    C = "cull_guarantee"
    _fields_ = [
        ("bounds", c_char_p),
        ("level", c_double),
        ("delta", c_double),
        ("assumes", c_char_p),
        ("broken", c_char_p),
        ("n", c_int64),
    ]


class DecisionsStruct(ctypes.Structure):
    C = "cull_decisions"
    _fields_ = [
        ("n", c_int64),
        ("model", c_void_p),
        ("called", c_void_p),
        ("cost", c_void_p),
        ("label", c_void_p),
        ("score", c_void_p),
        ("keep", c_void_p),
        ("p", c_void_p),
        ("lo", c_void_p),
        ("hi", c_void_p),
        ("classes", c_int32),
        ("set", c_void_p),
        ("level", c_void_p),
        ("drift", c_void_p),
    ]


class ComputeLine(ctypes.Structure):
    C = "cull_compute_line"
    _fields_ = [("what", c_char_p)] + [
        (what + end, c_double)
        for what in ("quality", "cost", "saving")
        for end in ("", "_lo", "_hi")
    ]


class ComputeVerdict(ctypes.Structure):
    C = "cull_compute_verdict"
    _fields_ = [
        ("line", ComputeLine * 65),
        ("lines", c_int),
        ("best", c_int),
        ("share", c_double * 64),
    ]


class WatchOpts(ctypes.Structure):
    C = "cull_watch_opts"
    _fields_ = [("size", c_size_t), ("alarm", c_double), ("rate", c_double), ("window", c_int64), ("anew", c_int64)]


class WatchSummary(ctypes.Structure):
    C = "cull_watch_summary"
    _fields_ = [
        ("follows", c_bool),
        ("path", c_bool),
        ("level", c_double),
        ("bound", c_double),
        ("known", c_int64),
        ("missed", c_double * 2),
        ("of", c_int64 * 2),
        ("still", c_double * 2),
        ("still_of", c_int64 * 2),
        ("helpless", c_int64),
        ("alarms", c_int64),
        ("at", c_int64 * 16),
        ("most", c_double),
        ("fits", c_int64),
        ("fit_from", c_int64 * 16),
        ("fit_to", c_int64 * 16),
        ("refused", c_int64),
        ("why", c_char_p),
    ]


class StreamSummary(ctypes.Structure):
    C = "cull_stream_summary"
    _fields_ = [
        ("rows", c_int64),
        ("kept", c_int64),
        ("copies", c_int64),
        ("guarantee", GuaranteeStruct),
        ("watched", c_bool),
        ("watch", WatchSummary),
    ]


class IntervalFound(ctypes.Structure):
    C = "cull_interval_found"
    _fields_ = [("value", c_double), ("lo", c_double), ("hi", c_double), ("groups", c_int64)]


class ReliabilityBin(ctypes.Structure):
    C = "cull_reliability_bin"
    _fields_ = [
        ("rows", c_int64),
        ("predicted", c_double),
        ("share", c_double),
        ("lo", c_double),
        ("hi", c_double),
    ]


class ReliabilityStruct(ctypes.Structure):
    C = "cull_reliability"
    _fields_ = [
        ("brier", IntervalFound),
        ("log_loss", IntervalFound),
        ("ece", IntervalFound),
        ("bin", ReliabilityBin * 15),
    ]


class TrustVerdict(ctypes.Structure):
    C = "cull_trust_verdict"
    _fields_ = [
        ("bounds", c_char_p),
        ("level", c_double),
        ("reached", c_double),
        ("lo", c_double),
        ("hi", c_double),
        ("p", c_double),
        ("kept", c_int64),
        ("rows", c_int64),
        ("power", c_double),
        ("refuted", c_bool),
    ]


class WeightsProblem(ctypes.Structure):
    C = "cull_weights_problem"
    _fields_ = [
        ("base", c_void_p),
        ("model", c_void_p),
        ("models", c_int),
        ("activations", c_void_p),
        ("rule", c_void_p),
        ("rules", c_int),
        ("rename", c_void_p),
        ("renames", c_int),
        ("tied", c_void_p),
        ("ties", c_int),
        ("dtype", c_char_p),
        ("shard", c_uint64),
        ("allow_nan", c_bool),
        ("common_rows", c_bool),
        ("manifest", c_char_p),
        ("sparse", c_bool),
        ("packing", c_char_p),
    ]


class PackReport(ctypes.Structure):
    C = "cull_pack_report"
    _fields_ = [
        ("tensors", c_int64),
        ("packed", c_int64),
        ("numbers", c_int64),
        ("zeros", c_int64),
        ("dense", c_uint64),
        ("written", c_uint64),
    ]


class WeightsReport(ctypes.Structure):
    C = "cull_weights_report"
    _fields_ = [
        ("tensors", c_int64),
        ("computed", c_int64),
        ("read", c_uint64),
        ("written", c_uint64),
        ("held", c_uint64),
        ("zeroed", c_int64),
        ("pruned_of", c_int64),
        ("unequal", c_int64),
        ("packed", PackReport),
    ]


class Tensor(ctypes.Structure):
    C = "cull_tensor"
    _fields_ = [
        ("name", c_char_p),
        ("dtype", c_char_p),
        ("ndim", c_int),
        ("shape", c_int64 * 8),
        ("n", c_int64),
        ("bytes", c_uint64),
        ("numeric", c_bool),
        ("floating", c_bool),
        ("role", c_int),
        ("layer", c_int),
        ("expert", c_int),
        ("lora", ctypes.c_char),
        ("file", c_int),
        ("packing", c_char_p),
    ]


class TensorStat(ctypes.Structure):
    C = "cull_tensor_stat"
    _fields_ = [(k, c_int64) for k in ("n", "zeros", "nans", "infs")] + [
        (k, c_double) for k in ("mean", "m2", "absmax")
    ]


class TensorDiff(ctypes.Structure):
    C = "cull_tensor_diff"
    _fields_ = [(k, c_int64) for k in ("n", "same", "odd")] + [
        (k, c_double) for k in ("absmax", "aa", "bb", "ab", "apart2")
    ]


class FindingStruct(ctypes.Structure):
    C = "cull_finding"
    _fields_ = [("error", c_bool), ("tensor", c_char_p), ("text", c_char_p)]


FINDING = ctypes.CFUNCTYPE(None, c_void_p, POINTER(FindingStruct))
WEIGHTS_SCORE = ctypes.CFUNCTYPE(c_int, c_void_p, c_char_p, POINTER(c_double))


class Input(ctypes.Structure):
    C = "cull_input"
    _fields_ = [("name", c_char_p), ("arg", c_char_p), ("help", c_char_p)]


PICK_FILE_BYTES = 2048  # room for a cull_pick_file, which begins with its cull_run

# cull_dtype by numpy's name; bfloat16 is that of ml_dtypes
DTYPES = {
    "float32": 0,
    "float16": 1,
    "bfloat16": 2,
    "float64": 3,
    "int8": 4,
    "uint8": 5,
    "int16": 6,
    "uint16": 7,
    "int32": 8,
    "uint32": 9,
    "int64": 10,
    "uint64": 11,
    "bool": 12,
}
TSV, JSON, HTML, MARKDOWN = range(4)  # cull_form
JUDGE, BASELINES, IDS, SNIPPETS, HASHES, FEATURES = 1, 2, 4, 8, 16, 32  # of cull_job_run

# ---- the library ----

_OUT = POINTER(c_void_p)
_PROTOTYPES: Tuple[Tuple[Any, ...], ...] = (
    ("version", c_char_p),
    ("build", c_char_p),
    ("ctx_new", c_void_p, POINTER(CtxOpts)),
    ("ctx_free", None, c_void_p),
    ("ctx_reseed", None, c_void_p, c_uint64),
    ("ctx_threads", c_int, c_void_p),
    ("ctx_isa", c_char_p, c_void_p),
    ("error", c_char_p, c_void_p),
    ("catalogue_json", c_size_t, c_char_p, c_size_t),
    ("compare_inputs", POINTER(Input)),
    ("format_number", c_char_p, c_double, c_char_p),
    ("parse_bytes", c_bool, c_char_p, POINTER(c_uint64)),
    ("method_find", c_void_p, c_char_p, POINTER(c_char_p)),
    ("opts_new", c_int, c_void_p, c_void_p, _OUT),
    ("opts_set", c_int, c_void_p, c_void_p, c_char_p, c_char_p),
    ("opts_free", None, c_void_p),
    ("array_free", None, POINTER(Array)),
    ("array_f64", None, POINTER(Array), c_int64, c_int64, c_void_p),
    ("corpus_from", c_int, c_void_p, c_int64, POINTER(Column), c_int, POINTER(CorpusOpts), _OUT),
    ("corpus_free", None, c_void_p),
    ("arrow_open", c_int, c_void_p, c_void_p, _OUT),
    ("arrow_free", None, c_void_p),
    ("arrow_n", c_int64, c_void_p),
    ("arrow_column", c_char_p, c_void_p, c_int, POINTER(c_char_p)),
    ("arrow_corpus", c_int, c_void_p, c_void_p, POINTER(CorpusOpts), _OUT),
    ("arrow_array", c_int, c_void_p, c_void_p, c_char_p, POINTER(Array)),
    ("job_new", c_int, c_void_p, c_int, _OUT),
    ("job_free", None, c_void_p),
    ("job_set", c_int, c_void_p, c_char_p, c_char_p),
    ("job_array", c_int, c_void_p, c_char_p, POINTER(Array)),
    ("job_column", c_int, c_void_p, c_char_p, c_void_p, c_int64),
    ("job_codes", c_int, c_void_p, c_char_p, c_void_p, c_int64, POINTER(c_char_p), c_int32),
    ("job_records", c_int, c_void_p, c_char_p, c_void_p),
    ("job_run", c_int, c_void_p, c_void_p, c_void_p, c_uint),
    ("job_result", POINTER(RunHead), c_void_p),
    ("job_done", c_int, c_void_p),
    ("job_settle", None, c_void_p),
    ("job_compare", c_int, c_void_p, POINTER(Variant), c_int, c_int, _OUT),
    ("store_open", c_int, c_void_p, c_char_p, c_int, c_int64, c_int64, _OUT),
    ("store_rows", c_int64, c_void_p),
    ("store_append", c_int, c_void_p, c_void_p, POINTER(Array)),
    ("store_flush", c_int, c_void_p, c_void_p),
    ("store_close", c_int, c_void_p, c_void_p),
    ("pool_open", c_int, c_void_p, c_char_p, _OUT),
    ("pool_from", c_int, c_void_p, c_void_p, c_int, c_int64, c_int64, _OUT),
    ("pool_free", None, c_void_p),
    ("pool_rename", None, c_void_p, c_char_p),
    ("pool_centre", c_int, c_void_p, c_void_p, POINTER(PoolMerge)),
    (
        "feature_select",
        c_int,
        c_void_p,
        c_void_p,
        c_void_p,
        POINTER(FeatureProblem),
        POINTER(FeaturePickStruct),
    ),
    ("feature_pick_free", None, POINTER(FeaturePickStruct)),
    ("cluster", c_int, c_void_p, c_void_p, POINTER(ClusterOpts), POINTER(ClustersStruct)),
    ("clusters_free", None, POINTER(ClustersStruct)),
    ("layouts_open", c_int, c_void_p, c_char_p, c_void_p, c_bool, _OUT),
    ("layouts_from", c_int, c_void_p, c_char_p, c_size_t, c_char_p, c_void_p, c_bool, _OUT),
    ("layouts_of", c_int, c_void_p, c_void_p, c_int64, _OUT, POINTER(c_int64), c_void_p, _OUT),
    ("layouts_text", c_int, c_void_p, c_void_p, c_int32, c_int32, _OUT),
    ("layouts_n", c_int64, c_void_p),
    ("layouts_free", None, c_void_p),
    ("layout_canvas", c_bool, c_char_p, POINTER(c_int32), POINTER(c_int32)),
    (
        "layout_select",
        c_int,
        c_void_p,
        c_void_p,
        c_void_p,
        POINTER(LayoutOpts),
        c_void_p,
        c_void_p,
        c_void_p,
    ),
    (
        "layout_prompt",
        c_int,
        c_void_p,
        c_void_p,
        c_void_p,
        c_int64,
        c_void_p,
        c_int64,
        POINTER(LayoutOpts),
        _OUT,
        POINTER(c_int64),
    ),
    (
        "layout_parse",
        c_int,
        c_void_p,
        c_char_p,
        c_size_t,
        c_void_p,
        POINTER(LayoutOpts),
        _OUT,
        POINTER(c_int64),
    ),
    ("boxes_free", None, c_void_p),
    (
        "layout_rank",
        c_int,
        c_void_p,
        c_void_p,
        c_void_p,
        c_void_p,
        POINTER(LayoutQuality),
    ),
    (
        "prompt_rows_open",
        c_int,
        c_void_p,
        c_char_p,
        c_char_p,
        c_char_p,
        POINTER(PromptRows),
    ),
    ("prompt_rows_free", None, POINTER(PromptRows)),
    ("prompt_answer_put", c_int, c_void_p, c_int64, c_char_p),
    ("prompt_task_open", c_int, c_void_p, POINTER(PromptTaskOpts), _OUT),
    ("prompt_task_free", None, c_void_p),
    (
        "prompt_task_search",
        c_int,
        c_void_p,
        c_void_p,
        POINTER(PromptOpts),
        POINTER(PromptResult),
    ),
    ("prompt_result_free", None, POINTER(PromptResult)),
    (
        "prompt_json",
        c_int,
        c_void_p,
        c_void_p,
        POINTER(PromptOpts),
        POINTER(PromptResult),
        _OUT,
    ),
    ("prompt_read", c_int, c_void_p, c_char_p, _OUT),
    ("prompt_saved_from", c_int, c_void_p, c_char_p, c_size_t, c_char_p, _OUT),
    ("prompt_saved_text", c_int, c_void_p, c_void_p, c_char_p, _OUT),
    ("prompt_saved_free", None, c_void_p),
    ("space_open", c_int, c_void_p, c_char_p, _OUT),
    ("space_from", c_int, c_void_p, c_char_p, c_size_t, c_char_p, _OUT),
    ("space_free", None, c_void_p),
    ("space_text", c_int, c_void_p, c_void_p, c_bool, _OUT),
    ("space_params", c_int, c_void_p),
    ("space_at", POINTER(SpaceParam), c_void_p, c_int),
    ("space_find", c_int, c_void_p, c_char_p),
    ("space_width", c_int64, c_void_p),
    ("space_active", c_bool, c_void_p, c_void_p, c_int),
    ("space_count", c_int64, c_void_p, c_void_p, POINTER(c_double), POINTER(c_bool)),
    ("space_check", c_int, c_void_p, c_void_p, c_void_p),
    ("space_format", c_int, c_void_p, c_void_p, c_void_p, _OUT),
    ("space_parse", c_int, c_void_p, c_void_p, c_char_p, c_void_p),
    ("space_set", c_int, c_void_p, c_void_p, c_int, c_char_p, c_void_p),
    ("space_default", c_int, c_void_p, c_void_p, c_void_p),
    ("space_draw", c_int, c_void_p, c_void_p, c_uint64, c_void_p),
    (
        "study_open",
        c_int,
        c_void_p,
        POINTER(SearchProblem),
        c_void_p,
        c_void_p,
        POINTER(StudyOpts),
        _OUT,
    ),
    ("search_default", c_char_p, c_void_p, c_char_p, c_int64),
    ("study_reopen", c_int, c_void_p, c_char_p, _OUT),
    ("study_free", None, c_void_p),
    ("study_done", c_bool, c_void_p),
    ("study_stop", c_int, c_void_p),
    ("study_ask", c_int, c_void_p, POINTER(TrialStruct)),
    ("study_enqueue", c_int, c_void_p, c_void_p),
    ("study_add", c_int, c_void_p, c_void_p, POINTER(Outcome), POINTER(c_int64)),
    ("study_import", c_int, c_void_p, c_char_p, POINTER(c_int64)),
    ("study_report", c_int, c_void_p, c_int64, c_int64, c_void_p, POINTER(c_bool)),
    ("study_tell", c_int, c_void_p, c_int64, POINTER(Outcome)),
    ("study_problem", POINTER(SearchProblem), c_void_p),
    ("study_trials", c_int64, c_void_p),
    ("study_paid", c_int64, c_void_p),
    ("study_trial", c_int, c_void_p, c_int64, POINTER(TrialStruct)),
    ("study_best", c_int, c_void_p, c_void_p, POINTER(c_int64)),
    ("study_claim", c_int, c_void_p, c_void_p),
    ("study_beat", c_int, c_void_p, c_void_p, c_void_p, c_int64, c_double),
    ("study_give_back", c_int, c_void_p, c_int64),
    ("study_refresh", c_int, c_void_p),
    ("study_running", c_int, c_void_p, c_void_p, POINTER(Running), c_int64, POINTER(c_int64)),
    ("study_importance", c_int, c_void_p, c_void_p, POINTER(ImportanceOpts), POINTER(Importance)),
    (
        "study_fanova",
        c_int,
        c_void_p,
        c_void_p,
        POINTER(FanovaOpts),
        POINTER(Fanova),
        POINTER(FanovaPair),
        POINTER(c_int),
    ),
    ("study_write", c_int, c_void_p, c_void_p, c_void_p, c_int64, c_char_p),
    ("outcomes_hash", c_bool, POINTER(Outcomes), c_void_p),
    (
        "compute_fit",
        c_int,
        c_void_p,
        c_void_p,
        c_void_p,
        POINTER(ComputeProblem),
        _OUT,
    ),
    (
        "compute_plan",
        c_int,
        c_void_p,
        c_void_p,
        c_void_p,
        POINTER(ComputeProblem),
        POINTER(PolicyPlan),
    ),
    (
        "compute_apply",
        c_int,
        c_void_p,
        c_void_p,
        c_void_p,
        POINTER(Outcomes),
        POINTER(DecisionsStruct),
    ),
    (
        "compute_judge",
        c_int,
        c_void_p,
        POINTER(DecisionsStruct),
        POINTER(Outcomes),
        POINTER(ComputeVerdict),
    ),
    ("trust_fit", c_int, c_void_p, c_void_p, c_void_p, POINTER(TrustProblem), _OUT),
    (
        "trust_plan",
        c_int,
        c_void_p,
        c_void_p,
        c_void_p,
        POINTER(TrustProblem),
        POINTER(PolicyPlan),
    ),
    (
        "trust_apply",
        c_int,
        c_void_p,
        c_void_p,
        c_void_p,
        POINTER(Outcomes),
        POINTER(DecisionsStruct),
        POINTER(GuaranteeStruct),
    ),
    ("stream_new", c_int, c_void_p, c_void_p, c_void_p, _OUT),
    ("stream_watch", c_int, c_void_p, c_void_p, POINTER(WatchOpts)),
    (
        "stream_next",
        c_int,
        c_void_p,
        c_void_p,
        POINTER(Outcomes),
        POINTER(DecisionsStruct),
    ),
    ("stream_sum", c_int, c_void_p, c_void_p, POINTER(StreamSummary)),
    ("stream_free", None, c_void_p),
    (
        "trust_reliability",
        c_int,
        c_void_p,
        c_void_p,
        POINTER(DecisionsStruct),
        POINTER(Outcomes),
        POINTER(ReliabilityStruct),
    ),
    (
        "trust_check",
        c_int,
        c_void_p,
        c_void_p,
        POINTER(DecisionsStruct),
        POINTER(Outcomes),
        POINTER(TrustVerdict),
    ),
    ("checkpoint_open", c_int, c_void_p, c_char_p, _OUT),
    ("checkpoint_free", None, c_void_p),
    ("checkpoint_count", c_int64, c_void_p),
    ("checkpoint_at", POINTER(Tensor), c_void_p, c_int64),
    ("checkpoint_find", c_int64, c_void_p, c_char_p, c_void_p),
    ("role_name", c_char_p, c_int),
    ("checkpoint_stat", c_int, c_void_p, c_void_p, c_int64, POINTER(TensorStat)),
    ("tensor_stat_std", c_double, POINTER(TensorStat)),
    (
        "checkpoint_diff",
        c_int,
        c_void_p,
        c_void_p,
        c_int64,
        c_void_p,
        c_int64,
        POINTER(TensorDiff),
    ),
    ("tensor_diff_rel", c_double, POINTER(TensorDiff)),
    ("tensor_diff_cosine", c_double, POINTER(TensorDiff)),
    ("checkpoint_verify", c_int, c_void_p, c_void_p, c_bool, FINDING, c_void_p),
    (
        "weights_run",
        c_int,
        c_void_p,
        c_void_p,
        c_void_p,
        POINTER(WeightsProblem),
        c_char_p,
        POINTER(WeightsReport),
    ),
    (
        "weights_plan",
        c_int,
        c_void_p,
        c_void_p,
        c_void_p,
        POINTER(WeightsProblem),
        POINTER(WeightsReport),
    ),
    (
        "weights_soup",
        c_int,
        c_void_p,
        c_void_p,
        POINTER(WeightsProblem),
        c_void_p,
        WEIGHTS_SCORE,
        c_void_p,
        c_char_p,
        c_void_p,
        POINTER(c_double),
        POINTER(WeightsReport),
    ),
    ("policy_open", c_int, c_void_p, c_char_p, _OUT),
    ("policy_write", c_int, c_void_p, c_void_p, c_char_p),
    ("policy_free", None, c_void_p),
    ("policy_method", c_void_p, c_void_p),
    ("policy_models", c_int, c_void_p),
    ("policy_model", c_char_p, c_void_p, c_int),
    ("policy_notes", c_int, c_void_p),
    ("policy_note_at", c_char_p, c_void_p, c_int),
    ("policy_guaranteed", POINTER(GuaranteeStruct), c_void_p),
    ("policy_options", c_int, c_void_p, c_void_p, _OUT),
    ("decisions_free", None, POINTER(DecisionsStruct)),
    ("decisions_write", c_int, c_void_p, POINTER(DecisionsStruct), c_void_p, c_char_p),
    ("form_find", c_bool, c_char_p, POINTER(c_int)),
    ("run_write", c_int, c_void_p, c_void_p, c_int, c_char_p),
    ("run_text", c_int, c_void_p, c_void_p, c_int, _OUT),
    ("compare_write", c_int, c_void_p, c_void_p, c_int, c_char_p),
    ("compare_text", c_int, c_void_p, c_void_p, c_int, _OUT),
    ("text_free", None, c_void_p),
    ("pick_read", c_int, c_void_p, c_char_p, c_void_p),
    ("pick_file_free", None, c_void_p),
)


def _load() -> ctypes.CDLL:
    """The library of the wheel; of a build tree, by CULL_LIBRARY; the system's."""
    packed = Path(__file__).with_name("libcull.so")
    at = str(packed) if packed.exists() else os.environ.get("CULL_LIBRARY", "libcull.so.0")
    try:
        found = ctypes.CDLL(at)
    except OSError as e:
        raise ImportError(
            f"{at}: {e}; install cull's wheel or library, or point CULL_LIBRARY at a libcull.so"
        ) from None
    for name, restype, *argtypes in _PROTOTYPES:
        f = getattr(found, "cull_" + name)
        f.restype, f.argtypes = restype, argtypes
    return found


lib = _load()


def version() -> str:
    return str(lib.cull_version().decode())


# ---- one call: signals, progress ----

Progress = Callable[[str, float, float], object]
# what signal wraps in enums, whose making takes longer than a call
_signal: Any = importlib.import_module("_signal")
_Handler = Callable[[int, Optional[FrameType]], Any]
_WATCHED = tuple(int(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM))
_main = threading.main_thread().ident
_calls: Dict[int, "Call"] = {}


class Call:
    """What a running call answers to. Python runs signal handlers only between its own steps, the
    first of which is inside `_answer`, where an exception would be lost to ctypes. So in the main
    thread signals are only noted, and `_answer` runs the true handlers where it can catch."""

    __slots__ = ("context", "progress", "error", "noted", "handlers", "replaced")

    def __init__(self, context: "Context", progress: Optional[Progress]) -> None:
        self.context = context
        self.progress = progress
        self.error: Optional[BaseException] = None
        self.noted: List[Tuple[int, Optional[FrameType]]] = []
        self.handlers: Dict[int, _Handler] = {}
        self.replaced: List[int] = []

    def note(self, number: int, frame: Optional[FrameType]) -> None:
        self.noted.append((number, frame))

    def answer(self) -> None:
        while self.noted:
            number, frame = self.noted.pop(0)
            self.handlers[number](number, frame)

    def __enter__(self) -> "Call":
        _calls[self.context.number] = self
        if threading.get_ident() != _main:
            return self
        try:
            for number in _WATCHED:
                handler = _signal.getsignal(number)
                if callable(handler):
                    self.handlers[number] = handler
                    self.replaced.append(number)
                    _signal.signal(number, self.note)
        except BaseException:  # a handler's, of a signal that came just now
            self.restore()
            raise
        return self

    def restore(self) -> None:
        """All handlers, although one of them may raise meanwhile."""
        try:
            while self.replaced:
                number = self.replaced[-1]
                _signal.signal(number, self.handlers[number])
                self.replaced.pop()
        finally:
            if self.replaced:
                self.restore()

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.restore()
        del _calls[self.context.number]
        if self.error is not None:
            raise self.error from None
        self.answer()


def _answer(user: int, what: Optional[bytes], done: float, total: float) -> int:
    call = _calls.get(user)
    if call is None:
        return 0
    try:
        call.answer()
        if call.progress is not None:
            call.progress((what or b"").decode(), done, total)
    except BaseException as e:  # raised again by Call.__exit__
        call.error = e
        return 1
    return 0


_tick = TICK(_answer)

# ---- contexts ----

Key = Tuple[int, int, Optional[str], Optional[str]]  # threads, memory, isa, tmpdir
_KEPT = 8  # contexts that wait for another call
_contexts: List["Context"] = []
_numbers = count(1)


class Context:
    """A cull_ctx. It serves one call at a time, which holds `lock`; `take` finds an idle one."""

    def __init__(self, key: Key) -> None:
        threads, memory, isa, tmpdir = key
        self.key = key
        self.pid = os.getpid()
        self.number = next(_numbers)
        self.lock = threading.Lock()
        self.dead: List[Tuple[Any, int]] = []  # how to free what died while a call ran, and it
        self._opts = CtxOpts(
            size=ctypes.sizeof(CtxOpts),
            seed=1,
            threads=threads,
            tick_ms=50,
            memory=memory,
            isa=None if isa is None else isa.encode(),
            tmpdir=os.fsencode(tmpdir or os.environ.get("TMPDIR") or "/tmp"),
            user=self.number,
            tick=_tick,
        )
        self.at: Optional[int] = lib.cull_ctx_new(byref(self._opts))
        if not self.at:
            raise OptionError(
                f"isa '{isa}' is none of auto, v2, v3, v4, or this machine lacks it"
                if isa
                else "out of memory"
            )

    def check(self, status: int) -> None:
        if status:
            raise _RAISES[-status - 1](spoken(lib.cull_error(self.at).decode("utf-8", "replace")))

    def free(self, how: Any, at: int) -> None:
        """Now, or before the next call when one runs; never in a forked child, whose copy of the
        context has lost its workers."""
        if self.pid != os.getpid():
            return
        self.dead.append((how, at))
        if self.lock.acquire(blocking=False):
            self.release()

    def release(self) -> None:
        while self.dead:
            how, at = self.dead.pop()
            how(at)
        self.lock.release()

    def __del__(self, getpid: Callable[[], int] = os.getpid) -> None:
        if getattr(self, "at", None) and self.pid == getpid():
            for how, at in self.dead:
                how(at)
            lib.cull_ctx_free(self.at)


def take(key: Key) -> Context:
    """A context whose lock the caller holds; it goes back by `release`."""
    for c in _contexts:
        if c.key == key and c.lock.acquire(blocking=False):
            return c
    c = Context(key)
    c.lock.acquire()
    idle = [k for k in _contexts if not k.lock.locked()]
    for k in idle[: max(0, len(idle) - _KEPT + 1)]:
        try:
            _contexts.remove(k)
        except ValueError:  # another thread did
            pass
    _contexts.append(c)
    return c


def plain() -> Context:
    """A context for what depends on none of its options."""
    return take((0, 0, None, None))


def _after_fork() -> None:
    global _main
    _contexts.clear()
    _calls.clear()
    _main = threading.get_ident()


os.register_at_fork(after_in_child=_after_fork)

# ---- text ----

_NAMES: Dict[str, str] = {}  # of inputs and options as the command has them -> as Python has them


def python_name(name: str) -> str:
    return name.replace("-", "_")


def know(names: List[str]) -> None:
    """From now on sentences say these names the Python way."""
    _NAMES.update((n, python_name(n)) for n in names)


def bytes_in(size: str) -> Optional[int]:
    """ "512M", "4GiB"; None for what is no size."""
    out = c_uint64()
    return out.value if lib.cull_parse_bytes(size.encode(), byref(out)) else None


def number_text(value: float) -> str:
    """The shortest text that reads back to it, as records have it."""
    return str(lib.cull_format_number(value, ctypes.create_string_buffer(32)).decode())


def spoken(sentence: str) -> str:
    return re.sub(r"--([a-z][a-z0-9-]*)", lambda m: _NAMES.get(m[1], m[0]), sentence)


def text_of(call: Callable[[Any], int], context: Context) -> str:
    """What a C function writes to its last argument, char **."""
    out = c_void_p()
    context.check(call(byref(out)))
    try:
        return ctypes.string_at(out.value or 0).decode()
    finally:
        lib.cull_text_free(out)
