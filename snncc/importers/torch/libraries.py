"""
The neurons of the libraries whose live modules are compared with the library's own forward.

This is no list of what can be loaded: any module is recorded as it computes. It says what
is known to be equal, and with which release.
"""

from __future__ import annotations

RELEASES = {
    "snntorch": "1.0.0",
    "norse": "1.1.0",
    "spikingjelly": "2.0.0",
    "sinabs": "3.1.3",
}

CHECKED: dict[str, dict[str, str]] = {
    "snntorch": {
        "Leaky": "equal; all resets, both timings, graded spikes, init_hidden",
        "Synaptic": "equal; all resets, both timings",
        "Lapicque": "equal; all resets",
        "Alpha": "equal; all resets",
        "RLeaky": "equal; all to all and one to one, all resets",
        "RSynaptic": "equal; all resets",
    },
    "norse": {
        "LIFCell": "equal",
        "LIFBoxCell": "equal",
        "LIFRefracCell": "equal",
        "LIFAdExCell": "equal",
        "LIFExCell": "equal",
        "LSNNCell": "equal",
        "LICell": "within 1e-6: torch sums in another order",
        "IAFCell": "equal",
        "LIFRecurrentCell": "equal",
        "LSNNRecurrentCell": "equal",
        "LIFAdExRecurrentCell": "equal",
        "LIFRefracRecurrentCell": "equal",
        "LIFMCRecurrentCell": "equal",
        "LIF": "equal",
        "LIFRecurrent": "equal",
        "LSNN": "equal",
        "LI": "within 1e-6: torch sums in another order",
        "IAF": "equal",
    },
    "spikingjelly": {
        "IFNode": "equal; hard and soft reset, single and multi step",
        "LIFNode": "equal; hard and soft reset, decay_input or not, single and multi step",
        "ParametricLIFNode": "equal; single and multi step",
        "QIFNode": "equal; single and multi step",
        "EIFNode": "equal; single and multi step",
        "IzhikevichNode": "equal; single and multi step",
        "KLIFNode": "equal; single and multi step",
        "CUBALIFNode": "equal; single and multi step",
        "ILIFNode": "equal; single and multi step",
    },
    "sinabs": {
        "LIF": "equal; with and without synapse, normalised or not, clamped, single spikes",
        "IAF": "equal; several spikes a step, or at most n",
        "ALIF": "equal",
        "ExpLeak": "within 1e-6: torch sums in another order",
        "IAFRecurrent": "equal",
        "LIFRecurrent": "equal",
    },
}
"""Library -> class -> what the comparison of whole sequences gives."""
