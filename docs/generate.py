"""Assemble the pages of the site in var/docs: docs/, pages that lie beside the code, and the generated reference.

A link is rewritten to where its page lies in the site; a link to code becomes the path as text. A link to nothing stops
the build. `make docs` runs this, then mkdocs.
"""

import os
import re
import shutil
import sys
from pathlib import Path

from reference_pages import PAGES

ROOT = Path(__file__).resolve().parent.parent
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def site_pages(root: Path = ROOT) -> dict[str, str]:
    """Page in the repository → page in the site."""
    pages = {str(path.relative_to(root)): str(path.relative_to(root / "docs")) for path in root.glob("docs/**/*.md")}
    pages |= {f"docs/reference/{name}.md": f"reference/{name}.md" for name in PAGES}
    pages |= {
        "ARCHITECTURE.md": "architecture.md",
        "CHANGELOG.md": "changelog.md",
        "CONTRIBUTING.md": "contributing.md",
    }
    pages |= {
        f"deploy/{path.parent.name}/README.md": f"deploy/{path.parent.name}.md"
        for path in root.glob("deploy/*/README.md")
    }
    pages |= {
        f"data/sample/{path.parent.name}/README.md": f"data/{path.parent.name}.md"
        for path in root.glob("data/sample/*/README.md")
    }
    return pages


def rewritten(text: str, source: str, pages: dict[str, str], root: Path = ROOT) -> str:
    """A page's text with its links as the site needs them. Raises ValueError naming a link that leads nowhere."""

    def link(match: re.Match[str]) -> str:
        sign, shown, target = match.groups()
        path, _, anchor = target.partition("#")
        if not path or ":" in path:
            return match.group(0)
        wanted = os.path.normpath(os.path.join(os.path.dirname(source), path))
        if wanted in pages:
            here = os.path.dirname(pages[source])
            return f"{sign}[{shown}]({os.path.relpath(pages[wanted], here or '.')}{'#' + anchor if anchor else ''})"
        if not (root / wanted).exists():
            raise ValueError(f"{source} links to {target}, which does not exist: correct the link")
        return match.group(0) if wanted.startswith("docs/") else f"{shown} (`{wanted}`)"

    return _LINK.sub(link, text)


def main(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    pages = site_pages()
    shutil.copytree(ROOT / "docs/images", folder / "images")
    for source, target in pages.items():
        made = (
            PAGES[Path(source).stem]() if source.startswith("docs/reference/") else (ROOT / source).read_text("utf-8")
        )
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        (folder / target).write_text(rewritten(made, source, pages), encoding="utf-8")
    print(f"{len(pages)} pages in {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "var/docs")
