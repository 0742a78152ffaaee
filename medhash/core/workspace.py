"""All paths of a checkout, relative to the root of the repository: the one list of them.

`data/derived/` is tracked by DVC and holds nothing identifying. `var/` is this machine's state (the decode
cache, the private source names, checkpoints, MLflow, Airflow) and is tracked by nothing.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Workspace:
    """The folders of one checkout. Every stage is given one; tests make theirs in a temporary folder."""

    root: Path = Path(".")

    @property
    def derived(self) -> Path:
        """What the stages write; DVC keeps every version."""
        return self.root / "data" / "derived"

    @property
    def images(self) -> Path:
        """A row per image (contract IMAGES)."""
        return self.derived / "images" / "images.parquet"

    @property
    def rejected(self) -> Path:
        """A row per image or row that ingest could not take (contract REJECTED)."""
        return self.derived / "images" / "rejected.parquet"

    @property
    def pixels(self) -> Path:
        """uint8 array (images, channels, size, size), row number = IMAGES.pixel_row."""
        return self.derived / "images" / "pixels.npy"

    @property
    def split(self) -> Path:
        """The fold of every image (contract SPLIT)."""
        return self.derived / "split" / "split.parquet"

    @property
    def labels(self) -> Path:
        """The label set of every bag (contract LABELS)."""
        return self.derived / "labels" / "labels.parquet"

    @property
    def label_sets(self) -> Path:
        """The unique label sets (contract LABEL_SETS)."""
        return self.derived / "labels" / "label_sets.parquet"

    @property
    def vocabulary(self) -> Path:
        """Document Vocabulary: the label names in index order."""
        return self.derived / "labels" / "vocabulary.json"

    @property
    def incomplete(self) -> Path:
        """Cases that do not know an attribute (contract INCOMPLETE)."""
        return self.derived / "labels" / "incomplete.parquet"

    @property
    def similarity(self) -> Path:
        """Relevance levels of label sets (contract SIMILARITY)."""
        return self.derived / "similarity" / "similarity.parquet"

    def features(self, kind: str) -> Path:
        """float32 array (images, width) of a kind such as gist-512 or lite0-128, row number = IMAGES.pixel_row."""
        return self.derived / "features" / f"{kind}.npy"

    def features_info(self, kind: str) -> Path:
        """Document FeaturesInfo of that array."""
        return self.derived / "features" / f"{kind}.json"

    def model(self, method: str) -> Path:
        """A model's folder: model.json, weights.safetensors, history.json."""
        return self.derived / "models" / method

    def codes(self, method: str) -> Path:
        """The codes of a method (contract codes_schema)."""
        return self.derived / "codes" / f"{method}.parquet"

    def index(self, method: str) -> Path:
        """An index's folder: codes.faiss and entries.parquet (contract ENTRIES)."""
        return self.derived / "index" / method

    def metrics(self, method: str) -> Path:
        """A method's figures: metrics.json (document Metrics), headline.json (document Headline: the few that
        `dvc metrics show` lists) and queries.parquet (contract QUERIES)."""
        return self.derived / "metrics" / method

    def plan(self, item: str) -> Path:
        """The code and the settings that an item of dvc.yaml, such as `split` or `train@lsh`, reads."""
        return self.derived / "plan" / f"{item.replace('@', '/')}.json"

    def gate(self, stage: str) -> Path:
        """What a gate found (document GateReport)."""
        return self.derived / "gates" / f"{stage}.json"

    def passed(self, item: str) -> Path:
        """That an item passed its gate: there only if it did, and what items that read it depend on."""
        return self.derived / "passed" / f"{item.replace('@', '/')}.json"

    @property
    def report(self) -> Path:
        return self.root / "reports" / "index.html"

    @property
    def report_plots(self) -> Path:
        """The report's plots over methods and epochs as SVG files, which `dvc plots` shows and compares."""
        return self.root / "reports" / "plots"

    @property
    def data_docs(self) -> Path:
        """Great Expectations' own pages."""
        return self.root / "reports" / "data_docs"

    @property
    def state(self) -> Path:
        """This machine's state, outside version control and outside DVC."""
        return self.root / "var"

    @property
    def private(self) -> Path:
        """What identifies: source file names and the reasons they were refused. Never leaves this machine."""
        return self.state / "private"

    @property
    def file_memo(self) -> Path:
        """What earlier runs of ingest learnt of each file of the archive, so as not to read it again."""
        return self.private / "files.sqlite"

    @property
    def decode_cache(self) -> Path:
        """The decoded squares of files, by SHA-256; may be deleted."""
        return self.state / "cache" / "decoded.sqlite"

    def features_cache(self, name: str) -> Path:
        """The features of the last run and the digests of their images, without a suffix; may be deleted."""
        return self.state / "cache" / "features" / name

    @property
    def backbones(self) -> Path:
        """Published weights of backbones as safetensors; may be deleted where their package is installed."""
        return self.state / "backbones"

    def checkpoint(self, method: str) -> Path:
        """An unfinished training; may be deleted."""
        return self.state / "checkpoints" / method

    def latency(self, method: str) -> Path:
        """Query times of this machine, JSON; beside the metrics because they differ between runs."""
        return self.state / "latency" / f"{method}.json"

    @property
    def audit_log(self) -> Path:
        """Who did what and when, a JSON document per line; only ever added to."""
        return self.state / "audit" / "log.jsonl"

    @property
    def query_uses(self) -> Path:
        """Which promotion decisions each test patient's images asked in: JSON, pseudonym → list of decisions."""
        return self.state / "promotion" / "query_uses.json"

    @property
    def released(self) -> Path:
        """Copies of releases that queries are answered from."""
        return self.state / "cache" / "releases"

    @property
    def forgotten(self) -> Path:
        """Digests of the pseudonyms of patients to leave out, a line each; in git, so that every machine knows."""
        return self.root / "data" / "forgotten.txt"

    @property
    def drift_report(self) -> Path:
        return self.root / "reports" / "drift" / "index.html"

    @property
    def decisions(self) -> Path:
        """The pages of promotion decisions, one per version; MLflow has them too."""
        return self.root / "reports" / "promotion"

    @property
    def mlflow_database(self) -> Path:
        return self.state / "mlflow" / "mlflow.db"
