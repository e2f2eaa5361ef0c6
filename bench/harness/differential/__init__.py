"""Random jobs that are done on two engines alike, whose answers are compared."""
