"""The problem codes are a contract: unique, stable, titled in both languages, documented."""

from fastapi import FastAPI

from app.core.problems import all_problems

# A code once published is never renamed or removed; add new ones here.
CODES = {
    "account_beyond_remit": 403,
    "action_not_allowed": 409,
    "address_too_long": 414,
    "adjustment_not_found": 404,
    "already_erased": 409,
    "person_has_duties": 409,
    "not_oneself": 409,
    "appeal_not_found": 404,
    "approval_missing": 409,
    "audit_event_not_found": 404,
    "body_too_large": 413,
    "body_unreadable": 400,
    "checksum_mismatch": 460,
    "checksum_unreadable": 400,
    "clarification_not_found": 404,
    "conflict": 409,
    "council_exists": 409,
    "council_not_found": 404,
    "deadline_passed": 409,
    "delegation_not_endable": 409,
    "delegation_not_found": 404,
    "delegation_overlaps": 409,
    "document_infected": 409,
    "document_in_use": 409,
    "document_not_found": 404,
    "document_not_scanned": 409,
    "document_purged": 410,
    "file_ambiguous": 415,
    "file_empty": 422,
    "file_encrypted": 422,
    "file_has_macros": 415,
    "file_infected": 422,
    "file_name_mismatch": 415,
    "file_too_large": 413,
    "file_type_not_allowed": 415,
    "file_unreadable": 422,
    "group_not_found": 404,
    "hand_over_incomplete": 409,
    "hand_over_not_found": 404,
    "headers_too_large": 431,
    "hold_not_found": 404,
    "hold_released": 409,
    "host_not_served": 421,
    "idempotency_key_missing": 400,
    "idempotency_key_reused": 409,
    "identity_not_found": 404,
    "identity_taken": 409,
    "if_match_missing": 428,
    "index_set_faulty": 422,
    "index_set_not_draft": 409,
    "index_set_not_found": 404,
    "index_set_retired": 409,
    "internal_error": 500,
    "invalid_client": 401,
    "invalid_grant": 400,
    "invalid_request": 422,
    "invalid_scope": 400,
    "last_administrator": 409,
    "link_not_valid": 401,
    "log_in_not_found": 404,
    "method_not_allowed": 405,
    "minutes_not_found": 404,
    "no_units": 409,
    "nobody_above": 409,
    "not_authenticated": 401,
    "not_found": 404,
    "not_permitted": 403,
    "not_presiding": 409,
    "not_publishable": 409,
    "not_ready": 503,
    "note_missing": 409,
    "nothing_changed": 409,
    "notice_not_found": 404,
    "own_account": 403,
    "own_second_factor": 409,
    "password_change_required": 403,
    "password_log_in_required": 403,
    "period_already_open": 409,
    "period_exists": 409,
    "period_not_found": 404,
    "period_not_open": 409,
    "piece_too_long": 413,
    "piece_type_wrong": 415,
    "policy_not_found": 404,
    "quota_exceeded": 409,
    "range_not_satisfiable": 416,
    "reason_missing": 409,
    "request_too_slow": 408,
    "result_not_found": 404,
    "review_incomplete": 409,
    "scanning_off": 409,
    "scope_not_found": 404,
    "scope_not_reviewed": 409,
    "second_factor_missing": 403,
    "second_factor_not_begun": 409,
    "second_factor_present": 409,
    "second_factor_required": 400,
    "service_account_not_found": 404,
    "sheet_unreadable": 422,
    "sso_no_account": 403,
    "sso_not_configured": 404,
    "sso_refused": 400,
    "sso_unavailable": 503,
    "stale_version": 412,
    "store_unavailable": 503,
    "submission_incomplete": 409,
    "submission_not_found": 404,
    "supplement_late": 409,
    "too_many_pieces": 409,
    "too_many_requests": 429,
    "too_many_uploads": 429,
    "tus_version_unsupported": 412,
    "unavailable": 503,
    "unit_not_found": 404,
    "unit_without_parent": 409,
    "upload_ended": 410,
    "upload_finished": 409,
    "upload_interrupted": 400,
    "upload_not_found": 404,
    "upload_offset_conflict": 409,
    "upload_too_slow": 408,
    "user_not_found": 404,
    "username_taken": 409,
}


def test_every_problem_has_a_code_of_its_own_and_titles_in_both_languages(app: FastAPI) -> None:
    problems = all_problems()
    assert len({p.code for p in problems}) == len(problems)
    for problem in problems:
        assert problem.code == problem.code.lower() and " " not in problem.code
        assert problem.title_vi != problem.title_en, problem.code
        assert 400 <= problem.status < 600, problem.code


def test_the_codes_are_the_published_ones(app: FastAPI) -> None:
    assert {p.code: p.status for p in all_problems()} == CODES


def test_every_code_is_in_the_document_with_both_titles(app: FastAPI) -> None:
    problem = app.openapi()["components"]["schemas"]["Problem"]
    assert set(problem["properties"]["code"]["enum"]) == set(CODES)
    assert all(title["vi"] and title["en"] for title in problem["x-titles"].values())


def test_every_operation_says_what_can_go_wrong(app: FastAPI) -> None:
    for path, item in app.openapi()["paths"].items():
        for method, operation in item.items():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert response["x-codes"], f"{method} {path} {status}"
                    for code in response["x-codes"]:
                        assert CODES[code] == int(status), f"{method} {path}: {code}"
