"""The dispatcher and its parts: decisions without sockets, clock or randomness.

Begin with `dispatcher`, which has the inputs and the life of a request; then read `flow`, through which every accepted
request passes from stage to stage until it is answered.
"""
