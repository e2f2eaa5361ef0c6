"""What every benchmark uses: clusters, clients, material, measuring and reports."""
