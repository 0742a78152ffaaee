"""Images of breast histology whose names say everything: from the names to the rows."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from medhash.archives.entries import Entries, Rejection

_UNKNOWN = {
    "view": None,
    "sex": None,
    "age": np.nan,
    "width": np.nan,
    "height": np.nan,
    "pixel_spacing": np.nan,
    "official_fold": None,
}
"""Not known from names; sizes come from the files."""


@dataclass(frozen=True)
class NamedImage:
    """What a name says. `picture`: equal for two files only if they are of the same picture."""

    patient: str
    study: str
    labels: str
    picture: Hashable
    bag: str | None
    further: dict[str, str] = field(default_factory=dict)
    """Attribute → its labels, joined by |."""


def named_entries(
    names: list[str], parse: Callable[[str], NamedImage | str | None], patients_of: Callable[[str], tuple[str, ...]]
) -> Entries:
    """Coloured breast histology, a row per name, numbered by the name's place among all, counted from 1.

    The number stays as long as no file is added before. parse: returns an image, or a text about
    what is wrong with the name (which must not quote it), or None where settings leave the image out.
    """
    rows, index, rejections = [], [], []
    first: dict[Hashable, int] = {}
    for row, name in enumerate(names, start=1):
        image = parse(name)
        if isinstance(image, str):
            rejections.append(Rejection("malformed_name", image, row, name, patients=patients_of(name)))
        elif image is not None and first.setdefault(image.picture, row) != row:
            rejections.append(
                Rejection(
                    "duplicate_row",
                    f"row {first[image.picture]} describes the same image",
                    row,
                    name,
                    patients=(image.patient,),
                )
            )
        elif image is not None:
            rows.append(
                {
                    "source_name": name,
                    "patient": image.patient,
                    "study": image.study,
                    "labels": image.labels,
                    **{f"labels:{attribute}": labels for attribute, labels in image.further.items()},
                    **({"bag": image.bag} if image.bag is not None else {}),
                }
            )
            index.append(row)
    frame = pd.DataFrame(rows, index=index, columns=None if rows else ["source_name", "patient", "study", "labels"])
    return Entries(
        "file names (row = place of the file, by name)",
        "pathology",
        "histology",
        "breast",
        frame.assign(**_UNKNOWN),
        frozenset(names),
        len(names),
        rejections,
        patients_of,
        channels=3,
    )
