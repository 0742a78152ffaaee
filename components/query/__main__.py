"""Command line of query: the image files of a case → the most similar cases, as text and as a contact sheet."""

from pathlib import Path

from components.command import reports_errors, stage_parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    """Find cases similar to one image, or to the images of one case, with the champion."""
    parser = stage_parser("query", main.__doc__)
    parser.add_argument("images", type=Path, metavar="IMAGE", nargs="+",
                        help="a PNG, JPEG or DICOM file; several are the images of one case")
    parser.add_argument("--k", type=int, default=5, help="how many cases (default: 5)")
    parser.add_argument("--out", type=Path, default=None, metavar="PNG",
                        help="where the contact sheet goes (default: ROOT/reports/query.png)")
    parser.add_argument("--exclude-patient", metavar="PSEUDONYM", default=None,
                        help="leave out this patient's images (patient_id of images.parquet)")
    parser.add_argument("--release", type=Path, default=None, metavar="FOLDER",
                        help="answer from this release folder instead of the champion in MLflow")
    args = parser.parse_args(argv)

    from components.errors import MedhashError
    if args.k < 1:
        raise MedhashError(f"--k is {args.k}", "ask for at least one case")

    from components.params import load_params
    from components.query.answer import answer
    from components.query.release import load_release
    from components.query.searcher import Searcher
    from components.query.sheet import LARGEST_SHEET, write_sheet
    from components.query.stored import stored_bags
    from components.query.text import as_text
    from components.workspace import Workspace

    workspace, params = Workspace(args.root), load_params(args.params or args.root / "params.yaml")
    if args.release:
        version, release = None, load_release(args.release)
    else:
        version, release = Searcher(workspace, params.promote.name).serving
    if args.exclude_patient is not None and args.exclude_patient not in release.index.patient_number:
        print("note: the gallery has no image of the patient to leave out")
    reply = answer(release, args.images, args.k, args.exclude_patient, version)
    if reply.case.repeated:
        print(f"note: given before, so counted once: image {', '.join(map(str, reply.case.repeated))}")
    print(as_text(reply))
    if len(reply.neighbours) < args.k:
        print(f"note: the gallery has no more than {len(reply.neighbours)} cases to show")

    out = args.out or args.root / "reports" / "query.png"
    shown = reply.neighbours[:LARGEST_SHEET]
    write_sheet(out, reply, stored_bags(workspace, [neighbour.bag_id for neighbour in shown]))
    limit = "" if len(shown) == len(reply.neighbours) else f" (the first {len(shown)})"
    print(f"contact sheet{limit}: {out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
