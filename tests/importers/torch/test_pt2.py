"""Programs become models: names, states, writes into shared memory, bodies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snncc.dialects.arrays import Array
from snncc.errors import SnnccError
from snncc.importers.graph.values import cone
from tests.importers.graph.evaluate import evaluate
from tests.importers.torch.build import Body, Program, load, run, small

F = np.float32
X = np.arange(12, dtype=F).reshape(3, 4)
FLOAT = np.dtype(F)


def of_x(make: Callable[[Program, Any], Any], folder: Path) -> Array:
    """What a program of one input gives for X."""
    program = Program()
    x = program.input("x", X.shape)
    start = program.aten("mul", self=x, other=1.0)
    return run(load(program.returns(make(program, start)), folder), x=X)[0]


# --- names


def test_inputs_outputs_and_scopes_have_names(tmp_path: Path) -> None:
    model = load(small(), tmp_path)
    assert list(model.inputs) == ["x"]
    assert list(model.outputs) == ["output"]
    scopes = {v.op: v.scope for v in cone(model.outputs.values())}
    assert scopes["linear"] == "fc"
    assert scopes["gt"] == "cell"
    names = {v.name for v in cone(model.outputs.values())}
    assert {"fc.weight", "fc.bias", "cell.beta", "cell.v", "x"} <= names


def test_several_outputs_are_numbered_and_numbers_left_out(tmp_path: Path) -> None:
    program = Program()
    x = program.input("x", (2,))
    program.returns(x, None, 3, program.aten("neg", self=x))
    assert list(load(program, tmp_path).outputs) == ["output0", "output1"]


def test_an_input_that_is_not_used_is_told(tmp_path: Path) -> None:
    """torch.export takes two inputs that were one tensor for one, and reads only that."""
    program = Program()
    x = program.input("x", (2,))
    program.input("v", (2,))
    (warning,) = load(program.returns(program.aten("neg", self=x)), tmp_path).warnings
    assert (warning.code, warning.node) == ("SNC-W004", "v")


# --- states


def test_a_buffer_that_is_written_is_a_state(tmp_path: Path) -> None:
    model = load(small(), tmp_path)
    (state,) = model.states
    assert state.name == "cell.v"
    np.testing.assert_array_equal(state.initial, np.zeros((1, 2)))
    assert list(model.constants) == ["cell.beta"]
    x, v = F([[1, 0, 0]]), F([[0.25, 0.5]])
    spike, after = evaluate([model.outputs["output"], state.after], {"x": x, "cell.v": v})
    u = F(0.9) * v + (F([[1, 4]]) + F([[0.5, -0.5]]))
    np.testing.assert_array_equal(spike, u > 1)
    np.testing.assert_array_equal(after, u - (u > 1))


def test_the_signature_of_a_decomposed_program_names_states(tmp_path: Path) -> None:
    program = Program()
    v = program.tensor("v", F([1, 2]), "buffer")
    x = program.input("v", (2,))  # the caller's name may be the buffer's
    after = program.aten("add", self=v, other=x)
    model = load(program.returns(after).mutates("buffer", "v", after), tmp_path)
    (state,) = model.states
    assert state.before is not model.inputs["v"]
    assert state.after is model.outputs["output"]
    assert state.before.name == "state.v"


def test_a_buffer_that_is_written_first_carries_nothing(tmp_path: Path) -> None:
    program = Program()
    v = program.tensor("v", F([1, 2]), "buffer")
    x = program.input("x", (2,))
    zero = program.aten("zero_", self=v)
    zero = program.aten("detach_", self=zero)
    program.returns(program.aten("add", self=program.aten("add_", self=zero, other=x), other=v))
    model = load(program, tmp_path)
    assert not model.states
    np.testing.assert_array_equal(run(model, x=F([1, 2]))[0], [2, 4])


def test_a_state_behind_a_state_is_kept(tmp_path: Path) -> None:
    program = Program()
    a = program.tensor("a", F([1]), "buffer")
    b = program.tensor("b", F([1]), "buffer")
    lost = program.tensor("lost", F([1]), "buffer")
    x = program.input("x", (1,))
    out = program.aten("add", self=a, other=x)
    program.aten("copy_", self=a, src=b)
    program.aten("add_", self=b, other=x)
    program.aten("add_", self=lost, other=x)
    assert [s.name for s in load(program.returns(out), tmp_path).states] == ["a", "b"]


def test_what_is_read_and_no_parameter_is_told(tmp_path: Path) -> None:
    program = Program()
    x = program.input("x", (2,))
    memory = program.tensor("lifted_tensor_0", F([0, 0]), "tensor_constant")
    program.tensor("not_read", F([0]), "tensor_constant")
    weight = program.tensor("weight", F([1, 2]))
    y = program.aten("add", self=x, other=memory)
    model = load(program.returns(program.aten("mul", self=y, other=weight)), tmp_path)
    assert list(model.constants) == ["lifted_tensor_0"]


def test_an_input_that_is_written(tmp_path: Path) -> None:
    program = Program()
    x = program.input("x", (2,))
    program.aten("mul_", self=x, other=2.0)
    model = load(program.returns(program.aten("add", self=x, other=1)), tmp_path)
    assert [w.code for w in model.warnings] == ["SNC-W008"]
    np.testing.assert_array_equal(run(model, x=F([1, 2]))[0], [3, 5])


# --- memory that tensors share


def test_rows_that_are_written_one_by_one(tmp_path: Path) -> None:
    def rows(p: Program, x: Any) -> Any:
        out = p.aten("zeros", size=[3, 4])
        v = p.aten("zeros", size=[4])
        for t in range(3):
            v = p.aten("add", self=v, other=p.aten("select", self=x, dim=0, index=t))
            p.aten("copy_", self=p.aten("select", self=out, dim=0, index=t), src=v)
        return out

    np.testing.assert_array_equal(of_x(rows, tmp_path), np.cumsum(X, 0))


def test_a_write_is_seen_through_every_view(tmp_path: Path) -> None:
    def views(p: Program, x: Any) -> Any:
        flat = p.aten("view", self=x, size=[-1])
        detached = p.aten("detach", self=x)
        crossed = p.aten("t", self=x)
        p.aten("fill_", self=p.aten("slice", self=flat, start=1, end=3), value=100.0)
        p.aten("mul_", self=p.aten("select", self=crossed, dim=0, index=3), other=2.0)
        p.aten("add_", self=p.aten("slice", self=x, dim=0, start=0, end=9, step=2), other=0.5)
        return p.aten("sub", self=p.aten("add", self=detached, other=x), other=X.mean().item())

    wanted = X.copy()
    wanted.reshape(-1)[1:3] = 100
    wanted[:, 3] *= 2
    wanted[::2] += F(0.5)
    np.testing.assert_array_equal(of_x(views, tmp_path), wanted + wanted - F(X.mean()))


def test_a_mask_that_is_written(tmp_path: Path) -> None:
    def masked(p: Program, x: Any) -> Any:
        out = p.aten("zeros_like", self=x)
        mask = p.aten("gt", self=x, other=5)
        one = p.aten("scalar_tensor", s=1.0)
        return p.aten("index_put_", self=out, indices=[mask], values=one)

    np.testing.assert_array_equal(of_x(masked, tmp_path), X > 5)


def test_a_write_keeps_type_and_shape(tmp_path: Path) -> None:
    def counted(p: Program, x: Any) -> Any:
        count = p.aten("zeros_like", self=x, dtype=np.dtype(np.int64))
        row = p.aten("select", self=x, dim=0, index=0)
        p.aten("copy_", self=count, src=p.aten("add", self=row, other=0.75))
        return count

    got = of_x(counted, tmp_path)
    assert got.dtype == np.int64
    np.testing.assert_array_equal(got, np.broadcast_to([0, 1, 2, 3], (3, 4)))


def test_a_conversion_to_the_same_type_is_no_copy(tmp_path: Path) -> None:
    def same(p: Program, x: Any) -> Any:
        p.aten("add_", self=p.aten("to", self=x, dtype=FLOAT), other=1)
        p.aten("add_", self=p.aten("to", self=x, dtype=FLOAT, copy=True), other=1)
        p.aten("add_", self=p.aten("clone", self=x), other=1)
        return x

    np.testing.assert_array_equal(of_x(same, tmp_path), X + 1)


def test_dropout_in_place(tmp_path: Path) -> None:
    def dropped(p: Program, x: Any) -> Any:
        p.aten("relu_", self=p.aten("dropout_", self=x, p=0.5, train=False))
        return x

    np.testing.assert_array_equal(of_x(dropped, tmp_path), X)


def test_a_reshape_that_may_be_a_copy(tmp_path: Path) -> None:
    """It is read; a write that it might share or not is refused."""

    def crossed(p: Program, x: Any) -> Any:
        return p.aten("transpose", self=x, dim0=0, dim1=1, contiguous=False)

    def flat(p: Program, x: Any) -> Any:
        return p.aten("reshape", self=crossed(p, x), shape=[12])

    np.testing.assert_array_equal(of_x(flat, tmp_path), X.T.reshape(-1))

    def written(p: Program, x: Any) -> Any:
        return p.aten("add_", self=flat(p, x), other=1)

    def read_later(p: Program, x: Any) -> Any:
        made = flat(p, x)
        p.aten("add_", self=x, other=1)
        return made

    for make in (written, read_later):
        with pytest.raises(SnnccError, match=r"SNC-I012.*not contiguous"):
            of_x(make, tmp_path)


def test_a_write_into_a_broadcast_tensor_is_refused(tmp_path: Path) -> None:
    def spread(p: Program, x: Any) -> Any:
        wide = p.aten("expand", self=x, size=[2, 3, 4])
        return p.aten("add_", self=wide, other=1)

    with pytest.raises(SnnccError, match=r"SNC-I012.*broadcast"):
        of_x(spread, tmp_path)


# --- bodies


def test_a_scan_is_unrolled(tmp_path: Path) -> None:
    program = Program()
    x, start = program.input("x", (5, 2)), program.input("v", (2,))
    decay = program.tensor("decay", F([0.5, 0.25]))
    body = Body()
    v, xt, d = body.given("v", "xt", "d")
    u = body.aten("add", self=body.aten("mul", self=v, other=d), other=xt)
    spike = body.aten("gt", self=u, other=1)
    body.outputs += [body.aten("sub", self=u, other=spike), spike]
    target = "torch.ops.higher_order.scan"
    ends = program.call(target, body, [start], [x], [decay], results=2)
    model = load(program.returns(*ends), tmp_path)
    xs, v0 = np.random.default_rng(3).normal(size=(5, 2)).astype(F), F([0.5, 0])
    last, spikes = run(model, x=xs, v=v0)
    for t in range(5):
        u0 = v0 * F([0.5, 0.25]) + xs[t]
        np.testing.assert_array_equal(spikes[t], u0 > 1)
        v0 = u0 - (u0 > 1)
    np.testing.assert_array_equal(last, v0)


def test_a_body_without_gradient_is_inlined(tmp_path: Path) -> None:
    def inlined(p: Program, x: Any) -> Any:
        body = Body()
        (a,) = body.given("a")
        body.aten("mul_", self=a, other=2.0)
        body.outputs.append(body.aten("add", self=a, other=1))
        target = "torch.ops.higher_order.wrap_with_set_grad_enabled"
        (y,) = p.call(target, False, body, x, results=1)
        return p.aten("add", self=y, other=x)

    np.testing.assert_array_equal(of_x(inlined, tmp_path), 2 * (2 * X) + 1)


def test_autocast_is_refused(tmp_path: Path) -> None:
    def cast(p: Program, x: Any) -> Any:
        body = Body()
        body.outputs += body.given("a")
        target = "torch.ops.higher_order.wrap_with_autocast"
        return p.call(target, "cpu", None, True, None, body, x)

    with pytest.raises(SnnccError, match="SNC-I012"):
        of_x(cast, tmp_path)


def test_sizes_that_the_program_computes(tmp_path: Path) -> None:
    def sized(p: Program, x: Any) -> Any:
        size = p.call("torch.ops.aten.sym_size.int", self=x, dim=0)
        p.nodes[-1]["outputs"] = [{"as_sym_int": {"as_name": size.name}}]
        double = p.call("_operator.mul", a=2, b=2)
        p.nodes[-1]["inputs"][0]["arg"] = {"as_sym_int": {"as_name": size.name}}
        p.nodes[-1]["outputs"] = [{"as_sym_int": {"as_name": double.name}}]
        y = p.aten("view", self=x, size=[0, 2])
        p.nodes[-1]["inputs"][1]["arg"] = {"as_sym_ints": [{"as_name": double.name}, {"as_int": 2}]}
        return y

    np.testing.assert_array_equal(of_x(sized, tmp_path), X.reshape(6, 2))


# --- refusals


def test_all_unknown_operators_are_listed(tmp_path: Path) -> None:
    program = Program()
    x = program.input("x", (2,))
    y = program.call("torch.ops.mine.neuron.default", x=x, scope="net.1")
    y = program.call("torch.ops.mine.neuron.default", x=y, scope="net.3")
    y = program.aten("cumsum", self=y, dim=0)
    y = program.aten("bernoulli", self=y)
    with pytest.raises(SnnccError) as caught:
        load(program.returns(y), tmp_path)
    found = caught.value.problems
    assert [p.code for p in found] == ["SNC-I012"] * 3
    assert "mine.neuron" in found[0].message
    assert "2 times" in found[0].message
    assert found[0].node == "net.1"
    assert "as a state" in str(found[1].remedy)
    assert "random" in str(found[2].remedy)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"self": "x", "other": "y"}, "SNC-I011"),
        ({"self": "x"}, "SNC-I011"),
        ({"self": "x", "other": 1, "more": 2}, "SNC-I011"),
        ({"self": "x", "other": [1]}, "SNC-I011"),
    ],
)
def test_arguments_that_do_not_fit(arguments: dict[str, Any], code: str, tmp_path: Path) -> None:
    program = Program()
    known = {"x": program.input("x", (2,))}
    given = {k: known.get(v, v) if isinstance(v, str) else v for k, v in arguments.items()}
    y = program.aten("add", **given, scope="net.2")
    with pytest.raises(SnnccError) as caught:
        load(program.returns(y), tmp_path)
    assert caught.value.code == code
    assert caught.value.problems[0].node == "net.2"


def test_shapes_that_do_not_fit_are_placed(tmp_path: Path) -> None:
    program = Program()
    x, y = program.input("x", (2,)), program.input("y", (3,))
    with pytest.raises(SnnccError, match=r"SNC-I014 node 'net\.2'"):
        load(program.returns(program.aten("add", self=x, other=y, scope="net.2")), tmp_path)


def test_a_result_that_is_not_made_is_not_read(tmp_path: Path) -> None:
    program = Program()
    x = program.input("x", (1, 1, 4))
    _, places = program.aten("max_pool2d_with_indices", self=x, kernel_size=[1, 2], results=2)
    with pytest.raises(SnnccError, match=r"SNC-I012.*result"):
        load(program.returns(program.aten("neg", self=places)), tmp_path)
