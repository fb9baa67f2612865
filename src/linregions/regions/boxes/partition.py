"""Boxes and polytopes of one to five inputs, cut into the cells of the linear regions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray, as_choice, as_integer
from linregions.domains.polytopes import Polytope
from linregions.domains.solids import Box
from linregions.domains.windows import PlaneWindow
from linregions.errors import InvalidValueError
from linregions.networks.network import Network
from linregions.networks.switches import breakpoints_of_neurons, unpack_patterns
from linregions.regions.boxes.arrays import BoxCells
from linregions.regions.boxes.boundaries import facet_boundaries
from linregions.regions.boxes.inscribed import inscribed_balls
from linregions.regions.boxes.pieces import BoundaryPieces, pieces_of
from linregions.regions.boxes.queries import BoxQueries
from linregions.regions.boxes.saved import cells_of
from linregions.regions.boxes.sections import BoxSection, section_of
from linregions.regions.boxes.strata import strata_of
from linregions.regions.boxes.surfaces import Surface, surface_of
from linregions.regions.boxes.topology import class_betti_numbers, persistence, sublevel_betti_numbers
from linregions.regions.files import read_result, unpack_solid, write_result
from linregions.regions.kinds import KINDS
from linregions.regions.outputs import Comparison, region_maps

_FORMAT = "linregions-box-1"
_ARRAYS = tuple(each.name for each in fields(BoxCells) if each.name != "diagnostics")


@dataclass(frozen=True, eq=False, repr=False)
class BoxPartition(BoxQueries):
    """A box, or a polytope in it, of d = 1 to 5 inputs, cut into activation regions: a complex of convex polytopes.

    Parameters
    ----------
    network : Network
    domain : Box or Polytope
    vertices : ndarray of float64, shape (V, d)
        Corners of regions in the input space, each once, those on the domain's sides included.
    cell_offsets : ndarray of int64, shape (F + 1,)
        Region f has the corners ``cell_vertices[cell_offsets[f]:cell_offsets[f + 1]]``.
    cell_vertices : ndarray of int32, shape (sum of corners,)
    pattern_words : ndarray of uint64, shape (F, words)
        Packed patterns; see `patterns`.
    volumes : ndarray of float64, shape (F,)
        d-dimensional volume of every region: length, area, volume, ....
    centroids : ndarray of float64, shape (F, d)
        Centres of mass.
    facet_cells : ndarray of int64, shape (K, 2)
        The two regions that meet in a facet: first where the neuron is lower, then where it is higher. On a side of the
        domain the one inside and -1.
    facet_neuron : ndarray of int32, shape (K,)
        Flat number of the neuron that switches there (`Network.locate_neuron`): of those that do, the one of the lowest
        layer. -1 on the domain's sides.
    facet_breakpoint : ndarray of int16, shape (K,)
        Which breakpoint of that neuron's activation it is, from 0; -1 on the domain's sides.
    facet_side : ndarray of int16, shape (K,)
        Which side of the domain it is on: 2 i and 2 i + 1 for the low and the high one in coordinate i, then the
        half-spaces of a polytope; -1 inside.
    facet_volumes : ndarray of float64, shape (K,)
        (d - 1)-dimensional volume: 1 for d = 1, then length, area, ....
    facet_offsets : ndarray of int64, shape (K + 1,)
    facet_vertices : ndarray of int32, shape (sum of corners,)
        Corners of all facets. For d = 3 in cyclic order, counter-clockwise seen from the second region or outside.
    strata_activation : ndarray of float64, shape (d + 1,)
        See `strata`.
    face_counts : ndarray of int64, shape (d + 1,)
        Numbers of vertices, edges, ..., regions: the f-vector of the complex.
    diagnostics : dict
        ``undecided``: signs within their band, which float64 cannot tell, taken as zero; with 0 it decided everything;
        ``smallest_margin``: the closest decision not taken as zero, in multiples of its band, of those within 128 of
        them; infinite if there was none; ``relative_tolerance``; and what the engine checks, such as
        ``volume_defect``, how far the sum of volumes is from that of the domain, relative to it.

    Notes
    -----
    Any two regions meet in a common face or not at all, so a facet belongs to two regions, or to one and the domain's
    border. Volumes are Euclidean, in the units of the input space.
    """

    network: Network
    domain: Box | Polytope
    vertices: FloatArray
    cell_offsets: npt.NDArray[np.int64]
    cell_vertices: npt.NDArray[np.int32]
    pattern_words: npt.NDArray[np.uint64]
    volumes: FloatArray
    centroids: FloatArray
    facet_cells: npt.NDArray[np.int64]
    facet_neuron: npt.NDArray[np.int32]
    facet_breakpoint: npt.NDArray[np.int16]
    facet_side: npt.NDArray[np.int16]
    facet_volumes: FloatArray
    facet_offsets: npt.NDArray[np.int64]
    facet_vertices: npt.NDArray[np.int32]
    strata_activation: FloatArray
    face_counts: npt.NDArray[np.int64]
    diagnostics: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, network: Network, domain: Box | Polytope, cells: BoxCells) -> BoxPartition:
        """Make a partition of what an engine has collected."""
        return cls(network, domain, **{each.name: getattr(cells, each.name) for each in fields(cells)})

    @property
    def cells(self) -> BoxCells:
        """Its arrays without network and domain."""
        return BoxCells(**{each.name: getattr(self, each.name) for each in fields(BoxCells)})

    @property
    def n_in(self) -> int:
        """Number d of inputs."""
        return int(self.vertices.shape[1])

    @property
    def n_regions(self) -> int:
        """Number F of activation regions."""
        return int(self.cell_offsets.size - 1)

    @property
    def n_facets(self) -> int:
        """Number K of facets, those on the domain's sides included."""
        return int(self.facet_side.size)

    @cached_property
    def patterns(self) -> npt.NDArray[np.uint8]:
        """Linear piece of every neuron in every region, shape (F, n_neurons): breakpoints below its value."""
        return unpack_patterns(self.network, self.pattern_words)

    @cached_property
    def affine_maps(self) -> FloatArray:
        """The network on every region, shape (F, n_out, d + 1): output = ``maps[f] @ (x_1, ..., x_d, 1)``."""
        return self._maps(slice(None))

    def _maps(self, cells: Any) -> FloatArray:
        rows = np.vstack([np.eye(self.n_in), np.zeros(self.n_in)])
        return region_maps(self.network, rows, self.pattern_words[cells])

    @cached_property
    def _balls(self) -> tuple[FloatArray, FloatArray]:
        planes = self.facet_planes
        return inscribed_balls(self.cells, np.ascontiguousarray(planes[:, :-1]), planes[:, -1].copy())

    @property
    def inradii(self) -> FloatArray:
        """Radius of the largest ball in every region, shape (F,)."""
        return self._balls[0]

    @property
    def incenters(self) -> FloatArray:
        """Centre of that ball, shape (F, d); where several are as large, of one of them."""
        return self._balls[1]

    @cached_property
    def boundary_volume(self) -> float:
        """(d - 1)-dimensional volume of all boundaries between activation regions, without the domain's sides."""
        return float(self.facet_volumes[self.facet_side < 0].sum())

    @cached_property
    def facet_is_linear_boundary(self) -> npt.NDArray[np.bool_]:
        """Whether a good neuron switches on the facet (Proposition 9), shape (K,); False on the domain's sides."""
        return self._boundaries("linear")

    @cached_property
    def facet_is_gradient_boundary(self) -> npt.NDArray[np.bool_]:
        """Whether the gradient jumps at the facet (eq. 4), shape (K,); False on the domain's sides."""
        return self._boundaries("gradient")

    def is_boundary_of(self, kind: str) -> npt.NDArray[np.bool_]:
        """Tell which facets are boundaries between ``"activation"``, ``"linear"`` or ``"gradient"`` regions."""
        if as_choice(kind, "kind", "is_boundary_of", KINDS) == "activation":
            return np.asarray(self.facet_side < 0)
        return self.facet_is_linear_boundary if kind == "linear" else self.facet_is_gradient_boundary

    def _boundaries(self, kind: str) -> npt.NDArray[np.bool_]:
        return facet_boundaries(self.network, kind, self.patterns, self.facet_cells)

    @cached_property
    def linear_labels(self) -> npt.NDArray[np.int32]:
        """Number of the linear region that each activation region belongs to, shape (F,)."""
        return self.joined(self.facet_is_linear_boundary)

    @cached_property
    def gradient_labels(self) -> npt.NDArray[np.int32]:
        """Number of the gradient region that each activation region belongs to, shape (F,)."""
        return self.joined(self.facet_is_gradient_boundary)

    @property
    def n_linear_regions(self) -> int:
        """Number of linear regions: activation regions joined across facets where no good neuron switches (Prop. 9)."""
        return int(self.linear_labels.max()) + 1

    @property
    def n_gradient_regions(self) -> int:
        """Number of gradient regions: pieces of the complement of the paper's B_N (eq. 4), where the gradient jumps."""
        return int(self.gradient_labels.max()) + 1

    def strata(self, k: int, kind: str = "activation") -> float:
        r"""Return the volume of the paper's :math:`B_{N,k}` in the domain: :math:`\mathrm{vol}_{d-k}`.

        Parameters
        ----------
        k : int
            Codimension, 0 to d: for d = 3 volume, area, length, and the number of vertices.
        kind : {"activation", "linear", "gradient"}
            Which boundaries.

        Returns
        -------
        float
            The total (d - k)-volume of the faces, not on the domain's sides, in which boundaries of k independent
            directions meet, and no more; for k = d their number.

        Raises
        ------
        InvalidValueError, InvalidTypeError
            If `k` is none of 0 to d, or `kind` unknown.

        References
        ----------
        Hanin & Rolnick (2019), section 3.1 and Theorem 3, Corollary 4.
        """
        who = "BoxPartition.strata"
        number = as_integer(k, "k", who, 0)
        if number > self.n_in:
            raise InvalidValueError(
                f"`k` is {number}, but {who} needs a codimension of at most the number of inputs, {self.n_in}. "
                "Give one from 0 on."
            )
        if as_choice(kind, "kind", who, KINDS) == "activation" or number == 0:
            return float(self.strata_activation[number])
        boundary = self.is_boundary_of(kind)
        if number == 1:
            return float(self.facet_volumes[boundary].sum())
        return float(strata_of(self.cells, boundary)[number])

    def level_set(self, output: int = 0, level: float = 0.0) -> Any:
        """Find where one output equals a level, exactly: the boundary of where it is above.

        Parameters
        ----------
        output : int
            Which output, from 0.
        level : float

        Returns
        -------
        Surface, or BoundaryPieces for other than three inputs
            Of two classes, 0 (not above the level) and 1 (above); normals point to where it is above.

        Raises
        ------
        InvalidValueError, InvalidTypeError
            If there is no such output, or `level` is no finite number.
        NumericalError
            If rounding makes the signs at corners contradict one another.

        Notes
        -----
        A region on which the output is the level throughout belongs to class 0. Where the output touches the level from
        one side only there is no polygon. The output is evaluated at all vertices; after that only regions that it
        crosses are looked at.
        """
        who = "BoxPartition.level_set"
        return self._where_it_changes(Comparison.of_level(self.network.n_out, output, level, who))

    def decision_boundary(self, decision: str = "argmax") -> Any:
        """Find where the class changes, exactly: the arg-max of the outputs, or the sign of a single one.

        Parameters
        ----------
        decision : {"argmax", "argmin"}
            ``"argmin"`` for networks whose outputs are costs. Of outputs that tie the lowest number is the class. A
            single output has the classes 0 (not above zero; not below zero for ``"argmin"``) and 1.

        Returns
        -------
        Surface, or BoundaryPieces for other than three inputs

        Raises
        ------
        InvalidValueError
            If `decision` is unknown.
        NumericalError
            If rounding makes the signs at corners contradict one another.
        """
        who = "BoxPartition.decision_boundary"
        return self._where_it_changes(Comparison.of_classes(self.network.n_out, decision, who))

    def _where_it_changes(self, comparison: Comparison) -> Surface | BoundaryPieces:
        return surface_of(self, comparison) if self.n_in == 3 else pieces_of(self, comparison)

    def section(self, window: PlaneWindow) -> BoxSection:
        """Cut the regions by a plane: its own partition, and the region of the box that each of its regions is in.

        Parameters
        ----------
        window : PlaneWindow
            Only what of it lies in the domain is taken.

        Returns
        -------
        BoxSection

        Raises
        ------
        InvalidValueError, InvalidTypeError
            If it is no window of the input space, or does not meet the domain.
        """
        return section_of(self, window, "BoxPartition.section")

    def betti_numbers(self, output: int = 0, level: float = 0.0) -> tuple[int, ...]:
        """Return the Betti numbers of where an output is at most a level: components, tunnels, cavities, ....

        Parameters
        ----------
        output : int
            Which output, from 0.
        level : float

        Returns
        -------
        tuple of int, d of them
            Of the closed set in the domain, points where the output only touches the level included.

        Raises
        ------
        InvalidValueError, InvalidTypeError
            If there is no such output, or `level` is no finite number.
        MissingDependencyError
            If gudhi is not installed (``pip install 'linregions[topology]'``).
        """
        return sublevel_betti_numbers(self, output, level, "BoxPartition.betti_numbers")

    def decision_betti_numbers(self, decision: str = "argmax") -> dict[int, tuple[int, ...]]:
        """Return the Betti numbers of the closure of each class: components, tunnels and cavities; three inputs.

        Parameters
        ----------
        decision : {"argmax", "argmin"}
            As in `decision_boundary`.

        Returns
        -------
        dict of tuples of three int, by class
            Classes that no region has are left out.

        Raises
        ------
        InvalidValueError
            If there are not three inputs, or `decision` is unknown.
        MissingDependencyError
            If gudhi is not installed (``pip install 'linregions[topology]'``).
        """
        return class_betti_numbers(self, decision, "BoxPartition.decision_betti_numbers")

    def persistence(self, output: int = 0) -> list[tuple[int, tuple[float, float]]]:
        """Return the persistence diagram of where an output is at most a rising level.

        Parameters
        ----------
        output : int
            Which output, from 0.

        Returns
        -------
        list of (dimension, (birth, death))
            As gudhi orders them, for its own plots; inf where a class stays.

        Raises
        ------
        InvalidValueError, InvalidTypeError
            If there is no such output.
        MissingDependencyError
            If gudhi is not installed (``pip install 'linregions[topology]'``).
        """
        return persistence(self, output, "BoxPartition.persistence")

    def plot(self, regions: Sequence[int] | None = None, ax: Any = None, **options: Any) -> Any:
        """Draw regions of a box of three inputs; see `linregions.plotting.plot_cells` for the options.

        Raises
        ------
        InvalidValueError
            If there are not three inputs, or too many polygons.
        MissingDependencyError
            If matplotlib is not installed (``pip install 'linregions[plot]'``).
        """
        from linregions.plotting import plot_cells

        return plot_cells(self, regions, ax, **options)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the partition, its domain and its network as one NPZ file (no pickle), whole or not at all.

        Raises
        ------
        InvalidValueError
            If the place cannot be written.
        """
        write_result(path, _FORMAT, self, self.domain, _ARRAYS)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> BoxPartition:
        """Read a partition written by `save`.

        Raises
        ------
        InvalidValueError
            If there is no such file.
        FileFormatError
            If the file is truncated or holds something else.
        """
        saved, network, domain = read_result(path, _FORMAT, "BoxPartition", "box partition", unpack_solid)
        return cls.of(network, domain, cells_of(saved, breakpoints_of_neurons(network), domain))

    def __repr__(self) -> str:
        return f"BoxPartition({self.n_regions} regions, {len(self.vertices)} vertices, {self.n_facets} facets)"
