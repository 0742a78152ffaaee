"""The rows of one archive as rows of several that are joined: names, labels, modality and organ."""

import pandas as pd

from components.errors import MedhashError
from components.ingest.entries import Entries
from components.ingest.joined import joined_file, joined_number
from components.params_mixed import MixedArchive

_FURTHER = "labels:"
_PATHOLOGY = "pathology"


def joined_rows(entries: Entries, entry: MixedArchive) -> pd.DataFrame:
    """The archive's rows under their own numbers, in the columns of entries.Entries.rows.

    `labels` holds the pathology; `labels:archive` the archive's name; labels of other attributes keep theirs, but what
    stood under `pathology` is left out where the entry chooses another attribute in its place.
    Raises MedhashError where the archive lacks the attribute, or where nobody knows modality or organ.
    """
    rows = entries.rows
    further = [name for name in map(str, rows.columns) if name.startswith(_FURTHER)]
    columns = {entries.attribute: "labels", **{name.removeprefix(_FURTHER): name for name in further}}
    chosen = entry.attribute or entries.attribute
    if chosen not in columns:
        if not rows.empty:
            raise MedhashError(
                f"it has no labels under the attribute {chosen}", f"set attribute to {' or '.join(columns)}"
            )
        chosen = entries.attribute
    frame = rows.drop(columns=[*columns.values(), *(["regions"] if "regions" in rows else [])])
    for attribute, column in columns.items():
        if attribute not in (chosen, _PATHOLOGY):
            frame[f"{_FURTHER}{attribute}"] = rows[column]
    frame["labels"] = [_renamed(text, entry.labels) for text in rows[columns[chosen]].fillna("")]
    frame[f"{_FURTHER}archive"] = entry.name
    frame["source_name"] = [joined_file(entry.name, name) for name in rows["source_name"]]
    for column in ("patient", "study", *(["bag"] if "bag" in rows else [])):
        frame[column] = [joined_number(entry.name, number) for number in rows[column]]
    frame["modality"] = entry.modality or rows.get("modality", entries.modality)
    frame["organ"] = entry.organ or rows.get("organ", entries.organ)
    _require_known(frame, entry)
    return frame


def _renamed(text: str, labels: dict[str, str | None]) -> str:
    """`A|B` with each label under its new name, once; those that are not known any more are left out."""
    names = [labels.get(label, label) for part in text.split("|") if (label := part.strip())]
    return "|".join(dict.fromkeys(name for name in names if name))


def _require_known(frame: pd.DataFrame, entry: MixedArchive) -> None:
    for column, given, nothing in (("modality", entry.modality, ""), ("organ", entry.organ, "unknown")):
        if given is None and not frame.empty and (frame[column] == nothing).all():
            raise MedhashError(
                f"its reader knows no {column} of any image",
                f"give {column}" + ("; `organ: unknown` if nobody knows it" if column == "organ" else ""),
            )
