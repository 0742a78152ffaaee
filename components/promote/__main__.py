"""Register the run's best model with its codes and index, and make it the champion if it is better.

Best is by MAP on validation patients. A model that is not better on the same test queries than the champion is
registered as `challenger`, and the champion goes on serving.
"""

from components.command import reports_errors, stage_parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    args = stage_parser("promote", __doc__).parse_args(argv)
    from components.params import load_params
    from components.promote.promote import promote
    from components.workspace import Workspace
    print(promote(Workspace(args.root), load_params(args.params or args.root / "params.yaml")))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
