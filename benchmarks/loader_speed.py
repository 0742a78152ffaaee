"""Random batches from the pixel store against decoding the same images from PNG files.

    python -m benchmarks.loader_speed [--size-px 64] [--batch-size 128] [--images 4096] [--repeats 5]

Both give uint8 tensors of random batches in one process; the store is read as the train stage reads it. PNG files are
in the page cache, as is the store. Passes alternate; medians and their ratio are printed.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.synthetic import data_set, pixels_of


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size-px", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--images", type=int, default=4096)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()

    import cv2
    import torch

    from medhash.training.batches import BatchFeeder, plan_epoch

    cv2.setNumThreads(1)
    pixels, classes = pixels_of(args.images, args.size_px)
    rates: dict[str, list[float]] = {"store": [], "png": []}
    with tempfile.TemporaryDirectory() as folder:
        _, data = data_set(Path(folder), pixels, classes)
        mapped = np.load(Path(folder) / "data/derived/images/pixels.npy", mmap_mode="r")
        paths = [Path(folder) / f"{number}.png" for number in range(len(pixels))]
        for path, image in zip(paths, pixels, strict=True):
            cv2.imwrite(str(path), image[0])
        feeder = BatchFeeder(mapped, data.folds["train"], torch.device("cpu"), 0, 1)
        for repeat in range(args.repeats):
            plan = plan_epoch(len(pixels), args.batch_size, repeat)
            started = time.perf_counter()
            for batch in feeder(plan):
                assert batch.images.dtype == torch.uint8
            rates["store"].append(plan.size / (time.perf_counter() - started))
            started = time.perf_counter()
            for chosen in plan:
                torch.from_numpy(np.stack([cv2.imread(str(paths[n]), cv2.IMREAD_UNCHANGED) for n in chosen])[:, None])
            rates["png"].append(plan.size / (time.perf_counter() - started))
    store, png = (float(np.median(rates[name])) for name in ("store", "png"))
    print(
        f"{args.size_px} px, batch {args.batch_size}, {args.images:,} images, load {os.getloadavg()[0]:.1f}: store "
        f"{store:,.0f} images/s, PNG files {png:,.0f} images/s, ratio {store / png:.1f}"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
