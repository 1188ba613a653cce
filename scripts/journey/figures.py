"""Plausible declarations, the same for the same seed: made from a set's description alone, for any set.

A unit has one `ability` (0..1) that draws its choices and ratios up or down, and one size per thing counted, so that
"Tổng dân số trên địa bàn" is the same figure wherever a set asks for it.
"""

import random
import unicodedata
from dataclasses import dataclass, field

from scripts.journey.books import Json, UnitBook

# What is counted, by words of its label, and how many of it: the first match decides (whole numbers; amounts in
# million đồng).
_SIZES = (
    ("chỉ đạo", 2, 9),
    ("hệ thống thông tin", 1, 9),
    ("dvctt", 8, 90),
    ("thủ tục", 60, 240),
    ("dân số", 7_000, 24_000),
    ("người dân tham gia", 40, 900),
    ("dân trên địa bàn", 7_000, 24_000),
    ("hộ gia đình", 1_800, 6_000),
    ("ngân sách", 9_000, 60_000),
    ("nsnn", 9_000, 60_000),
    ("chi ", 150, 2_500),
    ("văn bản phát hành", 400, 5_000),
    ("hồ sơ", 300, 6_000),
    ("bưu gửi", 500, 20_000),
    ("doanh nghiệp nhỏ", 10, 60),
    ("doanh nghiệp", 60, 220),
    ("máy", 18, 140),
    ("cán bộ", 20, 90),
    ("công chức", 20, 120),
    ("cbccvc", 20, 120),
    ("nền tảng", 3, 14),
)
_OTHERWISE = (3, 24)


@dataclass
class Declarer:
    """The person who fills in a unit's dossier."""

    unit: UnitBook
    rng: random.Random
    ability: float
    sizes: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, unit: UnitBook, seed: int) -> "Declarer":
        """Return the declarer of a unit; independent of the order in which units are filled."""
        rng = random.Random(f"{seed}:{unit.key}")
        return cls(unit, rng, ability=rng.betavariate(5, 2.5))

    def answers(self) -> Json:
        """Return an answer for every indicator that the unit declares itself."""
        return {row["code"]: self.answer(row) for row in self.unit.index_set.declared_by_unit}

    def answer(self, row: Json) -> Json:
        """Return a plausible answer to one indicator."""
        rule = row["rule"]
        if rule["kind"] == "options":
            return {"choice": self._choice(rule["options"])}
        if rule["kind"] == "ratio":
            return {"figures": self._ratio(rule)}
        (variable,) = rule["variables"]
        most = self.size(variable["label"])
        return {"figures": {variable["key"]: _written(variable, max(1, round(most * self._share())))}}

    def general_information(self) -> Json:
        """Return the general figures; texts say where the unit is found."""
        texts = iter([self.unit.name, f"Trụ sở {self.unit.name}, tỉnh Cà Mau", self.website])
        return {
            row["code"]: next(texts, self.unit.name)
            if row["input"] == "text"
            else _written({"number": row["input"]}, self.size(row["name"]))
            for row in self.unit.index_set.file["general_information"]
        }

    def contacts(self) -> Json:
        """Return the contact persons by their roles: no real person is named."""
        return {
            contact["key"]: {
                "full_name": f"{role} {self.unit.name}",
                "workplace": self.unit.name,
                "position": role,
                "phone": f"0290 000 {self.rng.randrange(1000, 10_000)}",
                "email": f"{contact['key']}@{self.unit.key}.example",
            }
            for contact, role in zip(
                self.unit.index_set.file["contacts"], ("Chuyên viên", "Lãnh đạo"), strict=False
            )
        }

    @property
    def website(self) -> str:
        """Return the unit's site, under a name that nobody can own."""
        return f"https://{self.unit.key}.example"

    def size(self, label: str) -> int:
        """Return how many of a thing the unit has; the same for the same label."""
        if label not in self.sizes:
            words = label.lower()
            low, high = next(((low, high) for word, low, high in _SIZES if word in words), _OTHERWISE)
            many = 8 if self.unit.kind == "district" and high > 100 else 1
            self.sizes[label] = self.rng.randint(low * many, high * many)
        return self.sizes[label]

    def _share(self) -> float:
        """Return how far the unit got with something, 0..1, around its ability."""
        return self.rng.betavariate(1 + 8 * self.ability, 1 + 8 * (1 - self.ability))

    def _choice(self, options: list[Json]) -> str:
        """Return an option: the document lists them from the best down, able units choose early ones."""
        weights = [self.ability ** (2 * i) for i in range(len(options))]
        weights = [weight * (1.1 - self.ability) ** i for i, weight in enumerate(weights)]
        return str(self.rng.choices(options, weights)[0]["key"])

    def _ratio(self, rule: Json) -> Json:
        """Return figures of a ratio: mostly below the full mark, some above, a few at nothing of nothing."""
        variables = {variable["key"]: variable for variable in rule["variables"]}
        below = sum(self.size(variables[key]["label"]) for key in rule["denominator"])
        mark = _decimal(rule["full_mark"])
        event = self.rng.random()
        if event < 0.02:
            below, above = 0, 0  # the ratio is undefined (ruling 3)
        elif event < 0.06:
            above = 0
        elif event < 0.09:
            above = int(below * mark * 1.2) + 1  # above the full mark: the maximum (ruling 2)
        else:
            above = round(below * mark * self._share() * 1.05)
        figures = _spread(above, rule["numerator"], self.rng) | _spread(below, rule["denominator"], self.rng)
        return {
            key: _written(variable, figures.get(key, above), tenths=self.rng.randrange(10) if above else 0)
            for key, variable in variables.items()
        }

    def infected(self, row: Json) -> Json:
        """Return an agency's figures: machines of the unit, infected ones, and those that were cleaned."""
        rule = row["rule"]
        machines = max(4, self.size(rule["variables"][1]["label"]))
        infected = self.rng.choice((0, 0, 1, 2, 3))
        figures = dict.fromkeys(rule["denominator"], machines) | {rule["numerator"][0]: infected}
        for variable in rule["variables"]:
            figures.setdefault(variable["key"], infected)
        if infected > 1:
            figures[rule["numerator"][0]] -= 1
        return {"figures": figures}


