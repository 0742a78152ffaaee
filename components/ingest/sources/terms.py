"""Whether settings name a modality and an organ that the tables may hold."""

from components.errors import MedhashError
from components.ingest.sources.manifest_cells import MODALITIES, ORGANS


def require_terms(setting: str, modality: str | None, organ: str | None) -> None:
    """Raise MedhashError, naming the setting, where a modality or an organ is none that is known; None says nothing."""
    for name, text, allowed in (("modality", modality, MODALITIES), ("organ", organ, ORGANS)):
        if text is not None and text not in allowed:
            raise MedhashError(f"{setting}.{name}: {text} is not known", f"set it to {', '.join(allowed)}")
