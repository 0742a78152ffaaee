"""BreakHis as published: microscope images of breast tumours, whose names say class, subtype, slide and magnification.

Source: F. A. Spanhol, L. S. Oliveira, C. Petitjean, L. Heutte, "A Dataset for Breast Cancer Histopathological Image
Classification", IEEE Transactions on Biomedical Engineering 63(7), 2016, and the archive's own file names.
"""

import re
from collections.abc import Generator
from functools import partial
from pathlib import Path

from medhash.archives.entries import Entries, SourceFile, require_offered
from medhash.archives.known import Known
from medhash.archives.readers import image_tree
from medhash.archives.readers.named_images import NamedImage, named_entries
from medhash.core.errors import MedhashError
from medhash.core.params import IngestParams

_SUBTYPES = {
    "A": ("benign", "adenosis"),
    "F": ("benign", "fibroadenoma"),
    "PT": ("benign", "phyllodes_tumor"),
    "TA": ("benign", "tubular_adenoma"),
    "DC": ("malignant", "ductal_carcinoma"),
    "LC": ("malignant", "lobular_carcinoma"),
    "MC": ("malignant", "mucinous_carcinoma"),
    "PC": ("malignant", "papillary_carcinoma"),
}
"""A name's letters → pathology and subtype, as the archive's folders are called."""
_BAGS = ("image", "slide", "patient")
_SLIDE = r"(?P<patient>\d+-\d+)(?P<piece>[A-Z]*)"
_NUMBER = r"(?P<number>\d{1,9})"
_NAMES = [
    re.compile(rf"SOB_(?P<letter>[BM])_(?P<subtype>{'|'.join(_SUBTYPES)}){rest}\.(?i:png|jpe?g)", re.ASCII)
    for rest in (rf"-{_SLIDE}-(?P<magnification>40|100|200|400)-{_NUMBER}", rf"_{_SLIDE}_{_NUMBER}")
]
"""As published, SOB_B_A-14-22549AB-100-027.png; and as reduced copies name their tiles, SOB_B_A_14-22549AB_0.png:
after the slide's folder, without the magnification."""
_MAYBE_PATIENT = re.compile(r"(?=(?<!\d)(\d+)[-_ ](\d+))", re.ASCII)


def read_entries(archive: Path, settings: IngestParams, known: Known | None = None) -> Entries:
    """A row per image below the folder, or in its tars, by what its name says.

    The patient is the slide's year and number without its letters: 14-22549AB and 14-22549CD are two pieces of one
    patient. Labels are those of the archive: pathology, subtype and magnification (`40x`; none where the name has
    none). A slide whose images have two subtypes, as 14-13412 is published, keeps both, image by image.
    Prints how many images are left out by ingest.breakhis.magnifications, which is no refusal.
    Raises MedhashError if there is no image, none of the wanted magnifications, or a tar is unsafe or damaged.
    """
    require_offered(settings.bags.by, _BAGS, "breakhis")
    names = image_tree.image_names(archive, settings, image_tree.base_name, _patients_of, known)
    entries = named_entries(names, partial(_image, settings), _patients_of)
    n_left_out = len(names) - len(entries.rows) - len(entries.rejections)
    wanted = settings.breakhis.magnifications
    if n_left_out:
        print(f"{n_left_out:,} images left out by ingest.breakhis.magnifications: {wanted}")
    if n_left_out and entries.rows.empty:
        raise MedhashError(
            f"{archive} holds no image of the magnifications {wanted}",
            "change ingest.breakhis.magnifications, or leave it empty for all",
        )
    return entries


def image_files(archive: Path, settings: IngestParams, known: Known | None = None) -> Generator[SourceFile]:
    """Every image file, tars first. Raises MedhashError where a tar is unsafe or damaged."""
    return image_tree.image_files(archive, settings, image_tree.base_name, known)


def _image(settings: IngestParams, name: str) -> NamedImage | str | None:
    found = next(filter(None, (form.fullmatch(name) for form in _NAMES)), None)
    if found is None:
        return "the name is not built as SOB_B_A-14-22549AB-100-027.png is"
    pathology, subtype = _SUBTYPES[found["subtype"]]
    if found["letter"] != pathology[0].upper():
        return f"the name says {found['letter']} and {found['subtype']}, which is {pathology}"
    magnification = found.groupdict().get("magnification")
    wanted = settings.breakhis.magnifications
    if wanted and magnification is None:
        return "the name does not say the magnification, which ingest.breakhis.magnifications asks for"
    if wanted and int(magnification or 0) not in wanted:
        return None
    patient, slide = found["patient"], found["patient"] + found["piece"]
    bag = {"image": None, "slide": slide, "patient": patient}[settings.bags.by]
    further = {"subtype": subtype, "magnification": f"{magnification}x" if magnification else ""}
    return NamedImage(patient, slide, pathology, (slide, subtype, magnification, int(found["number"])), bag, further)


def _patients_of(name: str) -> tuple[str, ...]:
    """Whatever in the name may be a year and a number."""
    return tuple(dict.fromkeys("-".join(numbers) for numbers in _MAYBE_PATIENT.findall(name)))
