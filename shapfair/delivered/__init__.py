"""Delivered models: their files, and their use by a party that has NumPy alone.

A model is two files. ``party-1.safetensors`` holds the weights as plain arrays, ``party-1.json``
all that is needed to use the model and to know what it is; nothing in them is ever executed. They
are written by :mod:`shapfair.made_to_order.delivery`.
"""
