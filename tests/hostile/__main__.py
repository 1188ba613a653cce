"""`scripts/hostile`: the long drive, with its totals by phase. Ends with 1 if anything was found."""

import argparse
import asyncio
import logging
import sys
import tempfile
from itertools import product
from pathlib import Path

from rich.console import Console
from rich.table import Table

from app.core.embedded import EmbeddedPostgres
from app.core.migrate import upgrade
from tests.conftest import _fill
from tests.hostile.driving import PHASES, Totals, drive, place, role_callers
from tests.machine.world import quiet


def main() -> int:
    """Drive everything that was asked for and print the totals."""
    asked = _arguments()
    console, totals = Console(stderr=True), Totals()
    logging.disable(logging.WARNING)
    with quiet(), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with EmbeddedPostgres(folder / "pg", fast=True) as server:
            upgrade(server.owner_url, server.url)
            asyncio.run(_fill(server.url))
            with place(server.url, folder / "var") as where:
                for phase, caller in product(PHASES, role_callers()):
                    if asked.phase in (None, phase) and (not asked.callers or str(caller) in asked.callers):
                        known = set(totals.failures)
                        drive(where, caller, phase, cases=asked.cases, seed=asked.seed, totals=totals)
                        said = f"{phase:>9} {caller!s:<22} {totals.cases[phase]:>7} cases"
                        console.print(f"{said}, {len(totals.failures)} failures")
                        for what in totals.failures.keys() - known:
                            console.print(what, markup=False)
    Console().print(table(totals))
    for what, how in totals.failures.items():
        print(f"\n{what}\n  {how}")
    return 1 if totals.failures else 0


def table(totals: Totals) -> Table:
    """Return the totals by phase."""
    shown = Table("phase", "cases", "operations", "2xx", "3xx", "4xx", "5xx", "no answer")
    for phase, cases in totals.cases.items():
        answers = totals.answers[phase]
        counts = [str(answers[name]) for name in ("2xx", "3xx", "4xx", "5xx", "none")]
        shown.add_row(phase, str(cases), str(len(totals.operations[phase])), *counts)
    shown.caption = f"{sum(totals.cases.values())} cases, {len(totals.failures)} different failures"
    return shown


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/hostile")
    parser.add_argument(
        "--cases", type=int, default=20, help="examples of an operation, per caller and phase"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--as", dest="callers", action="append", help="some callers alone: nobody, admin, xa-31999.reporter …"
    )
    parser.add_argument("--phase", choices=PHASES)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
