"""Worker tasks: processes that do one thing beside a cluster, or without one, and end."""
