"""Pictures of measurements, by matplotlib, which only those need who want pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import click


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Some curves over the same places, both axes logarithmic.

    across, up: what the axes are. curves: by name, one number for each place.
    """

    title: str
    across: str
    up: str
    places: Sequence[float]
    curves: Mapping[str, Sequence[float]]


def check() -> None:
    """Raise ClickException if nothing can be drawn; to be called before minutes of measuring."""
    _figures()


def draw(path: Path, picture: Picture) -> None:
    """Write the picture to a file, whose suffix says of what kind; raise ClickException as `check` does."""
    figure = _figures().Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for name, heights in picture.curves.items():
        axes.plot(picture.places, heights, marker="o", label=name)
    axes.set(title=picture.title, xlabel=picture.across, ylabel=picture.up, xscale="log", yscale="log")
    axes.set_xticks(picture.places, [f"{place:,}" for place in picture.places], minor=False)
    axes.set_xticks([], minor=True)
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=150)


def _figures() -> Any:
    try:
        return import_module("matplotlib.figure")
    except ModuleNotFoundError:
        raise click.ClickException("--plot needs matplotlib; install it with: pip install 'memmux[bench]'") from None
