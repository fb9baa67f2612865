"""Record probes of a network as it trains: when, at what cost, and in what table."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from linregions._support.fingerprints import digest_of_object
from linregions._support.tables import write_table
from linregions._support.validation import as_float_array, as_integer
from linregions.errors import InvalidTypeError, InvalidValueError, NumericalError
from linregions.tracking.probes import Probe, checked_probes, scalars
from linregions.tracking.schedule import Every, Schedule
from linregions.tracking.snapshot import read_network
from linregions.tracking.state import checksum_of_state, read_state

if TYPE_CHECKING:
    from linregions.plotting.tracking import LiveFigure, Panel

Log = Callable[[dict[str, float], int], object]
_WHO = "Tracker"
_FIXED = ("step", "epoch", "status")
_FEW = 10  # records of a training that are too few for a curve


class Tracker:
    """Measure a network now and then while it trains in a loop of one's own.

    Parameters
    ----------
    probes : sequence of Probe
        What to measure, e.g. `default_probes(x, rng)`; each with its own name.
    every : int, float or "auto"
        When to measure. An int: the first call, and then every so many steps. A float: every so many epochs, at the
        first step that reaches them. In both cases the steps depend on nothing else. ``"auto"``: the first call,
        and then as often as `budget` allows; early steps are recorded more densely than late ones, and which steps
        these are depends on the machine.
    budget : float
        Between 0 and 1: in automatic mode, how much time measuring and drawing may take for each second of training.
        The first second of it may be spent earlier, so that a short training has records, too; what is forced comes on
        top.
    steps_per_epoch : int, optional
        With it, epochs are counted from steps and need not be given.
    example_input : torch.Tensor or array_like, optional
        As in `from_torch`: needed for modules that take images, for instance.
    log : callable, optional
        Called as ``log(scalars, step)`` after each record, with the numbers of the probes in a dict, NaN for those that
        are missing.

    Raises
    ------
    InvalidValueError, InvalidTypeError
        If an argument does not fit; the message names it.

    Notes
    -----
    Automatic mode makes at least ten records of 50 steps or more, if these take no more than a second. Where
    it made fewer, there is a warning when the table is written or drawn, or a record is forced.

    A call that does not measure takes about a microsecond. One that does reads the parameters into a `Network`
    (`from_torch`, of a copy in evaluation mode) and leaves the module as it is: its mode, gradients, and random
    states. A module that cannot be imported is refused by the first call, before any training.

    A network that has diverged does not stop the training: its row holds NaN, and `status` says why, in place of
    ``"ok"``; there is one warning. Likewise where values overflow.

    Numba compiles or loads kernels in the first record of a process, so this one counts as `setup_seconds` and not
    into `share`; in automatic mode it is therefore made twice.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> import linregions as lr
    >>> x = torch.linspace(-1, 1, 64).reshape(32, 2)
    >>> _ = torch.manual_seed(0)
    >>> module = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    >>> optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    >>> tracker = lr.Tracker(lr.default_probes(x, rng=0), every=5)
    >>> for step in range(11):
    ...     _ = tracker(module, step=step)
    ...     optimizer.zero_grad()
    ...     module(x).square().mean().backward()
    ...     optimizer.step()
    >>> [row["step"] for row in tracker.rows]
    [0, 5, 10]
    >>> tracker.columns[:4]
    ['step', 'epoch', 'status', 'lines/regions']
    """

    def __init__(
        self,
        probes: Sequence[Probe],
        every: Every = "auto",
        *,
        budget: float = 0.05,
        steps_per_epoch: int | None = None,
        example_input: Any = None,
        log: Log | None = None,
    ) -> None:
        self.probes: tuple[Probe, ...] = checked_probes(probes)
        self._schedule = Schedule(every, budget)
        given = steps_per_epoch
        self.steps_per_epoch = None if given is None else as_integer(given, "steps_per_epoch", _WHO, 1)
        if log is not None and not callable(log):
            raise InvalidTypeError(
                f"`log` is {type(log).__name__}, but {_WHO} needs a callable. Give e.g. "
                "`lambda scalars, step: print(step, scalars)`."
            )
        self.example_input, self.log = example_input, log
        self._rows: list[dict[str, Any]] = []
        self._columns = dict.fromkeys(_FIXED)
        self._next_step = 0
        self._warned = self._warned_of_few = False
        self._live: LiveFigure | None = None

    def __call__(
        self, module: Any, *, step: int | None = None, epoch: float | None = None, force: bool = False
    ) -> dict[str, Any] | None:
        """Measure the module if it is time to.

        Parameters
        ----------
        module : torch.nn.Module or Network
            What `from_torch` takes; also compiled, or wrapped for several devices. In training mode or not.
        step : int, optional
            Number of updates done; counted from 0 by default, one for each call. It must not go back.
        epoch : float, optional
            Passes through the training set done; counted from `step` where `steps_per_epoch` was given.
        force : bool
            Measure in any case, as after the last update.

        Returns
        -------
        dict or None
            The new row, or None if it was not time.

        Raises
        ------
        UnsupportedModuleError, InvalidValueError, InvalidTypeError
            At the first call: if the module cannot be imported or a probe does not fit it. Later only for mistakes
            in the call, such as a step that goes back, or a module of another kind.
        MissingDependencyError
            If torch is not installed.
        """
        at = self._next_step if step is None else as_integer(step, "step", f"{_WHO}.__call__", 0)
        if at < self._next_step - 1:
            raise InvalidValueError(
                f"`step` is {at} after {self._next_step - 1}, but {_WHO} needs steps of the whole training, which do "
                "not go back. Count on over the epochs; use a new Tracker for a new training, or `rewind` this one."
            )
        self._next_step = at + 1
        self._schedule.start()
        if self._rows:
            last = self._rows[-1]
            moment = self._epoch(at, epoch) if isinstance(self.every, float) else 0.0
            if at <= last["step"] or not (
                force or self._schedule.due(at, moment, last["step"], last["epoch"], self._live is not None)
            ):
                return None
        return self._record(module, at, self._epoch(at, epoch), force)

    step = __call__

    def _epoch(self, step: int, epoch: float | None) -> float:
        if epoch is not None:
            return float(as_float_array(epoch, "epoch", _WHO, ndim=0))
        if self.steps_per_epoch is not None:
            return step / self.steps_per_epoch
        if isinstance(self.every, float):
            raise InvalidValueError(
                f"`epoch` is not given, but {_WHO} needs it to measure every {self.every:g} epochs. Give `epoch` at "
                "each call, or `steps_per_epoch` once; or an integer `every`, which counts steps."
            )
        return float("nan")

    def _record(self, module: Any, step: int, epoch: float, force: bool) -> dict[str, Any]:
        clock = self._schedule
        clock.lap("training")
        row = self._measured(module, step, epoch)
        if clock.cold:
            clock.lap("setup")
            clock.cold = False
            if self.every == "auto":
                row = self._measured(module, step, epoch)
        clock.cost = clock.lap("measuring")
        self._rows.append(row)
        if force:
            self._warn_of_few(4)
        self._columns.update(dict.fromkeys(row))
        whole = self._filled(row)
        if self.log is not None:
            self.log({key: whole[key] for key in whole if key not in _FIXED}, step)
            clock.cost += clock.lap("measuring")
        if self._live is not None and (force or self._live.due(len(self._rows))):
            self._draw(self._live)
        return whole

    def _filled(self, row: dict[str, Any]) -> dict[str, Any]:
        return {**dict.fromkeys(self._columns, float("nan")), **row}

    def _measured(self, module: Any, step: int, epoch: float) -> dict[str, Any]:
        """Measure one row; trouble with numbers goes into its status, any other is raised."""
        row: dict[str, Any] = {"step": step, "epoch": epoch, "status": "ok"}
        with np.errstate(over="ignore", invalid="ignore"):
            network, trouble = read_network(module, self.example_input, first=not self._rows)
            if network is None:
                return self._unmeasured(row, trouble)
            for probe in self.probes:
                try:
                    row.update(scalars(probe, network))
                except NumericalError as error:
                    self._unmeasured(row, f"{probe.name}: {error}")
        return row

    def _unmeasured(self, row: dict[str, Any], status: str) -> dict[str, Any]:
        row["status"] = status
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"at step {row['step']} the network could not be measured ({status}); its row holds NaN, and training "
                "goes on. Later ones are marked in the column `status` only.",
                RuntimeWarning,
                stacklevel=5,
            )
        return row

    def _warn_of_few(self, stacklevel: int = 3) -> None:
        """Say so, once, where automatic mode could not make a curve."""
        if self.every != "auto" or self._warned_of_few or len(self._rows) >= _FEW or self._next_step < 5 * _FEW:
            return
        self._warned_of_few = True
        warnings.warn(
            f"{len(self._rows)} record{'s' * (len(self._rows) > 1)} of {self._next_step:,} steps, since one takes "
            f"{self._schedule.cost:.2g} s and automatic mode keeps measuring below {100 * self._schedule.budget:g} % "
            f"of the training's time. Give `every={self._next_step // _FEW}`, or a larger `budget`, or cheaper probes.",
            RuntimeWarning,
            stacklevel=stacklevel,
        )

    @property
    def columns(self) -> list[str]:
        """Names of the table's columns: step, epoch, status, then ``probe/number`` as they first came up."""
        return list(self._columns)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The table: one dict for each record, all with all columns; NaN where there is no number."""
        return [self._filled(row) for row in self._rows]

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the table as CSV, whole or not at all; floats keep all their digits.

        Parameters
        ----------
        path : str or path-like
            Missing folders are made.

        Raises
        ------
        InvalidValueError
            If nothing was recorded yet, or the place cannot be written.
        """
        self._warn_of_few()
        write_table(path, self.rows)

    @property
    def every(self) -> Every:
        """When to measure."""
        return self._schedule.every

    @property
    def training_seconds(self) -> float:
        """Seconds from the first call to the last record, without what tracking took."""
        return self._schedule.seconds["training"]

    @property
    def measuring_seconds(self) -> float:
        """Seconds that importing, measuring and logging took, but for `setup_seconds`."""
        return self._schedule.seconds["measuring"]

    @property
    def drawing_seconds(self) -> float:
        """Seconds that a live figure took, but for its first drawing."""
        return self._schedule.seconds["drawing"]

    @property
    def setup_seconds(self) -> float:
        """Seconds that the first record and the first drawing took, which load what they need."""
        return self._schedule.seconds["setup"]

    @property
    def share(self) -> float:
        """`measuring_seconds` over `training_seconds`; NaN before the second record."""
        trained = self.training_seconds
        return self.measuring_seconds / trained if len(self._rows) > 1 and trained > 0 else float("nan")

    def figure(self, ax: Any = None, *, names: Sequence[str] | None = None) -> Any:
        """Draw what was recorded so far.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or sequence of them, optional
            Where to draw, one for each probe; by default on a new figure.
        names : sequence of str, optional
            Which probes; all by default.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        InvalidValueError
            If there is no such probe, or not one of `ax` for each.
        MissingDependencyError
            If matplotlib is not installed.
        """
        from linregions.plotting.tracking import tracking_figure

        self._warn_of_few()
        panels = {panel.name: panel for panel in self._panels()}
        chosen = [panels[name] for name in (names if names is not None else panels) if name in panels]
        if names is not None and len(chosen) < len(names):
            raise InvalidValueError(
                f"`names` is {list(names)}, but {_WHO}.figure needs names of its probes, {list(panels)}. "
                "Choose of these."
            )
        return tracking_figure(chosen, self.rows, ax)

    def live(self, path: str | os.PathLike[str] | None = None, *, every: int | None = None) -> Tracker:
        """Draw the figure anew as records come in.

        Parameters
        ----------
        path : str or path-like, optional
            PNG file to keep up to date, replaced whole at each drawing. Needed where there is neither a Jupyter
            notebook nor a matplotlib window.
        every : int, optional
            Draw at each so many records; by default as often as half of `budget` allows. A forced record is drawn
            always.

        Returns
        -------
        Tracker
            This one.

        Raises
        ------
        InvalidValueError
            If there is nowhere to draw, or `path` cannot be written.
        MissingDependencyError
            If matplotlib is not installed.

        Notes
        -----
        In a notebook one picture in the output is replaced; in a window the figure is refreshed, until it is closed.
        A drawing that fails later, because the disk is full for instance, gives a warning and ends the drawing.
        """
        from linregions.plotting.tracking import LiveFigure

        count = None if every is None else as_integer(every, "every", f"{_WHO}.live", 1)
        self._live = LiveFigure(self._panels(), path, every=count, share=0.5 * self._schedule.budget)
        return self

    def _panels(self) -> list[Panel]:
        from linregions.plotting.tracking import Panel

        return [getattr(probe, "panel", None) or Panel(probe.name) for probe in self.probes]

    def _draw(self, live: LiveFigure) -> None:
        first = not live.drawn
        try:
            live.draw(self.rows)
        except (OSError, InvalidValueError) as error:
            self._live = None
            warnings.warn(f"the live figure ends here ({error}); training goes on.", RuntimeWarning, stacklevel=4)
        self._schedule.lap("setup" if first else "drawing")

    def rewind(self, step: int) -> None:
        """Forget the records from a step on, since the training goes back to it.

        Parameters
        ----------
        step : int
            The next call may be at this step.
        """
        to = as_integer(step, "step", f"{_WHO}.rewind", 0)
        self._rows = [row for row in self._rows if row["step"] < to]
        self._next_step = min(self._next_step, to)

    def state_dict(self) -> dict[str, Any]:
        """Return all that a tracker needs to go on later, made of dicts, lists, numbers and strings.

        Returns
        -------
        dict
            To be kept with the model and the optimizer, e.g. by ``torch.save``.
        """
        state = {
            "format": "linregions-tracker-1",
            "probes": {probe.name: digest_of_object(probe) for probe in self.probes},
            "rows": [dict(row) for row in self._rows],
            "next_step": self._next_step,
            "seconds": dict(self._schedule.seconds),
            "record_seconds": self._schedule.cost,
        }
        return {**state, "checksum": checksum_of_state(state)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state returned by `state_dict`.

        Parameters
        ----------
        state : mapping
            Of a tracker with the same probes; `every` and the rest may differ.

        Raises
        ------
        InvalidValueError
            If it is no such state, or a damaged one, or its probes are not these ones, so that rows would not compare.
        """
        found = read_state(state, {probe.name: digest_of_object(probe) for probe in self.probes})
        self._rows = found["rows"]
        self._columns = dict.fromkeys([*_FIXED, *(key for row in self._rows for key in row)])
        self._next_step = found["next_step"]
        self._schedule.seconds, self._schedule.cost = found["seconds"], found["record_seconds"]
        self._schedule.stop()

    def __repr__(self) -> str:
        names = ", ".join(probe.name for probe in self.probes)
        return f"Tracker({names}; every={self.every!r}, {len(self._rows)} records)"
