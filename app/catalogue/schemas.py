"""Index sets and policies: the shape of their files, which is also the shape the API shows.

Numbers that count towards a score are quoted in the files and stay text here, so that no float touches them:
`max_points` "10" or "2.5" (points), `share` and `full_mark` "1", "0.8" or "1/2".
"""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Key = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z0-9]+([_-][a-z0-9]+)*$", max_length=64)]
Code = Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9]{1,3}(\.[0-9]{1,3}){0,4}$")]
Text = Annotated[str, StringConstraints(strict=True, min_length=1)]
Points = Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9]{1,6}(\.[0-9]{1,6})?$")]
Share = Annotated[
    str, StringConstraints(strict=True, pattern=r"^[0-9]{1,6}(\.[0-9]{1,6}|/[1-9][0-9]{0,5})?$")
]
Line = Annotated[int, Field(strict=True, ge=1, description="1-based line of the source document")]
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


class OptionRow(Row):
    """One branch of a choice: its share of the maximum, in the document's order."""

    key: Key
    share: Share
    label: Text


class VariableRow(Row):
    """One figure: a whole count, or an amount with up to six decimals."""

    key: Key
    label: Text
    number: Literal["count", "amount"]


class OptionsRule(Row):
    """One of several branches is declared."""

    kind: Literal["options"]
    method: Text = Field(description="the document's own text")
    options: list[OptionRow] = Field(min_length=1)


class RatioRule(Row):
    """points = min(1, (sum of numerator / sum of denominator) / full_mark) × maximum."""

    kind: Literal["ratio"]
    method: Text = Field(description="the document's own text")
    variables: list[VariableRow] = Field(min_length=1)
    numerator: list[Key] = Field(min_length=1)
    denominator: list[Key] = Field(min_length=1)
    full_mark: Share = "1"
    full_if_zero: Key | None = Field(None, description="a variable whose 0 earns the maximum")


class PeersRule(Row):
    """One figure is measured against those of the other ranked units."""

    kind: Literal["peers"]
    method: Text = Field(description="the document's own text")
    variables: list[VariableRow] = Field(min_length=1, max_length=1)
    variable: Key
    measure: Literal["share_of_best", "min_max"]


RuleRow = Annotated[OptionsRule | RatioRule | PeersRule, Field(discriminator="kind")]


class IndicatorRow(Row):
    """One indicator, with what the document says about it and where."""

    code: Code
    name: Text
    max_points: Points
    line: Line
    evidence: str = Field(description="the evidence asked for")
    collected_from: str
    verified_by: list[Key] = Field(description="agencies that verify the figures")
    declared_by: Key = Field("unit", description="unit, or the agency that gives the figures instead")
    note: Text | None = Field(None, description="how an opening of the text is read")
    rule: RuleRow


class GroupRow(Row):
    """A group of indicators as the table has it; `declared_name` is its name in the list above the table."""

    code: Code
    name: Text
    declared_name: Text | None = None
    max_points: Points
    line: Line
    declared: list[Declared]
    indicators: list[IndicatorRow] = Field(min_length=1)


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
    decision: Text
    signed_on: date
    issued_by: Text
    annex: Text


class IndexSetFile(Row):
    """One version of an index set as its file holds it; counted figures are never stored."""

    key: Key
    version: Annotated[int, Field(strict=True, ge=1)]
    title: Title
    unit_kind: Key = Field(description="the kind of unit it measures")
    source: SetSource
    declared: list[Declared]
    notes: list[Text]
    general_information: list[InformationRow]
    contacts: list[ContactRow]
    contact_fields: list[ContactFieldRow]
    groups: list[GroupRow] = Field(min_length=1)


class Counted(Row):
    """What a set or group really holds; points are exact."""

    groups: int | None = Field(None, description="null: counted in one group")
    indicators: int
    points: Points


class Difference(Row):
    """A place where the document says something of itself that its rows do not bear out."""

    group: Code | None = Field(description="null: said of the whole set")
    what: What
    declared: str
    counted: str
    line: Line


class IndexSetOut(IndexSetFile):
    """An index set as the API shows it: the file, what was counted, and where the two differ."""

    counted: Counted
    counted_by_group: dict[Code, Counted]
    differences: list[Difference]
    sha256: str = Field(description="of the content of the file, independent of its layout")


class BandRow(Row):
    """A class of results: from this percentage (included) up to the next band (excluded)."""

    model_config = ConfigDict(validate_by_alias=True, validate_by_name=True, serialize_by_alias=True)

    key: Key
    title: Title
    from_percent: Points = Field(alias="from")


class PolicySource(Row):
    """Where a policy comes from."""

    document: Text
    decision: Text
    lines: Text
    note: Text | None = None


class SubmissionRow(Row):
    """The time a unit has to submit, from the day after the guidance was sent (ruling 15)."""

    calendar_days: Annotated[int, Field(strict=True, ge=1)]
    roll_to_working_day: bool
    source: Text


class PolicyFile(Row):
    """How a province reads what the documents leave open; also the shape the API shows."""

    key: Key
    version: Annotated[int, Field(strict=True, ge=1)]
    title: Title
    source: PolicySource
    rounding: Literal["result", "indicator"]
    digits: Annotated[int, Field(strict=True, ge=0, le=6)]
    not_applicable: Literal["exclude_from_maximum", "peer_average"]
    missing_evidence: Literal["explain_or_block", "zero"]
    bands: list[BandRow]
    submission: SubmissionRow
    review_working_days: dict[Key, Annotated[int, Field(strict=True, ge=1)]]
    ranking_scopes: dict[Key, Literal["all", "parent"]]
