"""Why a file is refused for what it is."""

from app.core.problems import Problem


class FileTypeNotAllowed(Problem):
    """The content is none of the allowed types; `found` is what it looks like, `allowed` what may be sent."""

    status, code = 415, "file_type_not_allowed"
    title_vi, title_en = "Loại tệp không được phép", "This type of file is not allowed"


class FileNameMismatch(Problem):
    """The extension says one type, the content is another."""

    status, code = 415, "file_name_mismatch"
    title_vi, title_en = (
        "Phần mở rộng không khớp nội dung tệp",
        "The extension does not match the file's content",
    )


class FileHasMacros(Problem):
    """The file holds something that runs: macros, controls, JavaScript, commands that start programs."""

    status, code = 415, "file_has_macros"
    title_vi, title_en = (
        "Không nhận tệp có macro hoặc mã tự chạy",
        "Files with macros or scripts are not accepted",
    )


class FileAmbiguous(Problem):
    """The file is two things at once: another reader would show something else."""

    status, code = 415, "file_ambiguous"
    title_vi, title_en = "Tệp chứa dữ liệu của loại tệp khác", "The file is also a file of another type"


class FileEncrypted(Problem):
    """The file cannot be read without a password."""

    status, code = 422, "file_encrypted"
    title_vi, title_en = "Tệp được bảo vệ bằng mật khẩu", "The file is protected by a password"


class FileUnreadable(Problem):
    """The file is damaged or cut off, or would expand beyond all measure."""

    status, code = 422, "file_unreadable"
    title_vi, title_en = "Không đọc được tệp", "The file cannot be read"


# Everything `require_type` raises.
REFUSALS = (FileTypeNotAllowed, FileNameMismatch, FileHasMacros, FileAmbiguous, FileEncrypted, FileUnreadable)


def damaged() -> FileUnreadable:
    return FileUnreadable("Tệp bị hỏng.", "The file is damaged.")


def cut_off() -> FileUnreadable:
    return FileUnreadable(
        "Tệp bị cắt cụt hoặc hỏng; hãy gửi lại từ bản gốc.",
        "The file is cut off or damaged; send it again from the original.",
    )


def expands_too_much() -> FileUnreadable:
    return FileUnreadable("Nội dung tệp giãn ra quá lớn.", "The file would expand too much.")


def too_complex() -> FileUnreadable:
    return FileUnreadable(
        "Tệp quá phức tạp; hãy chia nhỏ hoặc lưu lại đơn giản hơn.",
        "The file is too complex; split it or save it in a simpler way.",
    )


def encrypted() -> FileEncrypted:
    return FileEncrypted("Hãy bỏ mật khẩu rồi gửi lại.", "Remove the password and send it again.")


def two_in_one() -> FileAmbiguous:
    return FileAmbiguous("Hãy lưu lại từ phần mềm gốc hoặc in ra PDF.", "Save it anew or print it to PDF.")
