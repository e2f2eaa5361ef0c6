"""The options that several commands have."""

from __future__ import annotations

from pathlib import Path

import click

from memmux.config.settings import EmbedderChoice

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
seed_option = click.option("--seed", type=int, default=1, show_default=True, help="The same faults for the same seed.")
embedder_option = click.option(
    "--embedder",
    type=click.Choice([str(choice) for choice in EmbedderChoice]),
    default="hash",
    show_default=True,
    help="What runs the model.",
)
memories_option = click.option(
    "--memories", type=click.IntRange(100, 2_000_000), default=10_000, show_default=True, help="Stored first."
)
plot_option = click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Draw a picture, too."
)
