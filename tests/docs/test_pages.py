"""README and the pages of docs/: short sentences, links and paths that exist, commands and settings that are real."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from prose import lengths, sentences, words

import medhash
from medhash import cli
from medhash.core.params import Params

ROOT = Path(__file__).resolve().parents[2]
PAGES = [Path("README.md"), Path("ARCHITECTURE.md"), *sorted(path.relative_to(ROOT) for path in ROOT.glob("docs/*.md"))]
OTHERS = [
    Path("CHANGELOG.md"),
    Path("CONTRIBUTING.md"),
    *sorted(
        path.relative_to(ROOT) for folder in ("deploy", "data/sample") for path in ROOT.glob(f"{folder}/*/README.md")
    ),
]
TOP = ("benchmarks", "components", "dags", "data/sample", "data/sets", "deploy", "docs", "medhash", "tests")
SECTIONS = [name for name, field in Params.model_fields.items() if hasattr(field.annotation, "model_fields")]

every_page = pytest.mark.parametrize("page", PAGES, ids=str)
these_too = pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=str)


def read(page: Path) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def code_of(page: Path) -> list[str]:
    """Blocks and spans of code."""
    text = read(page)
    blocks = re.findall(r"^ *```\w*\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    spans = re.findall(r"`([^`]+)`", re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE))
    return blocks + [" ".join(span.split()) for span in spans]


def generated_pages() -> set[str]:
    """Names of the pages that docs/generate.py makes from the code."""
    tree = (ROOT / "docs/reference_pages.py").read_text(encoding="utf-8")
    return {f"docs/reference/{name}.md" for name in re.findall(r'^    "(\w+)": \w+,$', tree, re.MULTILINE)}


def anchors(page: Path) -> set[str]:
    """Ids of the headings, as the site makes them."""
    titles = re.findall(r"^#+ (.+)$", read(page), re.MULTILINE)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", title.replace("`", "")).strip().lower()) for title in titles}


def is_module(name: str) -> bool:
    """Whether a dotted name leads to a package, a module, or something in a module; nothing is imported."""
    folder = ROOT
    for part in name.split("."):
        if (folder / f"{part}.py").exists():
            return True
        folder = folder / part
    return folder.is_dir()


def settings_named(section: type, dotted: list[str]) -> bool:
    """Whether such a key is there; what follows a mapping is free."""
    for name in dotted:
        fields = getattr(section, "model_fields", None)
        if fields is None:
            return True
        if name not in fields:
            return False
        section = fields[name].annotation
    return True


@these_too
def test_sentences_are_short(page: Path) -> None:
    counted = lengths(read(page))
    assert sum(counted) / len(counted) <= 20
    assert max(counted) <= 45, max(sentences(read(page)), key=words)


def test_the_counter_sees_sentences_and_nothing_else() -> None:
    page = (
        "# A heading of many words\n\nOne two three. Four `five six`\nseven!\n\n"
        "- [eight nine](x.md) ten\n  eleven\n- twelve\n\n"
        "| a | b |\n|---|---|\n\n```sh\nnot counted\n```\n\n    nor this\n\n![nor this](y.png)\n"
    )
    assert lengths(page) == [3, 3, 4, 1]


def test_the_readme_is_short() -> None:
    assert len(read(Path("README.md")).split()) <= 900


@these_too
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", read(page)):
        path, _, anchor = target.partition("#")
        if ":" in path:
            continue
        found = (ROOT / page.parent / path).resolve() if path else ROOT / page
        name = found.relative_to(ROOT)
        assert found.exists() or str(name) in generated_pages(), f"{page} links to {target}"
        assert not anchor or anchor in anchors(name), f"{page} links to {target}"


@these_too
def test_paths_and_modules_exist(page: Path) -> None:
    for code in code_of(page):
        for name in re.findall(rf"(?<![\w/.-])(?:{'|'.join(TOP)})/[\w./-]*\w/?(?![\w*])", code):
            placeholder = re.search(r"[A-Z]{3,}", name.replace("README", ""))
            assert placeholder or (ROOT / name).exists(), f"{page} names {name}"
        for name in re.findall(r"\bmedhash(?:\.[a-z_]+)+(?![\w(-])", re.sub(r"medhash\.(target|hospital)", "", code)):
            assert is_module(name) or name.removeprefix("medhash.") in dir(medhash), f"{page} names {name}"
        for name in re.findall(r"python -m ((?:components|medhash|benchmarks)\.[\w.]+)", code):
            assert name.endswith(("STAGE",)) or importlib.util.find_spec(name), f"{page} names {name}"


@these_too
def test_commands_and_their_options_exist(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for line in "\n".join(code_of(page)).replace("\\\n", " ").splitlines():
        for command, rest in re.findall(r"(?<![\w./-])(?<! -[a-z] )medhash ([a-z][\w-]*)([^;&#]*)", line):
            assert command in cli.COMMANDS, f"{page}: {line}"
            options = re.findall(r"(?<!\w)--[a-z][\w-]*", rest)
            if options:
                with pytest.raises(SystemExit):
                    cli.main([command, "--help"])
                known = capsys.readouterr().out
                assert all(option in known for option in options), f"{page}: {line}"


@these_too
def test_settings_exist(page: Path) -> None:
    for code in code_of(page):
        for name in re.findall(rf"^(?:{'|'.join(SECTIONS)})\.[a-z_.-]+", code):
            if not name.endswith((".parquet", ".json", ".md", ".png")):
                assert settings_named(Params, name.rstrip(".").split(".")), f"{page} names {name}"


@every_page
def test_settings_in_yaml_are_accepted(page: Path) -> None:
    for block in re.findall(r"^```yaml\n(.*?)^```", read(page), re.DOTALL | re.MULTILINE):
        Params.model_validate({"methods": ["lsh"]} | yaml.safe_load(block))


def test_what_the_readme_runs_in_a_shell_runs(tmp_path: Path) -> None:
    """The cheap lines: the key, the picture to ask with, and the help of every command it names."""
    text = read(Path("README.md"))
    key = re.search(r"\$\((python3 -c '[^']+')\)", text)
    tar = re.search(r"tar -xzf (\S+) -C var (\S+)", text)
    assert key
    assert tar
    drawn = subprocess.run(key.group(1), shell=True, check=True, capture_output=True, text=True).stdout.strip()
    assert len(bytes.fromhex(drawn)) == 32
    subprocess.run(["tar", "-xzf", ROOT / tar.group(1), "-C", tmp_path, tar.group(2)], check=True)
    assert f"medhash query var/{tar.group(2)}" in text
    assert "`medhash methods`" in text
    for arguments in (["--help"], ["methods"], ["query", "--help"]):
        subprocess.run([sys.executable, "-m", "medhash.cli", *arguments], cwd=ROOT, check=True, capture_output=True)


def test_targets_of_make_exist() -> None:
    makefile = read(Path("Makefile"))
    named = {target for page in PAGES for code in code_of(page) for target in re.findall(r"\bmake ([a-z]+)", code)}
    assert {target for target in named if not re.search(rf"^{target}:", makefile, re.MULTILINE)} == set()


def test_the_reference_is_made_from_the_code(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "docs/generate.py", tmp_path], cwd=ROOT, check=True, capture_output=True)
    assert all(f"## medhash {command}" in (tmp_path / "reference/commands.md").read_text() for command in cli.COMMANDS)
    settings = (tmp_path / "reference/settings.md").read_text()
    assert all(f"`{section}." in settings for section in SECTIONS)
    assert [row for row in settings.splitlines() if row.startswith("| `") and row.endswith("|  |")] == []
    assert "| `image_id` | string |" in (tmp_path / "reference/tables.md").read_text()
    assert "`drh-18`" in (tmp_path / "reference/methods.md").read_text()
    nav = yaml.safe_load(read(Path("mkdocs.yml")))["nav"]
    listed = set(re.findall(r"[\w/.-]+\.md", str(nav)))
    assert listed == {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.md")}
