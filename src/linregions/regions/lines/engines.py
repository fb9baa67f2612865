"""Which engine takes lines through which network: layer by layer through chains, cell by cell through other graphs."""

from __future__ import annotations

import threading

import numpy as np

from linregions.domains.windows import LineDomain, Path
from linregions.networks.network import Network
from linregions.regions.lines import stages
from linregions.regions.lines.certified.engine import CertifiedLines, CertifiedWorker
from linregions.regions.lines.engine import LineWorker
from linregions.regions.lines.graph_engine import GraphLineWorker
from linregions.regions.lines.graph_plan import GraphLines
from linregions.regions.lines.kernels.graph_records import cell_bytes
from linregions.regions.lines.knobs import USUAL, Knobs
from linregions.regions.lines.plan import Plan
from linregions.regions.lines.sinks import AnyPlan
from linregions.regions.tolerances import Tolerances

AnyWorker = LineWorker | GraphLineWorker | CertifiedWorker

# With fewer rows a stage cannot go on at all.
_FEWEST_ROWS = 8
# The same of the points of a cell, and how many are of use.
_FEWEST_POINTS, _FEW_POINTS, _POINTS = 64, 128, 512
# The same of the points that are proved at once, and how many numbers these may hold.
_FEWEST_PROVED, _FEW_PROVED, _PROVED_NUMBERS = 8, 64, 1 << 19
# What a breakpoint takes until it is handed on, in bytes: points and switches as they come, with room for twice as many
# at most, and sorted.
_BYTES_PER_BREAKPOINT = 160
# Numbers that a breakpoint of a graph counts for, where chunks are made of lines.
_GRAPH_WIDTH = 64


def plan_of(network: Network, tolerances: Tolerances, knobs: Knobs = USUAL, certify: bool = False) -> AnyPlan:
    """Return what all lines through a network share."""
    if certify:
        return CertifiedLines.of(network)
    return Plan.kept(network, tolerances, knobs) if network.is_chain else GraphLines.kept(network, tolerances)


def make_worker(plan: AnyPlan, n_rows: int, stop: threading.Event) -> AnyWorker:
    """Return the buffers of one thread, with room for some points at a time."""
    if isinstance(plan, CertifiedLines):
        return CertifiedWorker(plan, n_rows, stop)
    return LineWorker(plan, n_rows, stop) if isinstance(plan, Plan) else GraphLineWorker(plan, n_rows, stop)


def worker_bytes(plan: AnyPlan, n_rows: int) -> int:
    """Return what such buffers take."""
    if isinstance(plan, CertifiedLines):
        return plan.worker_bytes(n_rows)
    if isinstance(plan, Plan):
        return stages.worker_bytes(plan, n_rows)
    return cell_bytes(plan.plan, n_rows) if plan.plan is not None else 0


def rows_of(plan: AnyPlan) -> tuple[int, int, int]:
    """Return how many points at a time are the fewest, few and as many as are of use."""
    if isinstance(plan, Plan):
        few = plan.knobs.few_rows
        return _FEWEST_ROWS, few, int(np.clip(plan.knobs.stage_numbers // plan.width, few, 4096))
    if isinstance(plan, CertifiedLines):
        return _FEWEST_PROVED, _FEW_PROVED, int(np.clip(_PROVED_NUMBERS // plan.widest, 256, 1 << 14))
    return _FEWEST_POINTS, _FEW_POINTS, _POINTS


def n_points_of(domain: LineDomain) -> int:
    """Return how many points a line is given by: all that its size depends on."""
    return domain.points.shape[0] if isinstance(domain, Path) else 2


def line_numbers(plan: AnyPlan, domain: LineDomain) -> int:
    """Return how many numbers a line takes at most, as chunks are counted."""
    width = plan.width if isinstance(plan, Plan) else _GRAPH_WIDTH
    return (n_points_of(domain) + 1 + plan.n_switches) * width


def line_bytes(plan: AnyPlan, domain: LineDomain) -> int:
    """Return about what a line takes until it is handed on: as many breakpoints as there are to switch at."""
    return plan.network.n_neurons + _BYTES_PER_BREAKPOINT * (n_points_of(domain) + 1 + plan.n_switches)
