"""Windows cut to blocks first give what whole windows give."""

import numpy as np
import pytest

import linregions as lr
from linregions.regions.options import Options
from linregions.regions.planes.engine.knobs import Knobs
from linregions.regions.planes.find import run_sink
from linregions.regions.planes.sinks.statistics import PlaneStatistics

ACTIVATIONS = (lr.RELU, lr.HARD_TANH, lr.ABS, lr.leaky_relu(0.1))


@pytest.fixture(params=[(2, 8), (10, 16), (20, 30)], ids=str)
def small_blocks(request: pytest.FixtureRequest) -> Knobs:
    most, each = request.param
    return Knobs(most_lines=most, lines_in_block=each)


def networks() -> list[lr.Network]:
    rng = np.random.default_rng(0)
    made = []
    for k in range(24):
        widths = [2, *rng.integers(1, 40, rng.integers(1, 4)), 2]
        variance = (0.0, 0.1, 1.0)[k % 3]
        net = lr.random_network(widths, rng, activation=ACTIVATIONS[k % 4], bias_variance=variance)
        if k % 5 == 0:  # concurrent, parallel and equal lines
            rounded = [(np.round(2 * layer.weight), np.round(2 * layer.bias)) for layer in net.layers]
            net = lr.Network.from_layers(rounded, net.activations)
        made.append(net)
    return made


NETWORKS = networks()
WINDOW = lr.PlaneWindow.of_inputs([-1, -2], [1.5, 2])
WIDEST = int(np.argmax([net.widths[1] for net in NETWORKS]))
WHOLE = [lr.partition(net, WINDOW) for net in NETWORKS]


def statistics(net: lr.Network, knobs: Knobs) -> PlaneStatistics:
    found = run_sink(net, WINDOW, lr.RegionStatistics(linear=True), knobs=knobs)
    assert isinstance(found, PlaneStatistics)
    return found


@pytest.mark.parametrize("k", range(len(NETWORKS)))
def test_blocks_change_no_count(k: int, small_blocks: Knobs) -> None:
    whole, found = WHOLE[k], statistics(NETWORKS[k], small_blocks)
    assert (found.n_regions, found.n_linear_regions) == (whole.n_regions, whole.n_linear_regions)
    assert (found.n_vertices, found.n_edges) == (len(whole.vertices), len(whole.edges))
    assert found.area == pytest.approx(10.0, rel=1e-12)
    assert found.boundary_length == pytest.approx(whole.boundary_length, rel=1e-9, abs=1e-12)


def test_the_fixture_makes_blocks(small_blocks: Knobs) -> None:
    assert statistics(NETWORKS[WIDEST], small_blocks).diagnostics["cells"] > WHOLE[WIDEST].diagnostics["cells"]


def test_streams_of_blocks_go_on(small_blocks: Knobs, tmp_path: object) -> None:
    stream = lr.RegionStream(str(tmp_path))
    first = run_sink(NETWORKS[WIDEST], WINDOW, stream, knobs=small_blocks)
    again = run_sink(NETWORKS[WIDEST], WINDOW, lr.RegionStream(str(tmp_path)), Options(threads=2), small_blocks)
    assert first.n_regions == again.n_regions == WHOLE[WIDEST].n_regions
    assert np.array_equal(first.areas, again.areas)
    assert np.allclose(np.sort(first.areas), np.sort(WHOLE[WIDEST].areas), rtol=1e-9, atol=1e-15)


def test_memory_does_not_follow_the_first_layer() -> None:
    import tracemalloc

    net = lr.random_network([2, 1500, 1], 0, bias_variance=0.3)
    counts, peaks = [], []
    for half in (0.01, 0.3, 1.2):  # the first compiles
        window = lr.PlaneWindow.of_inputs([-half, -half], [half, half])
        tracemalloc.start()
        counts.append(lr.count_regions(net, window))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert counts[2] > 4 * counts[1] > 500_000
    assert peaks[2] < 1.5 * peaks[1] < 75 * 2**20
