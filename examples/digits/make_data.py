"""
Makes the data files of this folder from the 1797 digits that scikit-learn ships.

    digits.npz        500 images for testing, drawn evenly from the ten digits
    calibration.npz   256 of the other 1297, which were not held out for testing

    python make_data.py            writes the files
    python make_data.py --check    compares the files that are here with what would be written

Each file holds `x` [images, 64], pixels from 0 to 1 in sixteenths, row by row, and `y`, the
digit that each image shows. Needs scikit-learn (pip install scikit-learn).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
TESTED, CALIBRATED = 500, 256


def files() -> dict[str, dict[str, np.ndarray]]:
    """File -> its arrays."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    x, y = (digits.data / 16).astype(np.float32), digits.target.astype(np.int64)
    trained, tested = train_test_split(
        np.arange(len(x)), test_size=TESTED, random_state=0, stratify=y
    )
    chosen = {"digits.npz": tested, "calibration.npz": trained[:CALIBRATED]}
    return {name: {"x": x[which], "y": y[which]} for name, which in chosen.items()}


def differing() -> list[str]:
    """The files that are not what would be written."""
    found = []
    for name, arrays in files().items():
        with np.load(HERE / name) as file:
            same = set(file.files) == set(arrays) and all(
                file[key].dtype == array.dtype and np.array_equal(file[key], array)
                for key, array in arrays.items()
            )
        if not same:
            found.append(name)
    return found


def main() -> None:
    if sys.argv[1:] == ["--check"]:
        wrong = differing()
        if wrong:
            sys.exit(f"not what this script makes: {', '.join(wrong)}")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        for name, arrays in files().items():
            np.savez_compressed(HERE / name, **arrays)


if __name__ == "__main__":
    main()
