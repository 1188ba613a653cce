"""Who plays: the units, the people with their roles, and what a role may do and see. Written from the documents."""

from dataclasses import dataclass

PROVINCE, DISTRICT = "tinh-ca-mau", "huyen-964"
COMMUNES, DEPARTMENT = ("xa-31999", "xa-32005"), "so-noi-vu"
UNITS = (*COMMUNES, DEPARTMENT)
# R-101, ruling 18: a unit is reviewed by the one above it.
PARENT = {**dict.fromkeys(COMMUNES, DISTRICT), DEPARTMENT: PROVINCE, DISTRICT: PROVINCE}
AGENCY = "so-tttt"

POWERS: dict[str, frozenset[str]] = {
    "unit_reporter": frozenset({"edit", "submit"}),
    "unit_leader": frozenset({"approve", "submit"}),
    "district_reviewer": frozenset({"review", "finalize"}),
    "province_reviewer": frozenset({"review", "finalize"}),
    "district_leader": frozenset({"publish"}),
    "province_leader": frozenset({"publish"}),
    "verifying_agency": frozenset({"figures"}),
    "province_admin": frozenset(),
    "auditor": frozenset(),
}


@dataclass(frozen=True)
class Person:
    """Somebody with one role for one unit, and the unit he is at home in."""

    name: str
    role: str
    place: str
    home: str

    def has(self, power: str, unit: str | None = None) -> bool:
        """Answer whether his role holds a power, for a unit if one is named."""
        return power in POWERS[self.role] and unit in (None, self.place)

    def sees(self, unit: str) -> bool:
        """Answer whether he may read the dossier of a unit: his own, those below, those he verifies something of."""
        if self.role in ("unit_reporter", "unit_leader"):
            return self.place == unit
        return self.role == "verifying_agency" or self.place in above(unit)

    @property
    def sees_parts(self) -> bool:
        """Answer whether he sees only the indicators he verifies."""
        return self.role == "verifying_agency"


def above(unit: str) -> list[str]:
    """Return the units above one, the nearest first."""
    found = []
    while unit in PARENT:
        unit = PARENT[unit]
        found.append(unit)
    return found


def _of_unit(unit: str) -> list[Person]:
    return [
        Person(f"{unit}.reporter", "unit_reporter", unit, unit),
        Person(f"{unit}.leader", "unit_leader", unit, unit),
    ]


# Made for the machine: a second reviewer of the district, and reviewers who are at home in the unit they would review.
ADDED = (
    Person("huyen-964.reviewer2", "district_reviewer", DISTRICT, DISTRICT),
    Person("xa-31999.moonlighter", "district_reviewer", DISTRICT, "xa-31999"),
    Person("so-noi-vu.moonlighter", "province_reviewer", PROVINCE, DEPARTMENT),
)
PEOPLE = {
    one.name: one
    for one in (
        *(person for unit in UNITS for person in _of_unit(unit)),
        Person("huyen-964.reviewer", "district_reviewer", DISTRICT, DISTRICT),
        *ADDED,
        Person("reviewer", "province_reviewer", PROVINCE, AGENCY),
        Person("reviewer2", "province_reviewer", PROVINCE, "van-phong-ubnd"),
        Person("huyen-964.chairman", "district_leader", DISTRICT, DISTRICT),
        Person("leader", "province_leader", PROVINCE, PROVINCE),
        Person("admin", "province_admin", PROVINCE, PROVINCE),
        Person("auditor", "auditor", PROVINCE, "thanh-tra-tinh"),
        Person("so-tttt.agency", "verifying_agency", AGENCY, AGENCY),
        # strangers: another district's reviewer, a commune of it
        Person("huyen-966.reviewer", "district_reviewer", "huyen-966", "huyen-966"),
        Person("xa-32044.reporter", "unit_reporter", "xa-32044", "xa-32044"),
    )
}
