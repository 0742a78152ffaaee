"""The catalogue of hashing methods: a name like `drh-18` → what it learns and how. Free of torch.

Its tables are those of the papers. `-paper` rows keep the printed settings; the settings of the others were chosen on
validation patients of the bundled sample (docs/results.md), all with the same budget.
"""

import difflib
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from pydantic import ValidationError

from medhash.core.errors import MedhashError
from medhash.hashing.features import blocks_of
from medhash.hashing.method_types import (
    DeepMethod,
    HeadMethod,
    Method,
    Recipe,
    ShallowMethod,
    StructuredMethod,
    TwoStepMethod,
    Unbinarised,
)
from medhash.hashing.objectives.classify import ClassifyObjective
from medhash.hashing.objectives.csq import CsqObjective
from medhash.hashing.objectives.dmih import DmihObjective
from medhash.hashing.objectives.dpsh import DpshObjective
from medhash.hashing.objectives.drh import DrhObjective
from medhash.hashing.objectives.dsh import DshObjective
from medhash.hashing.objectives.fuzzhash import FuzzhashObjective
from medhash.hashing.objectives.greedyhash import GreedyhashObjective
from medhash.hashing.objectives.hashnet import HashnetObjective
from medhash.hashing.objectives.idhn import IdhnObjective
from medhash.hashing.objectives.modhash import ModhashObjective
from medhash.hashing.objectives.objective import Objective
from medhash.hashing.objectives.ophash import OphashObjective
from medhash.hashing.objectives.orthohash import OrthohashObjective
from medhash.hashing.objectives.osdh import OsdhObjective
from medhash.hashing.shallow.cbe import fit_cbe
from medhash.hashing.shallow.dh import fit_dh
from medhash.hashing.shallow.itq import fit_itq
from medhash.hashing.shallow.ksh import fit_ksh, need_for_ksh
from medhash.hashing.shallow.lsh import fit_lsh
from medhash.hashing.shallow.mhf import fit_mhf
from medhash.hashing.shallow.sdh import fit_sdh
from medhash.hashing.shallow.sh import fit_sh
from medhash.hashing.shallow.ssh import fit_ssh

Network = dict[str, str | int | float]

_DRH_SOURCE = "Conjeti et al., Deep Residual Hashing (2016)"
_OSDH_SOURCE = "Chen et al., Order-Sensitive Deep Hashing for Multimorbidity Medical Image Retrieval (MICCAI 2018)"
_DMIH_SOURCE = "Conjeti et al., Deep Multiple Instance Hashing (MICCAI 2017)"
_STRUCTURED_SOURCE = "Manna, Deep Neural Hashing for Medical Image Retrieval (IIT Kharagpur, 2023)"

# Networks
_NARROW: Network = {"kind": "residual", "depth": 18, "width": "paper", "stem": "by-size"}
"""8-16-32-32 channels; the published stem from 96 px on, a smaller one below."""
_NORMED = _NARROW | {"code_norm": "batch"}
_UNBOUNDED = _NARROW | {"activation": "none"}
_UNBOUNDED_NORMED = _UNBOUNDED | {"code_norm": "batch"}
_SUB_CODES = _NORMED | {"encoders": "shared"}
"""With a head per attribute."""

# Recipes
_ONE_CYCLE = Recipe(batch_size=128, optimizer="adamw", learning_rate=2e-3, weight_decay=0.05, schedule="one-cycle")
_SHORT = replace(_ONE_CYCLE, weight_decay=0.2, warmup=0.15)
"""For a sample of about a thousand images: few batches, so the rate is high and the decay strong (docs/results.md)."""
_SHORT_DRH = replace(_SHORT, learning_rate=4e-3)
_SHORT_OSDH = replace(_SHORT, learning_rate=6e-3)
_SHORT_BAGS = replace(_SHORT, batch_size=32, learning_rate=1e-2)
"""Few batches of bags need a higher rate (docs/dmih.md)."""
_FINE_TUNE = replace(_ONE_CYCLE, learning_rate=3e-4)
_HEAD = replace(_SHORT, epochs=30)
"""A head learns in seconds, and soon by heart."""
_DRH_PAPER = Recipe(batch_size=128, optimizer="sgd", learning_rate=1e-2, weight_decay=5e-4, schedule="plateau")
_OSDH_PAPER = Recipe(
    batch_size=256, optimizer="sgd", learning_rate=1e-4, weight_decay=0.005, schedule="step", decay=0.6
)

