"""A small data set with random codes of one byte, and a way to change a column of its tables."""

import numpy as np
import pyarrow as pa
import pytest
from evaluate.small import N_IMAGES, measured_tables


@pytest.fixture
def random_codes(tmp_path):
    return measured_tables(tmp_path, np.random.default_rng(5).integers(0, 256, (N_IMAGES, 1), np.uint8))


@pytest.fixture
def replaced():
    """The table with another column of the same type."""

    def with_column(table, name, values):
        place = table.schema.get_field_index(name)
        return table.set_column(place, table.schema.field(name), pa.array(values, table.schema.field(name).type))

    return with_column
