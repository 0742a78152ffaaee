"""Show the audit log: who did what and when, oldest first.

Reading verifies it: every line holds the digest of the one before, so a line that was changed, taken out or put in
is an error. Against a log that was cut short, compare the last digest with the tag `audit` of the newest version in
MLflow.
"""

import json

from medhash.core.command import reports_errors, stage_parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = stage_parser("audit", __doc__)
    parser.add_argument(
        "--act",
        help="only entries of this kind: promote, refuse, force, renew, hold, lift, rollback, accept-drift, forget …",
    )
    parser.add_argument("--json", action="store_true", help="print the entries as they are, a JSON document per line")
    args = parser.parse_args(argv)
    from medhash.core.workspace import Workspace
    from medhash.releases.audit import read_log

    lines = read_log(Workspace(args.root))
    for line in lines:
        entry = line.entry
        if args.act not in (None, entry.act):
            continue
        if args.json:
            print(json.dumps(entry.model_dump(mode="json"), sort_keys=True, ensure_ascii=False))
        else:
            details = ", ".join(f"{key}: {value}" for key, value in entry.what.items())
            print(f"{entry.number:>4}  {entry.at}  {entry.who}  {entry.act}  {details}")
    if not args.json:
        print(
            f"{len(lines)} entries, unbroken; the last one's digest is {lines[-1].digest}"
            if lines
            else "nothing has happened yet"
        )
    return 0
