#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets, all but those of `pickle`, `permutation_file`, `safetensors_file` and `spec_toml`, which
were written by the crates themselves: small files of every kind that is read, all made here. Wants NumPy and Pillow.

    python3 fuzz/seeds.py
"""

import gzip
import hashlib
import io
import json
import struct
from pathlib import Path

import numpy as np
from PIL import Image

SEEDS = Path(__file__).parent / "seeds"
BETWEEN = b"\n%%\n"


def seed(target: str, name: str, *parts: bytes | str) -> None:
    folder = SEEDS / target
    folder.mkdir(parents=True, exist_ok=True)
    parts = [part.encode() if isinstance(part, str) else part for part in parts]
    (folder / name).write_bytes(BETWEEN.join(parts))


def assignment() -> None:
    seed("assignment", "square", bytes([5, 5, 0]) + bytes(range(3, 28)))
    seed("assignment", "wide", bytes([3, 7, 2]) + bytes(i * i % 251 for i in range(21)))
    seed("assignment", "tall", bytes([6, 2, 1]) + struct.pack("<12d", *(i * 0.37 % 1 for i in range(12))))
    seed("assignment", "huge", bytes([2, 2, 1]) + struct.pack("<4d", 1e300, -1e300, float("nan"), 0))


def cifar() -> None:
    record = bytes([3, 7]) + bytes(i % 251 for i in range(3072))
    seed("cifar", "one", bytes([0]) + record)
    seed("cifar", "train", bytes([1]) + record)
    seed("cifar", "every-class", bytes([2]) + b"".join(bytes([i // 5, i, i]) for i in range(100)))
    seed("cifar", "one-more", bytes([3]) + b"".join(bytes([i // 5 % 20, i % 100, i]) for i in range(101)))
    seed("cifar", "cifar10", bytes([4]) + record[1:])


def idx() -> None:
    labels = struct.pack(">II", 0x801, 2) + bytes([3, 7])
    images = struct.pack(">IIII", 0x803, 2, 28, 28) + bytes(i % 7 for i in range(2 * 784))
    pack = lambda raw: gzip.compress(raw, mtime=0)
    seed("idx", "plain", labels, images)
    seed("idx", "packed", pack(labels), pack(images))
    seed("idx", "mixed", labels, pack(images))


def image_file() -> None:
    ramp = np.arange(64 * 64 * 3).reshape(64, 64, 3) * 7 % 256
    for name, mode, form in [
        ("grey.png", "L", {"format": "png"}),
        ("colour.png", "RGB", {"format": "png"}),
        ("palette.png", "P", {"format": "png"}),
        ("alpha.png", "RGBA", {"format": "png"}),
        ("colour.jpeg", "RGB", {"format": "jpeg", "quality": 30}),
        ("grey.jpeg", "L", {"format": "jpeg", "quality": 30}),
        ("progressive.jpeg", "RGB", {"format": "jpeg", "quality": 30, "progressive": True}),
        ("cmyk.jpeg", "CMYK", {"format": "jpeg", "quality": 30}),
    ]:
        smooth = ramp if "colour.jpeg" != name else ramp // 8
        file = io.BytesIO()
        Image.fromarray(smooth.astype(np.uint8)).convert(mode).save(file, **form)
        seed("image_file", name, file.getvalue())


def node() -> None:
    sha = lambda raw: hashlib.sha256(raw).hexdigest()
    state = "state-000000000001.safetensors"
    row = b'{"step": 1, "loss": 0.5}\n'
    done = lambda form=1, raw=row: json.dumps(
        {"format": form, "files": {"a": {"size": len(raw), "sha256": sha(raw)}}}, indent=2
    ) + "\n"
    journal = '{"event": "begin", "node": "a"}\n{"event": "end", "seconds": 1.5}\n'
    sealed = (b"state", f"{sha(b'state')}  {state}\n")
    seed("node", "whole", done(), row, journal, *sealed)
    seed("node", "changed", done(raw=b"another content, 25 byte\n"), row, journal, *sealed)
    seed("node", "torn", done()[:40], row, journal[:-9], b"stat", sealed[1])
    seed("node", "later", done(form=2), row, journal + "{]\n\n", *sealed)
    seed("node", "nothing", '{"format": 1, "files": {}}', b"", "", b"", "")
    seed("node", "outside", '{"format": 1, "files": {"../../x": {"size": 0, "sha256": ""}}}', b"")


def npy() -> None:
    def header(descr: str, shape: str, version: int = 1) -> bytes:
        text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
        text = f"{text:<117}\n".encode()
        length = struct.pack("<H" if version == 1 else "<I", len(text))
        return b"\x93NUMPY" + bytes([version, 0]) + length + text

    pixels = "(50000, 32, 32, 3)"
    for name, first, labels in [
        ("whole", 0, header("<i8", "(50000,)")),
        ("label", 1, header("<i8", "(50000,)")),
        ("second", 1, header("<i8", "(50000,)", 2)),
        ("bytes", 1, header("|u1", "(50000,)")),
        ("floats", 1, header("<f4", "(50000,)")),
    ]:
        seed("npy", name, bytes([first]) + header("|u1", pixels), labels)


def recipe() -> None:
    # Any bytes are a recipe; these are long enough for one of many nodes.
    for number in range(4):
        seed("recipe", f"stream-{number}", b"".join(hashlib.sha256(bytes([number, i])).digest() for i in range(12)))


def recognition() -> None:
    conv = lambda name, out, into: f"{name}.weight {out} {into} 3 3\n"
    norm = lambda name, n, kinds="weight bias": "".join(f"{name}.{kind} {n}\n" for kind in kinds.split())
    dense = lambda name, out, into: f"{name}.weight {out} {into}\n{name}.bias {out}\n"
    running = "weight bias running_mean running_var"
    seed("recognition", "mlp", "- - o\n" + dense("0", 6, 5) + dense("2", 6, 6) + dense("4", 3, 6))
    vgg = conv("features.0", 4, 3) + norm("features.1", 4, running) + conv("features.3", 6, 4)
    seed("recognition", "vgg", "- - o\n" + vgg + norm("features.4", 6, running) + dense("classifier", 3, 6))
    block = lambda at, out, into: (
        conv(f"{at}.conv1", out, into) + norm(f"{at}.bn1", out) + conv(f"{at}.conv2", out, out) + norm(f"{at}.bn2", out)
    )
    short = "layer2.0.downsample.0.weight 6 4 1 1\n" + norm("layer2.0.downsample.1", 6)
    resnet = conv("conv1", 4, 3) + norm("bn1", 4) + block("layer1.0", 4, 4) + block("layer2.0", 6, 4)
    seed("recognition", "resnet", "- 1 o\n" + resnet + short + dense("fc", 3, 6))
    seed("recognition", "padded", "- 1 o b\n" + resnet + dense("fc", 3, 6))
    layer = (
        norm("encoder.0.norm1", 8)
        + "encoder.0.attn.in_proj_weight 24 8\nencoder.0.attn.in_proj_bias 24\n"
        + dense("encoder.0.attn.out_proj", 8, 8)
        + norm("encoder.0.norm2", 8)
        + dense("encoder.0.mlp.0", 12, 8)
        + dense("encoder.0.mlp.2", 8, 12)
    )
    vit = "cls_token 1 1 8\npos_embed 1 5 8\npatch_embed.proj.weight 8 3 4 4\npatch_embed.proj.bias 8\n"
    seed("recognition", "vit", "2 1 o\n" + vit + layer + norm("norm", 8) + dense("head", 3, 8))
    gated = dense("embed", 6, 5) + "up.weight 9 6\ngate.weight 9 6\ndown.weight 6 9\n"
    seed("recognition", "gated", "- - o\n" + gated + dense("head", 3, 6))
    seed("recognition", "recurrent", "- - o\nrnn.weight_ih_l0 24 5\nrnn.weight_hh_l0 24 6\n" + dense("head", 3, 6))
    seed("recognition", "sorted", "- - r\n" + dense("a", 6, 5) + dense("b", 6, 6) + dense("c", 3, 6))


def tiny_imagenet() -> None:
    classes = "n00000001\nn00000002\n"
    lines = [f"val_{i}.JPEG\tn0000000{1 + i % 2}\t0\t0\t62\t62\n" for i in range(4)]
    seed("tiny_imagenet", "published", classes, "".join(lines))
    seed("tiny_imagenet", "windows", "\ufeff" + classes.replace("\n", "\r\n"), "".join(lines).replace("\n", "\r\n"))
    seed("tiny_imagenet", "commas", classes.upper(), "".join(lines).replace("\t", ",").replace("JPEG", "png"))
    seed("tiny_imagenet", "twice", classes, "".join(lines) + lines[0])
    seed("tiny_imagenet", "bytes", classes.encode() + b"\xff\xfe", "".join(lines))


def view() -> None:
    for number, text in enumerate(
        "grey band:0 drop:2 pair:0,1 rotate:45 coloured:0.1 low-contrast:0.5 blur:1 fog:3 rotate:45+fog:2@7 "
        "jpeg_compression:2 elastic_transform:5 gaussian_noise:1@18446744073709551615 frost-like:1 band:0+grey@x "
        "zoom_blur:1 spatter:4 pixelate:2 motion_blur:3+snow:1".split()
    ):
        seed("view", f"{number:02}", text)


for make in [assignment, cifar, idx, image_file, node, npy, recipe, recognition, tiny_imagenet, view]:
    make()
