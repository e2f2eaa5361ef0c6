"""Trust: keys of clients and clusters, and the private files that hold them."""
