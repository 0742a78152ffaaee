"""Ages of the imaged people, by fold."""

from components.report.plots.style import PALETTE, canvas


def ages(by_fold: dict[str, list[int]]) -> str:
    """Draw a stacked histogram in steps of ten years and return a data: URI. by_fold: fold → age per image."""
    with canvas(6.4, 2.1) as drawn:
        axes = drawn.figure.subplots()
        axes.hist(
            list(by_fold.values()),
            bins=range(0, 101, 10),
            stacked=True,
            rwidth=0.9,
            color=[PALETTE[0], PALETTE[5], PALETTE[1]][: len(by_fold)],
            label=list(by_fold),
        )
        axes.set(xlabel="age, years", ylabel="images")
        axes.grid(False, axis="x")
        axes.legend()
    return drawn.uri
