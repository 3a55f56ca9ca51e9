"""
Bias and variance of gradient estimators on a network small enough to be exact.

    python -m benchmarks.gradient_estimators [docs/gradient_estimators.svg]

Two layers of two LIF neurons and a readout classify over three steps: 12 spikes a sample, so
that the gradient of the expected loss is a sum over 4096 patterns. Against it stand the
score-function estimator (`snncc.training.reinforce`), the surrogate gradient of the hard
network, and the exact gradient of the smoothed twin. The error is |g - exact| / |exact| over
all parameters, its root mean square over seeds where spikes are drawn.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from xdsl.dialects.builtin import FloatAttr, f64
from xdsl.parser import Parser

import snncc
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.network import Network
from snncc.storage import context
from snncc.training import CrossEntropy, GradientsByName, expectation, reinforce

SAMPLES = (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
SLOPES = (1.0, 2.0, 4.0, 8.0, 16.0)
SLOPE = 4.0
SEEDS = 12

LAYER = """
    %s{n} = snn.neuron as "lif{n}" (%x = %i{n} : tensor<{size}xf32>)
         state (%v = %zero : tensor<f32>)
         params (%beta = %beta : tensor<f32>, %theta = %theta : tensor<f32>)
         -> (tensor<{size}xi1>) {{
      %0 = arith.mulf %beta, %v : f32
      %1 = arith.addf %0, %x : f32
      %2 = arith.subf %1, %theta : f32
      %z = snn.spike gt %2 : f32
      %n = arith.uitofp %z : i1 to f32
      %3 = arith.mulf %n, %theta : f32
      %4 = arith.subf %1, %3 : f32
      snn.next (%z : i1) state (%4 : f32)
    }}
"""
TEXT = f"""
  snn.parameter learnable @w1 : tensor<2x3xf32> = dense<[[0.9, -0.6, 0.7], [-0.5, 0.8, 0.6]]>
  snn.parameter learnable @w2 : tensor<2x2xf32> = dense<[[0.8, 0.7], [-0.6, 1.1]]>
  snn.parameter learnable @w3 : tensor<2x2xf32> = dense<[[1.0, -0.7], [-0.8, 0.9]]>
  snn.parameter learnable @beta : tensor<f32> = dense<0.8>
  snn.parameter learnable @theta : tensor<f32> = dense<1.0>
  snn.network @net ("x" %x : tensor<3xf32>) -> ("y" : tensor<2xf32>) {{
    %w1 = snn.use @w1 : tensor<2x3xf32>
    %w2 = snn.use @w2 : tensor<2x2xf32>
    %w3 = snn.use @w3 : tensor<2x2xf32>
    %beta = snn.use @beta : tensor<f32>
    %theta = snn.use @theta : tensor<f32>
    %zero = snn.constant dense<0.0> : tensor<f32>
    %i1 = snn.linear %x, %w1 : (tensor<3xf32>, tensor<2x3xf32>) -> tensor<2xf32>
{LAYER.format(n=1, size=2)}
    %i2 = snn.linear %s1, %w2 : (tensor<2xi1>, tensor<2x2xf32>) -> tensor<2xf32>
{LAYER.format(n=2, size=2)}
    %y = snn.linear %s2, %w3 : (tensor<2xi1>, tensor<2x2xf32>) -> tensor<2xf32>
    snn.yield %y : tensor<2xf32>
  }}
"""


def network() -> Network:
    module = Parser(context(), TEXT).parse_module()
    module.verify()
    return Network(module)


def flat(gradients: GradientsByName) -> np.ndarray:
    return np.concatenate([array.ravel() for array in gradients.parameters.values()])


class Problem:
    """One batch with its exact gradient, for spikes of a sigmoid of some slope."""

    def __init__(self, slope: float):
        rng = np.random.default_rng(5)
        x = rng.normal(size=(3, 8, 3)) + 0.5
        labels = (x.sum(axis=0) @ [1.0, -1.0, 0.5] > 0.7).astype(np.int64)
        self.arguments = (network(), CrossEntropy(), x, labels)
        self.surrogate = SurrogateAttr("sigmoid", {"k": FloatAttr(slope, f64)})
        self.exact = flat(expectation(*self.arguments, surrogate=self.surrogate)[1])

    def error(self, gradient: np.ndarray) -> float:
        return float(np.linalg.norm(gradient - self.exact) / np.linalg.norm(self.exact))

    def cosine(self, gradient: np.ndarray) -> float:
        size = np.linalg.norm(gradient) * np.linalg.norm(self.exact)
        return float(gradient @ self.exact / size)

    def deterministic(self, smoothed: bool) -> np.ndarray:
        return flat(
            snncc.value_and_grad(
                *self.arguments, surrogate=self.surrogate, smoothed=smoothed, dtype="float64"
            )[1]
        )

    def drawn(self, samples: int, baseline: str, seed: int) -> np.ndarray:
        found = reinforce(
            *self.arguments,
            samples=samples,
            baseline=baseline,
            seed=seed,
            surrogate=self.surrogate,
            dtype="float64",
        )
        return flat(found[1])


def spread(problem: Problem, baseline: str) -> list[float]:
    """The root mean square error for each number of samples."""
    return [
        float(
            np.sqrt(
                np.mean([problem.error(problem.drawn(n, baseline, s)) ** 2 for s in range(SEEDS)])
            )
        )
        for n in SAMPLES
    ]


def main(path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "snncc"  # the same bytes each time
    from matplotlib import pyplot

    problem = Problem(SLOPE)
    curves = {name: spread(problem, name) for name in ("others", "none")}
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9.0, 3.6), layout="constrained")
    labels = {"others": "REINFORCE, mean of the others", "none": "REINFORCE, no baseline"}
    for name, values in curves.items():
        left.loglog(SAMPLES, values, "o-", label=labels[name])
        for samples, value in zip(SAMPLES, values, strict=True):
            print(f"slope {SLOPE:g}  {labels[name]:30} {samples:5d} samples  error {value:.3f}")
    for name, smoothed, style in (("surrogate", False, "k--"), ("smoothed twin", True, "k:")):
        gradient = problem.deterministic(smoothed)
        left.axhline(problem.error(gradient), color="k", linestyle=style[1:], label=name)
        print(f"slope {SLOPE:g}  {name:30} error {problem.error(gradient):.3f}")
        problems = [Problem(slope) for slope in SLOPES]
        gradients = [p.deterministic(smoothed) for p in problems]
        cosines = [p.cosine(g) for p, g in zip(problems, gradients, strict=True)]
        errors = [p.error(g) for p, g in zip(problems, gradients, strict=True)]
        right.semilogx(SLOPES, cosines, "ko" + style[1:], label=name, base=2)
        for slope, cosine, error in zip(SLOPES, cosines, errors, strict=True):
            print(f"slope {slope:g}  {name:30} cosine {cosine:.3f}  error {error:.3f}")
    left.set(xlabel="samples of each input", ylabel="|g - exact| / |exact|")
    right.set(xlabel="slope k of the sigmoid", ylabel="cosine with the exact gradient")
    left.legend(fontsize=8)
    right.legend(fontsize=8)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    print(f"wrote {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/gradient_estimators.svg"))
