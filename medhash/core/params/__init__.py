"""params.yaml as typed, strict models, a module per section: an unknown or ill-typed key is an error that names it."""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, ValidationError

from medhash.core.errors import MedhashError
from medhash.core.params.ingest import IngestParams
from medhash.core.params.labels import LabelParams
from medhash.core.params.operation import DriftParams, PromoteParams, ScheduleParams
from medhash.core.params.quality import EvaluateParams, QualityParams
from medhash.core.params.section import Count, Section
from medhash.core.params.split import SplitParams
from medhash.core.params.train import EncodeParams, TrainParams


class Params(Section):
    """The whole of params.yaml."""

    seed: int = 7
    """Of every random draw: folds, first weights, batches, augmentation."""
    bits: Annotated[int, Field(ge=8, le=256, multiple_of=8)] = 32
    """Length of every code."""
    sub_codes: dict[str, Count] = {}
    """Attribute → bits of its part of a structured method's code, adding up to `bits`; empty: equal parts."""
    size_px: Annotated[int, Field(ge=16, le=1024)] = 64
    """Side of the square that every image is stored and trained at, px."""
    choose_by: Literal["lift", "map"] = "lift"
    """What epochs, settings and challengers are chosen by, on validation patients. lift: of val cases that search each
    other, which memorising the train fold cannot win. map: MAP of val cases that search the train fold, as in the
    papers."""
    methods: Annotated[list[str], Field(min_length=1)]
    """Names of the catalogue (medhash/hashing/catalogue.py); each gets items of its own."""
    features: Annotated[
        list[Literal["gist-512", "gist-1024", "lite0-64", "lite0-128", "lite0-224"]], Field(min_length=1)
    ] = ["gist-512"]
    """What the shallow methods and the heads read: GIST, and EfficientNet-Lite0 at an input size in px. A method of the
    catalogue says which it needs."""
    ingest: IngestParams = IngestParams()
    split: SplitParams = SplitParams()
    labels: LabelParams = LabelParams()
    train: TrainParams = TrainParams()
    encode: EncodeParams = EncodeParams()
    evaluate: EvaluateParams = EvaluateParams()
    quality: QualityParams = QualityParams()
    drift: DriftParams = DriftParams()
    promote: PromoteParams = PromoteParams()
    schedule: ScheduleParams = ScheduleParams()


def load_params(path: Path) -> Params:
    """Read and check params.yaml.

    Raises MedhashError naming the key (dotted) and what is wrong with its value.
    """
    if not path.exists():
        raise MedhashError(f"{path} does not exist", "run in the root of the repository, or give --root or --params")
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise MedhashError(f"{path} is not valid YAML: {error}", "correct the line it names") from error
    except UnicodeDecodeError as error:
        raise MedhashError(
            f"{path} is not text in UTF-8: {error.reason} at byte {error.start}", "save the file as UTF-8"
        ) from error
    try:
        return Params.model_validate(document)
    except ValidationError as error:
        lines = [
            f"{'.'.join(str(part) for part in item['loc']) or 'the file'}: {item['msg']}" for item in error.errors()
        ]
        raise MedhashError(
            f"{path}: " + "; ".join(lines),
            "correct or remove those keys; medhash/core/params/ lists every key with its type and meaning",
        ) from error
