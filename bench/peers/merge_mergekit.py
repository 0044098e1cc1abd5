"""mergekit beside `cull weights`: the same bytes on small made checkpoints, and the time on large ones.

usage: merge_mergekit.py equal CULL DIR        for each method and dtype: tensors alike, the largest difference in ulp, of slerp
                                               how far either is off the exact formula, and the hash that
                                               tests/method/merge_mergekit.c has
       merge_mergekit.py factors CULL DIR              what slerp and DARE multiply with, for the same test
       merge_mergekit.py make DIR BYTES DTYPE  base, a and b of about so many bytes each, as LLaMA folders
       merge_mergekit.py run METHOD DIR OUT    one merge of DIR's base, a and b by mergekit
Numbers are made by a formula that the test repeats. Where equal magnitudes lie on both sides of a threshold mergekit leaves
open which of them is kept; such tensors are told and passed over."""
import json
import os
import subprocess
import sys

import numpy as np
import torch
from safetensors.torch import load_file, save_file

HIDDEN, INNER, LAYERS, VOCAB, HEADS, KV = 32, 64, 2, 64, 4, 2


def shapes(hidden=HIDDEN, inner=INNER, layers=LAYERS, vocab=VOCAB, heads=HEADS, kv=KV):
    side = hidden // heads * kv
    yield "model.embed_tokens.weight", (vocab, hidden)
    for i in range(layers):
        layer = f"model.layers.{i}."
        yield layer + "input_layernorm.weight", (hidden,)
        yield layer + "mlp.down_proj.weight", (hidden, inner)
        yield layer + "mlp.gate_proj.weight", (inner, hidden)
        yield layer + "mlp.up_proj.weight", (inner, hidden)
        yield layer + "post_attention_layernorm.weight", (hidden,)
        yield layer + "self_attn.k_proj.weight", (side, hidden)
        yield layer + "self_attn.o_proj.weight", (hidden, hidden)
        yield layer + "self_attn.q_proj.weight", (hidden, hidden)
        yield layer + "self_attn.v_proj.weight", (side, hidden)
    yield "model.norm.weight", (hidden,)
    yield "lm_head.weight", (vocab, hidden)


def config(hidden=HIDDEN, inner=INNER, layers=LAYERS, vocab=VOCAB, heads=HEADS, kv=KV, dtype="float32"):
    return {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": hidden,
            "intermediate_size": inner, "num_hidden_layers": layers, "vocab_size": vocab, "num_attention_heads": heads,
            "num_key_value_heads": kv, "tie_word_embeddings": False, "torch_dtype": dtype, "rms_norm_eps": 1e-5,
            "hidden_act": "silu", "max_position_embeddings": 128}


