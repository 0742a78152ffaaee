"""Look for better settings of one method, on validation patients.

Trains the method again and again with other settings and prints the best, as lines for params.yaml. Needs the stages up
to features. The study is kept in var/tune: stopped with Ctrl-C, the same command goes on. Test patients play no part.
"""

from medhash.core.command import checkout, reports_errors, stage_parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = stage_parser("tune", __doc__)
    parser.add_argument("method", help="a method that trains a network or a head, such as drh-head")
    parser.add_argument("--trials", type=int, default=20, help="trainings of the whole study (default: %(default)s)")
    args = parser.parse_args(argv)
    if args.trials < 1:
        parser.error("--trials must be 1 or more")
    from medhash.training.tune import Trial, overrides_text, tune

    workspace, params = checkout(args)

    def tell(trial: Trial) -> None:
        settings = ", ".join(f"{key} {value:.3g}" for key, value in trial.settings.items())
        print(f"trial {trial.number + 1}: validation {params.choose_by} {trial.value:+.4f}; {settings}", flush=True)

    trials = tune(workspace, params, args.method, args.trials, tell)
    first = min(trials, key=lambda trial: trial.number)
    print(
        f"{len(trials)} trainings; best validation {params.choose_by} {trials[0].value:+.4f} in trial "
        f"{trials[0].number + 1}, {first.value:+.4f} as it stands. The best of many is a little too good: measure it "
        f"with other seeds.\n\n{overrides_text(args.method, trials[0])}"
    )
    return 0
