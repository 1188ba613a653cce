"""Whom signatures are trusted by: what the folder may hold, when its version changes, and how a broken one is told."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.config import SettingMissing
from app.evidence.trust import TrustStore, trust_store
from tests.evidence.pki import AGENCY, LEADER, authority

KINDS = "rules:\n  - {kind: organisation, when: {UID: '^CCCD:'}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with a root and what is below it."""
    place = tmp_path / "trust"
    place.mkdir()
    (place / "root.pem").write_bytes(authority().root.pem)
    (place / "below.crt").write_bytes(authority().below.der)
    return place


def test_without_a_folder_nobody_is_trusted() -> None:
    assert trust_store(None) == TrustStore(kinds=trust_store(None).kinds)
    assert trust_store(None).kinds


def test_roots_and_what_is_below_them_are_told_apart_in_pem_and_der(folder: Path) -> None:
    ca = authority()
    (folder / "list.crl").write_bytes(ca.crl())
    (folder / "README.txt").write_text("not looked at")
    found = trust_store(folder)
    assert (found.roots, found.intermediates, len(found.crls)) == ((ca.root.der,), (ca.below.der,), 1)


def test_one_file_may_hold_several_certificates(folder: Path) -> None:
    ca = authority()
    (folder / "below.crt").unlink()
    (folder / "root.pem").write_bytes(ca.root.pem + ca.below.pem)
    found = trust_store(folder)
    assert (found.roots, found.intermediates) == ((ca.root.der,), (ca.below.der,))


@pytest.mark.parametrize(
    "change",
    [
        lambda place: (place / "other.pem").write_bytes(authority(10).root.pem),
        lambda place: (place / "below.crt").unlink(),
        lambda place: (place / "list.crl").write_bytes(authority().crl()),
        lambda place: (place / "kinds.yaml").write_text(KINDS),
    ],
)
def test_the_version_changes_with_everything_that_counts(
    folder: Path, change: Callable[[Path], object]
) -> None:
    before = trust_store(folder).version
    change(folder)
    assert trust_store(folder).version != before


def test_names_order_and_form_of_the_files_do_not_change_the_version(folder: Path) -> None:
    before = trust_store(folder)
    (folder / "root.pem").rename(folder / "zzz.pem")
    (folder / "below.crt").write_bytes(authority().below.pem)
    (folder / "again.cer").write_bytes(authority().root.der)
    os.utime(folder / "zzz.pem", (1, 1))
    assert trust_store(folder) == before
    assert trust_store(folder).version == before.version


def test_own_rules_take_the_place_of_the_usual_ones(folder: Path) -> None:
    (folder / "kinds.yaml").write_text(KINDS)
    own = trust_store(folder)
    assert own.kind_of(authority().leader.parsed) == "organisation"
    assert own.kind_of(authority().agency.parsed) == "unknown"


@pytest.mark.parametrize("named", [LEADER, AGENCY])
def test_a_rule_can_look_at_the_issuer_and_at_numbers(folder: Path, named: list[tuple[str, str]]) -> None:
    rule = "rules:\n  - {kind: person, when: {issuer.CN: kiểm thử, 0.9.2342.19200300.100.1.1: CCCD}}\n"
    (folder / "kinds.yaml").write_text(rule)
    found = trust_store(folder).kind_of(authority().signer(named).parsed)
    assert found == ("person" if named is LEADER else "unknown")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("root.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        ("root.pem", b""),
        ("broken.crt", b"\x30\x03\x02\x01"),
        ("broken.cer", authority().root.der[:-1]),
        ("broken.cer", authority().root.der + b"\x00"),
        ("broken.crl", authority().root.der),
        ("broken.crl", b"nothing"),
        ("kinds.yaml", b"rules: 3"),
        ("kinds.yaml", b"rules:\n  - {kind: person, when: {}}"),
        ("kinds.yaml", b"rules:\n  - {kind: nobody, when: {CN: a}}"),
        ("kinds.yaml", b"rules:\n  - {kind: person, when: {CN: '('}}"),
        ("kinds.yaml", b"\xff\xfe: ["),
        ("kinds.yaml", b""),
    ],
)
def test_a_broken_file_is_named(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(SettingMissing, match=rf"TRUST_DIR.*{name}"):
        trust_store(folder)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingMissing, match=r"TRUST_DIR.*nowhere"):
        trust_store(tmp_path / "nowhere")
