"""Every layout that ingest.source may name has its reader, and all readers are called alike."""

import inspect
from typing import get_args

import pytest

from medhash.archives.readers.layouts import Reader, reader_of
from medhash.core.params import IngestParams
from medhash.core.params.ingest import Source

LAYOUTS = (*get_args(Source), "mixed")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layouts_module_has_the_two_functions_of_a_reader(layout):
    reader = reader_of(IngestParams(source=layout))
    for name in ("read_entries", "image_files"):
        expected = list(inspect.signature(getattr(Reader, name)).parameters.values())[1:]
        assert list(inspect.signature(getattr(reader, name)).parameters.values()) == expected, name


def test_a_layout_that_nobody_listed_is_no_source():
    with pytest.raises(ValueError, match="source"):
        IngestParams(source="csv_tables")


def test_every_section_of_settings_belongs_to_a_layout():
    sections = {name for name, field in IngestParams.model_fields.items() if hasattr(field.annotation, "model_fields")}
    assert sections - {"bags", "cut"} <= set(LAYOUTS)
