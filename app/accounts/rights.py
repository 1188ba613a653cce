"""The role table in words, and how far a permission held for a unit goes. Pure; the policy itself is in permissions."""

from enum import StrEnum

from app.accounts.permissions import PROVINCE_ROLES, ROLE_REACH, Permission, Reach, Role

P = Permission

ROLE_TEXT: dict[Role, tuple[str, str]] = {
    Role.PROVINCE_ADMIN: ("Quản trị của tỉnh", "Administrator of the province"),
    Role.PROVINCE_REVIEWER: ("Người thẩm định của tỉnh", "Reviewer of the province"),
    Role.PROVINCE_LEADER: ("Lãnh đạo tỉnh", "Leader of the province"),
    Role.DISTRICT_ADMIN: ("Quản trị của huyện", "Administrator of a district"),
    Role.DISTRICT_REVIEWER: ("Người thẩm định của huyện", "Reviewer of a district"),
    Role.DISTRICT_LEADER: ("Lãnh đạo huyện", "Leader of a district"),
    Role.UNIT_REPORTER: ("Người kê khai của đơn vị", "Reporter of a unit"),
    Role.UNIT_LEADER: ("Lãnh đạo đơn vị", "Leader of a unit"),
    Role.VERIFYING_AGENCY: ("Đơn vị phối hợp xác minh", "Verifying agency"),
    Role.AUDITOR: ("Thanh tra, kiểm tra", "Auditor"),
    Role.DASHBOARD_READER: ("Người xem bảng điều hành", "Reader of dashboards"),
    Role.SERVICE: ("Dịch vụ kết nối", "Service account"),
}

PERMISSION_TEXT: dict[Permission, tuple[str, str]] = {
    P.UNIT_READ: ("Xem danh mục đơn vị", "Read the list of units"),
    P.USER_READ: ("Xem tài khoản người dùng", "Read people's accounts"),
    P.USER_MANAGE: (
        "Tạo, sửa, tắt tài khoản và cấp vai trò",
        "Create, change, switch off accounts, grant roles",
    ),
    P.IDENTITY_MANAGE: (
        "Gắn, gỡ danh tính đăng nhập một lần của tài khoản",
        "Link accounts to identities of the single sign-on",
    ),
    P.SERVICE_MANAGE: ("Quản lý tài khoản dịch vụ", "Administer service accounts"),
    P.CATALOGUE_MANAGE: ("Quản lý bộ chỉ số", "Administer index sets"),
    P.PERIOD_READ: ("Xem kỳ đánh giá và lịch làm việc", "Read periods and the calendar"),
    P.PERIOD_MANAGE: ("Lập, mở kỳ đánh giá và sửa lịch", "Prepare and open periods, change the calendar"),
    P.SUBMISSION_READ: ("Xem hồ sơ tự chấm", "Read dossiers"),
    P.SUBMISSION_EDIT: ("Kê khai hồ sơ", "Fill in the dossier"),
    P.SUBMISSION_APPROVE: ("Phê duyệt hồ sơ", "Approve the dossier"),
    P.SUBMISSION_SUBMIT: ("Nộp và rút hồ sơ", "Submit and recall the dossier"),
    P.EVIDENCE_READ: ("Xem tài liệu kiểm chứng", "Read evidence"),
    P.EVIDENCE_UPLOAD: ("Tải lên tài liệu kiểm chứng", "Upload evidence"),
    P.EVIDENCE_KEEP: (
        "Ra và gỡ lệnh giữ tài liệu, quét lại",
        "Put and release holds on evidence, scan again",
    ),
    P.HOLD_READ: ("Xem lệnh giữ tài liệu", "Read holds on evidence"),
    P.EVIDENCE_TRACE: ("Xem ai đã đọc tài liệu", "See who has read a document"),
    P.FIGURE_READ: ("Xem số liệu chính thức", "Read official figures"),
    P.FIGURE_GIVE: (
        "Cung cấp số liệu cho các chỉ số mà đơn vị xác minh",
        "Give figures for the indicators that the unit verifies",
    ),
    P.REVIEW_ACT: (
        "Thẩm định hồ sơ mà đơn vị được giao thẩm định",
        "Review the dossiers that the unit is to review",
    ),
    P.COUNCIL_MANAGE: ("Lập hội đồng thẩm định của đơn vị", "Set up the unit's councils"),
    P.RESULT_READ: ("Xem kết quả; đã công bố thì của mọi nơi", "Read results; published ones of everywhere"),
    P.RESULT_FINALIZE: ("Chốt điểm, giải quyết phúc tra", "Finalize results, decide appeals"),
    P.RESULT_PUBLISH: ("Công bố, thu hồi kết quả", "Announce, publish and withdraw results"),
    P.APPEAL_LODGE: ("Gửi và rút đề nghị phúc tra", "Lodge and withdraw appeals"),
    P.FEED_READ: ("Đọc nguồn dữ liệu tổng hợp", "Read the feeds"),
    P.AUDIT_READ: ("Đọc nhật ký", "Read the audit trail"),
    P.PERSONAL_MANAGE: ("Trích xuất, xóa dữ liệu cá nhân", "Export and erase personal data"),
}


class Spread(StrEnum):
    """How far a permission held for a unit goes."""

    UNIT = "unit"  # what is this unit's own to do
    SUBTREE = "subtree"  # the unit and all below it
    BELOW = "below"  # all below the unit, without itself
    VERIFIED = "verified"  # what names the unit as verifier or source
    SERVED = "served"  # the unit and all below it, and what it verifies
    EVERYWHERE = "everywhere"  # bound to no unit


_EVERYWHERE = frozenset({P.UNIT_READ, P.PERIOD_READ, P.CATALOGUE_MANAGE, P.PERIOD_MANAGE})
_AS_THE_ROLE_READS = frozenset(
    {P.SUBMISSION_READ, P.EVIDENCE_READ, P.EVIDENCE_TRACE, P.EVIDENCE_KEEP}
    | {P.FIGURE_READ, P.RESULT_READ, P.HOLD_READ, P.AUDIT_READ}
)
_ADMINISTERING = frozenset(
    {P.USER_READ, P.USER_MANAGE, P.IDENTITY_MANAGE, P.SERVICE_MANAGE, P.PERSONAL_MANAGE}
)
_OF_REACH = {
    Reach.OWN: Spread.UNIT,
    Reach.SUBTREE: Spread.SUBTREE,
    Reach.VERIFIED: Spread.VERIFIED,
    Reach.SERVED: Spread.SERVED,
}


def spread(permission: Permission, role: Role) -> Spread:
    """Return how far a permission goes that a role has for a unit."""
    if permission in _EVERYWHERE:
        return Spread.EVERYWHERE
    if permission in _AS_THE_ROLE_READS:
        return _OF_REACH[ROLE_REACH[role]]
    if permission in _ADMINISTERING:
        return Spread.SUBTREE if role in PROVINCE_ROLES else Spread.BELOW
    if permission is P.FEED_READ:
        return Spread.SUBTREE
    return Spread.VERIFIED if permission is P.FIGURE_GIVE else Spread.UNIT
