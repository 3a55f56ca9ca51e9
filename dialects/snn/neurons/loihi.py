"""
The leaky integrate-and-fire neuron of Loihi, in fixed point.

Source: `PyLifModelBitAcc` of Lava (lava-nc/lava, src/lava/proc/lif/models.py, BSD-3-Clause), read.
`tests/dialects/neurons/test_loihi.py` compares a network with what Lava computed.

In one step, with x the weighted sum of the spikes that arrive, h = 2^23 and rz rounding
towards zero:

    u = rz(u * (4096 - (du + 1)) / 4096) + (x << 6)             wrapped to -h + 1 ... h
    v = rz(v * (4096 - dv) / 4096) + u + (mantissa << exponent)  held at -h + 1 ... h - 1
    z = v > (threshold << 6)
    v = 0 where z

Lava wraps once, by 2^24; here u is wrapped as often as it takes, which is the same for
|x| < 2^18. The chip's refractory period and axonal delays are not part of that model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import TensorType, i32
from xdsl.ir import SSAValue

from snncc.dialects.arrays import Array
from snncc.dialects.snn.body import Body, Equations, Outputs, Scalar, build_neuron
from snncc.dialects.snn.neurons.arithmetic import Overflow, decay_multiply, fires, fit
from snncc.dialects.snn.neurons.assembly import Assembly


@dataclass(frozen=True)
class Arithmetic:
    """The numbers of the chip: widths, alignments, and what its registers do at their ends."""

    state_bits: int = 24
    decay_bits: int = 12
    input_shift: int = 6
    threshold_shift: int = 6
    current_decay_offset: int = 1
    voltage_decay_offset: int = 0
    current_overflow: Overflow = "wrap_high"
    voltage_overflow: Overflow = "saturate_symmetric"


LOIHI = Arithmetic()


@dataclass(frozen=True)
class Population:
    """
    What the neurons are configured with; each broadcasts to the population.

    `du` and `dv` have 12 bits, `threshold` 17, `bias_mantissa` 13 with its sign, and
    `bias_exponent` 3.
    """

    du: Array
    dv: Array
    threshold: Array
    bias_mantissa: Array
    bias_exponent: Array

    def __post_init__(self) -> None:
        for name, least, most in (
            ("du", 0, 4095),
            ("dv", 0, 4095),
            ("threshold", 0, 131071),
            ("bias_mantissa", -4096, 4095),
            ("bias_exponent", 0, 7),
        ):
            values: Array = getattr(self, name)
            if values.min() < least or values.max() > most:
                found = f"{values.min()} to {values.max()}"
                raise ValueError(f"{name}: expected {least} to {most}, got {found}")


def leaky_integrate_and_fire(
    arithmetic: Arithmetic = LOIHI, *, has_input: bool = True
) -> Equations:
    """
    The equations. Ports: input x, i32, where there is one; states u, v, i32; parameters du, dv,
    threshold, bias_mantissa, bias_exponent. The output is spikes.
    """
    bits, one = arithmetic.state_bits, 1 << arithmetic.decay_bits

    def equations(b: Body, **ports: Scalar) -> Outputs:
        def wide(port: str) -> Scalar:
            return b.extend(ports[port], 32)

        def decayed(state: str, decay: Scalar, offset: int) -> Scalar:
            # a product has state_bits + decay_bits
            factor = b.extend((one - offset) - decay, 64)
            left = decay_multiply(
                b.extend(ports[state], 64), factor, arithmetic.decay_bits, "toward_zero"
            )
            return b.truncate(left, 32)

        current = decayed("u", wide("du"), arithmetic.current_decay_offset)
        if has_input:
            current = current + (ports["x"] << arithmetic.input_shift)
        current = fit(current, bits, arithmetic.current_overflow)
        bias = wide("bias_mantissa") << wide("bias_exponent")
        voltage = decayed("v", wide("dv"), arithmetic.voltage_decay_offset)
        voltage = fit(voltage + current + bias, bits, arithmetic.voltage_overflow)
        z = fires(voltage, ports["threshold"] << arithmetic.threshold_shift, "gt")
        return [z], [current, b.select(z, b.constant(0, i32), voltage)]

    return equations


def add_neuron(
    a: Assembly,
    node: str,
    population: Population,
    shape: tuple[int, ...],
    inputs: Mapping[str, SSAValue],
    arithmetic: Arithmetic = LOIHI,
) -> SSAValue:
    """
    The spikes of a population. `inputs` may have x, a weighted sum (i32), and bias_mantissa
    (i16), a stream that takes the place of the parameter.
    """
    parameters = {
        name: a.parameter(f"{node}.{name}", getattr(population, name).astype(dtype))
        for name, dtype in (
            ("du", np.int16),
            ("dv", np.int16),
            ("threshold", np.int32),
            ("bias_mantissa", np.int16),
            ("bias_exponent", np.int8),
        )
        if name not in inputs
    }
    zero = a.zero(TensorType(i32, []))
    neuron = build_neuron(
        leaky_integrate_and_fire(arithmetic, has_input="x" in inputs),
        inputs=inputs,
        states={"u": zero, "v": zero},
        parameters=parameters,
        population=shape,
        node=node,
    )
    return a.add(neuron)
