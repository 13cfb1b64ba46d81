"""What NumPy and SciPy take for the work of `weight-matching`: JSON lines.

    python scipy_peer.py assignment                        Gaussian and Gram matrices, milliseconds
    python scipy_peer.py networks DIR --width 4            writes a.safetensors and b.safetensors, random ResNet20s
    python scipy_peer.py matching A B --seeds 5            coordinate descent between two ResNet20s, seconds

The matching is the published algorithm (Ainsworth et al., Algorithm 1) without any reuse of work: each visit multiplies
out the gain matrix with all other permutations applied and solves it.
"""

import argparse
import json
import pathlib
import re
import statistics
import time

import numpy as np
from safetensors.numpy import load_file, save_file
from scipy.optimize import linear_sum_assignment


def say(**fields):
    print(json.dumps({"program": "scipy", **fields}), flush=True)


def assignment(_):
    for n in (64, 256, 512, 1024, 2048, 4096):
        rng = np.random.default_rng(n)
        gram = rng.standard_normal((n, 4 * n)) @ rng.standard_normal((4 * n, n))
        for kind, cost in (("gaussian", rng.standard_normal((n, n))), ("gram", gram)):
            times = []
            for _ in range(9 if n <= 512 else 3):
                start = time.perf_counter()
                linear_sum_assignment(cost, maximize=True)
                times.append(1e3 * (time.perf_counter() - start))
            say(n=n, kind=kind, milliseconds=round(statistics.median(times), 3))


def axes(name):
    """The permutation of each axis of a parameter of ResNet20, or None."""
    if name.startswith("dense"):
        return (None, "stage2") if name.endswith("weight") else (None,)
    block = re.match(r"blockgroups\.(\d)\.blocks\.(\d)\.(.*)", name)
    if block is None:
        return ("stage0", None, None, None) if "conv" in name else ("stage0",)
    stage, index, layer = int(block[1]), int(block[2]), block[3]
    before = f"stage{stage - 1}" if index == 0 and stage > 0 else f"stage{stage}"
    inner, after = f"inner{stage}.{index}", f"stage{stage}"
    to = inner if layer.startswith(("conv1", "norm1")) else after
    if "norm" in layer:
        return (to,)
    return (to, inner if layer.startswith("conv2") else before, None, None)


def shapes(width):
    sizes = [16 * width, 32 * width, 64 * width]
    yield "conv1.weight", (sizes[0], 3, 3, 3)
    yield from ((f"norm1.{end}", (sizes[0],)) for end in ("weight", "bias"))
    before = sizes[0]
    for stage, size in enumerate(sizes):
        for index in range(3):
            block = f"blockgroups.{stage}.blocks.{index}"
            convs = [("conv1", "norm1", before), ("conv2", "norm2", size)]
            convs += [("shortcut.conv", "shortcut.norm", before)] if before != size else []
            for conv, norm, inputs in convs:
                yield f"{block}.{conv}.weight", (size, inputs, 3, 3)
                yield from ((f"{block}.{norm}.{end}", (size,)) for end in ("weight", "bias"))
            before = size
    yield "dense.weight", (10, before)
    yield "dense.bias", (10,)


def networks(args):
    folder = pathlib.Path(args.dir)
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate("ab"):
        rng = np.random.default_rng(seed)
        scaled = lambda shape: rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))
        network = {key: scaled(shape).astype(np.float32) for key, shape in shapes(args.width)}
        save_file(network, folder / f"{name}.safetensors")


def matching(args):
    a, b = load_file(args.a), load_file(args.b)
    where = {}
    for key in a:
        for axis, permutation in enumerate(axes(key)):
            if permutation is not None:
                where.setdefault(permutation, []).append((key, axis))
    for seed in range(args.seeds):
        start = time.perf_counter()
        found = {p: np.arange(a[uses[0][0]].shape[uses[0][1]]) for p, uses in where.items()}
        rng, names, sweeps, moved = np.random.default_rng(seed), sorted(where), 0, True

        def arranged(key, without=None):
            array = b[key]
            for axis, permutation in enumerate(axes(key)):
                if permutation is not None and axis != without:
                    array = np.take(array, found[permutation], axis=axis)
            return array

        while moved:
            moved, sweeps = False, sweeps + 1
            for permutation in rng.permutation(names):
                n = len(found[permutation])
                front = lambda array, axis: np.moveaxis(array, axis, 0).reshape(n, -1)
                gain = sum(front(a[key], at) @ front(arranged(key, at), at).T for key, at in where[permutation])
                best = linear_sum_assignment(gain, maximize=True)[1]
                value = lambda order: gain[np.arange(n), order].sum(dtype=np.float64)
                moved |= bool(value(best) > value(found[permutation]) + 1e-12)
                found[permutation] = best
        objective = sum(float(np.vdot(a[key], arranged(key))) for key in a)
        say(seed=seed, seconds=round(time.perf_counter() - start, 4), sweeps=sweeps, objective=round(objective, 3))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    commands.add_parser("assignment").set_defaults(run=assignment)
    one = commands.add_parser("networks")
    one.add_argument("dir")
    one.add_argument("--width", type=int, default=4)
    one.set_defaults(run=networks)
    two = commands.add_parser("matching")
    two.add_argument("a")
    two.add_argument("b")
    two.add_argument("--seeds", type=int, default=5)
    two.set_defaults(run=matching)
    arguments = parser.parse_args()
    arguments.run(arguments)
