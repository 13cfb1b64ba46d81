"""The PyTorch side of `basin bench`: the same networks and operations, measured when asked.

`basin bench SUITE --peer PYTHON` runs this program and talks to it line by line, so that both sides take
turns and each idles while the other works:

    < {"program": "PyTorch 2.15.0", "threads": 2}                   once, when it is ready
    > case {"suite": "train-step", "model": "resnet20", ...}        build, compile, warm up
    < {"layouts": ["contiguous", ...], "skipped": {"compiled": "why"}}
    > round 5                                                       an unmeasured step, then 5 measured
    < {"layout": "contiguous", "seconds": [0.21, ...]}              one line per layout
    > memory
    < {"peak_memory_mib": 812.4}                                    of this process, up to now

Anything that goes wrong is answered with {"error": "..."}. The end of the input ends the program.

A case of a network may also name "device" (cpu, cuda), "precision" (f32, tf32, bf16) and "repeats": a step is then so
many updates, and the device is waited for once at its end; unmeasured ones are of at most ten. In bf16 activations
and products are bf16; parameters, their gradients and the optimiser's state stay f32 and are cast at every update
(autocast would keep the outputs of layer norms and the residual paths in f32, and move twice the bytes). Compiled on
cuda, a whole update is one CUDA graph: forward, backward and optimiser; where that cannot be captured, the graphs of
mode reduce-overhead, and the reason goes to the standard error.
"""

import argparse
import gc
import json
import os
import resource
import sys
import time
from functools import partial

# Compilers and libraries may print; only answers may reach the other side.
ANSWERS = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)


def answer(line):
    ANSWERS.write(json.dumps(line) + "\n")
    ANSWERS.flush()


try:
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError as missing:
    answer({"error": f"import torch: {missing}"})
    sys.exit(1)

LAYOUTS = ("contiguous", "channels_last", "compiled")
PRECISIONS = ("f32", "tf32", "bf16")
# Unmeasured steps after a case is built; the first of the compiled layout compiles.
WARM_UP = 2
# Images of one forward pass that are tried for a point of a plane.
PLANE_CHUNKS = (50, 100, 250, 500, 1000)
# Updates of an unmeasured step at most: what must be compiled and chosen is then there.
WARM_UP_UPDATES = 10


class ChannelNorm(nn.Module):
    """LayerNorm over the channels of every pixel (eps 1e-6)."""

    def __init__(self, channels):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, y):
        y = F.layer_norm(y.permute(0, 2, 3, 1), self.scale.shape, self.scale, self.shift, 1e-6)
        return y.permute(0, 3, 1, 2)


def norm_of(kind, channels):
    if kind == "layer":
        return ChannelNorm(channels)
    return nn.BatchNorm2d(channels) if kind == "batch" else nn.Identity()


class ConvNorm(nn.Module):
    """3x3 convolution with SAME padding, then the norm."""

    def __init__(self, inputs, outputs, stride, norm):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3) * (9 * inputs) ** -0.5)
        self.norm = norm_of(norm, outputs)
        self.stride = stride

    def forward(self, x):
        return self.norm(same_conv(same_pad(x, self.stride), self.weight, self.stride))


def same_pad(x, stride):
    """On even sides SAME padding at stride 2 is one row below and one column to the right."""
    return F.pad(x, (0, 1, 0, 1)) if stride == 2 else x


def same_conv(padded, weight, stride):
    return F.conv2d(padded, weight, stride=stride, padding=0 if stride == 2 else 1)


class Residual(nn.Module):
    """Two ConvNorms beside a shortcut, which is a 3x3 ConvNorm where the block strides."""

    def __init__(self, inputs, outputs, stride, norm):
        super().__init__()
        self.first = ConvNorm(inputs, outputs, stride, norm)
        self.second = ConvNorm(outputs, outputs, 1, norm)
        self.shortcut = ConvNorm(inputs, outputs, stride, norm) if stride == 2 else nn.Identity()

    def forward(self, x):
        return F.relu(self.second(F.relu(self.first(x))) + self.shortcut(x))