def mixed(tensor, model, n):
    """64 random bits for each number (splitmix64 of its place)."""
    with np.errstate(over="ignore"):
        x = np.arange(n, dtype=np.uint64) + np.uint64(tensor << 40) + np.uint64(model << 32)
        x = (x + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def unit(x):
    return (x >> np.uint64(40)).astype(np.float32) * np.float32(2**-24) - np.float32(0.5)


def numbers(tensor, model, n, dtype):
    """Model 0 is the base."""
    base = unit(mixed(tensor, 0, n)) * np.float32(0.25)
    if dtype == "float32":
        return base if model == 0 else base + unit(mixed(tensor, model, n)) * np.float32(2**-4)
    x = mixed(tensor, model, n)  # numbers that bf16 holds, over 12 octaves
    size = (np.float32(1) + (x & np.uint64(127)).astype(np.float32) / np.float32(128))
    size = np.ldexp(size, -(((x >> np.uint64(8)) % np.uint64(12)).astype(np.int32)))
    return np.where(x >> np.uint64(63), -size, size).astype(np.float32)


def write(folder, tensors, dtype, **size):
    os.makedirs(folder, exist_ok=True)
    save_file(tensors, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config(dtype=dtype, **size), f)


def small(where, dtype):
    for m, name in enumerate(("base", "a", "b")):
        tensors = {k: torch.from_numpy(numbers(t, m, int(np.prod(s)), dtype).reshape(s)).to(getattr(torch, dtype))
                   for t, (k, s) in enumerate(shapes())}
        write(os.path.join(where, name), tensors, dtype)


def merge(method, where, out, parameters, models, dtype, base=True, **more):
    from mergekit.config import MergeConfiguration
    from mergekit.merge import run_merge
    from mergekit.options import MergeOptions

    c = {"merge_method": method, "dtype": "float32", "out_dtype": dtype, "parameters": parameters,
         "models": [{"model": os.path.join(where, m), "parameters": p} for m, p in models.items()]}
    if base:
        c["base_model"] = os.path.join(where, base if isinstance(base, str) else "base")
    run_merge(MergeConfiguration.model_validate(c), out, MergeOptions(copy_tokenizer=False, quiet=True, **more))


def mergekit(method, where, out, *more):
    merge(method, where, out, *more)
    names = [n for n in os.listdir(out) if n.endswith(".safetensors")]
    return {k: v for n in names for k, v in load_file(os.path.join(out, n)).items()}


def cull(program, words, out):
    if os.path.exists(out):
        os.remove(out)
    subprocess.run([program, "weights", "-q", *words, "-o", out], check=True)
    return load_file(out)


def ordered(t):
    """Bits of floats as integers in their order, so that a difference is a number of ulp."""
    bits = t.contiguous().view(torch.int32 if t.dtype == torch.float32 else torch.int16).long()
    return torch.where(bits < 0, -(bits & (0x7FFFFFFF if t.dtype == torch.float32 else 0x7FFF)), bits)


def tied(where, name, ranks, dtype):
    """Whether equal differences lie on both sides of a rank, in a or b."""
    base = load_file(os.path.join(where, "base", "model.safetensors"))[name].float()
    for m in ("a", "b"):
        d = (load_file(os.path.join(where, m, "model.safetensors"))[name].float() - base).abs().flatten()
        s = d.sort(descending=True).values
        for share in ranks:
            k = sum(int(x * len(s)) for x in share)
            if 0 < k < len(s) and s[k - 1] == s[k]:
                return True
    return False


def fnv(h, data):
    for byte in data:
        h = ((h ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return h


W = {"a": {"weight": 0.6}, "b": {"weight": 0.3}}
BASE = ["--base", "{base}", "--weights", "0.6,0.3"]
CASES = [  # name, mergekit's method, its parameters, models, cull's words, ranks that must be clear
    ("linear", "linear", {"normalize": True}, W, ["linear", "--weights", "0.6,0.3"], []),
    ("linear-sum", "linear", {"normalize": False}, W,
     ["linear", "--weights", "0.6,0.3", "--normalize", "no"], []),
    ("slerp", "slerp", {"t": 0.3}, {"a": {}, "b": {}}, ["slerp", "--t", "0.3"], []),
    ("task-arithmetic", "task_arithmetic", {"lambda": 0.7}, W, ["task-arithmetic", *BASE, "--alpha", "0.7"], []),
    ("ties", "ties", {"density": 0.3}, W, ["ties", *BASE, "--density", "0.3"], [(0.3,)]),
    ("ties-sum", "ties", {"density": 0.55, "normalize": False, "lambda": 1.5}, W,
     ["ties", *BASE, "--density", "0.55", "--normalize", "no", "--alpha", "1.5"], [(0.55,)]),
    ("breadcrumbs", "breadcrumbs", {"density": 0.4, "gamma": 0.05}, W,
     ["breadcrumbs", *BASE, "--density", "0.4", "--gamma", "0.05", "--alpha", "1", "--granularity", "tensor"],
     [(0.05,), (0.4, 0.05)]),
    ("breadcrumbs-ties", "breadcrumbs_ties", {"density": 0.4, "gamma": 0.05}, W,
     ["breadcrumbs", *BASE, "--density", "0.4", "--gamma", "0.05", "--alpha", "1", "--granularity", "tensor",
      "--elect", "yes"], [(0.05,), (0.4, 0.05)]),
    ("dare", "dare_linear", {"density": 0.3}, W, ["dare", *BASE, "--density", "0.3", "--rescale", "l1"], []),
    ("dare-f64", "dare_linear", {"density": 0.3}, W, ["dare", *BASE, "--density", "0.3", "--rescale", "l1"], []),
    ("dare-no", "dare_linear", {"density": 0.3, "rescale": False}, W,
     ["dare", *BASE, "--density", "0.3", "--rescale", "no"], []),
    ("dare-ties", "dare_ties", {"density": 0.3, "rescale": False}, W,
     ["dare", *BASE, "--density", "0.3", "--rescale", "no", "--elect", "yes"], []),
]


def cull_masks(program, where):
    """The masks of cull's draws, from a base of zeros and models of ones, in mergekit's order: tensor, then model."""
    for m, v in (("zero", 0.0), ("one", 1.0)):
        write(os.path.join(where, m), {k: torch.full(s, v) for k, s in shapes()}, "float32")
    masks = {}
    for which in (1, 2):
        got = cull(program, ["dare", "--base", os.path.join(where, "zero"), "--density", "0.3", "--rescale", "no",
                             "--rule", f"model={3 - which}: weight=0", os.path.join(where, "one"),
                             os.path.join(where, "one")], os.path.join(where, "mask.safetensors"))
        for k, v in got.items():
            masks[k, which] = v
    return masks


class Drawn:
    """torch.bernoulli with cull's masks. mergekit makes tensors in an order of its own; which one it is at is told by its values."""

    def __init__(self, where, masks, dtype):
        self.real = torch.bernoulli
        self.masks = masks
        self.wide = False  # the two sums of l1 in f64, whatever their order
        self.known = {}
        load = {m: load_file(os.path.join(where, m, "model.safetensors")) for m in ("base", "a", "b")}
        for i, m in enumerate(("a", "b")):
            for k, v in load[m].items():
                d = v.float() - load["base"][k].float()
                self.known[d.numpy().tobytes()] = masks[k, i + 1]

    def sparsify(self, tensor, density, rescale_norm=None):
        import mergekit.sparsify as s

        mask = self.known[tensor.numpy().tobytes()].reshape(tensor.shape)
        if not self.wide:
            return s.rescaled_masked_tensor(tensor, mask, rescale_norm)
        masked = tensor * mask
        return masked * (tensor.abs().double().sum() / masked.abs().double().sum()).float()


def equal(program, where):
    import mergekit.sparsify

    print("method\tdtype\tequal\tof\ttied\tulp\tulp of input\tcull off exact\tmergekit off exact\thash\ttensors")
    for dtype in ("float32", "bfloat16"):
        there = os.path.join(where, dtype)
        small(there, dtype)
        masks = cull_masks(program, there)
        drawn = Drawn(there, masks, dtype)
        mergekit.sparsify.bernoulli = drawn.sparsify
        for name, method, parameters, models, words, ranks in CASES:
            base = "a" if method == "slerp" else method != "linear"
            drawn.wide = name == "dare-f64"
            want = mergekit_once(method, there, name, parameters, models, dtype, base)
            words = [w.replace("{base}", os.path.join(there, "base")) for w in words]
            got = cull(program, [*words, *(os.path.join(there, m) for m in models)],
                       os.path.join(there, name + ".safetensors"))
            report(there, name, dtype, want, got, ranks)


def mergekit_once(method, where, name, parameters, models, dtype, base):
    import shutil

    out = os.path.join(where, "mergekit-" + name)
    shutil.rmtree(out, ignore_errors=True)
    return mergekit(method, where, out, parameters, models, dtype, base)


def steps(want, got, inputs):
    """The largest difference in units in the last place of the largest number that stands there in a model. Where terms cancel the
    result is small, and its own last place says how much was cancelled, not how exact the sum is."""
    bits = {torch.float32: 23, torch.bfloat16: 7}[want.dtype]
    largest = torch.stack([x.double().abs() for x in inputs]).amax(0)
    unit = torch.exp2(torch.floor(torch.log2(largest.clamp_min(2.0**-126))) - bits)
    return float(((want.double() - got.double()).abs() / unit).max())


def arc(inputs, t=0.3):
    """The formula of slerp on float32 numbers, in long double."""
    x, y = (v.float().numpy().astype(np.longdouble) for v in inputs)
    cosine = (x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum())
    if abs(cosine) > 0.9995:
        return (1 - t) * x + t * y
    angle = np.arccos(cosine)
    return (np.sin((1 - t) * angle) * x + np.sin(t * angle) * y) / np.sin(angle)


def off(got, exact):
    """How far numbers are off exact ones at most, in units in the last place of these: 0.5 is the best there is."""
    bits = {torch.float32: 23, torch.bfloat16: 7}[got.dtype]
    unit = np.ldexp(np.longdouble(1), np.frexp(np.abs(exact))[1] - 1 - bits)
    return float((np.abs(got.double().numpy() - exact) / unit).max())


def report(where, name, dtype, want, got, ranks):
    alike = ties = ulp = mask = 0
    apart = 0.0
    exact = [0.0, 0.0] if name == "slerp" else []
    load = [load_file(os.path.join(where, m, "model.safetensors")) for m in ("base", "a", "b")]
    h = 0xCBF29CE484222325
    for t, (k, _) in enumerate(shapes()):
        assert want[k].dtype == got[k].dtype == getattr(torch, dtype), (k, want[k].dtype, got[k].dtype)
        if tied(where, k, ranks, dtype):
            ties += 1
            continue
        mask |= 1 << t
        far = int((ordered(want[k]) - ordered(got[k])).abs().max())
        ulp = max(ulp, far)
        apart = max(apart, steps(want[k], got[k], [m[k] for m in load]))
        if exact:
            is_ = arc([m[k] for m in load[1:]])
            exact = [max(e, off(x[k], is_)) for e, x in zip(exact, (got, want))]
        alike += far == 0
        h = fnv(h, want[k].contiguous().view(torch.uint8).numpy().tobytes())
    n = len(list(shapes()))
    exact = "\t".join(f"{e:.3f}" for e in exact) or "\t"
    print(f"{name}\t{dtype}\t{alike}\t{n - ties}\t{ties}\t{ulp}\t{apart:.2f}\t{exact}\t{h:016x}\t{mask:x}", flush=True)


def factors(program, where):
    """What mergekit multiplies with in f32, as bits: slerp's two coefficients of each tensor, DARE's two scales. Its sums are f32 in an
    order of torch's, which goes by the machine's vectors; given these factors every other step is told and repeated by the test."""
    import mergekit.merge_methods.slerp as m

    small(where, "float32")
    load = {m: load_file(os.path.join(where, m, "model.safetensors")) for m in ("base", "a", "b")}
    masks = cull_masks(program, where)
    for k, _ in shapes():
        x, y = (load[m][k].reshape(1, -1) for m in "ab")
        t = torch.tensor([0.3])
        unit_x, unit_y = (v / torch.linalg.vector_norm(v, dim=1, keepdim=True) for v in (x, y))
        angle = torch.acos((unit_x * unit_y).sum(dim=1))
        by = [torch.sin((1 - t) * angle) / torch.sin(angle), torch.sin(t * angle) / torch.sin(angle)]
        assert torch.equal(by[0] * x + by[1] * y, m.slerp(t, x, y)), k
        for i, a in enumerate("ab"):
            d = load[a][k] - load["base"][k]
            by.append(d.abs().sum() / (d * masks[k, i + 1].reshape(d.shape)).abs().sum())
        print("{" + ", ".join(f"0x{int(v.reshape(1).view(torch.int32)[0]):08x}u" for v in by) + "},")


LARGE = {"hidden": 2048, "inner": 5632, "vocab": 32000, "heads": 32, "kv": 4}


def make(where, size, dtype):
    """base, a and b: random numbers, a and b a little off the base. Written tensor by tensor, so that this takes little memory."""
    kind = getattr(torch, dtype)
    width = torch.empty(0, dtype=kind).element_size()
    one = sum(int(np.prod(s)) for _, s in shapes(layers=1, **LARGE))
    each = sum(int(np.prod(s)) for _, s in shapes(layers=2, **LARGE)) - one
    size = {"layers": max(1, round((size / width - (one - each)) / each)), **LARGE}
    for m, name in enumerate(("base", "a", "b")):
        os.makedirs(os.path.join(where, name), exist_ok=True)
        with open(os.path.join(where, name, "config.json"), "w") as f:
            json.dump(config(dtype=dtype, **size), f)
        head, at = {"__metadata__": {"format": "pt"}}, 0
        for k, s in shapes(**size):
            n = int(np.prod(s)) * width
            head[k] = {"dtype": {"float32": "F32", "bfloat16": "BF16"}[dtype], "shape": s, "data_offsets": [at, at + n]}
            at += n
        text = json.dumps(head).encode()
        text += b" " * (-len(text) % 8)
        with open(os.path.join(where, name, "model.safetensors"), "wb") as f:
            f.write(len(text).to_bytes(8, "little") + text)
            for t, (k, s) in enumerate(shapes(**size)):
                x = torch.randn(s, generator=torch.Generator().manual_seed(t)) * 0.02
                if m:
                    x += torch.randn(s, generator=torch.Generator().manual_seed(1000 * m + t)) * 0.002
                f.write(x.to(kind).contiguous().view(torch.uint8).numpy().tobytes())


RUNS = {
    "linear": ({"normalize": True}, False),
    "ties": ({"density": 0.3}, True),
    "breadcrumbs": ({"density": 0.15, "gamma": 0.006}, True),
}

if __name__ == "__main__":
    if sys.argv[1] == "equal":
        equal(sys.argv[2], sys.argv[3])
    elif sys.argv[1] == "factors":
        factors(sys.argv[2], sys.argv[3])
    elif sys.argv[1] == "make":
        make(sys.argv[2], float(sys.argv[3]), sys.argv[4])
    else:
        how, based = RUNS[sys.argv[2]]
        with open(os.path.join(sys.argv[3], "a", "config.json")) as f:
            kind = json.load(f)["torch_dtype"]
        merge(sys.argv[2], sys.argv[3], sys.argv[4], how, {m: {"weight": 0.5} for m in "ab"}, kind, based,
              lazy_unpickle=True)
