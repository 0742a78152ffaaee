"""Queries answered where no checkout is: by the wheel, and by the model in MLflow with its own requirements alone."""

import ast
import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from email.parser import Parser
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from checkout import REPOSITORY
from dicom_files import J2K, dicom
from releases.searcher.asked import K, expected_answers
from slim_environment import build

from medhash.core.workspace import Workspace
from medhash.releases.logged_model import REQUIREMENTS

pytestmark = pytest.mark.slow


def run(python: Path, *arguments: str, cwd: Path, seconds: float = 300) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(python), *arguments], cwd=cwd, env=environment(python), text=True, capture_output=True, timeout=seconds
    )


def environment(python: Path) -> dict[str, str]:
    """Nothing of the outer environment leads to the checkout or to the packages installed beside it."""
    outer = {name: value for name, value in os.environ.items() if name in ("HOME", "LANG", "TMPDIR")}
    return outer | {"PATH": f"{python.parent}:/usr/bin:/bin", "OMP_NUM_THREADS": "1", "DO_NOT_TRACK": "true"}


@pytest.fixture(scope="module")
def queries(two_versions_made, tmp_path_factory) -> Path:
    """A folder with one image of the store as PNG and, compressed, as DICOM."""
    folder = tmp_path_factory.mktemp("queries")
    shutil.copy(two_versions_made / "3.png", folder / "film.png")
    pixels = np.load(Workspace(two_versions_made).pixels, mmap_mode="r")[3, 0]
    (folder / "film.dcm").write_bytes(dicom(pixels, J2K))
    return folder


@pytest.fixture(scope="module")
def expected(two_versions_made) -> list[list]:
    return [list(pair) for pair in expected_answers(two_versions_made)["2", "3.png"]]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of a copy of the checkout in which nothing but its own files lies."""
    copy, out = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("dist")
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(REPOSITORY / name, copy)
    for name in ("medhash", "components", "tests", "dags"):
        shutil.copytree(REPOSITORY / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    script = f"from setuptools.build_meta import build_wheel; print(build_wheel({str(out)!r}))"
    done = subprocess.run([sys.executable, "-c", script], cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def python_with_wheel(wheel, tmp_path_factory) -> Path:
    """An environment of the wheel and, of what it requires, what queries need: installing all takes a minute."""
    folder = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(wheel) as archive:
        described = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        needs = Parser().parsestr(archive.read(described).decode()).get_all("Requires-Dist")
    used = {*REQUIREMENTS, "matplotlib"} - {"mlflow"}
    kept = [line for line in needs if re.split(r"[<>=; ]", line)[0] in used and "extra ==" not in line]
    assert len(kept) == len(used)
    (folder / "requirements.txt").write_text("\n".join(kept))
    python = build(folder / "venv", folder / "requirements.txt")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(next((folder / "venv" / "lib").glob("python3*/site-packages")))
    return python


def test_the_wheel_holds_the_library_whole_and_nothing_else(wheel):
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "medhash"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == {name for name in tracked.split("\0") if name and (REPOSITORY / name).exists()}
    assert "medhash/py.typed" in held


def test_the_wheel_answers_queries_without_a_checkout(python_with_wheel, two_versions_made, queries, expected):
    release = two_versions_made / "made-2" / "release"
    script = f"""
