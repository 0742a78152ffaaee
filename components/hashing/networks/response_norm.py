"""Local response normalisation across channels, as AlexNet and CNN-F have it after their first convolutions."""

import torch
from torch import nn
from torch.nn.functional import pad


class ResponseNorm(nn.Module):
    """b_i = a_i / (2 + 10⁻⁴ Σ_j a_j²)^0.75, the sum over the five channels j around i (fewer at the ends).

    a: (N, C, S, S), of which b has the shape. Source: Krizhevsky et al. (2012), §3.3, with its k, n, α and β.
    It computes what torch's local_response_norm (with its α = n · 10⁻⁴) does, without the average pooling over
    volumes, whose gradient on a GPU does not repeat and which took two to four times as long on a CPU.
    """

    def forward(self, a: torch.Tensor) -> torch.Tensor:
        squares = pad(a * a, (0, 0, 0, 0, 2, 2))
        n_channels = a.shape[1]
        energy = squares[:, :n_channels]
        for offset in range(1, 5):
            energy = energy + squares[:, offset : offset + n_channels]
        root = (2 + 1e-4 * energy).rsqrt()
        return a * root * root.sqrt()