def lowered(row: Json, answer: Json) -> Json:
    """Return what a strict reviewer puts in place of an answer: the worst option, or two thirds of the figures.

    Figures below the line stay, so that a ratio never gets nothing to stand on.
    """
    rule = row["rule"]
    if rule["kind"] == "options":
        return {"choice": rule["options"][-1]["key"]}
    kept = rule.get("denominator", ())
    return {
        "figures": {
            key: value if key in kept else int(str(value).partition(".")[0]) * 2 // 3
            for key, value in answer["figures"].items()
        }
    }


def halved(answer: Json) -> Json:
    """Return an answer with half of each figure, rounded down, and with its documents."""
    figures = {key: int(str(value).partition(".")[0]) // 2 for key, value in answer["figures"].items()}
    return answer | {"figures": figures}


def _decimal(share: str) -> float:
    """Return a share ("0.8", "1/2") for drawing figures; nothing is scored with it."""
    above, _, below = share.partition("/")
    return float(above) / float(below or 1)


def _spread(total: int, keys: list[str], rng: random.Random) -> dict[str, int]:
    """Share a total out over some variables."""
    parts: dict[str, int] = {}
    for key in keys[:-1]:
        parts[key] = rng.randint(0, total)
        total -= parts[key]
    return parts | {keys[-1]: total}


def _written(variable: Json, value: int, *, tenths: int = 0) -> int | str:
    """Return a figure as the API takes it: a whole number, or an amount as a decimal string."""
    return f"{value}.{tenths}" if variable["number"] == "amount" and tenths else value


def pdf(title: str, unit: UnitBook, number: int, more: bytes = b"") -> bytes:
    """Return a small valid PDF of one page; its standard font has no Vietnamese letters, so they lose their marks.

    `more` lies in it and is not shown: it makes the file as large as scanned ones are.
    """
    text = f"{title} {number} - {unit.name} ({unit.key})"
    plain = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    plain = plain.encode("ascii", "ignore").decode().translate({ord(c): "\\" + c for c in "()\\"})
    page = f"BT /F1 12 Tf 72 770 Td ({plain}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(page), page),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(more), more),
    ]
    out, places = b"%PDF-1.4\n", []
    for i, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (i, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    tail = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(out))
    return out + head + tail
