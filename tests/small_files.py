"""A random grey PNG, and a file put into a tar."""

import io
import tarfile

import cv2
import numpy as np


def png(seed: int, size: int = 24) -> bytes:
    return cv2.imencode(".png", np.random.default_rng(seed).integers(0, 256, (size, size), np.uint8))[1].tobytes()


def add_file(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))
