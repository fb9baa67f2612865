"""Figure 1: all regions of a trained network in a plane, as one picture."""

from __future__ import annotations

from typing import Any

from linregions.experiments.context import Context, Measurement
from linregions.experiments.figures import fig8
from linregions.experiments.saved import Saved
from linregions.plotting import plane_figure

NAME = "fig1"
NEEDS = fig8.NEEDS
Settings = fig8.Settings
QUICK, FULL = fig8.QUICK, fig8.FULL


def measure(settings: Settings, context: Context) -> Measurement:
    """Cut the square after the last moment of training; the training is that of figure 8."""
    last = fig8.snapshots(settings, context)[-1]
    examples, window, numbers = fig8.plane(settings, context)
    part = context.counting.partition(last.network, window, progress=context.progress)
    boundary = part.decision_boundary()
    arrays = {"areas": part.areas, "perimeters": part.perimeters, "linear_labels": part.linear_labels}
    arrays |= {"examples": examples, "example_numbers": numbers}
    arrays |= {"decision_segments": boundary.segments, "decision_classes": boundary.classes}
    return Measurement([fig8.row(0, context.seed, last, part)], arrays, {"partition": part})


def draw(saved: Saved) -> Any:
    """Draw the regions with the decision boundary and the three examples."""
    entry, settings = saved.rows[0], saved.settings
    return plane_figure(
        saved.plane("partition"),
        title=f"{entry['regions']:,} regions of a network of {' + '.join(map(str, settings['hidden']))} neurons "
        f"after {entry['epoch']:g} epochs (test accuracy {entry['test_accuracy']:.1%})",
        decision_boundary=True,
        points=saved.arrays["examples"],
        labels=[str(label) for label in settings["labels"]],
        note=fig8.NOTE,
    )
