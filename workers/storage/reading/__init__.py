"""Reading: the queries that read workers answer, each in one snapshot."""
