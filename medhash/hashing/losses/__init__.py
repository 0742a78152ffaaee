"""Losses on relaxed codes: functions of tensors, one per file. Importing this package imports torch.

| function | source | file |
|---|---|---|
| `balance_loss` | Deep Residual Hashing (2016), J_B | balance.py |
| `binary_gap_loss` | DSH (2016), DPSH (2016), Greedy Hash (2018), IDHN (2019) | binary_gap.py |
| `cauchy_loss` | Cao et al., Deep Cauchy Hashing (2018) | cauchy.py |
| `center_loss`, `center_targets` | Yuan et al., Central Similarity Quantization (2020) | center.py |
| `classification_loss` | Chen et al., Order-Sensitive Deep Hashing (2018), L_C | classification.py |
| `contrastive_loss` | Liu et al., Deep Supervised Hashing (2016) | contrastive.py |
| `cosine_margin_loss` | Hoe et al., One Loss for All (2021) | cosine_margin.py |
| `membership_loss` | Manna, Deep Neural Hashing for Medical Image Retrieval (2023) | membership.py |
| `nca_loss` | Deep Residual Hashing (2016), J_S; Goldberger et al. (2004) | nca.py |
| `orthogonality_loss` | Deep Residual Hashing (2016), R_O | orthogonality.py |
| `overlap_distance_loss` | Manna (2023), objective 3 | overlap_distance.py |
| `pairwise_likelihood_loss` | Li et al., DPSH (2016); Cao et al., HashNet (2017) | pairwise_likelihood.py |
| `quantization_loss` | Deep Residual Hashing (2016), J_Q | quantization.py |
| `ranking_loss` | Order-Sensitive Deep Hashing (2018), L_R | ranking.py |
| `robust_pair_loss` | Conjeti et al., Deep Multiple Instance Hashing (2017) | robust_pairs.py |
| `soft_similarity_loss` | Zhang et al., IDHN (2019) | soft_similarity.py |
| `sign_straight_through` | Su et al., Greedy Hash (2018); a sign with a gradient, no loss | straight_through.py |
| `share_a_label`, `different_images`, `mean_over_pairs` | masks and means over pairs of images | pairs.py |
"""

from medhash.hashing.losses.balance import balance_loss
from medhash.hashing.losses.binary_gap import binary_gap_loss
from medhash.hashing.losses.cauchy import cauchy_loss
from medhash.hashing.losses.center import center_loss, center_targets
from medhash.hashing.losses.classification import classification_loss
from medhash.hashing.losses.contrastive import contrastive_loss
from medhash.hashing.losses.cosine_margin import cosine_margin_loss
from medhash.hashing.losses.membership import membership_loss
from medhash.hashing.losses.nca import nca_loss
from medhash.hashing.losses.orthogonality import orthogonality_loss
from medhash.hashing.losses.overlap_distance import overlap_distance_loss
from medhash.hashing.losses.pairs import different_images, mean_over_pairs, share_a_label
from medhash.hashing.losses.pairwise_likelihood import pairwise_likelihood_loss
from medhash.hashing.losses.quantization import quantization_loss
from medhash.hashing.losses.ranking import ranking_loss
from medhash.hashing.losses.robust_pairs import robust_pair_loss
from medhash.hashing.losses.soft_similarity import soft_similarity_loss
from medhash.hashing.losses.straight_through import sign_straight_through

__all__ = [
    "balance_loss",
    "binary_gap_loss",
    "cauchy_loss",
    "center_loss",
    "center_targets",
    "classification_loss",
    "contrastive_loss",
    "cosine_margin_loss",
    "different_images",
    "mean_over_pairs",
    "membership_loss",
    "nca_loss",
    "orthogonality_loss",
    "overlap_distance_loss",
    "pairwise_likelihood_loss",
    "quantization_loss",
    "ranking_loss",
    "robust_pair_loss",
    "share_a_label",
    "sign_straight_through",
    "soft_similarity_loss",
]
