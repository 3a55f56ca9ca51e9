"""A training of whole numbers by the reference interpreter, network by network."""

from __future__ import annotations

from typing import Any

import numpy as np

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.inputs import to_streams
from snncc.interpreters.network import NetworkInterpreter, held_sum
from snncc.training.integer_program import IntegerProgram
from snncc.training.integer_updates import ONE
from snncc.training.program import write_parameter
from snncc.training.samples import ONLINE
from snncc.training.schedules import order_of


class Reference:
    """
    What the C of a program computes: sums of the online network sample by sample, and updates
    by the network of one step, whose states are the parameters as they are stored.
    """

    def __init__(self, program: IntegerProgram):
        self.program = program
        self.parameters = {p.name: p.initial.copy() for p in program.programs.parameters}
        self.first = {name: array.copy() for name, array in self.parameters.items()}
        self.word: Array = np.full((1, 1), program.optimizer.seed, np.uint32)
        self._start()

    def _start(self) -> None:
        self.sums: dict[str, Array] = {}
        self.samples = 0

    def network(self, name: str) -> NetworkInterpreter:
        """With the parameters as they are."""
        module, network = self.program.integers.networks[name]
        declared = {op.sym_name.data: op for op in module.ops if isinstance(op, snn.ParameterOp)}
        learned = self.program.programs.learned
        for p in self.program.programs.parameters:
            if p.name in declared:
                array = learned.in_model_order(p.name, self.parameters[p.name], p.type.get_shape())
                write_parameter(module, p.name, array)
        return NetworkInterpreter(module, network)

    def train_step(self, x: Any, target: Any) -> float:
        program = self.program
        streams = to_streams(program.network.op, x)
        targets = program._targets(target, streams.batch, streams.batched, streams.steps)
        arrays = program.integers.inputs_of({**streams.arrays})
        for name, array in program.integers.inputs_of(targets).items():
            if program.programs.targets[name][1]:
                array = np.broadcast_to(array, (streams.steps, *array.shape))
            else:
                array = array.swapaxes(0, 1)
            arrays[name] = array
        runner = self.network(ONLINE)
        run = runner.run({name: arrays[name] for name in runner.network.inputs}).outputs
        for name in program.programs.sums:
            for sample in run[name]:
                total = self.sums.get(name, np.zeros_like(sample))
                self.sums[name] = held_sum(total, sample)
        self.samples += streams.batch
        (loss,) = program.programs.losses
        return float(run[loss].view(np.int32).mean() * program.integers.loss)

    def outputs(self, x: Any) -> dict[str, Array]:
        streams = to_streams(self.program.network.op, x)
        return self.network("predict").run(self.program.integers.inputs_of(streams.arrays)).outputs

    def apply(self) -> None:
        runner = self.network("apply")
        given: dict[str, Array] = {"rate": np.full((1, 1, 1), ONE // self.samples, np.uint32)}
        for name in runner.network.inputs:
            if name != "rate":
                given[name] = self._stored_sum(name)[None, None]
        names = {op: n for (op, _), n in runner.names.name_of.items()}
        states: dict[str, Array] = {}
        for op, known in names.items():
            node = op.node.data if op.node is not None else known
            states[known] = self.word if node == "word" else self.parameters[node][None]
        final = runner.run(given, state0=states).final
        for op, known in names.items():
            node = op.node.data if op.node is not None else known
            if node == "word":
                self.word = final[known]
            else:
                self.parameters[node] = final[known][0]
        self._start()

    def _stored_sum(self, name: str) -> Array:
        """A sum in the order in which it lies."""
        online = self.program.programs.forward
        buffer = next(b for b in online.buffers() if b.known_as == name)
        return self.sums[name].ravel()[order_of(buffer)]
