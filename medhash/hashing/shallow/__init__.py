"""Shallow methods on features such as GIST: `fit_NAME(features, labels, bits, seed)`, one per file. No torch.

| function | source | file |
|---|---|---|
| `fit_cbe` | Yu et al., Circulant Binary Embedding (2014) | cbe.py |
| `fit_dh` | Liong et al., Deep Hashing for Compact Binary Codes Learning (2015) | dh.py |
| `fit_itq` | Gong & Lazebnik, Iterative Quantization (2011) | itq.py |
| `fit_ksh` | Liu et al., Supervised Hashing with Kernels (2012) | ksh.py |
| `fit_lsh` | Slaney & Casey, Locality-Sensitive Hashing (2008) | lsh.py |
| `fit_mhf` | Conjeti et al., Metric Hashing Forests (2016) | mhf.py |
| `fit_sdh` | Liong et al. (2015), supervised | sdh.py |
| `fit_sh` | Weiss et al., Spectral Hashing (2008) | sh.py |
| `fit_ssh` | Wang et al., Semi-Supervised Hashing for Large-Scale Search (2012) | ssh.py |

A fit returns arrays, which an encoder of `medhash/hashing/encoders.py` turns into relaxed codes.
"""

from medhash.hashing.shallow.cbe import fit_cbe
from medhash.hashing.shallow.dh import fit_dh
from medhash.hashing.shallow.itq import fit_itq
from medhash.hashing.shallow.ksh import fit_ksh
from medhash.hashing.shallow.lsh import fit_lsh
from medhash.hashing.shallow.mhf import fit_mhf
from medhash.hashing.shallow.sdh import fit_sdh
from medhash.hashing.shallow.sh import fit_sh
from medhash.hashing.shallow.ssh import fit_ssh

__all__ = ["fit_cbe", "fit_dh", "fit_itq", "fit_ksh", "fit_lsh", "fit_mhf", "fit_sdh", "fit_sh", "fit_ssh"]
