"""Turn every case, an image or a bag of them, into a binary code with a trained model.

Reads data/derived/models/METHOD and writes data/derived/codes/METHOD.parquet.
"""

from pathlib import Path

from medhash.core.command import reports_errors, stage_parser
from medhash.core.workspace import Workspace


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = stage_parser("encode", __doc__)
    parser.add_argument("--method", required=True, help="a method whose model is trained, e.g. drh-18")
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default=None,
        help="where the network runs (default: train.device of the settings)",
    )
    args = parser.parse_args(argv)

    import torch

    from medhash.core.errors import MedhashError
    from medhash.core.params import load_params
    from medhash.hashing.model import load_model
    from medhash.retrieval.encode import encode_bags, write_codes

    params = load_params(args.params or Path(args.root) / "params.yaml")
    torch.set_num_threads(params.train.threads)
    device = args.device or params.train.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise MedhashError("torch sees no CUDA device on this machine", "give --device cpu, or train.device: auto")
    workspace = Workspace(args.root)
    folder = workspace.model(args.method)
    model = load_model(folder, device)
    if model.spec.method != args.method:
        raise MedhashError(f"{folder} holds a model of {model.spec.method}", f"train {args.method} again")
    encoded = encode_bags(workspace, model, instances=params.encode.instances, confidence=params.encode.confidence)
    write_codes(workspace.codes(args.method), model, encoded)
    n_bags, n_images = len(encoded.members), len(encoded.members.rows)
    bags = f"{n_bags} bags of " if n_bags < n_images else ""
    print(f"encode: {bags}{n_images} images as {model.spec.bits}-bit codes by {args.method}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