# Values of α
_ALPHAS = tuple(2 ** (8 * step / 9) for step in range(10))
_GENTLE_ALPHAS = tuple(2 ** (3 * step / 9) for step in range(10))
"""1 … 8: with normalised bits tanh(8 z) is ±1 for nearly all, and its gradient has not yet vanished."""

_PUBLIC_ALPHAS = (1.0, 1.0, 2**0.5)
"""√(1 + epoch div 20), as HashNet's public code has it, over 30 epochs. On frozen features a faster rise costs MAP
(benchmarks/public_hashnet.py)."""

# Objectives that several rows share
_DRH = DrhObjective(
    nca="log", temperature=0.25, temperature_per_bit=True, quantization=0.001, balance=0.001, orthogonality=0.001
)
_DRH_NQ = replace(_DRH, quantization=0.0, balance=0.0)
_DRH_NCA = replace(_DRH_NQ, orthogonality=0.0)
_OSDH = OsdhObjective(ranking=0.5, lists="expected")
"""λ_R, the norm and the range of α were chosen on validation patients of the sample: the paper's λ_R without the norm
gave 9-11 distinct codes of 897, these settings hundreds, and no dead bit (docs/results.md)."""
_DMIH = DmihObjective()


def _then_ksh(name: str, title: str, source: str, network: Network) -> TwoStepMethod:
    """A network fine-tuned by cross-entropy, then KSH on its embedding."""
    deep = DeepMethod(name, title, source, network | {"head": "embedding"}, ClassifyObjective(), _FINE_TUNE)
    return TwoStepMethod(deep, fit_ksh, "kernel", needs=need_for_ksh)


def _drh_rows(layers: int) -> tuple[Method, ...]:
    """Deep Residual Hashing and its baselines at 18 or 34 layers."""
    residual, plain = _NORMED | {"depth": layers}, _NORMED | {"depth": layers, "kind": "plain"}

    def row(name: str, title: str, network: Network, objective: DrhObjective) -> DeepMethod:
        return DeepMethod(f"{name}-{layers}", title, _DRH_SOURCE, network, objective, _SHORT_DRH)

    return (
        row("dph", f"Deep Plain Hashing, {layers} layers, no shortcuts", plain, _DRH),
        row("drh", f"Deep Residual Hashing, {layers} layers", residual, _DRH),
        row("drh-nq", f"Deep Residual Hashing without quantisation and balance, {layers} layers", residual, _DRH_NQ),
        Unbinarised(
            f"drh-nb-{layers}", f"Deep Residual Hashing not binarised, {layers} layers", _DRH_SOURCE, f"drh-{layers}"
        ),
        TwoStepMethod(
            row("drn-ksh", f"Residual network of {layers} layers by J_S, then KSH", residual, _DRH_NCA),
            fit_ksh,
            "kernel",
            needs=need_for_ksh,
        ),
    )


_DRH_TABLES: tuple[Method, ...] = (
    ShallowMethod("lsh", "Locality-sensitive hashing on GIST", "Slaney & Casey (2008)", fit_lsh),
    ShallowMethod("itq", "Iterative quantisation on GIST", "Gong & Lazebnik (2011)", fit_itq),
    ShallowMethod("cbe", "Circulant binary embedding on GIST", "Yu et al. (ICML 2014)", fit_cbe, "circulant"),
    ShallowMethod("mhf", "Metric hashing forest on GIST", "Conjeti et al. (MedIA 2016)", fit_mhf, "forest"),
    ShallowMethod("ksh", "Supervised hashing with kernels on GIST", "Liu et al. (CVPR 2012)", fit_ksh, "kernel"),
    _then_ksh(
        "a-ksh",
        "AlexNet by cross-entropy, then KSH",
        "Krizhevsky et al. (2012); " + _DRH_SOURCE,
        {"kind": "alexnet", "stem": "large"},
    ),
    _then_ksh(
        "v-ksh",
        "CNN-F (VGG-F) by cross-entropy, then KSH",
        "Chatfield et al. (2014); " + _DRH_SOURCE,
        {"kind": "cnn-f", "stem": "large"},
    ),
    *_drh_rows(18),
    *_drh_rows(34),
)


