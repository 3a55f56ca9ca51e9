"""
Trains the recurrent network of this folder in PyTorch and writes rows.mlir and rows.safetensors.

    python examples/fine_tuning/train_rows.py

Needs torch (2.13.0 is what the files here were made with). Takes a minute.
"""

from __future__ import annotations

import torch
from rich.progress import Progress
from tasks import HERE, digits, rows, shifted
from torch_models import Rows, accuracy, train

import snncc

EPOCHS = 60
NOISE = 0.15
"""On the pixels, so that the network does not learn the images by heart."""


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = Rows()
    images, labels = digits("training")
    with Progress() as bar:
        task = bar.add_task("training", total=EPOCHS)
        train(
            model,
            rows,
            images,
            labels,
            epochs=EPOCHS,
            batch=32,
            rate=3e-3,
            noise=NOISE,
            progress=lambda: bar.advance(task),
        )
    unseen, wanted = digits("digits")
    print(f"accuracy {accuracy(model, rows, unseen, wanted):.3f}")
    print(f"shifted  {accuracy(model, rows, shifted(unseen), wanted):.3f}")
    example = torch.tensor(rows(unseen[:5]))
    snncc.load(model, example, time_axis=0).save(HERE / "rows.mlir")


if __name__ == "__main__":
    main()
