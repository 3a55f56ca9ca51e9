"""Small networks of sums over axes and time, products, last values, in reverse; as text."""

from __future__ import annotations

FLAT = (
    '"a" %a : tensor<5xf32>, "s" %s : tensor<7xi1>',
    """
  %l = snn.reshape %a : tensor<5xf32> -> tensor<1x5x1xf32>
  %r = snn.reshape %s : tensor<7xi1> -> tensor<1x7x1xi1>
  %o = snn.outer %l, %r : (tensor<1x5x1xf32>, tensor<1x7x1xi1>) -> tensor<1x5x7xf32>
""",
)
WINDOWS = (
    '"a" %a : tensor<6x2x3xf32>, "s" %s : tensor<2x4x6xi16>',
    """
  %l = snn.reshape %a : tensor<6x2x3xf32> -> tensor<2x3x6xf32>
  %o = snn.outer %l, %s : (tensor<2x3x6xf32>, tensor<2x4x6xi16>) -> tensor<2x3x4xf32>
""",
)
MEMBRANE = """
  %zero = snn.constant dense<0.0> : tensor<f32>
  %v, %s = snn.neuron as "li" (%x = %a : tensor<5xf32>) state (%v = %zero : tensor<f32>)
       -> (tensor<5xf32>, tensor<5xi1>) {
    %beta = arith.constant 0.7 : f32
    %0 = arith.mulf %beta, %v : f32
    %1 = arith.addf %0, %x : f32
    %z = snn.spike gt %1 : f32
    snn.next (%1 : f32, %z : i1) state (%1 : f32)
  }
"""


def text(inputs: str, outputs: str, body: str, streams: str, *, reverse: bool = False) -> str:
    head = "snn.network reverse" if reverse else "snn.network"
    return f"{head} @net ({inputs}) -> ({outputs}) {{{body}  snn.yield {streams}\n}}"


def reduction(pool: str, element: str, shape: str, result: str, kept: str) -> str:
    given, taken = f"tensor<{shape}x{element}>", f"tensor<{kept}{result}>"
    return text(
        f'"x" %x : {given}',
        f'"y" : {taken}',
        f"\n  %y = snn.reduce {pool} %x : {given} -> {taken}\n",
        f"%y : {taken}",
    )


NETWORKS = {
    "sum over the last axes": reduction("sum", "f32", "3x4x2", "f32", "3x1x1x"),
    "sum over the channels": reduction("sum", "f32", "3x4x2", "f32", "1x4x2x"),
    "sum over outer and inner axes": reduction("sum", "f64", "3x4x2", "f64", "1x4x1x"),
    "sum over all, fewer axes": reduction("sum", "f32", "3x4x2", "f32", ""),
    "sum to a vector": reduction("sum", "f32", "3x4x2", "f32", "2x"),
    "sum of spikes": reduction("sum", "i1", "5x4", "f32", "5x1x"),
    "sum of counts": reduction("sum", "i16", "5x4", "f64", "1x4x"),
    "largest float": reduction("max", "f32", "3x4x2", "f32", "3x1x1x"),
    "largest signed integer": reduction("max", "i16", "5x4", "i16", "1x4x"),
    "whether there is a spike": reduction("max", "i1", "5x4", "i1", "1x"),
    "a product": text(FLAT[0], '"y" : tensor<1x5x7xf32>', FLAT[1], "%o : tensor<1x5x7xf32>"),
    "a product, summed": text(
        FLAT[0], 'sum "y" : tensor<1x5x7xf32>', FLAT[1], "%o : tensor<1x5x7xf32>"
    ),
    "a product, summed in reverse": text(
        FLAT[0],
        'sum "y" : tensor<1x5x7xf32>',
        FLAT[1],
        "%o : tensor<1x5x7xf32>",
        reverse=True,
    ),
    "a product, summed and reshaped": text(
        FLAT[0],
        'sum "y" : tensor<7x5xf32>',
        FLAT[1] + "  %y = snn.reshape %o : tensor<1x5x7xf32> -> tensor<7x5xf32>\n",
        "%y : tensor<7x5xf32>",
    ),
    "products of groups and windows": text(
        WINDOWS[0], '"y" : tensor<2x3x4xf32>', WINDOWS[1], "%o : tensor<2x3x4xf32>"
    ),
    "products of groups and windows, summed": text(
        WINDOWS[0],
        'sum "y" : tensor<2x3x4xf32>',
        WINDOWS[1],
        "%o : tensor<2x3x4xf32>",
        reverse=True,
    ),
    "a product that is read twice": text(
        FLAT[0],
        'sum "y" : tensor<1x5x7xf32>, sum "z" : tensor<1x5x7xf32>, "o" : tensor<1x5x7xf32>',
        FLAT[1],
        "%o, %o, %o : tensor<1x5x7xf32>, tensor<1x5x7xf32>, tensor<1x5x7xf32>",
    ),
    "sums, last values and streams of one neuron": text(
        '"a" %a : tensor<5xf32>',
        'sum "y" : tensor<5xf32>, last "z" : tensor<5xf32>, last "s" : tensor<5xi1>, '
        '"v" : tensor<5xf32>',
        MEMBRANE,
        "%v, %v, %s, %v : tensor<5xf32>, tensor<5xf32>, tensor<5xi1>, tensor<5xf32>",
    ),
    "the same in reverse": text(
        '"a" %a : tensor<5xf32>',
        'sum "y" : tensor<5xf32>, last "z" : tensor<5xf32>, last "s" : tensor<5xi1>, '
        '"v" : tensor<5xf32>',
        MEMBRANE,
        "%v, %v, %s, %v : tensor<5xf32>, tensor<5xf32>, tensor<5xi1>, tensor<5xf32>",
        reverse=True,
    ),
    "what is no computation: an input, a delay, channels innermost": text(
        '"a" %a : tensor<2x3x2xf32>',
        'sum "y" : tensor<2x3x2xf32>, last "z" : tensor<2x3x2xf32>, last "d" : tensor<2x3x2xf32>,'
        ' sum "e" : tensor<2x3x2xf32>',
        """
  %zero = snn.constant dense<0.5> : tensor<f32>
  %d = snn.delay %a by 1 init %zero : tensor<2x3x2xf32>, tensor<f32> -> tensor<2x3x2xf32>
""",
        "%a, %a, %d, %d : tensor<2x3x2xf32>, tensor<2x3x2xf32>, tensor<2x3x2xf32>, "
        "tensor<2x3x2xf32>",
        reverse=True,
    ),
}
