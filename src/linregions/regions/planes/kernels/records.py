"""Flat records that the plane kernels work on: the network in the plane, the cut window, scratch and output."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from linregions.networks.kernels.site_records import Steps, Tensors, make_tensors

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]
WordArray = npt.NDArray[np.uint64]
IndexArray = npt.NDArray[np.int64]

FULL, SPLIT, OUT_OF_RANGE = 3, 4, 5
THROUGH_LAYERS, CUT = 0, 1  # modes of `cells.run_cells`
NEVER = 1 << 62
NO_LINE = -2  # -1 is the border of the window
LOCAL, STAMP = 0, 1
NUMBER, CROSSING = 0, 1
OPEN = -2  # PIECE of a unit that no one has looked at; -1 is an unstable one


# Rows of the arrays below.
SWITCH_IN_LAYER, COLUMN = 0, 1
MIDDLE, SLOPE_X, SLOPE_Y, STRAY, LARGE, SUM, SUM_X, SUM_Y, LOW, HIGH, STEEP = range(11)
CENTRE_X, CENTRE_Y, HALF_X, HALF_Y = range(4)
SOMEWHERE, EVERYWHERE = 0, 1
N_SIDES, N_CHAINS = 3, 4  # after N_VERTICES, N_EDGES, N_FACES
SHARED, OWN = 0, 1


class Plan(NamedTuple):
    """A network restricted to a plane, flat, in the coordinates of a window's frame.

    Layer 0 is the first with breakpoints, given by its rows. From `shape` to `is_chain` it says what
    `linregions.networks.kernels.sites.Steps` does.
    """

    first: FloatArray  # (5, n_0): layer 0 as CONSTANT and slopes in X and Y; SIZE of its terms; its STEEPNESS
    given: FloatArray  # (5, units): the same for other layers before which nothing switches
    shape: IndexArray
    term: IndexArray
    offset: IndexArray
    tap: IndexArray
    weights: FloatArray
    norms: FloatArray
    biases: FloatArray
    activation: FloatArray
    is_chain: bool
    twin: IndexArray  # (layers, max width): 1 + a neuron before it of which one is a multiple, with its sign; or 0
    relative: float  # tolerance
    most_faces: int = NEVER  # of a cell after a layer; one with more is split to parts
    part_switches: int = 0  # that may cross such a part
    most_switches: int = NEVER  # of a layer that a cell takes at once; of more, few at a time
    crowded_faces: int = NEVER  # of a cell of which switches of the layer are left; one with more is split to parts


class Root(NamedTuple):
    """The window cut by layer 0, or a cell cut by some layers, and its faces grouped to cells."""

    xy: FloatArray  # (V, 2)
    uncertainty: FloatArray  # (V,) of their places, in plane units
    rounding: FloatArray  # (V,) the part of it that is rounding
    edge: IntArray  # (3, E): A, B, SWITCH
    e_shared: npt.NDArray[np.bool_]  # the edge lies between two cells
    f_off: IntArray
    side: IntArray  # (2, sides): V, E
    f_word: WordArray  # (faces, words): switches of layer 0, or those that cross a cell, that are passed
    f_switch: IndexArray  # the switch of each bit of these words, ascending; empty where it is the bit's number
    base: WordArray  # other switches that are passed on all faces; perhaps no words
    cell_off: IndexArray
    cell_faces: IndexArray
    line: IntArray  # (V,) switch of the line along which a vertex is uncertain, or NO_LINE; empty for the window
    phi: FloatArray  # (V, columns): basis functions at the vertices; empty for the window
    unit: IndexArray  # (layers, 2, width): PIECE and BASIS of the layers that are begun; empty for the window


def no_root() -> Root:
    """Return the root of no cell."""
    ints, longs, floats = np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0)
    return Root(
        xy=floats.reshape(0, 2),
        uncertainty=floats,
        rounding=floats,
        edge=ints.reshape(3, 0),
        e_shared=np.zeros(0, np.bool_),
        f_off=ints,
        side=ints.reshape(2, 0),
        f_word=np.zeros((0, 0), np.uint64),
        f_switch=longs,
        base=np.zeros(0, np.uint64),
        cell_off=longs,
        cell_faces=longs,
        line=ints,
        phi=floats.reshape(0, 0),
        unit=longs.reshape(0, 2, 0),
    )


class Scratch(NamedTuple):
    """What one thread needs to evaluate a cell, beside the complex."""

    vertex: IntArray  # (2, V): LOCAL number of a root vertex in the cell that the STAMP names
    edge: IntArray  # (2, E): the same for root edges
    tensors: Tensors  # rows of the layer at hand, and of those that others read
    unit: IndexArray  # (2, width): PIECE of a stable neuron, -1 if unstable; BASIS function of an unstable one
    history: IndexArray  # (layers, 2, width): the same for all layers so far
    pending: IndexArray  # (2, switches): switches of the layer that cross the cell, and their columns in phi
    scale: FloatArray  # (5, width): SIZE and STEEPNESS of the layer's units; room to find these
    bound: FloatArray  # (5, width): enclosures of the pre-activations on the cell, rows as of `fit`
    fit: FloatArray  # (11, columns): enclosures of the basis functions by planes: MIDDLE is the value at the centre of
    # the box, SLOPE_X, SLOPE_Y; STRAY: largest distance from the plane; LARGE: size of the numbers at hand;
    # then room for SUM of values, of products with coordinates SUM_X and SUM_Y, lowest and highest distance LOW, HIGH;
    # STEEP: bound on its slope
    box: FloatArray  # (4,): CENTRE_X, CENTRE_Y of the cell's box and half its sides HALF_X, HALF_Y
    packed: FloatArray  # (columns, 64): rows of 64 neurons that these enclosures do not decide
    kept: IndexArray  # (width + 4,): all such neurons
    source: IndexArray  # (64,): where in the block the unstable ones of 64 are
    block: FloatArray  # (vertices, 64): pre-activations of 64 neurons
    base: WordArray  # (words,): switches passed on the whole cell
    passed: WordArray  # (2, words): switches of the root's faces passed SOMEWHERE, EVERYWHERE
    local: IndexArray  # (2, switches + 1): NUMBER of a switch among the bits of faces, -1 for none; how many have one,
    # then these, the CROSSING ones, in order
    counting: IndexArray  # 0, 1, 2, ...


def make_stamps(root: Root) -> tuple[IntArray, IntArray]:
    """Return room for the stamps of a root's vertices and edges, which are in no cell so far."""
    return np.full((2, root.xy.shape[0]), -1, dtype=np.int32), np.full((2, root.edge.shape[1]), -1, dtype=np.int32)