class ResNet(nn.Module):
    """A stem, three groups of (depth - 2) / 6 blocks, mean pool, dense layer."""

    def __init__(self, depth, width, norm, classes=10):
        super().__init__()
        base = round(16 * width)
        self.stem = ConvNorm(3, base, 1, norm)
        channels, blocks = base, []
        for group in range(3):
            for block in range((depth - 2) // 6):
                stride = 2 if group > 0 and block == 0 else 1
                blocks.append(Residual(channels, base << group, stride, norm))
                channels = base << group
        self.blocks = nn.Sequential(*blocks)
        self.dense = nn.Linear(channels, classes)

    def forward(self, x):
        return self.dense(self.blocks(F.relu(self.stem(x))).mean((2, 3)))


class Attention(nn.Module):
    """Multi-head self-attention, with one product for queries, keys and values."""

    def __init__(self, dim, heads, dropout):
        super().__init__()
        self.heads, self.dropout = heads, nn.Dropout(dropout)
        self.into, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x):
        batch, tokens, dim = x.shape
        split = self.into(x).view(batch, tokens, 3, self.heads, dim // self.heads)
        queries, keys, values = split.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(queries, keys, values)
        return self.dropout(self.out(mixed.transpose(1, 2).reshape(batch, tokens, dim)))


class Encoder(nn.Module):
    """Pre-norm transformer block with exact GELU."""

    def __init__(self, dim, hidden, heads, dropout):
        super().__init__()
        self.attention_norm, self.attention = nn.LayerNorm(dim), Attention(dim, heads, dropout)
        self.mlp = nn.Sequential(
            nn.LayerNorm(dim),
            nn.Linear(dim, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, dim),
            nn.Dropout(dropout),
        )

    def forward(self, x):
        x = x + self.attention(self.attention_norm(x))
        return x + self.mlp(x)


class ViT(nn.Module):
    """Patches of 4, a learned class token and positions, six blocks, LayerNorm and dense layer on the token."""

    def __init__(self, dropout, dim=256, hidden=512, heads=8, layers=6, patch=4, side=32, classes=10):
        super().__init__()
        self.patch = patch
        tokens = (side // patch) ** 2
        self.embed = nn.Linear(3 * patch * patch, dim)
        self.token = nn.Parameter(torch.randn(1, 1, dim) * 0.02)
        self.positions = nn.Parameter(torch.randn(1, tokens + 1, dim) * 0.02)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.Sequential(*[Encoder(dim, hidden, heads, dropout) for _ in range(layers)])
        self.head = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, classes))

    def forward(self, x):
        (batch, channels, side, _), patch = x.shape, self.patch
        grid = x.reshape(batch, channels, side // patch, patch, side // patch, patch)
        patches = grid.permute(0, 2, 4, 1, 3, 5).reshape(batch, -1, channels * patch * patch)
        tokens = torch.cat([self.token.expand(len(x), -1, -1), self.embed(patches)], 1)
        return self.head(self.blocks(self.dropout(tokens + self.positions))[:, 0])


def mlp(hidden, norm, classes=10):
    """Dense layers with a norm and a ReLU after each but the last."""
    norms = {"none": nn.Identity, "own": nn.Identity, "layer": nn.LayerNorm, "batch": nn.BatchNorm1d}
    layers = [nn.Flatten()]
    for inputs, outputs in zip([3 * 32 * 32, *hidden], hidden):
        layers += [nn.Linear(inputs, outputs), norms[norm](outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(hidden[-1], classes))


def vgg11(base, norm, classes=10):
    """torchvision's features, and one dense layer."""
    layers, width = [], 3
    for stage in [[1], [2], [4, 4], [8, 8], [8, 8]]:
        for times in stage:
            layers += [nn.Conv2d(width, times * base, 3, padding=1), norm_of(norm, times * base), nn.ReLU()]
            width = times * base
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(width, classes))


class FortCnn(nn.Module):
    """Convolution with bias, dropout, pooling and a ReLU, which the last block leaves out; one dense layer."""

    def __init__(self, channels, dropout, side=32, classes=10):
        super().__init__()
        sizes = zip([3, *channels], channels)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in sizes)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(channels[-1] * (side >> len(channels)) ** 2, classes)

    def forward(self, x):
        for place, conv in enumerate(self.convs, 1):
            x = F.max_pool2d(self.dropout(conv(x)), 2)
            x = F.relu(x) if place < len(self.convs) else x
        return self.head(x.flatten(1))


