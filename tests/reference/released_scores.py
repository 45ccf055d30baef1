"""What PyTorch makes of Ships and angles in single precision, for tests/unit/test_released.c.

    python tests/reference/released_scores.py

Prints the values that stand there: of logits and vectors that sines and cosines of their index give.
"""

import torch

i = torch.arange(1000, dtype=torch.float64)
p_logits = (4 * torch.sin(0.37 * i)).float()
for name, step in (("small", 0.01), ("large", 1.0)):
    q_logits = (4 * torch.sin(0.37 * i) + step * torch.cos(1.7 * i)).float()
    p, q = torch.softmax(p_logits, -1) + 1e-12, torch.softmax(q_logits, -1) + 1e-12
    print(name, "divergence", (p * torch.log(p / q)).sum().item())

for step in (0.3, 0.01, 0.0001):
    a, b = torch.sin(0.37 * i[:40]), torch.sin(0.37 * i[:40]) + step * torch.cos(1.7 * i[:40])
    a, b = a / a.norm(), b / b.norm()
    exact = torch.rad2deg(torch.asin((b - a * (a @ b)).norm())).item()
    cosine = (a.float() @ b.float()).abs().clamp(max=1)
    print("step", step, "angle", torch.rad2deg(torch.acos(cosine)).item(), "by its sine in double precision", exact)

clean = torch.sin(0.37 * i[:120]).reshape(40, 3)
ablated = clean + 0.3 * torch.cos(1.7 * i[:120]).reshape(40, 3)
x, y = clean[:, 0].float(), ablated[:, 0].float()
print("columns", torch.rad2deg(torch.acos(((x / x.norm()) @ (y / y.norm())).abs().clamp(max=1))).item())
