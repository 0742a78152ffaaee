"""A small data set around codes that a test gives."""

from builders import small_workspace, write_codes

from medhash.retrieval.code_table import read_codes
from medhash.retrieval.evaluation.tables import Tables

N_IMAGES = 240


def measured_tables(root, codes):
    """A code table of the images of 60 patients, and the tables around it."""
    workspace = small_workspace(root, n_patients=60)
    write_codes(workspace, "lsh", codes, "d" * 64)
    return read_codes(workspace.codes("lsh")), Tables.read(workspace)
