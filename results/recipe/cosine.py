"""Likeness of the pooled features of two images in fresh ResNets with LayerNorm: python cosine.py DIR, where DIR holds
data_batch_1.bin of CIFAR-10. The networks are those of crates/models, written in PyTorch; images at half their size."""
import sys

import numpy as np
import torch
import torch.nn.functional as F


def kernel(cin, cout, centred):
    sd = (1 / (9 * cin)) ** 0.5 / 0.87962566
    w = torch.nn.init.trunc_normal_(torch.empty(cout, cin, 3, 3), std=sd, a=-2 * sd, b=2 * sd)
    return w - w.mean((1, 2, 3), keepdim=True) if centred and cin > 3 else w


def conv_norm(x, cout, stride, centred, scale=1.0):
    w = kernel(x.shape[1], cout, centred)
    y = F.conv2d(F.pad(x, (0, 1, 0, 1)), w, stride=2) if stride == 2 else F.conv2d(x, w, padding=1)
    variance, mean = torch.var_mean(y, 1, keepdim=True, correction=0)
    return (y - mean) * torch.rsqrt(variance + 1e-6) * scale


def features(x, depth, residual_scale, centred):
    x = conv_norm(x, 16, 1, False).relu()
    for group in range(3):
        for block in range((depth - 2) // 6):
            cout, stride = 16 << group, 2 if group and not block else 1
            shortcut = conv_norm(x, cout, 2, centred) if stride == 2 else x
            y = conv_norm(x, cout, stride, centred).relu()
            x = (conv_norm(y, cout, 1, centred, residual_scale) + shortcut).relu()
    return x.mean((2, 3))


records = np.fromfile(f"{sys.argv[1]}/data_batch_1.bin", np.uint8).reshape(-1, 3073)[:256, 1:]
images = torch.tensor(records.reshape(-1, 3, 32, 32)).float() / 255
mean, sd = torch.tensor([0.4914, 0.48216, 0.44653]), torch.tensor([0.24703, 0.24349, 0.26159])
images = F.avg_pool2d((images - mean.view(1, 3, 1, 1)) / sd.view(1, 3, 1, 1), 2)
for depth in (8, 20):
    for residual_scale, centred in ((1.0, False), (1.0, True), (0.0, False), (0.0, True)):
        cosines = []
        for seed in range(5):
            torch.manual_seed(seed)
            with torch.no_grad():
                z = F.normalize(features(images, depth, residual_scale, centred), dim=1)
            cosines.append(((z @ z.T).sum().item() - len(z)) / (len(z) * (len(z) - 1)))
        print(f"depth {depth}, residual scale {residual_scale:g}, centred {centred}: "
              f"{np.mean(cosines):.3f} (sd over 5 seeds {np.std(cosines, ddof=1):.3f})")
