"""The run core: what a run does next, as values to values. It awaits nothing, reads no clock and draws no ids."""