import importlib.util, json, medhash
assert importlib.util.find_spec("components") is None
release = medhash.open_release({str(release)!r})
found = [[[one.id, one.distance_bits] for one in release.search(name, {K}).neighbours] for name in {FILES}]
print(json.dumps([medhash.__file__, found, release.encode({FILES}).tolist()]))
"""
    done = run(python_with_wheel, "-c", script, cwd=queries)
    assert done.returncode == 0, done.stderr
    where, found, codes = json.loads(done.stdout.splitlines()[-1])
    assert not Path(where).is_relative_to(REPOSITORY)
    assert found == [expected, expected]
    assert codes[0] == codes[1]


def test_the_commands_of_the_wheel_answer_queries_and_a_stage_asks_for_the_checkout(
    python_with_wheel, two_versions_made, queries, expected, tmp_path
):
    release = two_versions_made / "made-2" / "release"
    film, asked = str(queries / "film.dcm"), ("--k", str(K), "--release", str(release))
    done = run(python_with_wheel, "-m", "medhash.cli", "query", film, *asked, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^\d+ +([0-9a-f]{16}) +(\d+) bits? ", done.stdout, re.MULTILINE)
    assert [[bag_id, int(bits)] for bag_id, bits in rows] == expected
    refused = run(python_with_wheel, "-m", "medhash.cli", "train", "--method", "lsh", cwd=tmp_path)
    assert refused.returncode == 1
    assert refused.stderr == (
        "error: train is a stage of the pipeline, and this folder is no checkout of it\n"
        "  fix: run the command in the root of the repository\n"
    )


FILES = ["film.png", "film.dcm"]
ASK = f"""
import json, sys
import mlflow.pyfunc, pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1])
table = pd.DataFrame({{"image": [open(name, "rb").read() for name in {FILES}]}})
answers = [json.loads(text) for text in model.predict(table, params={{"k": {K}}})["neighbours"]]
from medhash.hashing.networks.backbone import _published
_published("squeezenet1_1", 64)  # a network of torchvision, which this release does not use
modules = {{name: getattr(module, "__file__", None) for name, module in sys.modules.items()}}
print(json.dumps([[[[one["bag_id"], one["distance"]] for one in found] for found in answers], modules]))
"""


@pytest.fixture(scope="module")
def logged(two_versions_made) -> Path:
    """The folder of the champion, version 2, as MLflow logged it."""
    digest = json.loads((two_versions_made / "made-2" / "release" / "release.json").read_text())["model_digest"]
    return next(
        path.parents[2]
        for path in (two_versions_made / "var" / "mlflow").rglob("artifacts/release/release.json")
        if json.loads(path.read_text())["model_digest"] == digest
    )


@pytest.fixture(scope="module")
def python_of_model(logged, tmp_path_factory) -> Path:
    """An environment of what the logged model requires, and no more."""
    return build(tmp_path_factory.mktemp("model") / "venv", logged / "requirements.txt")


def test_the_logged_model_answers_where_only_its_requirements_are_and_lists_all_that_it_imports(
    python_of_model, logged, queries, expected
):
    done = run(python_of_model, "-c", ASK, str(logged), cwd=queries)
    assert done.returncode == 0, done.stderr
    answers, modules = json.loads(done.stdout.splitlines()[-1])
    assert answers == [expected, expected]
    own = [Path(path) for name, path in modules.items() if name.partition(".")[0] == "medhash"]
    assert own
    assert all(path.is_relative_to(logged / "code" / "medhash") for path in own)

    distributions = metadata.packages_distributions()
    imported = {
        distribution.lower()
        for path in [*own, logged / "code" / "medhash" / "releases" / "pyfunc_model.py"]
        for name in imports_of(path)
        if name in modules
        for distribution in distributions.get(name, [])
    }
    # MLflow comes in three distributions, and has loaded scipy, which mhf.py imports to train. The model
    # itself reads no params.yaml; the command `medhash query` does.
    assert (imported - {"medhash", "mlflow-skinny", "mlflow-tracing", "scipy"}) | {"pyyaml"} == set(REQUIREMENTS)


def imports_of(path: Path) -> set[str]:
    """Top-level names that the file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.thorough
def test_mlflow_serves_the_logged_model_and_answers_bad_input_in_one_line(python_of_model, logged, queries, expected):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = queries / "serve.log"
    options = ("--env-manager", "local", "--host", "127.0.0.1", "--port", str(port))
    server = subprocess.Popen(
        [str(python_of_model), "-m", "mlflow", "models", "serve", "--model-uri", str(logged), *options],
        cwd=queries,
        env=environment(python_of_model),
        stdout=log.open("wb"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/ping", server, log)
        films = [base64.b64encode((queries / name).read_bytes()).decode() for name in FILES]
        status, reply = post(port, [[film] for film in films], ["image"], {"k": K})
        assert status == 200, reply
        answers = [json.loads(row["neighbours"]) for row in reply["predictions"]]
        assert [[[one["bag_id"], one["distance"]] for one in found] for found in answers] == [expected, expected]
        status, reply = post(port, [[films[0], "Jane Poe"], [base64.b64encode(b"?").decode(), "b"]], ["image", "bag"])
        assert status == 400
        assert reply["message"].startswith("row 1: the image cannot be read")
        assert "\n" not in reply["message"]
        assert "Traceback" not in json.dumps(reply)
        assert "Poe" not in json.dumps(reply)
        assert "Poe" not in log.read_text()
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    until = time.monotonic() + 180
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise AssertionError(log.read_text())


def post(port: int, rows: list, columns: list[str], params: dict | None = None) -> tuple[int, dict]:
    body = {"dataframe_split": {"columns": columns, "data": rows}} | ({"params": params} if params else {})
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=120) as reply:
            return reply.status, json.loads(reply.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())
