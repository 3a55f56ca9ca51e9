"""From float streams to integer streams: how `snn-quantize` chooses scales and writes bodies."""
