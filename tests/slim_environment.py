"""An environment with only what a requirements file lists and what that needs, made of links to installed files."""

import re
import shutil
import subprocess
import sys
import sysconfig
from collections import defaultdict
from importlib import metadata
from pathlib import Path, PurePosixPath

from checkout import REPOSITORY
from packaging.requirements import Requirement


def closure(requirements: Path) -> dict[str, metadata.Distribution]:
    """The installed distributions that a list names and those they require here, by normalised name."""
    lines = [line.partition("#")[0].strip() for line in requirements.read_text().splitlines()]
    waiting = [Requirement(line) for line in lines if line]
    found: dict[str, metadata.Distribution] = {}
    done: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        wanted = waiting.pop()
        name, extras = re.sub(r"[-_.]+", "-", wanted.name).lower(), frozenset(wanted.extras)
        if (name, extras) in done:
            continue
        done.add((name, extras))
        found[name] = metadata.distribution(name)
        for line in found[name].requires or []:
            needed = Requirement(line)
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras | {""}):
                waiting.append(needed)
    return found


def build(folder: Path, requirements: Path) -> Path:
    """Make the environment; returns its python. A file of a distribution outside the list is not there at all."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    target = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    source = Path(sysconfig.get_paths()["purelib"])
    allowed = closure(requirements)
    owners: dict[str, set[str]] = defaultdict(set)
    files: dict[str, list[str]] = {}
    for one in metadata.distributions():
        name = re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower()
        files[name] = [str(path) for path in one.files or [] if not str(path).startswith("..")]
        for path in files[name]:
            owners[path.partition("/")[0]].add(name)
    for name in allowed:
        for path in files[name]:
            top = path.partition("/")[0]
            if owners[top] == {name}:
                _link(source / top, target / top)
            else:
                _link(source / path, target / path)
                compiled = Path(path).parent / "__pycache__" / f"{Path(path).stem}.{sys.implementation.cache_tag}.pyc"
                if (source / compiled).exists():
                    _link(source / compiled, target / compiled)
        _write_commands(allowed[name], folder / "bin")
    return folder / "bin" / "python"


def _write_commands(distribution: metadata.Distribution, folder: Path) -> None:
    """The console scripts of a distribution, run by the environment's own python."""
    for entry in distribution.entry_points.select(group="console_scripts"):
        script = folder / entry.name
        call = f"import sys\nimport {entry.module}\nsys.exit({entry.module}.{entry.attr}())\n"
        script.write_text(f"#!{folder / 'python'}\n{call}")
        script.chmod(0o755)


def copied_program(dockerfile: Path, target: Path) -> Path:
    """The folder of the program as the image holds it: what the Dockerfile copies to /opt/medhash."""
    text = dockerfile.read_text().replace("\\\n", " ")
    for words in (line.split()[1:] for line in text.splitlines() if line.startswith("COPY ")):
        *sources, place = words
        goal = target / PurePosixPath(place).relative_to("/opt/medhash")
        for source in (path for pattern in sources for path in sorted(REPOSITORY.glob(pattern))):
            if source.is_dir():
                shutil.copytree(source, goal, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                goal.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, goal)
    return target


def _link(source: Path, target: Path) -> None:
    if not target.exists() and source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source)
