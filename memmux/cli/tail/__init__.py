"""`memmux tail`: the logs of all processes as one."""
