"""
Losses, as operations of the network that they are measured on.

A term reads an output (or the spikes of populations) and writes the operations that give its
value for one sample; they are differentiated, scheduled and emitted as any others. A loss is
a sum of terms with their weights:

    loss = CrossEntropy() + 0.5 * RateRegularization(target=0.15)
"""

from __future__ import annotations

import ast
import reprlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from snncc.errors import SnnccError, error
from snncc.options import is_real, is_single, is_whole
from snncc.training.written import LossWriter, Term

Code = Literal["count", "first_spike", "step"]
CODES: tuple[Code, ...] = ("count", "first_spike", "step")
Reduction = Literal["mean", "sum"]


class Loss(ABC):
    """
    One term, or a sum of terms. The value is the mean over the samples of a batch.
    """

    @abstractmethod
    def terms(self) -> list[tuple[float, LossTerm]]:
        """(weight, term)."""

    def __add__(self, other: Loss) -> Loss:
        if not isinstance(other, Loss):
            raise _unknown(other)
        return Sum((*self.terms(), *other.terms()))

    def __mul__(self, weight: float) -> Loss:
        if not is_single(weight):
            raise error("SNC-C003", f"loss: expected a weight that float32 has, got {weight!r}")
        return Sum(tuple((weight * own, term) for own, term in self.terms()))

    __rmul__ = __mul__


@dataclass(frozen=True)
class Sum(Loss):
    """Terms with their weights."""

    parts: tuple[tuple[float, LossTerm], ...]

    def terms(self) -> list[tuple[float, LossTerm]]:
        return list(self.parts)


class LossTerm(Loss):
    """One term."""

    def terms(self) -> list[tuple[float, LossTerm]]:
        return [(1.0, self)]

    @abstractmethod
    def write(self, writer: LossWriter) -> Term:
        """Writes the term's operations at the end of a network."""


@dataclass(frozen=True)
class CrossEntropy(LossTerm):
    """
    Cross-entropy with the softmax of scores, of one sample

        -log softmax(score)[label]

    `code` says what the scores are of an output [classes]:

        count        the sum over time: spikes counted, or a readout's values
        first_spike  -(time of the first spike) / tau, in steps from 0, T where there is none;
                     sum over t of t s[t] prod over k < t of (1 - s[k]), + T prod (1 - s)
        step         the output itself; summed over the steps, or their mean (`reduction`)

    Labels are whole numbers [B], or weights of the classes [B, classes].
    """

    output: str | None = None
    code: Code = "count"
    tau: float = 1.0
    reduction: Reduction = "mean"

    def __post_init__(self) -> None:
        _one_of("code", self.code, CODES)
        _one_of("reduction", self.reduction, ("mean", "sum"))
        if not (is_single(self.tau) and self.tau > 0 and is_single(1.0 / self.tau)):
            raise error("SNC-C003", f"tau: expected a number above 0, got {self.tau!r}")

    def write(self, writer: LossWriter) -> Term:
        output = writer.output(self.output)
        value = writer.as_float(writer.outputs[output])
        match self.code:
            case "count":
                scores = writer.sum_over_time(value)
            case "first_spike":
                scores = writer.scaled(writer.first_time(value), -1.0 / self.tau)
            case "step":
                scores = value
        labels = writer.label(output)
        entropy = writer.cross_entropy(scores, labels)
        if self.code != "step":
            return writer.last(entropy)
        factor = 1.0 / writer.steps if self.reduction == "mean" else 1.0
        return writer.sum(writer.scaled(entropy, factor))


@dataclass(frozen=True)
class MeanSquaredError(LossTerm):
    """
    Squared distance of an output to its target, [T, B, shape] or [B, shape], which is held.

        mean: over steps and elements of (y - target)^2
        sum:  over steps and elements of (y - target)^2 / 2

    With `low_pass` = k the output is filtered first: y[t] = k y[t-1] + (1 - k) output[t].
    """

    output: str | None = None
    reduction: Reduction = "mean"
    low_pass: float | None = None

    def __post_init__(self) -> None:
        _one_of("reduction", self.reduction, ("mean", "sum"))
        low_pass = self.low_pass
        if low_pass is not None and not (is_real(low_pass) and 0 <= low_pass < 1):
            raise error(
                "SNC-C003", f"low_pass: expected at least 0 and below 1, got {self.low_pass!r}"
            )

    def write(self, writer: LossWriter) -> Term:
        output = writer.output(self.output)
        value = writer.as_float(writer.outputs[output])
        if self.low_pass is not None:
            value = writer.low_passed(value, self.low_pass)
        squares = writer.squared_distance(value, writer.target(output))
        count = writer.elements(value) * writer.steps
        factor = 1.0 / count if self.reduction == "mean" else 0.5
        return writer.sum(writer.scaled(squares, factor))


@dataclass(frozen=True)
class Projection(LossTerm):
    """The sum over steps and elements of output * target: any linear loss."""

    output: str | None = None

    def write(self, writer: LossWriter) -> Term:
        output = writer.output(self.output)
        value = writer.as_float(writer.outputs[output])
        return writer.sum(writer.product(value, writer.target(output)))


