"""Stored pixels as small PNG data: URIs."""

import base64

import cv2
import numpy as np

LONGEST_PX, LONGEST_THUMB_PX = 160, 80


def picture(pixels: np.ndarray, longest_px: int = LONGEST_PX) -> str:
    """One image of the pixel store, uint8 (channels, height, width) with 1 or 3 channels (RGB), as a data: URI."""
    image = pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels[:3].transpose(1, 2, 0)[..., ::-1])
    longest = max(image.shape[:2])
    if longest > longest_px:
        scale = longest_px / longest
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".png", image)
    return "data:image/png;base64," + base64.b64encode(encoded.tobytes()).decode()
