"""IDC patches: squares of 50 px of whole breast slides, each with or without invasive ductal carcinoma.

Source: A. Cruz-Roa et al., "Automatic detection of invasive ductal carcinoma in whole slide images with convolutional
neural networks", SPIE Medical Imaging 2014; A. Janowczyk, A. Madabhushi, "Deep learning for digital pathology image
analysis", Journal of Pathology Informatics 7:29, 2016, who published the patches.
"""

import re
from collections.abc import Generator
from functools import partial
from pathlib import Path

from medhash.archives.entries import Entries, SourceFile, require_offered
from medhash.archives.known import Known
from medhash.archives.readers import image_tree
from medhash.archives.readers.named_images import NamedImage, named_entries
from medhash.core.params import IngestParams

_LABELS = {"0": "non_idc", "1": "idc"}
"""A name's class → pathology. `non-IDC` is no diagnosis: such tissue may be normal, benign or carcinoma in situ.
All patients have cancer."""
_PITCH_PX = 50
"""From one patch to the next."""
_BAGS = ("image", "neighbourhood", "patient")
_NAME = re.compile(r"(?P<patient>\d+)_idx\d+_x(?P<x>\d{1,9})_y(?P<y>\d{1,9})_class(?P<label>[01])\.(?i:png)", re.ASCII)


def read_entries(archive: Path, settings: IngestParams, known: Known | None = None) -> Entries:
    """A row per patch below the folder, or in its tars, by what its name says.

    A patient has one slide. A bag is a patch, a patient or a neighbourhood: the patches of one slide with equal
    (⌊x / 50 n⌋, ⌊y / 50 n⌋), n = ingest.idc.neighbourhood. At the tissue's edge a neighbourhood has fewer than n².
    A patch's position in the slide is used for nothing else.
    Raises MedhashError where there is no image, or a tar is unsafe or damaged.
    """
    require_offered(settings.bags.by, _BAGS, "idc")
    names = image_tree.image_names(archive, settings, image_tree.base_name, _patients_of, known)
    return named_entries(names, partial(_image, settings), _patients_of)


def image_files(archive: Path, settings: IngestParams, known: Known | None = None) -> Generator[SourceFile]:
    """Every image file, tars first. Raises MedhashError where a tar is unsafe or damaged."""
    return image_tree.image_files(archive, settings, image_tree.base_name, known)


def _image(settings: IngestParams, name: str) -> NamedImage | str:
    found = _NAME.fullmatch(name)
    if found is None:
        return "the name is not built as 8863_idx5_x51_y1251_class0.png is"
    patient, x, y = found["patient"], int(found["x"]), int(found["y"])
    side = _PITCH_PX * settings.idc.neighbourhood
    bag = {"image": None, "neighbourhood": f"{patient} {x // side} {y // side}", "patient": patient}[settings.bags.by]
    return NamedImage(patient, patient, _LABELS[found["label"]], (patient, x, y), bag)


def _patients_of(name: str) -> tuple[str, ...]:
    """Whatever in the name is a number; of a patch, the first is the patient's."""
    return tuple(dict.fromkeys(re.findall(r"\d+", name, re.ASCII)))