def _osdh_row(name: str, title: str, objective: OsdhObjective) -> DeepMethod:
    return DeepMethod(name, title, _OSDH_SOURCE, _NORMED, objective, _SHORT_OSDH, _GENTLE_ALPHAS)


_OSDH_TABLES: tuple[Method, ...] = (
    ShallowMethod(
        "dh", "Deep hashing of GIST, unsupervised", "Liong et al. (CVPR 2015)", fit_dh, "layers", "gist-1024"
    ),
    ShallowMethod(
        "itq-1024", "Iterative quantisation on GIST-1024", "Gong & Lazebnik (2011)", fit_itq, features="gist-1024"
    ),
    ShallowMethod(
        "sh", "Spectral hashing on GIST-1024", "Weiss et al. (NIPS 2008)", fit_sh, "eigenfunctions", "gist-1024"
    ),
    ShallowMethod(
        "ssh", "Semi-supervised hashing on GIST-1024", "Wang et al. (TPAMI 2012)", fit_ssh, features="gist-1024"
    ),
    ShallowMethod("sdh", "Supervised deep hashing of GIST", "Liong et al. (CVPR 2015)", fit_sdh, "layers", "gist-1024"),
    DeepMethod("dsh", "Deep Supervised Hashing", "Liu et al. (CVPR 2016)", _UNBOUNDED_NORMED, DshObjective(), _SHORT),
    DeepMethod("hashnet", "HashNet", "Cao et al. (ICCV 2017)", _NARROW, HashnetObjective(), _SHORT, _GENTLE_ALPHAS),
    _osdh_row("osdh", "Order-Sensitive Deep Hashing, residual backbone", _OSDH),
    _osdh_row("osdh-r", "Order-Sensitive Deep Hashing without the ranking loss", replace(_OSDH, ranking=0.0)),
    _osdh_row(
        "osdh-c", "Order-Sensitive Deep Hashing without the classification loss", replace(_OSDH, classification=0.0)
    ),
)

_OTHER_METHODS: tuple[Method, ...] = (
    DeepMethod(
        "dpsh", "Deep Pairwise-Supervised Hashing", "Li et al. (IJCAI 2016)", _UNBOUNDED_NORMED, DpshObjective(), _SHORT
    ),
    DeepMethod("greedyhash", "Greedy Hash", "Su et al. (NeurIPS 2018)", _UNBOUNDED, GreedyhashObjective(), _SHORT),
    DeepMethod(
        "idhn",
        "Improved Deep Hashing with soft pairwise similarity",
        "Zhang et al. (TMM 2019)",
        _NORMED,
        IdhnObjective(),
        _SHORT,
    ),
    DeepMethod("csq", "Central Similarity Quantization", "Yuan et al. (CVPR 2020)", _NARROW, CsqObjective(), _SHORT),
    DeepMethod(
        "orthohash",
        "OrthoHash, one loss for all",
        "Hoe et al. (NeurIPS 2021)",
        _UNBOUNDED_NORMED,
        OrthohashObjective(),
        _SHORT,
    ),
    DeepMethod(
        "hashnet-classify",
        "HashNet's pairwise loss and a classifier on the code",
        "Cao et al. (2017); ours",
        _NARROW,
        HashnetObjective(classification=0.3),
        _SHORT,
        _GENTLE_ALPHAS,
    ),
    TwoStepMethod(
        DeepMethod(
            "backbone-itq",
            "Frozen ResNet-18, then ITQ",
            "He et al. (2016); Gong & Lazebnik (2011)",
            {"kind": "torchvision", "name": "resnet18", "head": "embedding"},
            ClassifyObjective(),
            _FINE_TUNE,
        ),
        fit_itq,
        "linear",
        frozen=True,
    ),
)


def _dmih_row(name: str, title: str, pooling: str, objective: DmihObjective = _DMIH) -> DeepMethod:
    network = _NORMED | {"pooling": pooling}
    return DeepMethod(name, f"Deep Multiple Instance Hashing{title}", _DMIH_SOURCE, network, objective, _SHORT_BAGS)


