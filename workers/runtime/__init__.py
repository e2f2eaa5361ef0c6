"""What every worker process runs in: its link to the router, jobs, confinement, memory cap."""