@dataclass(frozen=True)
class RateRegularization(LossTerm):
    """
    Activity (metabolic) regularisation: keeps each neuron near a firing rate.

        sum over the neurons of (rate - target)^2      rate: spikes a step, mean over the batch

    `neurons` are names of populations; all that spike and are no output, where none is given.

    With `per="sample"` the rate is that of each sample (the mean of their losses is taken).
    Online, that is the rate so far, at every step.

    Programs train samples one by one: there the mean over a batch is not known. In its place
    is one over the last samples, for which `average` = N has to be given: of sample n with
    the rates f,

        r[n] = r[n-1] + (f[n] - r[n-1]) / min(n, N)      value: sum of (r[n] - target)^2

    and what f gets is the gradient of r where r is the mean of a batch: 2 (r[n] - target), or,
    online, 2 (r[n-1] - target), and 0 at the first sample (Bellec et al. 2020, Methods). With
    N = 1 that is the rate of each sample.
    """

    target: float = 0.0
    neurons: tuple[str, ...] = ()
    per: Literal["batch", "sample"] = "batch"
    average: int | None = None

    def __post_init__(self) -> None:
        if not is_single(self.target):
            raise error("SNC-C003", f"target: expected a number, got {self.target!r}")
        names: Any = self.neurons
        if not isinstance(names, tuple | list) or not all(isinstance(n, str) for n in names):
            raise error("SNC-C003", f"neurons: expected names of populations, got {names!r}")
        _one_of("per", self.per, ("batch", "sample"))
        if self.average is None:
            return
        if not is_whole(self.average) or self.average < 1:
            raise error(
                "SNC-C003", f"average: expected a whole number from 1 on, got {self.average!r}"
            )
        if self.per == "sample":
            raise error("SNC-C003", "average: the rates of each sample are not averaged")

    def write(self, writer: LossWriter) -> Term:
        spikes = writer.spikes(self.neurons)
        rates = [writer.scaled(writer.as_float(value), 1.0 / writer.steps) for value in spikes]
        if self.per == "sample":
            return writer.sample_rates(rates, self.target)
        return writer.rates(rates, self.target, self.average)


def _one_of(what: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise error("SNC-C003", f"{what}: expected one of {', '.join(known)}, got {given!r}")


NAMES: dict[str, Callable[..., LossTerm]] = {
    "ce_count": partial(CrossEntropy, code="count"),
    "ttfs_ce": partial(CrossEntropy, code="first_spike"),
    "ce_per_step": partial(CrossEntropy, code="step"),
    "mse": MeanSquaredError,
    "mse_lowpass": MeanSquaredError,
    "rate": RateRegularization,
}
"""What texts call losses."""


def loss_of(loss: Loss | str) -> Loss:
    """
    A loss, or one written as text: names with options, their sums and multiples.

        "ce_count"    "ttfs_ce(tau=3)"    "ce_count + 0.5 * rate(target=0.15)"
        "mse_lowpass(low_pass=0.8)": of an output that is not filtered yet

    Raises SNC-C003.
    """
    if isinstance(loss, Loss):
        return loss
    if not isinstance(loss, str):
        raise _unknown(loss)
    try:
        return _read(ast.parse(loss.strip(), mode="eval").body, loss)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise _unknown(loss) from None


def _read(tree: ast.expr, text: str) -> Loss:
    match tree:
        case ast.BinOp(left, ast.Add(), right):
            return _read(left, text) + _read(right, text)
        case ast.BinOp(ast.Constant(value=int() | float() as weight), ast.Mult(), right):
            return _weight(weight, text) * _read(right, text)
        case ast.BinOp(left, ast.Mult(), ast.Constant(value=int() | float() as weight)):
            return _weight(weight, text) * _read(left, text)
        case ast.Name(id=name) if name in NAMES:
            return _term(name, {}, text)
        case ast.Call(func=ast.Name(id=name), args=[], keywords=options) if name in NAMES:
            if len({option.arg for option in options}) < len(options):
                raise error("SNC-C003", f"loss: an option of {name} stands twice: {text!r}")
            return _term(name, {str(o.arg): _value(o.value, text) for o in options}, text)
        case _:
            raise _unknown(text)


def _weight(given: float, text: str) -> float:
    if not is_single(given):
        raise error("SNC-C003", f"loss: expected numbers that float32 has, got {given!r}: {text!r}")
    return float(given)


def _term(name: str, options: dict[str, Any], text: str) -> Loss:
    if name == "mse_lowpass" and "low_pass" not in options:
        raise error(
            "SNC-C003",
            f"loss: {text!r} does not say which filter",
            remedy="mse_lowpass(low_pass=0.8); or mse, where the output is filtered already",
        )
    try:
        return NAMES[name](**options)
    except TypeError:
        given = ", ".join(options)
        raise error("SNC-C003", f"loss: {name} has no such options ({given}): {text!r}") from None


def _value(tree: ast.expr, text: str) -> Any:
    try:
        return ast.literal_eval(tree)
    except ValueError:
        raise _unknown(text) from None


def _unknown(loss: object) -> SnnccError:
    return error(
        "SNC-C003",
        f"loss: cannot read {reprlib.repr(loss)}",
        remedy=f"a sum of {', '.join(NAMES)}, each with options: ttfs_ce(tau=3), 0.5 * rate",
    )
