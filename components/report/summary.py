"""The run in a few lines: what was asked for, on which data, with which code, and which method came out best."""

from typing import Any

from components.files import sha256_files
from components.origins import origins
from components.report.run import Run


def summary(run: Run) -> dict[str, Any]:
    """Figures of the page's head and rows (name, value) of its summary table."""
    params, workspace = run.params, run.workspace
    best = run.metrics[run.best]
    cases = "cases" if run.has_bags else "images"
    cut = params.ingest.cut
    digest = sha256_files([workspace.images, workspace.split, workspace.labels])
    return {
        "best": best,
        "gain": best.figures.map / best.chance.map if best.chance.map else None,
        "n_images": len(run.images),
        "images": "Images" if cut.into == "whole" else "Parts of images",
        "n_cases": len(run.images["bag_id"].unique()),
        "n_patients": len(run.images["patient_id"].unique()),
        "rows": [
            ("Archive", f"{params.ingest.source}, stored at {params.size_px} × {params.size_px} px"),
            *(
                [
                    (
                        "Cases",
                        f"bags, one per {params.ingest.bags.by}, of "
                        f"{'images' if cut.into == 'whole' else f'parts of images: {cut.into}'}",
                    )
                ]
                if run.has_bags
                else []
            ),
            ("Methods", ", ".join(params.methods)),
            ("Code length", f"{params.bits} bits"),
            ("Split", f"{params.split.strategy}: no patient stands in two folds"),
            ("Labels", _labels(run)),
            (
                "Training",
                f"up to {params.train.epochs} epochs, {params.train.precision}, "
                f"{'with' if params.train.augment else 'without'} augmentation, seed {params.seed}",
            ),
            (
                "Queries and gallery",
                f"{best.n_queries:,} test {cases} search {best.n_gallery:,} {cases} of the "
                "train and val folds, never their own patient's",
            ),
            ("Data digest", digest[:16]),
            ("Evaluation digest", best.evaluation_digest[:16]),
            ("Git commit", origins(workspace.root)["git_commit"]),
        ],
    }


def _labels(run: Run) -> str:
    n_labels, settings = len(run.vocabulary.labels), run.params.labels
    if run.vocabulary.attributes:
        names = ", ".join(attribute.name for attribute in run.vocabulary.attributes)
        return f"{n_labels} combinations of {names}"
    return f"attribute {settings.attribute!r}, {n_labels} labels; No Finding is treated as: {settings.no_finding}"