def torchvision_resnet(depth, classes=10):
    """torchvision's own, with a 3x3 stem and no pooling behind it."""
    import torchvision

    model = getattr(torchvision.models, f"resnet{depth}")(num_classes=classes)
    model.conv1, model.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    return model


def network(case):
    name, norm = case["model"], case.get("norm", "own")
    if name in ("mlp1", "mlp3"):
        return mlp([round(512 * case["width"])] * int(name[3:]), norm)
    if name == "vgg11":
        return vgg11(round(64 * case["width"]), norm)
    if name in ("small-cnn", "medium-cnn"):
        first, blocks = (16, (1, 2, 2)) if name == "small-cnn" else (64, (1, 2, 4, 4))
        return FortCnn([round(first * case["width"]) * times for times in blocks], case.get("dropout", 0.0))
    if name in ("resnet18", "resnet34", "resnet50") and case["width"] == 1:
        return torchvision_resnet(int(name[6:]))
    if name == "vit":
        dim = round(256 * case["width"])
        return ViT(case.get("dropout", 0.0), dim, 2 * dim)
    if name.startswith("resnet") and name[6:].isdigit():
        return ResNet(int(name[6:]), case["width"], "layer" if norm == "own" else norm)
    raise ValueError(f"no network {name} on this side")


def set_arithmetic(precision):
    """f32 products exactly, or rounded to TF32 on devices that have it."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision {precision}, expected one of {', '.join(PRECISIONS)}")
    coarse = precision != "f32"
    torch.backends.cuda.matmul.allow_tf32 = coarse
    torch.backends.cudnn.allow_tf32 = coarse
    # The fastest algorithm is searched for, whatever order it adds in.
    torch.backends.cudnn.benchmark = True


def network_step(case, layout):
    """Forward, backward and update, or forward alone, on random CIFAR-shaped images."""
    torch.manual_seed(0)
    device, precision = case.get("device", "cpu"), case.get("precision", "f32")
    set_arithmetic(precision)
    compiled, on_device = layout == "compiled", device == "cuda"
    model = network(case).to(device)
    images = torch.randn(case["batch"], 3, 32, 32, device=device)
    labels = torch.randint(0, 10, (case["batch"],), device=device)
    if layout != "contiguous":
        model = model.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    train = case["suite"] == "train-step"
    model.train(train)
    arithmetic = torch.bfloat16 if precision == "bf16" else torch.float32
    images = images.to(arithmetic)

    def logits(images):
        if arithmetic == torch.float32:
            return model(images)
        cast = {name: parameter.to(arithmetic) for name, parameter in model.named_parameters()}
        return torch.func.functional_call(model, cast, (images,))

    def loss(images, labels):
        return F.cross_entropy(logits(images).float(), labels)

    function = loss if train else logits
    once = partial(update, optimiser_of(case, model, on_device), images, labels) if train else partial(forward, images)
    if not compiled:
        run = partial(once, function)
    elif not on_device:
        run = partial(once, torch.compile(function))
    else:
        run = captured(once, function)

    def step(updates):
        for _ in range(updates):
            result = run()
        # Waits for the device; on the processor there is nothing to wait for.
        return result.sum().item()

    repeats = case.get("repeats", 1)
    return partial(step, min(repeats, WARM_UP_UPDATES)), partial(step, repeats)


def plane_step(case, layout):
    """A point of a plane through three networks: its parameters, then loss, accuracy and agreement with each of the three on all
    images, so many at a time as are fastest here."""
    torch.manual_seed(0)
    set_arithmetic("f32")
    format = torch.contiguous_format if layout == "contiguous" else torch.channels_last
    model = network(case).to(memory_format=format).eval().requires_grad_(False)
    images = torch.randn(case["batch"], 3, 32, 32).to(memory_format=format)
    labels = torch.randint(0, 10, (case["batch"],))
    corners = [
        [parameter.clone() for parameter in network(case).to(memory_format=format).requires_grad_(False).parameters()]
        for _ in range(3)
    ]
    logits_of = torch.compile(model) if layout == "compiled" else model
    named = [torch.randint(0, 10, (case["batch"],)) for _ in corners]
    place = iter(range(1 << 40))

    def step(chunk):
        i = next(place)
        x, y = i % 31 / 30, i // 31 % 31 / 30
        with torch.inference_mode():
            for parameter, a, b, c in zip(model.parameters(), *corners):
                parameter.copy_(a).mul_(1 - x - y).add_(b, alpha=x).add_(c, alpha=y)
            logits = torch.cat([logits_of(some) for some in images.split(chunk)])
            predicted = logits.argmax(1)
            scores = [F.cross_entropy(logits, labels).item()]
            return scores + [(predicted == other).float().mean().item() for other in [labels, *named]]

    def seconds(chunk):
        step(chunk)
        start = time.perf_counter()
        step(chunk)
        return time.perf_counter() - start

    # Another size of the last chunk would be compiled for, too.
    sizes = [size for size in PLANE_CHUNKS if case["batch"] % size == 0] or [case["batch"]]
    best = partial(step, min(sizes, key=seconds))
    return best, best


def optimiser_of(case, model, on_device):
    # What is captured may not ask the host how many updates there were.
    if case["model"] == "vit":
        return torch.optim.Adam(model.parameters(), lr=3e-4, fused=True, capturable=on_device)
    return torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, fused=True)


def update(optimiser, images, labels, loss_of):
    optimiser.zero_grad(set_to_none=True)
    loss = loss_of(images, labels)
    loss.backward()
    optimiser.step()
    return loss.detach()


def forward(images, logits_of):
    with torch.inference_mode():
        return logits_of(images)


def captured(once, function):
    """Compiled, and all of it in one CUDA graph; by the compiler's own graphs if that fails."""
    try:
        compiled = torch.compile(function)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            # Compiles, chooses algorithms, and makes the optimiser's state.
            for _ in range(3):
                once(compiled)
        torch.cuda.current_stream().wait_stream(side)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            result = once(compiled)

        def replay():
            graph.replay()
            return result

        replay()
        torch.cuda.synchronize()
        return replay
    except Exception as reason:
        print(f"not captured as a whole: {type(reason).__name__}: {reason}", file=sys.stderr, flush=True)
        torch.cuda.synchronize()
        return partial(once, torch.compile(function, mode="reduce-overhead"))


