"""Trace a code or an answer back to its origins, or an image to the releases that hold it.

With an image: whether it lies in today's tables, and every registered version that holds it, with the origins of each.
With --release: the origins of one version, and with --image how it holds that image. Names no patient.
"""

import json

from medhash.core.command import checkout, reports_errors, stage_parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = stage_parser("lineage", __doc__)
    parser.add_argument(
        "image_id",
        nargs="?",
        metavar="IMAGE_ID",
        help="an image, or the bag_id of a case of several, as a search answer names it",
    )
    parser.add_argument("--release", metavar="VERSION", help="number of a version, or champion, previous, challenger")
    parser.add_argument("--image", metavar="IMAGE_ID", help="with --release: an image or a case in it")
    parser.add_argument("--json", action="store_true", help="print a JSON document")
    args = parser.parse_args(argv)
    if (args.image_id is None) == (args.release is None) or (args.image and not args.release):
        parser.error("give an IMAGE_ID, or --release VERSION with or without --image IMAGE_ID")

    from medhash.core import tracking
    from medhash.releases.lineage import trace_image, trace_release
    from medhash.releases.lineage_text import image_as_text, release_as_text
    from medhash.releases.registry import Registry

    workspace, params = checkout(args)
    with tracking.answered():
        registry = Registry(tracking.connect(workspace), params.promote.name, make=False)
        if args.image_id is not None:
            image = trace_image(workspace, registry, args.image_id)
            document, text = image.model_dump(mode="json"), image_as_text(image)
        else:
            release = trace_release(workspace, registry, args.release, args.image)
            document, text = release.model_dump(mode="json"), release_as_text(release)
    print(json.dumps(document, indent=1, sort_keys=True) if args.json else text)
    return 0
