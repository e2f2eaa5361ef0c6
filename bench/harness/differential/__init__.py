"""Random jobs on two engines, and the comparison of their answers."""
