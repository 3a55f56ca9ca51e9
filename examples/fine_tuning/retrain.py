"""
What PyTorch makes of the networks on images of the shifted sensor: writes retrained.json.

    python examples/fine_tuning/retrain.py

Each network starts from its weights, as on the device, and sees the same images as often. The
file holds the accuracy on unseen images, {network: [of seed 0, 1, 2]}. Needs torch.
"""

from __future__ import annotations

import json

import torch
from rich.progress import Progress
from tasks import HERE, TASKS, digits, shifted
from torch_models import MODELS, accuracy, train

SEEDS = 3
EPOCHS, BATCH, RATE = 20, 16, 3e-3


def main() -> None:
    torch.set_num_threads(1)
    images, labels = digits("training")
    unseen, wanted = digits("digits")
    found: dict[str, list[float]] = {}
    with Progress() as bar:
        task = bar.add_task("retraining", total=len(TASKS) * SEEDS * EPOCHS)
        for name, each in TASKS.items():
            found[name] = []
            weights = {k: torch.tensor(v) for k, v in each.load().parameters().items()}
            for seed in range(SEEDS):
                model = MODELS[name]()
                loaded = model.load_state_dict(weights, strict=False)
                assert not loaded.unexpected_keys, loaded
                train(
                    model,
                    each.stream,
                    shifted(images),
                    labels,
                    epochs=EPOCHS,
                    batch=BATCH,
                    rate=RATE,
                    seed=seed,
                    progress=lambda: bar.advance(task),
                )
                found[name].append(accuracy(model, each.stream, shifted(unseen), wanted))
    (HERE / "retrained.json").write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
