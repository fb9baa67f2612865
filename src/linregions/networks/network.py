"""Networks: affine steps with a piecewise-linear activation after each but the last."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.files import as_path, read_npz, write_npz
from linregions._support.foreign_files import recognise
from linregions._support.shown import Told
from linregions._support.validation import FloatArray, as_float_array, as_integer, as_points, check_axes
from linregions.errors import InvalidValueError, UnsupportedModuleError
from linregions.networks.activations import RELU, PiecewiseLinear
from linregions.networks.affine import AffineLayer, affine_layers, hidden_activations
from linregions.networks.branching import Branching
from linregions.networks.chain import Chain, chain_of
from linregions.networks.chain_files import chain_from_arrays, chain_to_arrays
from linregions.networks.graph import Graph
from linregions.networks.graph_checks import checked
from linregions.networks.graph_files import FORMAT as GRAPH_FORMAT
from linregions.networks.graph_files import graph_from_arrays, graph_to_arrays
from linregions.networks.graph_maps import GraphMaps
from linregions.networks.graph_outputs import in_unit, with_outputs
from linregions.networks.local_maps import ActivationRegion
from linregions.networks.numbering import Numbering

__all__ = ["AffineLayer", "Network", "network_from_arrays", "network_to_arrays"]


#: What reads the files of other programs, by format: importers, which stand above, enter themselves here.
READERS: dict[str, Callable[[Path], Network]] = {}


class Network(Told):
    """A network with piecewise-linear activations, in float64, that never changes.

    Make one with `Network.from_layers`, `random_network`, `from_torch` or `Network.load`.

    Parameters
    ----------
    layers : tuple of AffineLayer
        The affine steps, in order; the last one has no activation after it.
    activations : tuple of PiecewiseLinear, one fewer than layers
        The activation after each step but the last.

    Notes
    -----
    A network is a *chain* of dense layers, which has `layers`, `activations` and `widths`, or a *graph* of any
    connectivity, with convolutions, skips, concatenations and maxima, which has none. Every network has `graph`.

    *Neurons* are the units of hidden layers whose activation has at least one breakpoint; they are numbered
    through all layers in order (`neuron_offsets`). Units of an identity layer can never switch and are not
    counted. A window of a maximum, as in max pooling, is one neuron, whose piece is the number of its winner among
    its entries, the lowest where they are equal. The paper writes a neuron as ``phi(z(x) - b_z)``; here
    ``bias = -b_z`` as in every framework.

    References
    ----------
    Hanin & Rolnick (2019), section 5 and Appendix A.
    """

    _body: Chain | Branching

    def __init__(self, layers: tuple[AffineLayer, ...], activations: tuple[PiecewiseLinear, ...]) -> None:
        self.__dict__["_body"] = Chain(layers, activations)

    @classmethod
    def _of(cls, body: Chain | Branching) -> Network:
        network = cls.__new__(cls)
        network.__dict__["_body"] = body
        return network

    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    @classmethod
    def from_layers(
        cls,
        layers: Iterable[Any],
        activation: PiecewiseLinear | str | Sequence[PiecewiseLinear | str] = RELU,
    ) -> Network:
        """Build a network from weights and biases.

        Parameters
        ----------
        layers : iterable of (weight, bias)
            Weight of shape (n_out, n_in) and bias of shape (n_out,) of each affine step ``W @ x + b``; or a flat list
            ``[W0, b0, W1, b1, ...]``.
        activation : PiecewiseLinear, str, or sequence of them
            Applied between the steps: one for all, or one for each step but the last. By name: ``"relu"``, ``"abs"``,
            ``"hard_tanh"``, ``"relu6"``, ``"hard_sigmoid"``, ``"identity"``, ``"leaky_relu"`` (slope 0.01) or
            ``"leaky_relu(0.2)"``.

        Returns
        -------
        Network

        Raises
        ------
        InvalidValueError
            If there is no layer, shapes do not fit each other, or a number is NaN or infinite.
        InvalidTypeError
            If a layer is no pair or an activation no `PiecewiseLinear`.

        Examples
        --------
        >>> import linregions as lr
        >>> net = lr.Network.from_layers([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
        >>> net([[-3.0], [2.0]])  # |x|
        array([[3.],
               [2.]])
        """
        who = "Network.from_layers"
        steps = affine_layers(layers, who)
        return cls(steps, hidden_activations(activation, len(steps) - 1, who))

    @classmethod
    def from_graph(cls, graph: Graph) -> Network:
        """Build a network from the records of a graph, as importers make them.

        Parameters
        ----------
        graph : linregions.networks.graph.Graph
            Where its steps are dense layers one after the other, of one site each, the network is a chain.

        Returns
        -------
        Network

        Raises
        ------
        InvalidValueError
            If the parts of the graph do not fit each other, a number is NaN or infinite, or a maximum has more than
            256 entries.
        InvalidTypeError
            If it is no graph.
        """
        sound = checked(graph, "Network.from_graph")
        layers = chain_of(sound)
        if layers is not None:
            return cls.from_layers(layers, [step.activation for step in sound.steps[:-1]])
        return cls._of(Branching(sound))

    def with_outputs(self, weight: FloatArray, constant: FloatArray) -> tuple[Network, npt.NDArray[np.int64]]:
        """Return the graph with affine functions of its outputs as outputs, without copies, and which these are.

        Neurons and switches keep their numbers, also where the new graph would be a chain.

        Parameters
        ----------
        weight : ndarray of float64, shape (n, n_out)
        constant : ndarray of float64, shape (n,)
        """
        graph, kept = with_outputs(self.graph, weight, constant)
        return self._of(Branching(checked(graph, "Network.with_outputs"))), kept

    def in_unit(self, exponent: int) -> Network:
        """Return the network with its outputs in units of a power of two; neurons and switches keep their numbers."""
        if isinstance(self._body, Branching):
            return self._of(Branching(checked(in_unit(self.graph, exponent), "Network.in_unit")))
        *others, last = self.layers
        steps = [(layer.weight, layer.bias) for layer in others]
        steps.append((np.ldexp(last.weight, -exponent), np.ldexp(last.bias, -exponent)))
        return self.from_layers(steps, self.activations)

    @property
    def is_chain(self) -> bool:
        """Whether it consists of dense layers one after the other."""
        return isinstance(self._body, Chain)

    @property
    def graph(self) -> Graph:
        """The network as a graph; of a chain each layer is one site."""
        return self._body.graph

    @property
    def numbering(self) -> Numbering:
        """Which neurons and switches the graph has."""
        return self._body.numbering

    @property
    def maps(self) -> GraphMaps:
        """What makes local maps of the graph."""
        return self._body.maps

    @property
    def layers(self) -> tuple[AffineLayer, ...]:
        """The affine steps of a chain, in order.

        Raises
        ------
        UnsupportedModuleError
            If the network is no chain.
        """
        return self._chain("layers").layers

    @property
    def activations(self) -> tuple[PiecewiseLinear, ...]:
        """The activation after each step of a chain but the last.

        Raises
        ------
        UnsupportedModuleError
            If the network is no chain.
        """
        return self._chain("activations").activations

    @property
    def widths(self) -> tuple[int, ...]:
        """Number of units in the input, every hidden layer and the output of a chain.

        Raises
        ------
        UnsupportedModuleError
            If the network is no chain.
        """
        return self._chain("widths").widths

    def _chain(self, name: str) -> Chain:
        if isinstance(self._body, Chain):
            return self._body
        raise UnsupportedModuleError(
            f"`network` is a graph of {len(self.graph.steps)} steps, which has no `{name}`, but {_reader(name)} needs "
            "a chain of dense layers. Give one made by `Network.from_layers`, or read `network.graph`."
        )

    @property
    def n_in(self) -> int:
        """Number of inputs."""
        return self._body.n_in

    @property
    def n_out(self) -> int:
        """Number of outputs."""
        return self._body.n_out

    @property
    def neuron_offsets(self) -> tuple[int, ...]:
        """Number of neurons before each hidden layer, and at the end the number of all.

        Of a graph: before each step that switches and each group of windows, which follow the step that they are of.
        """
        return self._body.neuron_offsets

    @property
    def n_neurons(self) -> int:
        """Number of neurons: hidden units whose activation has a breakpoint, and windows of maxima."""
        return self.neuron_offsets[-1]

    def locate_neuron(self, neuron: int) -> tuple[int, int]:
        """Return (hidden layer, index in the layer) of a neuron's flat number, both from 0.

        Of a graph: which of the steps and groups of windows that switch, and the index there in the user's own order.

        Raises
        ------
        InvalidValueError
            If there is no such neuron.
        """
        number = as_integer(neuron, "neuron", "locate_neuron", 0)
        if number >= self.n_neurons:
            raise InvalidValueError(
                f"`neuron` is {number}, but locate_neuron needs one below the number of neurons, {self.n_neurons}. "
                "Border edges have the number -1 and no neuron."
            )
        layer = int(np.searchsorted(self.neuron_offsets, number, side="right")) - 1
        return layer, number - self.neuron_offsets[layer]

    def _inputs(self, x: npt.ArrayLike, who: str) -> FloatArray:
        points = as_float_array(x, "x", who)
        if points.ndim > 2 and not self.is_chain:
            check_axes(points.shape, self.graph.input_shape, "x", who)
        return as_points(points, "x", who, self.n_in)

    def __call__(self, x: npt.ArrayLike) -> FloatArray:
        """Evaluate the network.

        Parameters
        ----------
        x : array_like, shape (..., n_in)
            Images and torch tensors are flattened where the sizes fit: (N, 1, 28, 28) is N points of 784 inputs.

        Returns
        -------
        ndarray of float64, shape (..., n_out)
        """
        return self._body(self._inputs(x, "Network"))

    def pre_activations(self, x: npt.ArrayLike) -> list[FloatArray]:
        """Return the pre-activation (bias included) of every hidden layer, each of shape (..., width).

        Of a graph: of every step but the last, those that compare entries of maxima included, in the user's order.
        """
        return self._body.pre_activations(self._inputs(x, "pre_activations"))

    def patterns(self, x: npt.ArrayLike) -> npt.NDArray[np.uint8]:
        """Return the activation pattern at each point: the linear piece that every neuron is on.

        Parameters
        ----------
        x : array_like, shape (..., n_in)

        Returns
        -------
        ndarray of uint8, shape (..., n_neurons)
            Number of breakpoints strictly below the pre-activation: 0 or 1 for ReLU, 0..T in general. Of a window:
            the number of its winner among its entries, the lowest of those that are equal within a relative 2**-42.
        """
        return self._body.patterns(self._inputs(x, "patterns"))

    def affine_map(self, x: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return the affine map that the network is on the linear piece of each point.

        Parameters
        ----------
        x : array_like, shape (..., n_in)
            One point or many; images are flattened.

        Returns
        -------
        matrix : ndarray of float64, shape (..., n_out, n_in)
        vector : ndarray of float64, shape (..., n_out)
            ``net(y) == matrix @ y + vector`` for every y of the region of x, but for rounding.

        Raises
        ------
        InvalidValueError
            If `x` does not fit the network, or holds NaN or infinity.
        NumericalError
            If the map overflows.

        Notes
        -----
        Where a pre-activation is exactly at a breakpoint, the piece below it counts, as in `patterns`: the derivative
        of ReLU at 0 is 0, as in PyTorch. Of a graph, points are taken in blocks, and the last bits may depend on the
        other points.

        Examples
        --------
        >>> import linregions as lr
        >>> net = lr.Network.from_layers([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [3.0])])  # |x| + 3
        >>> matrix, vector = net.affine_map([-2.0])
        >>> matrix.tolist(), vector.tolist()
        ([[-1.0]], [3.0])
        """
        points = self._inputs(x, "affine_map")
        matrices, vectors = self._body.affine_maps(points.reshape(-1, self.n_in))
        shape = points.shape[:-1]
        return matrices.reshape(*shape, *matrices.shape[1:]), vectors.reshape(*shape, self.n_out)

    def jacobian(self, x: npt.ArrayLike) -> FloatArray:
        """Return the derivatives of all outputs by all inputs at each point.

        Parameters
        ----------
        x : array_like, shape (..., n_in)
            One point or many; images are flattened.

        Returns
        -------
        ndarray of float64, shape (..., n_out, n_in)
            At a breakpoint that of the piece below it; see `affine_map`.
        """
        return self.affine_map(x)[0]

    def region(self, x: npt.ArrayLike) -> ActivationRegion:
        """Return the activation region of a point, as half-spaces in all inputs.

        Parameters
        ----------
        x : array_like, shape (n_in,)
            One point; an image is flattened.

        Returns
        -------
        ActivationRegion
            ``normals @ y <= bounds``, with the neuron and the breakpoint of each half-space; for each neuron that
            varies in the region one or two, the breakpoints beside its pre-activation; for a window of a maximum its
            winner minus every other entry that may win. They may be redundant.

        Raises
        ------
        InvalidValueError
            If `x` is not one point of the network's inputs, or holds NaN or infinity.
        NumericalError
            If gradients overflow.

        Notes
        -----
        Neurons whose gradient is zero in the region, or so small that rounding alone explains it, cannot switch there
        and have no half-space. A point exactly at a breakpoint lies in the border of the region that `patterns` names.

        Examples
        --------
        >>> import linregions as lr
        >>> net = lr.Network.from_layers([([[1.0, 0.0], [0.0, 2.0]], [0.0, -1.0]), ([[1.0, 1.0]], [0.0])])
        >>> region = net.region([1.0, 0.0])
        >>> region.normals.tolist(), region.bounds.tolist(), region.neurons.tolist()
        ([[-1.0, -0.0], [0.0, 2.0]], [0.0, 1.0], [0, 1])
        """
        points = self._inputs(x, "region")
        if points.size != self.n_in:
            raise InvalidValueError(
                f"`x` has shape {points.shape}, but region needs one point, shape ({self.n_in},). "
                "Call it for each point."
            )
        return self._body.region(points.ravel())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network as an NPZ file (no pickle), whole or not at all.

        Parameters
        ----------
        path : str or path-like
            Usually ending in ``.npz``; missing folders are made.

        Raises
        ------
        InvalidValueError
            If the place cannot be written.
        """
        write_npz(path, network_to_arrays(self), "Network.save")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Network:
        """Read a network from a file: written by `save`, or by other programs.

        Parameters
        ----------
        path : str or path-like
            An NPZ written by `save`, or any with arrays ``W0, b0, W1, b1, ...`` (then ReLU); an ONNX model, an
            ``.nnet`` file or a program of ``torch.export``, as `from_onnx`, `from_nnet` and `from_torch` read them.

        Raises
        ------
        InvalidValueError
            If there is no such file, or it holds NaN or layers that do not fit.
        FileFormatError
            If the file is truncated, pickled or holds no network.
        UnsupportedModuleError
            If it holds a model with something that is not piecewise linear.
        """
        source = as_path(path, "path", "Network.load")
        foreign = recognise(source)
        if foreign is not None and foreign.reader in READERS:
            return READERS[foreign.reader](source)
        return network_from_arrays(read_npz(path, "Network.load"), path, "Network.load")

    def __repr__(self) -> str:
        return f"Network({self._body})"

    def _facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = {"inputs": self.n_in, "outputs": self.n_out, "neurons": self.n_neurons}
        return {**facts, "layers" if self.is_chain else "steps": str(self._body)}


def _reader(name: str) -> str:
    """Return the function that was called from outside the package, or by a command, and came to read an attribute."""
    frame: Any = sys._getframe(3)
    reader = f"`.{name}`"
    while frame is not None:
        code, module = frame.f_code, str(frame.f_globals.get("__name__", ""))
        inside = module.startswith("linregions.") and not module.startswith("linregions.cli")
        if inside and not code.co_name.startswith(("_", "<")):
            reader = code.co_qualname
        frame = frame.f_back
    return reader


def network_to_arrays(network: Network) -> dict[str, npt.NDArray[Any]]:
    """Return a network as named arrays, for an NPZ file."""
    if network.is_chain:
        return chain_to_arrays(network.layers, network.activations)
    return graph_to_arrays(network.graph)


def network_from_arrays(arrays: dict[str, npt.NDArray[Any]], path: str | os.PathLike[str], who: str) -> Network:
    """Build a network from the arrays of `network_to_arrays`, read from `path`, or raise FileFormatError."""
    if "format" in arrays and str(arrays["format"]) == GRAPH_FORMAT:
        return Network.from_graph(graph_from_arrays(arrays, path, who))
    return Network.from_layers(*chain_from_arrays(arrays, path, who))
