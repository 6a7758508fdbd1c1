"""Founding, starting and watching the validators: one network, a validator a side, several engines."""
