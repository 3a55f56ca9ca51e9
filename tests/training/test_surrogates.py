"""Surrogates written as text."""

import pytest

from snncc.errors import SnnccError
from snncc.training.surrogates import surrogate_of


def test_text() -> None:
    assert str(surrogate_of("atan")) == '#snn.surrogate<"atan">'
    text = str(surrogate_of("snntorch.fast_sigmoid(slope=10)"))
    assert text == '#snn.surrogate<"snntorch.fast_sigmoid", slope = 1.000000e+01 : f64>'
    assert surrogate_of(None) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nothing", "is not known"),
        ("atan(b=2)", "no option 'b'"),
        ("atan(a='x')", "cannot read"),
        ("atan(2)", "is not known"),
        ("a b", "cannot read"),
        (3, "cannot read"),
    ],
)
def test_wrong(text: object, said: str) -> None:
    with pytest.raises(SnnccError, match=said) as fault:
        surrogate_of(text)  # type: ignore[arg-type]
    assert fault.value.code == "SNC-C003"
