"""Command line of query: the image files of a case → the most similar cases, as text and as a contact sheet."""

from pathlib import Path

from medhash.core.command import reports_errors, stage_parser

_EXAMPLE = """\
example: X-rays of the same organ, and of those the ones with the most similar finding; doubtful cases marked

  medhash query film.png --prefer organ,pathology --require modality=xray --min-confidence 0.7

What each of these does to the order: docs/preferences.md.
"""


@reports_errors
def main(argv: list[str] | None = None) -> int:
    """Find cases similar to one image, or to the images of one case, with the champion."""
    parser = stage_parser("query", main.__doc__)
    parser.epilog = _EXAMPLE
    parser.add_argument(
        "images",
        type=Path,
        metavar="IMAGE",
        nargs="+",
        help="a PNG, JPEG or DICOM file; several are the images of one case",
    )
    parser.add_argument("--k", type=int, default=5, help="how many cases (default: 5)")
    parser.add_argument(
        "--out",
        type=Path,
        default=None,
        metavar="PNG",
        help="where the contact sheet goes (default: ROOT/reports/query.png)",
    )
    parser.add_argument(
        "--exclude-patient",
        metavar="PSEUDONYM",
        default=None,
        help="leave out this patient's images (patient_id of images.parquet)",
    )
    parser.add_argument(
        "--release",
        metavar="FOLDER",
        help="answer from this release folder, or models:/NAME@ALIAS, instead of the champion of params.yaml",
    )
    similar = parser.add_argument_group("what similar means", "for models whose codes have a part for each attribute")
    similar.add_argument(
        "--prefer",
        metavar="A,B",
        default="",
        help="near in attribute A first, among equals in B, then in all others: organ,pathology",
    )
    similar.add_argument(
        "--weights",
        metavar="A=W,B=W",
        default="",
        help="multiply the distances of attributes, others by 1; 0 leaves one out: organ=2,modality=0",
    )
    similar.add_argument(
        "--require",
        metavar="A=VALUE",
        action="append",
        default=[],
        help="only cases whose labels have this value; may be repeated: modality=xray",
    )
    similar.add_argument(
        "--min-confidence",
        metavar="SHARE",
        default="",
        help="cases of which the model is less sure, above 0 and up to 1, are marked: 0.7",
    )
    similar.add_argument(
        "--below",
        choices=("flag", "leave-out"),
        default="",
        help="whether cases below --min-confidence are marked or not searched (default: flag)",
    )
    args = parser.parse_args(argv)

    from medhash.core.errors import MedhashError

    if args.k < 1:
        raise MedhashError(f"--k is {args.k}", "ask for at least one case")

    from medhash.retrieval.preference import LEAVE_OUT, parse_preference

    preference = parse_preference(args.prefer, args.weights, args.require, args.min_confidence, args.below)

    from medhash.core.params import load_params
    from medhash.core.workspace import Workspace
    from medhash.releases.searcher.answer_text import format_answer
    from medhash.releases.searcher.searcher import open_release
    from medhash.releases.searcher.sheet import LARGEST_SHEET, stored_bags, write_sheet

    champion = "" if args.release else load_params(args.params or args.root / "params.yaml").promote.name
    release = open_release(args.release or f"models:/{champion}@champion", root=args.root)
    if args.exclude_patient is not None and args.exclude_patient not in release.index.patient_number:
        print("note: the gallery has no image of the patient to leave out")
    reply = release.answer(args.images, args.k, args.exclude_patient, preference)
    if reply.case.repeated:
        print(f"note: given before, so counted once: image {', '.join(map(str, reply.case.repeated))}")
    print(format_answer(reply))
    if len(reply.neighbours) < args.k:
        of_these = " that fit" if args.require or args.below == LEAVE_OUT else ""
        print(f"note: the gallery has no more than {len(reply.neighbours)} cases{of_these} to show")

    out = args.out or args.root / "reports" / "query.png"
    shown = reply.neighbours[:LARGEST_SHEET]
    write_sheet(out, reply, stored_bags(Workspace(args.root), [neighbour.id for neighbour in shown]))
    limit = "" if len(shown) == len(reply.neighbours) else f" (the first {len(shown)})"
    print(f"contact sheet{limit}: {out}")
    return 0