_BAG_TABLE: tuple[Method, ...] = (
    _dmih_row("dmih-max", ", max pooling", "max"),
    _dmih_row("dmih-mean", ", mean pooling", "mean"),
    _dmih_row("dmih-noisy-or", ", noisy-or of the bits", "noisy-or"),
    _dmih_row("dmih-attention", ", gated attention", "attention"),
    _dmih_row("dmih-nr", " without the robust penalty", "max", replace(_DMIH, penalty="none")),
    _dmih_row("dmih-nca", ", NCA of the bags", "max", replace(_DMIH, loss="nca")),
    DeepMethod(
        "dmih-si",
        "Deep Multiple Instance Hashing without the multiple-instance arm: images, then vote",
        _DMIH_SOURCE,
        _NORMED,
        _DMIH,
        replace(_SHORT_BAGS, batch_size=128),
    ),
)


def _structured_row(
    name: str, title: str, part: str, network: Network, objective: Objective, ignores: tuple[str, ...] = ()
) -> StructuredMethod:
    source = f"{_STRUCTURED_SOURCE}, objective {part}"
    return StructuredMethod(name, title, source, network, objective, _SHORT_DRH, ignores=ignores)


_STRUCTURED_TABLE: tuple[Method, ...] = (
    _structured_row(
        "ophash",
        "Organ and pathology hashing: semantic and relational similarity",
        "1",
        _SUB_CODES,
        OphashObjective(),
        ignores=("modality",),
    ),
    _structured_row(
        "modhash", "Sub-codes of one encoder with a head per attribute", "2", _SUB_CODES, ModhashObjective()
    ),
    _structured_row(
        "fuzzhash",
        "Fuzzy inference between one encoder and the heads of the sub-codes",
        "3",
        _SUB_CODES | {"inference": "fuzzy"},
        FuzzhashObjective(),
    ),
    _structured_row(
        "fuzzhash-crisp",
        "The same without the fuzzy layer",
        "3; ablation ours",
        _SUB_CODES,
        FuzzhashObjective(code_classification=0.0),
    ),
    _structured_row(
        "indephash",
        "Sub-codes of independent encoders, one per attribute",
        "4",
        _SUB_CODES | {"encoders": "independent"},
        ModhashObjective(),
    ),
)

_FEATURES = "gist-512+lite0-224"
_ON_FEATURES: Network = {"kind": "features", "blocks": blocks_of(_FEATURES), "code_norm": "batch"}
_ON_FEATURES_FREE = _ON_FEATURES | {"activation": "none"}


def _head(
    loss: str,
    title: str,
    source: str,
    objective: Objective,
    network: Network = _ON_FEATURES,
    continuation: tuple[float, ...] = (1.0,),
) -> HeadMethod:
    """A hash layer on GIST and frozen EfficientNet-Lite0, trained by that loss."""
    return HeadMethod(
        f"{loss}-head",
        f"Hash layer on frozen features, {title}",
        f"{source}; features ours",
        network,
        objective,
        _HEAD,
        continuation,
        features=_FEATURES,
    )


_HEADS: tuple[Method, ...] = (
    _head("drh", "loss of Deep Residual Hashing", _DRH_SOURCE, replace(_DRH, temperature=0.5)),
    _head("osdh", "loss of Order-Sensitive Deep Hashing", _OSDH_SOURCE, _OSDH, continuation=_GENTLE_ALPHAS),
    _head("dpsh", "loss of DPSH", "Li et al. (IJCAI 2016)", DpshObjective(), _ON_FEATURES_FREE),
    _head("dsh", "loss of DSH", "Liu et al. (CVPR 2016)", DshObjective(), _ON_FEATURES_FREE),
    _head("hashnet", "loss of HashNet", "Cao et al. (ICCV 2017)", HashnetObjective(), continuation=_PUBLIC_ALPHAS),
    _head("greedyhash", "loss of Greedy Hash", "Su et al. (NeurIPS 2018)", GreedyhashObjective(), _ON_FEATURES_FREE),
    _head("idhn", "loss of IDHN", "Zhang et al. (TMM 2019)", IdhnObjective()),
    _head("csq", "loss of CSQ", "Yuan et al. (CVPR 2020)", CsqObjective()),
    _head("orthohash", "loss of OrthoHash", "Hoe et al. (NeurIPS 2021)", OrthohashObjective(), _ON_FEATURES_FREE),
)

