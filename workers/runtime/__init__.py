"""The runtime of every worker process: its link to the router, jobs, confinement, memory cap."""
