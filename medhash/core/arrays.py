"""Opening the .npy files that stages write."""

from pathlib import Path

import numpy as np

from medhash.core.errors import MedhashError


def open_array(path: Path, stage: str) -> np.ndarray:
    """Memory-map an array; raises MedhashError if it is not there or is no array."""
    if not path.exists():
        raise MedhashError(f"{path} does not exist", f"run the stage {stage}, or `dvc repro`")
    try:
        array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise MedhashError(
            f"{path} is not a whole .npy file", f"restore it with `dvc checkout`, or run the stage {stage} again"
        ) from error
    return array