def _room(vertices: int, columns: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the arrays of a scratch that follow from the room in a workspace."""
    return {"fit": (11, columns), "packed": (columns, 64), "block": (vertices, 64), "counting": (columns,)}


def _with_room(arrays: dict[str, Any], plan: Plan | Steps, room: dict[str, tuple[int, ...]]) -> Scratch:
    """Return a scratch of some arrays and of those of `_room` that are not among them."""
    for name, shape in room.items():
        if name not in arrays:
            arrays[name] = np.arange(shape[0]) if name == "counting" else np.empty(shape)
    if "tensors" not in arrays:
        arrays["tensors"] = make_tensors(plan, room["counting"][0])
    return Scratch(**arrays)


def make_scratch(plan: Plan | Steps, root: Root, *, vertices: int, columns: int, switches: int, words: int) -> Scratch:
    """Allocate what a plan's layers need, for as many vertices and basis functions in a cell."""
    vertex, edge = make_stamps(root)
    layers, width = plan.biases.shape
    arrays = {
        "vertex": vertex,
        "edge": edge,
        "unit": np.zeros((2, width), dtype=np.int64),
        "history": np.zeros((layers, 2, width), dtype=np.int64),
        "scale": np.zeros((5, width + 4)),
        "bound": np.empty((5, width)),
        "box": np.empty(4),
        "kept": np.empty(width + 4, dtype=np.int64),
        "source": np.empty(64, dtype=np.int64),
        "base": np.zeros(words, dtype=np.uint64),
        "passed": np.zeros((2, words), dtype=np.uint64),
        "local": np.array([[-1], [0]]).repeat(switches + 1, axis=1),
        "pending": np.zeros((2, switches + 64), dtype=np.int64),
    }
    return _with_room(arrays, plan, _room(vertices, columns))


class Resizing:
    """A scratch that is given room for other numbers of vertices and basis functions; nobody else may hold it.

    What does not fit is given back when this is made, so that there are never two of it.
    """

    def __init__(self, plan: Plan | Steps, scratch: Scratch, vertices: int, columns: int) -> None:
        self._plan, self._shapes = plan, _room(vertices, columns)
        self._arrays = scratch._asdict()
        if self._arrays["counting"].size != columns:
            del self._arrays["tensors"]
        for name, shape in self._shapes.items():
            if self._arrays[name].shape != shape:
                del self._arrays[name]

    def done(self) -> Scratch:
        """Return the scratch."""
        return _with_room(self._arrays, self._plan, self._shapes)


class Output(NamedTuple):
    """What finished cells leave: flat arrays, and how far they are filled."""

    filled: IndexArray  # N_VERTICES, N_EDGES, N_FACES, N_SIDES, N_CHAINS
    xy: FloatArray
    root_v: IntArray
    edge: IntArray  # (3, ...): A, B, SWITCH
    f_off: IntArray  # first side of each face, and the end
    side: IntArray  # (2, ...): V, E
    f_word: WordArray  # no rows where patterns are not wanted
    chain: IntArray  # (2, ...): root edge SHARED by two cells, and its pieces in order along it, OWN edges
    cell_size: IndexArray  # (cells, 5): how much each cell added, columns as of `filled`
