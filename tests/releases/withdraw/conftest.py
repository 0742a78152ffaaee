"""A finished run that promoted three times, made once; each test gets it with a store that is nobody else's."""

from pathlib import Path

import pytest
from made_once import copied, own_copy
from releases.promotion.conftest import finished_run as finished_run
from releases.promotion.finished import Run

from medhash.releases.promotion.promote import promote
from medhash.releases.request import UserRequest


@pytest.fixture(scope="session")
def promoted_thrice(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """lsh was the first champion, itq took its place, and lsh again."""

    def make(root: Path) -> None:
        run = Run(copied(finished_run, root))
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("medhash.releases.promotion.gates.stale_stages", lambda root, stages: [])
            for method in ("lsh", "itq"):
                promote(run.workspace, run.params(method), force=UserRequest.now("to begin with", "somebody"))
            promote(run.workspace, run.params("lsh"), force=UserRequest.now("back again", "somebody"))

    return own_copy(tmp_path_factory, "promoted-thrice", make)


@pytest.fixture
def own_store(promoted_thrice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr("medhash.releases.promotion.gates.stale_stages", lambda root, stages: [])
    return Run(copied(promoted_thrice, tmp_path / "run"))
