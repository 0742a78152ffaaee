"""Read an archive into images.parquet, rejected.parquet and the pixel store.

Patients and images get keyed pseudonyms (environment: MEDHASH_PSEUDONYM_KEY); source file names stay in var/private.
A second run decodes only what is new; an interrupted one goes on where it was.
"""

from pathlib import Path

from medhash.core.command import checkout, reports_errors, stage_parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = stage_parser("ingest", __doc__)
    parser.add_argument("--archive", type=Path, help="folder with the archive (default: ingest.archive)")
    parser.add_argument("--source", help="the archive's layout, such as mias or breakhis (default: ingest.source)")
    parser.add_argument("--metadata-only", action="store_true", help="index the archive's table without its images")
    args = parser.parse_args(argv)

    from components.ingest.ingest import ingest
    from medhash.archives.pseudonyms import pseudonym_key
    from medhash.core.params.ingest import with_source

    workspace, params = checkout(args)
    settings = params.ingest
    if args.archive is not None:
        settings = settings.model_copy(update={"archive": str(args.archive.absolute())})
    if args.source is not None:
        settings = with_source(settings, args.source)
    if args.metadata_only:
        settings = settings.model_copy(update={"metadata_only": True})
    key = pseudonym_key(args.root / settings.archive, args.root)
    print(ingest(workspace, settings, params.size_px, key))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
