"""Index sets: the shape of their files, which is also the shape the API shows.

Numbers that count towards a score are quoted in the files and stay text here, so that no float touches them:
`max_points` "10" or "2.5" (points), `share` and `full_mark` "1", "0.8" or "1/2". What is null is not said by
the document; a set with a row without maximum points can be tracked, not ranked (ruling 6).
"""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Key = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z0-9]+([_-][a-z0-9]+)*$", max_length=64)]
Code = Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9]{1,3}(\.[0-9]{1,3}){0,4}(\.[a-z])?$")]
Text = Annotated[str, StringConstraints(strict=True, min_length=1)]
Points = Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9]{1,6}(\.[0-9]{1,6})?$")]
Share = Annotated[
    str, StringConstraints(strict=True, pattern=r"^[0-9]{1,6}(\.[0-9]{1,6}|/[1-9][0-9]{0,5})?$")
]
Line = Annotated[
    int, Field(strict=True, ge=1, le=1_000_000, description="1-based line of the source document")
]
What = Literal["groups", "indicators", "points"]


class Row(BaseModel):
    """Whatever is read from a catalogue file: unknown keys are faults, and nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Title(Row):
    """A title in both languages."""

    vi: Text
    en: Text


class Declared(Row):
    """What the document says of itself; it is never used for scoring."""

    what: What
    value: Points
    line: Line
    differs: Text | None = Field(
        None, description="why the rows do not bear it out; points that do not add up need it"
    )


class OptionRow(Row):
    """One branch of a choice: its share of the maximum, in the document's order."""

    key: Key
    share: Share
    label: Text


class VariableRow(Row):
    """One figure: a whole count, an amount with up to six decimals, or 1 for yes and 0 for no."""

    key: Key
    label: Text
    number: Literal["count", "amount", "yes_no"]


class Method(Row):
    """How a row is scored; `method` is the document's own text."""

    method: Text = Field(description="the document's own text")


class Measured(Method):
    """What is measured: one figure (`variable`), or the sum of some figures over the sum of others."""

    variables: list[VariableRow] = Field(min_length=1, max_length=10)
    variable: Key | None = None
    numerator: list[Key] | None = Field(None, min_length=1, max_length=10)
    denominator: list[Key] | None = Field(None, min_length=1, max_length=10)


class OptionsRule(Method):
    """One of several branches is declared."""

    kind: Literal["options"]
    options: list[OptionRow] = Field(min_length=1, max_length=50)


class ChecklistRule(Method):
    """Any of several items are declared; their shares of the maximum add up to 1."""

    kind: Literal["checklist"]
    items: list[OptionRow] = Field(min_length=1, max_length=50)


class RatioRule(Method):
    """points = min(1, (sum of numerator / sum of denominator) / full_mark) × maximum; nothing below the floor."""

    kind: Literal["ratio"]
    variables: list[VariableRow] = Field(min_length=1, max_length=10)
    numerator: list[Key] = Field(min_length=1, max_length=10)
    denominator: list[Key] = Field(min_length=1, max_length=10)
    full_mark: Share = "1"
    full_if_zero: Key | None = Field(None, description="a variable whose 0 earns the maximum")
    floor: Share | None = Field(
        None, description="a ratio below this earns nothing; at the full mark: all or nothing"
    )


class TierRow(Row):
    """From this figure or ratio (included) up to the tier above it (excluded), this share of the maximum."""

    model_config = ConfigDict(validate_by_alias=True, validate_by_name=True, serialize_by_alias=True)

    from_value: Share = Field(alias="from")
    share: Share
    label: Text


class TiersRule(Measured):
    """A figure or a ratio earns the share of the tier it lies in; tiers go down to 0, which is the last one."""

    kind: Literal["tiers"]
    tiers: list[TierRow] = Field(min_length=2, max_length=50)
    requires: Key | None = Field(None, description="a yes_no variable without which nothing is earned")


class CountRule(Method):
    """Each counted thing earns the same points, up to the maximum."""

    kind: Literal["count"]
    variables: list[VariableRow] = Field(min_length=1, max_length=1)
    variable: Key
    points_each: Points


class PeersRule(Measured):
    """A figure or a ratio is measured against those of the other ranked units."""

    kind: Literal["peers"]
    measure: Literal["share_of_best", "min_max"]


class PartRow(Row):
    """A part of a row with its own rule; the shares of the rule are shares of the part."""

    key: Key
    name: Text
    share: Share = Field(description="of the maximum of the row")
    rule: "Annotated[OptionsRule | ChecklistRule | RatioRule | TiersRule, Field(discriminator='kind')]"


class PartsRule(Method):
    """Several parts, each with its own rule, add up; their shares add up to 1."""

    kind: Literal["parts"]
    parts: list[PartRow] = Field(min_length=2, max_length=20)


