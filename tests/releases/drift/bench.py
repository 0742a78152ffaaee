"""New images beside the champion's release, measured without MLflow."""

from pathlib import Path

from medhash.core.params import load_params
from medhash.core.workspace import Workspace
from medhash.releases.drift.measure import DriftReport, measure_drift
from medhash.releases.drift.profile import Profile


class Bench:
    """A workspace beside the champion's release, without MLflow."""

    def __init__(self, root: Path, release: Path) -> None:
        self.workspace, self.release = Workspace(root), release

    def measure(self) -> DriftReport:
        params = load_params(self.release.parent / "params.yaml")
        return measure_drift(self.workspace, params, "1", self.release, Profile.read(self.release / "profile.json"), "")
