"""A data set: a YAML file data/sets/NAME.yaml laid over params.yaml, and the folder of its benchmark."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from medhash.core.errors import MedhashError
from medhash.core.params import Params
from medhash.core.workspace import Workspace

PLACEHOLDER = "SET-THIS-PATH"
"""What ingest.archive says in a shipped file whose archive everybody has elsewhere."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True)
class SetWorkspace(Workspace):
    """The folders of one data set's benchmark, inside the checkout `checkout`."""

    checkout: Path = Path(".")

    @property
    def name(self) -> str:
        return self.root.name

    @property
    def state(self) -> Path:
        """This machine's state of the data set: decode cache, private names, checkpoints of rows, logs."""
        return self.checkout / "var" / "benchmark" / self.name

    @property
    def backbones(self) -> Path:
        """Those of the checkout."""
        return self.checkout / "var" / "backbones"

    @property
    def forgotten(self) -> Path:
        """Who is forgotten is forgotten in every data set."""
        return self.checkout / "data" / "forgotten.txt"

    @property
    def params_file(self) -> Path:
        return self.root / "params.yaml"

    @property
    def repository(self) -> Path:
        """The DVC repository that all data sets share."""
        return self.root.parent

    def rows(self, method: str) -> Path:
        """Stages and results of a method: BITS-SEED/ are its rows."""
        return self.root / "rows" / method

    def row(self, method: str, bits: int, seed: int) -> Path:
        return self.rows(method) / f"{bits}-{seed}"

    @property
    def tables(self) -> Path:
        return self.checkout / "reports" / "tables" / self.name


def set_workspace(checkout: Path, name: str) -> SetWorkspace:
    return SetWorkspace(root=checkout / "data" / "benchmark" / name, checkout=checkout)


def find_set(checkout: Path, asked: str) -> tuple[str, Path]:
    """Name and file of a data set, asked for by its name in data/sets/ or by the path of a YAML file.

    Raises MedhashError listing the names there are, or if a path's name is taken by another file's data set.
    """
    shipped = checkout / "data" / "sets"
    path = Path(asked) if asked.endswith((".yaml", ".yml")) else shipped / f"{asked}.yaml"
    if not path.exists():
        raise MedhashError(
            f"there is no data set {asked}: {path} does not exist",
            f"choose one of {', '.join(sorted(known.stem for known in shipped.glob('*.yaml')))}, or "
            "give the path of a YAML file of your own, laid over params.yaml (docs/benchmark.md)",
        )
    if not _NAME.fullmatch(path.stem):
        raise MedhashError(
            f"{path}: {path.stem!r} cannot name a data set",
            "name the file with small letters, digits and hyphens, as in my-archive.yaml",
        )
    twin = shipped / f"{path.stem}.yaml"
    if twin.exists() and twin.resolve() != path.resolve():
        raise MedhashError(f"{path} and {twin} would both be the data set {path.stem}", "rename your file")
    return path.stem, path


def resolve_set(checkout: Path, path: Path, epochs: int | None) -> dict[str, Any]:
    """params.yaml with the overlay laid over it, section by section, as a document that params.py accepts.

    epochs: in place of train.epochs. Raises MedhashError naming the file and the key that is not allowed, an archive
    that is still the placeholder or does not exist.
    """
    overlay = _yaml(path)
    if not isinstance(overlay, dict):
        raise MedhashError(f"{path} is not a mapping of sections", "write it as params.yaml is written")
    document = _laid_over(_yaml(checkout / "params.yaml"), overlay)
    if epochs is not None:
        document = _laid_over(document, {"train": {"epochs": epochs}})
    from pydantic import ValidationError

    try:
        params = Params.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        raise MedhashError(
            f"{path}, laid over params.yaml: {'.'.join(map(str, first['loc']))}: {first['msg']}",
            "correct that key; medhash/core/params/ lists every key",
        ) from error
    _require_archive(checkout, path, params.ingest.archive)
    resolved: dict[str, Any] = params.model_dump(mode="json")
    return resolved


def _require_archive(checkout: Path, path: Path, archive: str) -> None:
    if PLACEHOLDER in archive:
        raise MedhashError(
            f"{path}: ingest.archive does not name the archive's folder yet",
            f"write the archive's folder as ingest.archive in {path}, or copy the file under another "
            "name, write it there, and give --dataset that file's path",
        )
    if not (checkout / archive).exists():
        raise MedhashError(
            f"{path}: ingest.archive: the folder {archive} does not exist",
            f"correct ingest.archive in {path}; a relative path is taken from the checkout",
        )


def _laid_over(below: Any, above: Any) -> Any:
    """`above`, with the keys it leaves out taken from `below`, in every section.

    Mappings that a user names keys in (train.overrides …) are replaced whole: an overlay must be able to empty them.
    """
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return {
        **below,
        **{
            key: value if key in ("overrides", "initial_weights") else _laid_over(below.get(key), value)
            for key, value in above.items()
        },
    }


def _yaml(path: Path) -> Any:
    if not path.exists():
        raise MedhashError(f"{path} does not exist", "run in the root of the repository, or give --root")
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise MedhashError(f"{path} is not valid YAML: {error}", "correct the line it names") from error
    except UnicodeDecodeError as error:
        raise MedhashError(
            f"{path} is not text in UTF-8: {error.reason} at byte {error.start}", "save the file as UTF-8"
        ) from error