def conv_step(case, layout):
    """One pass of one convolution. The gradients start from an input that is padded already, as autograd's do."""
    if layout == "compiled":
        raise ValueError("one operator: there is nothing to compile")
    format = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    side, stride = case["side"], case["stride"]
    images = torch.randn(case["batch"], case["cin"], side, side).to(memory_format=format)
    weight = torch.randn(case["cout"], case["cin"], 3, 3).to(memory_format=format)
    padded = same_pad(images, stride).contiguous(memory_format=format)
    gradient = torch.randn_like(same_conv(padded, weight, stride)).contiguous(memory_format=format)
    padding = 0 if stride == 2 else 1
    # What autograd calls; torch.nn.grad wraps it, but hides the input's layout from it.
    backward = partial(
        torch.ops.aten.convolution_backward,
        gradient, padded, weight, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], 1,
    )  # fmt: skip
    steps = {
        "forward": lambda: same_conv(same_pad(images, stride), weight, stride),
        "input-gradient": lambda: backward([True, False, False])[0][..., :side, :side],
        "weight-gradient": lambda: backward([False, True, False])[1],
    }

    def step():
        with torch.no_grad():
            return steps[case["pass"]]()

    return step, step


def augment_step(case, layout):
    """torchvision's chain on one image after the other, stacked into a batch of bytes."""
    if layout != "contiguous":
        raise ValueError("bytes of single images: other layouts change nothing")
    from torchvision.transforms import v2

    chain = [v2.RandomHorizontalFlip(), v2.RandomCrop(32, 4)]
    if case["chain"] == "flip+crop+jitter":
        chain.append(v2.ColorJitter(0.1, 0.1, 0.1, 0.1))
    chain = v2.Compose(chain)
    images = torch.randint(0, 256, (case["batch"], 3, 32, 32), dtype=torch.uint8)

    def step():
        return torch.stack([chain(image) for image in images])

    return step, step


