"""How a network's distances are best found: decided once, and kept as long as the network."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass, replace

import numpy as np

from linregions.errors import NumericalError
from linregions.measures.distances.graph_plan import GraphPlan, make_graph_plan
from linregions.measures.distances.plan import Dear, Plan, make_plan
from linregions.measures.distances.work import Workspace
from linregions.networks.network import Network

_TRIALS = 16


@dataclass(frozen=True, eq=False)
class _Short:
    """What is kept of a large plan."""

    dear: Dear
    whole: bool


_lock = threading.Lock()
_kept: weakref.WeakKeyDictionary[Network, Plan | _Short] = weakref.WeakKeyDictionary()


_kept_graphs: weakref.WeakKeyDictionary[Network, GraphPlan] = weakref.WeakKeyDictionary()


def graph_plan_of(network: Network, kept_bytes: int = 1 << 27) -> GraphPlan:
    """Return the plan of a graph, kept unless it is larger than `kept_bytes`."""
    with _lock:
        kept = _kept_graphs.get(network)
    if kept is not None:
        return kept
    plan = make_graph_plan(network)
    if plan.n_bytes <= kept_bytes:
        with _lock:
            _kept_graphs[network] = plan
    return plan


def plan_of(network: Network, kept_bytes: int = 1 << 27) -> Plan:
    """Return the plan of a network, which never changes.

    Of plans larger than `kept_bytes` the copies of weights are not kept: making them takes a fraction of what is dear.
    """
    with _lock:
        kept = _kept.get(network)
    if isinstance(kept, Plan):
        return kept
    plan = make_plan(network, kept.dear if kept else None)
    if kept.whole if kept else _prefers_whole(plan):
        plan = replace(plan, squared=(), whole=True)
    with _lock:
        _kept[network] = plan if plan.copies <= kept_bytes else _Short(plan.dear, plan.whole)
    return plan


def _prefers_whole(plan: Plan) -> bool:
    """Return whether whole Jacobians are cheaper than bounds and single gradients, tried at a few fixed points.

    The choice depends on the network alone, so that a point's distance does not depend on the other points.
    """
    if not plan.scaled:
        return False
    space = Workspace(plan, _TRIALS, "boundary_distance")
    try:
        space.evaluate(np.random.default_rng(0).normal(size=(_TRIALS, plan.widths[0])), 0)
    except NumericalError:  # then whoever gives such points is told
        return False
    work, given_up = space.prune(_TRIALS)
    return work + given_up * plan.work_of_whole > _TRIALS * plan.prefers_whole