_PAPER_SETTINGS: tuple[Method, ...] = (
    DeepMethod(
        "drh-18-paper",
        "Deep Residual Hashing, 18 layers, the paper's settings",
        _DRH_SOURCE,
        _NARROW,
        DrhObjective(bit_balance="literal"),
        _DRH_PAPER,
    ),
    DeepMethod(
        "drh-34-paper",
        "Deep Residual Hashing, 34 layers, the paper's settings",
        _DRH_SOURCE,
        _NARROW | {"depth": 34},
        DrhObjective(bit_balance="literal"),
        _DRH_PAPER,
    ),
    DeepMethod(
        "drh-18-standard",
        "Deep Residual Hashing, 18 layers of standard width, for 224 px",
        _DRH_SOURCE,
        _NORMED | {"width": "standard", "stem": "large"},
        _DRH,
        _ONE_CYCLE,
    ),
    DeepMethod(
        "osdh-paper",
        "Order-Sensitive Deep Hashing, AlexNet, the paper's settings",
        _OSDH_SOURCE,
        {"kind": "alexnet", "stem": "large"},
        OsdhObjective(),
        _OSDH_PAPER,
        _ALPHAS,
    ),
)

CATALOGUE: dict[str, Method] = {
    method.name: method
    for method in (
        *_DRH_TABLES,
        *_OSDH_TABLES,
        *_OTHER_METHODS,
        *_HEADS,
        *_BAG_TABLE,
        *_STRUCTURED_TABLE,
        *_PAPER_SETTINGS,
    )
}


def find_method(name: str) -> Method:
    """The catalogue's row of that name. Raises MedhashError with the nearest names and all names."""
    if name not in CATALOGUE:
        near = difflib.get_close_matches(name, CATALOGUE)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise MedhashError(f"there is no hashing method {name!r}{hint}", f"choose one of {', '.join(CATALOGUE)}")
    return CATALOGUE[name]


_OF_HEADS = ("pca", "dropout", "hidden")
"""Settings of a head's network, as of FeatureSettings, that may be overridden."""


def with_overrides(method: Method, overrides: Mapping[str, Any]) -> Method:
    """The method with settings of its recipe, objective or, of a head, reduction replaced (params.train.overrides).

    Raises MedhashError naming an unknown setting and the known ones, or a value that is not allowed.
    """
    if isinstance(method, TwoStepMethod):
        network = with_overrides(method.network, overrides)
        assert isinstance(network, DeepMethod)
        return replace(method, network=network)
    if not isinstance(method, DeepMethod):
        if overrides:
            raise MedhashError(
                f"{method.name} has no settings, but {', '.join(overrides)} should be overridden",
                f"remove train.overrides.{method.name}",
            )
        return method
    parts: dict[str, Recipe | Objective] = {"recipe": method.recipe, "objective": method.objective}
    known = {item.name: part for part, value in parts.items() for item in fields(value)}
    if isinstance(method, HeadMethod):
        known |= dict.fromkeys(_OF_HEADS, "network")
    changed: dict[str, dict[str, Any]] = {"recipe": {}, "objective": {}, "network": {}}
    for key, value in overrides.items():
        if key not in known:
            raise MedhashError(f"{method.name} has no setting {key!r}", f"known settings: {', '.join(sorted(known))}")
        changed[known[key]][key] = value
    try:
        return replace(
            method,
            recipe=replace(method.recipe, **changed["recipe"]),
            objective=replace(method.objective, **changed["objective"]),
            network={**method.network, **changed["network"]},
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise MedhashError(
            f"{method.name}: setting {first['loc'][-1]}: {first['msg']}", f"correct train.overrides.{method.name}"
        ) from error


def flat_settings(method: DeepMethod) -> dict[str, str | int | float | bool]:
    """Recipe and objective as one flat mapping, for ModelSpec.settings and MLflow."""
    return asdict(method.recipe) | asdict(method.objective)


def alpha_at(method: DeepMethod, progress: float) -> float:
    """α at a share of training in [0, 1]: each value of the continuation for an equal share of the epochs."""
    stage = min(int(progress * len(method.continuation)), len(method.continuation) - 1)
    return method.continuation[stage]
