"""Printing: the rankings as people read them, the counts of the run, and every difference."""

from rich.table import Table

from scripts.journey.books import Json
from scripts.journey.world import World

_TITLES = {"department": "Departments", "district": "Districts", "commune": "Communes"}


def print_rankings(world: World) -> None:
    """Print every ranking as the public reads it; who takes no rank stands below the line."""
    kinds = list(_TITLES)
    for ranking in sorted(
        world.published.values(), key=lambda one: (kinds.index(one["unit_kind"]), one["scope_name"])
    ):
        world.screen.print(_table(ranking))


def _table(ranking: Json) -> Table:
    kind, scope = _TITLES[ranking["unit_kind"]], ranking["scope_name"]
    table = Table(
        title=f"{kind} · {scope} · {ranking['year']} · version {ranking['number']}",
        title_justify="left",
        caption=f"Quyết định {ranking['decision_number']}, {ranking['decision_date']}",
        caption_justify="left",
    )
    table.add_column("Rank", justify="right")
    table.add_column("Unit", min_width=40)
    for name in ("Points", "Of", "DTI %"):
        table.add_column(name, justify="right")
    for line in ranking["ranked"]:
        table.add_row(str(line["rank"]), *_cells(line), end_section=line is ranking["ranked"][-1])
    for line in ranking["unranked"]:
        table.add_row("–", *_cells(line))
    return table


def _cells(line: Json) -> tuple[str, str, str, str]:
    return line["unit_name"], line["total_shown"], line["maximum"], line["dti_shown"] or "–"


def print_summary(world: World, *, seconds: float) -> None:
    """Print what was done and what differs."""
    table = Table(title="The year in numbers", title_justify="left", show_header=False)
    counts: dict[str, object] = {
        "units in this run / dossiers of the period": f"{len(world.units)} / {len(world.everybody)}",
        "scopes finalized and published": f"{len(world.published)} of {len(world.scopes)}",
        "accounts that called": world.people.count,
        "requests": world.api.requests,
        "refusals that had to come": f"{world.api.refusals.total()} of {len(world.api.refusals)} kinds",
        **dict(sorted(world.acts.items())),
        "values compared": world.differences.compared,
        "seconds": f"{seconds:.1f}",
    }
    for what, value in counts.items():
        table.add_row(what, str(value))
    world.screen.print(table)
    found = world.differences.found
    for difference in found[:50]:
        world.screen.print(difference, style="red", markup=False)
    if found:
        world.screen.print(f"[bold red]{len(found)} differences[/bold red] between the server and the books.")
    else:
        world.screen.print("[bold green]No difference[/bold green] between the server and the books.")
