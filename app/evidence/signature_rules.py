"""What a report on signatures means: every code in words, and what it says of the two signatures asked for. Pure.

A signature is sound if it has no problem. That nothing is known of a revocation is no problem: the service asks nobody
over the network, so for most certificates nothing can be known, and a warning that always comes is read by nobody. It
stands beside the signature as a remark, as does a time that only the signer claims.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from app.evidence.content.kinds import PDF
from app.evidence.trust import SignerKind

# Each of these alone makes a signature unsound.
PROBLEMS: dict[str, tuple[str, str]] = {
    "unreadable_signature": (
        "không đọc được chữ ký hoặc định dạng chữ ký không được hỗ trợ",
        "the signature cannot be read, or its format is not supported",
    ),
    "not_intact": (
        "nội dung đã ký không còn nguyên vẹn, hoặc chữ ký không khớp chứng thư",
        "what was signed is not intact, or the signature does not belong to the certificate",
    ),
    "covers_part_only": (
        "chữ ký chỉ bao trùm một phần của tệp tại thời điểm ký",
        "the signature covers only a part of the file as it was signed",
    ),
    "changed_after_signing": (
        "sau khi ký, tệp bị sửa ngoài những gì chữ ký cho phép (ký thêm, điền biểu mẫu)",
        "the file was changed after signing beyond what the signature allows (more signatures, forms filled in)",
    ),
    "bytes_after_last_signature": (
        "sau chữ ký cuối cùng, tệp còn phần không chữ ký nào bao trùm",
        "behind the last signature the file goes on with what no signature covers",
    ),
    "change_not_signed_soundly": (
        "sau khi ký, tệp còn được điền biểu mẫu hoặc ký thêm, mà không chữ ký hợp lệ nào về sau bao trùm phần đó",
        "after signing, forms were filled in or signatures were added, and no later sound signature covers that",
    ),
    "no_roots_configured": (
        "hệ thống chưa được cài chứng thư gốc nào, nên không tin cậy chứng thư nào",
        "not trusted: no roots configured",
    ),
    "unknown_root": (
        "chứng thư không dẫn đến chứng thư gốc nào được tin cậy",
        "the certificate leads to none of the trusted roots",
    ),
    "certificate_expired": (
        "chứng thư (hoặc chứng thư cấp trên) đã hết hạn tại thời điểm xét",
        "the certificate, or one above it, had expired at the time it is judged by",
    ),
    "certificate_not_yet_valid": (
        "chứng thư (hoặc chứng thư cấp trên) chưa có hiệu lực tại thời điểm xét",
        "the certificate, or one above it, was not valid yet at the time it is judged by",
    ),
    "certificate_revoked": (
        "chứng thư đã bị thu hồi trước thời điểm xét",
        "the certificate had been revoked before the time it is judged by",
    ),
    "issuer_revoked": (
        "chứng thư của tổ chức cấp đã bị thu hồi trước thời điểm xét",
        "the certificate of the authority that issued it had been revoked before the time it is judged by",
    ),
    "certificate_unfit": (
        "chứng thư không được cấp để ký tài liệu",
        "the certificate was not issued for signing documents",
    ),
    "weak_algorithm": (
        "chữ ký hoặc chứng thư dùng thuật toán không còn an toàn (như SHA-1)",
        "the signature or a certificate uses an algorithm that is no longer safe (such as SHA-1)",
    ),
    "chain_not_valid": ("chuỗi chứng thư không hợp lệ", "the chain of certificates is not valid"),
}

REMARKS: dict[str, tuple[str, str]] = {
    "revocation_unknown": (
        "không biết chứng thư có bị thu hồi hay không",
        "nothing is known of whether the certificate was revoked",
    ),
    "time_only_claimed": (
        "giờ ký do người ký tự khai, không có dấu thời gian tin cậy",
        "the time of signing is what the signer claims: there is no trusted timestamp",
    ),
    "timestamp_not_trusted": (
        "có dấu thời gian nhưng không tin cậy được",
        "there is a timestamp, but it cannot be trusted",
    ),
    "kind_unknown": (
        "chứng thư không cho biết là của cá nhân hay của tổ chức",
        "the certificate does not tell whether it is a person's or an organisation's",
    ),
    "read_leniently": (
        "tệp PDF không đúng chuẩn hoàn toàn; phần mềm khác có thể hiển thị khác",
        "the PDF does not keep to the standard in everything; other programs may show it differently",
    ),
    "too_many_signatures": (
        "tệp có quá nhiều chữ ký: chỉ những chữ ký đầu được xét",
        "the file has too many signatures: only the first ones were looked at",
    ),
    "damaged": ("tệp PDF bị hỏng hoặc bị cắt cụt", "the PDF is damaged or cut off"),
    "encrypted": ("tệp PDF được mã hóa, cần mật khẩu để đọc", "the PDF is encrypted and needs a password"),
    "gave_up": (
        "việc kiểm tra quá lâu hoặc quá tốn bộ nhớ nên đã dừng",
        "the check took too long or too much memory and was ended",
    ),
    "bytes_missing": ("tệp không có trong kho", "the file is not in the store"),
}

# What no report can tell, said with every one.
LIMITS: tuple[tuple[str, str], ...] = (
    (
        "Đây là thông tin để người thẩm định xem xét, không phải là quyết định.",
        "These are facts for the reviewer, not a decision.",
    ),
    (
        "Hệ thống không tra cứu qua mạng: việc thu hồi chỉ được biết qua danh sách thu hồi đã cài và thông tin kèm"
        " trong tệp.",
        "Nothing is looked up over the network: revocations are known only from the lists installed here and from what"
        " the file brings along.",
    ),
    (
        "Chứng thư được xét tại dấu thời gian tin cậy; nếu không có thì tại lúc tệp được nhận lần đầu, vì giờ ký do"
        " người ký khai không chứng minh được.",
        "Certificates are judged by the trusted timestamp or, without one, by when the file was first received: the"
        " time a signer claims proves nothing.",
    ),
    (
        "Cá nhân hay tổ chức được phân biệt theo thông tin ghi trong chứng thư, bằng các quy tắc đã cấu hình.",
        "Persons and organisations are told apart by what their certificates say, by rules that can be configured.",
    ),
)


class ReportState(StrEnum):
    """How far the check of a document's signatures is."""

    PENDING = "pending"
    CHECKED = "checked"
    UNREADABLE = "unreadable"
    FAILED = "failed"
    NOT_APPLICABLE = "not_applicable"


