"""From the rows of a file to what the engine scores and applies."""

from fractions import Fraction

from app.catalogue.policy_schemas import PolicyFile
from app.catalogue.schemas import (
    ChecklistRule,
    CountRule,
    FigureRule,
    IndexSetFile,
    IndicatorRow,
    ManualRule,
    Measured,
    OptionRow,
    OptionsRule,
    PartRow,
    PartsRule,
    PeersRule,
    RatioRule,
    RuleRow,
    SetSource,
    SumRule,
    TiersRule,
    Title,
    VariableRow,
)
from app.scoring import model


def scored_set(file: IndexSetFile) -> model.IndexSet:
    """Turn a set's rows into what the engine scores: rows with a rule of their own, and what they add up to."""
    indicators: list[model.Indicator] = []
    subtotals: list[model.Subtotal] = []
    for group in file.groups:
        for row in group.indicators:
            _add_row(file.source, row, indicators, subtotals)
        codes = tuple(row.code for row in group.indicators)
        subtotals.append(model.Subtotal(group.code, group.name or "", codes, is_row=False))
    return model.IndexSet(file.key, file.version, file.unit_kind, tuple(indicators), tuple(subtotals))


def _add_row(
    source: SetSource, row: IndicatorRow, indicators: list[model.Indicator], subtotals: list[model.Subtotal]
) -> None:
    """Add a row and the rows below it; figure rows are only named by the rule of the row above them."""
    rule = row.rule
    if isinstance(rule, SumRule):
        below = row.rows or []
        for one in below:
            _add_row(source, one, indicators, subtotals)
        codes = tuple(one.code for one in below)
        subtotals.append(model.Subtotal(row.code, row.name, codes, is_row=True))
    elif not isinstance(rule, FigureRule):
        citation = citation_of(source, row)
        indicators.append(
            model.Indicator(
                row.code,
                row.name,
                None if row.max_points is None else Fraction(row.max_points),
                scored_rule(rule),
                row.declared_by,
                citation.vi,
                citation.en,
                rule.method or "",
            )
        )


def citation_of(source: SetSource, row: IndicatorRow) -> Title:
    """Say where a row stands in its document."""
    cited = source.cited or Title(
        vi=f"QĐ {source.decision}, Phụ lục {source.annex}",
        en=f"Decision {source.decision}, annex {source.annex}",
    )
    return Title(vi=f"{cited.vi}, {row.code}, dòng {row.line}", en=f"{cited.en}, {row.code}, line {row.line}")


def applied_policy(file: PolicyFile) -> model.Policy:
    """Turn a policy's rows into what the engine applies."""
    bands = tuple(
        model.Band(band.key, band.title.vi, band.title.en, Fraction(band.from_percent)) for band in file.bands
    )
    return model.Policy(
        file.key, file.rounding, file.digits, file.not_applicable, bands, file.missing_evidence
    )


def scored_rule(rule: RuleRow) -> model.Rule:
    """Turn the rule of a row, or of a part of one, into what the engine scores."""
    match rule:
        case OptionsRule():
            return model.Options(_options(rule.options))
        case ChecklistRule():
            return model.Checklist(_options(rule.items))
        case PartsRule():
            parts = (
                model.Part(part.key, part.name, Fraction(part.share), _part_rule(part)) for part in rule.parts
            )
            return model.Parts(tuple(parts))
        case ManualRule():
            return model.Manual(_variables(rule.variables))
        case RatioRule():
            return model.Ratio(
                _variables(rule.variables),
                tuple(rule.numerator),
                tuple(rule.denominator),
                Fraction(rule.full_mark),
                rule.full_if_zero,
                None if rule.floor is None else Fraction(rule.floor),
            )
        case TiersRule():
            tiers = (
                model.Tier(Fraction(row.from_value), Fraction(row.share), row.label) for row in rule.tiers
            )
            return model.Tiers(_variables(rule.variables), *_measured(rule), tuple(tiers), rule.requires)
        case CountRule():
            return model.Count(_variables(rule.variables), (rule.variable,), Fraction(rule.points_each))
        case PeersRule():
            return model.Peers(_variables(rule.variables), *_measured(rule), rule.measure)
        case SumRule() | FigureRule():
            raise TypeError(f"a row of kind {rule.kind} is not scored by itself")


def _part_rule(part: PartRow) -> model.Options | model.Checklist | model.Ratio | model.Tiers:
    rule = scored_rule(part.rule)
    if isinstance(rule, model.Options | model.Checklist | model.Ratio | model.Tiers):
        return rule
    raise TypeError(f"part {part.key} cannot be scored by itself")


def _options(rows: list[OptionRow]) -> tuple[model.Option, ...]:
    return tuple(model.Option(row.key, row.label, Fraction(row.share)) for row in rows)


def _variables(rows: list[VariableRow]) -> tuple[model.Variable, ...]:
    return tuple(model.Variable(row.key, row.label, row.number) for row in rows)


def _measured(rule: Measured) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give numerator and denominator of what is measured; a single figure has no denominator."""
    if rule.variable is not None:
        return (rule.variable,), ()
    return tuple(rule.numerator or ()), tuple(rule.denominator or ())
