"""
The digits that the networks of this folder are trained, calibrated and tested on.

The 1797 images that scikit-learn ships are split as ../digits does: 500 for tests, the same as
there, drawn by `train_test_split(test_size=500, random_state=0, stratify=labels)`; of the other
1297, in the order of that draw, the first 1000 train and the last 297 calibrate.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
DIGITS = HERE.parent / "digits"
SIDE = 8
LARGEST = 16
"""Pixels are whole numbers from 0 to this."""
TRAINED = 1000
SHIFTED = 400

Images = NDArray[np.uint8]
"""[images, 64], pixels from 0 to 16, row by row."""
Labels = NDArray[np.int64]


def split(part: str) -> tuple[Images, Labels]:
    """
    The images and labels of `train` (1000), `calibration` (297) or `test` (500); and those of the
    shifted sensor, `shifted_train` (400 of the training images) and `shifted_test` (400 of the
    test images).
    """
    if part.startswith("shifted_"):
        images, labels = split(part.removeprefix("shifted_"))
        return shifted(images[:SHIFTED]), labels[:SHIFTED]
    with np.load(DIGITS / ("digits.npz" if part == "test" else "training.npz")) as file:
        images = np.rint(file["x"] * LARGEST).astype(np.uint8)
        labels = file["y"]
    chosen = {"train": slice(TRAINED), "calibration": slice(TRAINED, None), "test": slice(None)}
    return images[chosen[part]], labels[chosen[part]]


def shifted(images: Images, columns: int = 1) -> Images:
    """What the sensor sees after it slipped: all is `columns` to the right, the last are lost."""
    seen = np.zeros((len(images), SIDE, SIDE), np.uint8)
    seen[:, :, columns:] = images.reshape(-1, SIDE, SIDE)[:, :, :-columns]
    return seen.reshape(len(images), -1)