class Found(StrEnum):
    """What is known of the signature of one kind on a document."""

    SOUND = "sound"
    NOT_SOUND = "found_not_sound"
    MISSING = "missing"
    PENDING = "pending"
    UNREADABLE = "unreadable"
    NOT_APPLICABLE = "not_applicable"


ASKED_FOR = (SignerKind.PERSON, SignerKind.ORGANISATION)

_WITHOUT_REPORT = {
    ReportState.PENDING: Found.PENDING,
    ReportState.UNREADABLE: Found.UNREADABLE,
    ReportState.FAILED: Found.UNREADABLE,
    ReportState.NOT_APPLICABLE: Found.NOT_APPLICABLE,
}


def state_of(media_type: str, report: Mapping[str, Any] | None) -> ReportState:
    """Return how far the check of a document is; signatures are looked for in PDFs only."""
    if media_type != PDF:
        return ReportState.NOT_APPLICABLE
    return ReportState.PENDING if report is None else ReportState(report["state"])


def found_of(kind: SignerKind, media_type: str, report: Mapping[str, Any] | None) -> Found:
    """Return what is known of a kind's signature on a document: one sound signature of it is enough."""
    state = state_of(media_type, report)
    if report is None or state is not ReportState.CHECKED:
        return _WITHOUT_REPORT[state]
    sound = {one["is_sound"] for one in report["signatures"] if one["kind"] == kind}
    if not sound:
        return Found.MISSING
    return Found.SOUND if True in sound else Found.NOT_SOUND
