"""The minutes of a council's meeting as a page to print and sign, in the form of NĐ 30/2020/NĐ-CP. Pure.

Source: annex III, form 1.9 (biên bản). No signature is drawn: there is room for it.
"""

from collections.abc import Sequence
from datetime import date
from html import escape

from app.councils.models import SeatRole
from app.councils.schemas import AttendantOut, ConclusionOut, MinutesOut

_ROLES = {SeatRole.CHAIR: "Chủ tịch", SeatRole.SECRETARY: "Thư ký", SeatRole.MEMBER: "Ủy viên"}
_STYLE = """
@page { size: A4; margin: 20mm 20mm 20mm 30mm }
body { margin: 0 auto; max-width: 42rem; padding: 1rem; background: #fff; color: #000;
  font: 14pt/1.4 "Times New Roman", serif; overflow-wrap: anywhere }
header, footer { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; text-align: center; break-inside: avoid }
header p, footer p { margin: 0 }
h1 { font-size: 14pt; margin: 1.5rem 0 0; text-align: center } h2 { font-size: 14pt; margin: 1rem 0 0 }
.about { text-align: center; font-weight: bold; margin: 0 0 1rem }
.motto { border-bottom: 1px solid; display: inline-block }
.said { white-space: pre-line } li { margin: .5rem 0; break-inside: avoid }
.sign { min-height: 7rem }
@media print { body { max-width: none; padding: 0 } }
"""


def minutes_page(council: str, decision: str, unit: str, period: str, minutes: MinutesOut) -> str:
    """Write minutes as an HTML page: of the council of a unit that a decision set up, in a period."""
    names = {one.user_id: one.full_name for one in minutes.present}
    title = f"Biên bản số {minutes.number} – {council}"
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="vi"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
            _head(council, unit, minutes.number),
            f'<h1>BIÊN BẢN</h1><p class="about">Họp {escape(council)} – {escape(period)}</p>',
            *_corrections(minutes),
            f"<p>Thời gian: {_day(minutes.held_on)}.<br>Địa điểm: {escape(minutes.place)}.</p>",
            f"<p>Căn cứ thành lập hội đồng: {escape(decision)}.</p>",
            f"<h2>I. Thành phần</h2><p>Có mặt ({len(minutes.present)}):</p>{_people(minutes.present)}",
            _absent(minutes),
            f"<p>Chủ trì: {escape(names[minutes.chair_id])}.<br>",
            f"Thư ký cuộc họp: {escape(names[minutes.secretary_id])}.</p>",
            f"<h2>II. Nội dung và kết luận</h2><ol>{''.join(map(_conclusion, minutes.conclusions))}</ol>",
            _signatures(names[minutes.secretary_id], names[minutes.chair_id]),
            "</body></html>\n",
        ]
    )


def _head(council: str, unit: str, number: int) -> str:
    return (
        f"<header><div><p>{escape(unit.upper())}</p><p><strong>{escape(council.upper())}</strong></p>"
        f"<p>Số: {number:02}/BB</p></div>"
        "<div><p><strong>CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM</strong></p>"
        '<p class="motto"><strong>Độc lập - Tự do - Hạnh phúc</strong></p></div></header>'
    )


def _corrections(minutes: MinutesOut) -> list[str]:
    said = []
    if minutes.corrects is not None:
        said.append(f"<p>Biên bản này thay thế biên bản số {minutes.corrects}.</p>")
    if minutes.corrected_by is not None:
        said.append(f"<p><strong>Đã được thay thế bằng biên bản số {minutes.corrected_by}.</strong></p>")
    return said


def _people(people: Sequence[AttendantOut]) -> str:
    return f"<ul>{''.join(f'<li>{_person(one)}</li>' for one in people)}</ul>"


def _person(one: AttendantOut) -> str:
    return f"{escape(one.full_name)} – {_ROLES[one.role]} hội đồng"


def _absent(minutes: MinutesOut) -> str:
    if not minutes.absent:
        return "<p>Vắng mặt: không.</p>"
    items = "".join(f"<li>{_person(one)}. Lý do: {escape(one.reason)}</li>" for one in minutes.absent)
    return f"<p>Vắng mặt ({len(minutes.absent)}):</p><ul>{items}</ul>"


def _conclusion(one: ConclusionOut) -> str:
    about = [one.unit_name, one.indicator and f"chỉ số {one.indicator}"]
    subject = ", ".join(text for text in about if text) or "Nội dung chung"
    votes = f"tán thành {one.votes_for}, không tán thành {one.against}, không có ý kiến {one.abstained}"
    return (
        f"<li><strong>{escape(subject)}</strong><br>"
        f'Ý kiến: <span class="said">{escape(one.opinion)}</span><br>'
        f'Kết luận: <span class="said">{escape(one.conclusion)}</span><br>Biểu quyết: {votes}.</li>'
    )


def _signatures(secretary: str, chair: str) -> str:
    places = (("THƯ KÝ", "Chữ ký", secretary), ("CHỦ TRÌ", "Chữ ký của người có thẩm quyền", chair))
    return (
        "<footer>"
        + "".join(
            f'<div><p><strong>{what}</strong></p><p class="sign"><em>({how})</em></p><p>{escape(who)}</p></div>'
            for what, how, who in places
        )
        + "</footer>"
    )


def _day(day: date) -> str:
    """Write a day as documents do: one-digit days, and the first two months, with a 0 (NĐ 30/2020/NĐ-CP, annex I)."""
    month = f"{day.month:02}" if day.month < 3 else str(day.month)
    return f"ngày {day.day:02} tháng {month} năm {day.year}"
