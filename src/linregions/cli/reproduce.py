"""The command ``reproduce``: figures and theorems of the paper."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from contextlib import nullcontext

from linregions._support.validation import available_cores
from linregions.cli.arguments import add_certify, add_common, add_experiments, add_force, count_from, shows_progress
from linregions.cli.results import print_result
from linregions.experiments import EXPERIMENTS, reproduce
from linregions.experiments.context import Context
from linregions.experiments.report.proofs import proof_told
from linregions.experiments.report.report import write_report
from linregions.experiments.settings import chosen_settings, read_settings
from linregions.experiments.sweeps.pool import dask_executor

_EPILOG = "experiments:\n" + "\n".join(f"  {name}  {text}" for name, text in EXPERIMENTS.items())


def add(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = _EPILOG
    add_experiments(parser, "all")
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--quick", action="store_true", help="smaller settings, all figures within ten minutes on two cores (default)"
    )
    size.add_argument("--full", action="store_true", help="larger settings, the size of the paper where it tells one")
    parser.add_argument(
        "--settings", metavar="FILE", help="TOML file with changes to them, a table for each experiment"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--workers",
        type=count_from(1),
        default=available_cores(),
        metavar="N",
        help="processes for the cells of fig5, fig6 and fig7 (default: one for each core)",
    )
    where.add_argument("--dask", metavar="ADDRESS", help="compute these cells on an existing Dask cluster")
    add_common(parser, numbers_alone=False)
    add_certify(parser)
    add_force(parser)


def run(arguments: Namespace) -> None:
    """Reproduce figures of the paper."""
    chosen = arguments.experiments
    names = list(EXPERIMENTS) if "all" in chosen else list(dict.fromkeys(chosen))
    # Before any work, all that is wrong with the file comes out.
    changes = read_settings(arguments.settings, tuple(EXPERIMENTS)) if arguments.settings else {}
    settings = {
        name: chosen_settings(name, full=arguments.full, changes=changes.get(name, {}))
        for name in dict.fromkeys([*names, *changes])
    }
    with dask_executor(arguments.dask) if arguments.dask else nullcontext() as executor:
        context = Context(
            out=arguments.out,
            seed=arguments.seed,
            data=arguments.data,
            formats=arguments.format,
            threads=arguments.threads,
            progress=shows_progress(arguments),
            workers=arguments.workers,
            executor=executor,
            force=arguments.force,
            certify=arguments.certify,
        )
        for name in names:  # before any work
            context.check_replaced(name, settings[name])
        for name in names:
            done = reproduce(name, context, settings=settings[name])
            print(f"{name}: {EXPERIMENTS[name]}")
            # A table of thousands of rows is for the file; the overview is for the eye.
            rows = done.measurement.tables.get("overview", done.measurement.rows)
            print_result(rows, done.files, proof_told(done.saved))
    print(f"report: {write_report(arguments.out)}")
