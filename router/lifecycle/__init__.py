"""From the first process to a cluster that serves, and to the router that takes over: locks, workers, handover."""
