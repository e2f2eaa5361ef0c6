"""The forms of expressions: how each looks, and for which stretch of time it stands."""