class ManualRule(Row):
    """Nothing is computed: the reviewer gives 0..maximum with a reason (ruling 6)."""

    kind: Literal["manual"]
    method: Text | None = Field(None, description="the document's own text, where it has any")
    variables: list[VariableRow] = Field([], max_length=10)


class SumRule(Row):
    """The points of the rows below, added (ruling 7); without maxima the rows below count alike."""

    kind: Literal["sum"]
    method: Text | None = Field(None, description="the document's own text, where it has any")


class FigureRule(Row):
    """No row of its own: a figure of the rule of the row above, listed for whoever is to follow it."""

    kind: Literal["figure"]
    variable: Key
    method: Text | None = Field(None, description="the document's own text, where it has any")


RuleRow = Annotated[
    OptionsRule
    | ChecklistRule
    | RatioRule
    | TiersRule
    | CountRule
    | PeersRule
    | PartsRule
    | ManualRule
    | SumRule
    | FigureRule,
    Field(discriminator="kind"),
]


class TrackingRow(Row):
    """What a plan says of a row: where it stood, where it shall be, by when, and who sees to it."""

    result: Text | None = Field(None, description="the result of the year before")
    target: Text | None = None
    deadline: Text | None = None
    lead: Text | None = Field(None, description="leading unit or units, as the document has them")
    coordinating: Text | None = Field(None, description="coordinating units, as the document has them")


class IndicatorRow(Row):
    """One indicator, with what the document says about it and where."""

    code: Code
    name: Text
    max_points: Points | None = Field(None, description="null: the document gives none (ruling 6)")
    line: Line
    evidence: str = Field(description="the evidence asked for")
    collected_from: str
    verified_by: list[Key] = Field(max_length=20, description="agencies that verify the figures")
    declared_by: Key = Field("unit", description="unit, or the agency that gives the figures instead")
    note: Text | None = Field(None, description="how an opening of the text is read")
    tracking: TrackingRow | None = None
    rule: RuleRow
    rows: list["IndicatorRow"] | None = Field(
        None, min_length=1, max_length=100, description="the rows below this one"
    )


class GroupRow(Row):
    """A group of indicators as the table has it; `declared_name` is its name in the list above the table."""

    code: Code
    name: Text | None = Field(None, description="null: the heading is empty in the document")
    declared_name: Text | None = None
    max_points: Points | None = Field(None, description="null: the document gives none")
    line: Line
    differs: Text | None = Field(None, description="why the points of its rows do not add up to its own")
    declared: list[Declared] = Field(max_length=50)
    indicators: list[IndicatorRow] = Field(min_length=1, max_length=200)


class InformationRow(Row):
    """A row of the general information, which is collected and not scored."""

    code: Code
    name: Text
    input: Literal["text", "count", "amount"]
    line: Line


class ContactRow(Row):
    """A person the dossier names."""

    key: Key
    code: Code
    name: Text
    line: Line


class ContactFieldRow(Row):
    """What is asked of every contact."""

    key: Key
    name: Text


class SetSource(Row):
    """The decision a set comes from."""

    document: Text
    decision: Text | None = Field(None, description="number and symbol; null: the document bears none")
    signed_on: date | None = Field(None, description="null: the document bears no full date")
    issued_by: Text
    annex: Text
    cited: Title | None = Field(None, description="how the document is cited; null: as a decision")


class IndexSetFile(Row):
    """One version of an index set as its file holds it; counted figures are never stored."""

    key: Key
    version: Annotated[int, Field(strict=True, ge=1, le=10_000)]
    title: Title
    unit_kind: Key = Field(description="the kind of unit it measures")
    source: SetSource
    declared: list[Declared] = Field(max_length=50)
    notes: list[Text] = Field(max_length=200)
    changes: list[Text] | None = Field(
        None, max_length=100, description="what changed since the version before; needed from version 2"
    )
    general_information: list[InformationRow] = Field(max_length=100)
    contacts: list[ContactRow] = Field(max_length=5)
    contact_fields: list[ContactFieldRow] = Field(max_length=20)
    groups: list[GroupRow] = Field(min_length=1, max_length=50)


class Counted(Row):
    """What a set or group really holds; points are exact."""

    groups: int | None = Field(None, description="null: counted in one group")
    indicators: int
    nested_rows: int = Field(0, description="rows below indicators")
    points: str | None = Field(description="null: a row has no maximum points")
    listed_points: str = Field("0", description="of the rows that have maximum points")


class Difference(Row):
    """A place where the document says something of itself that its rows do not bear out."""

    group: Code | None = Field(description="null: said of the whole set")
    what: What
    declared: str
    counted: str
    line: Line
    why: str | None = Field(None, description="what the file says about it")


class IndexSetOut(IndexSetFile):
    """An index set as the API shows it: the file, what was counted, and where the two differ."""

    counted: Counted
    counted_by_group: dict[Code, Counted]
    differences: list[Difference]
    sha256: str = Field(description="of the content of the file, independent of its layout")