BUILDERS = {
    "train-step": network_step,
    "forward": network_step,
    "plane": plane_step,
    "conv": conv_step,
    "augment": augment_step,
}


def prepare(case, layouts):
    """Of every layout that works the unmeasured and the measured step, warmed up; the reasons of those that do not."""
    ready, skipped = {}, {}
    for layout in layouts:
        try:
            unmeasured, measured = BUILDERS[case["suite"]](case, layout)
            for _ in range(WARM_UP):
                unmeasured()
            ready[layout] = unmeasured, measured
        except Exception as reason:
            skipped[layout] = " ".join(f"{type(reason).__name__}: {reason}".split())[:300]
    return ready, skipped


def forget():
    """Drops what the compiler knows of the last case: for another network of the same code it would compile for any size,
    and after a few of them not at all. Memory of the device goes back to the driver, which shares it with our side."""
    if "torch._dynamo" in sys.modules:
        torch.compiler.reset()
    if torch.cuda.is_initialized():
        gc.collect()
        torch.cuda.empty_cache()


def measure(unmeasured, step, steps):
    unmeasured()
    seconds = []
    for _ in range(steps):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return seconds


def peak_memory_mib():
    """On a device, the most its tensors held. Else the kernel's mark for this program; where there is none the one that
    processes inherit when they start."""
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return torch.cuda.max_memory_allocated() / 2**20
    try:
        with open("/proc/self/status") as status:
            marks = [line.split()[1] for line in status if line.startswith("VmHWM:")]
            return int(marks[0]) / 1024
    except (OSError, IndexError):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--threads", type=int, required=True)
    arguments.add_argument("--layouts", default=",".join(LAYOUTS), help="comma-separated; a single one for its memory")
    arguments = arguments.parse_args()
    layouts = [name for name in arguments.layouts.split(",") if name]
    unknown = [name for name in layouts if name not in LAYOUTS]
    if unknown or not layouts:
        answer({"error": f"layouts {arguments.layouts}, expected some of {','.join(LAYOUTS)}"})
        sys.exit(1)
    torch.set_num_threads(arguments.threads)
    answer({"program": f"PyTorch {torch.__version__}", "threads": torch.get_num_threads()})
    steps = {}
    for line in sys.stdin:
        command, _, rest = line.strip().partition(" ")
        try:
            if command == "case":
                # The last case's tensors go before the next one's are made.
                steps.clear()
                forget()
                steps, skipped = prepare(json.loads(rest), layouts)
                answer({"layouts": list(steps), "skipped": skipped})
            elif command == "round":
                for layout, (unmeasured, step) in steps.items():
                    answer({"layout": layout, "seconds": measure(unmeasured, step, int(rest))})
            elif command == "memory":
                answer({"peak_memory_mib": peak_memory_mib()})
            else:
                answer({"error": f"unknown command {command!r}"})
        except Exception as reason:
            answer({"error": f"{type(reason).__name__}: {reason}"})


if __name__ == "__main__":
    main()
