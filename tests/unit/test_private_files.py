# SPDX-License-Identifier: Apache-2.0
"""Files for one pair of eyes, in folders where others may write."""

from __future__ import annotations

import os
import stat

import pytest

from airflow_provider_aliyunsms.private_files import file_beside, make_private_folder


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def open_umask():
    old = os.umask(0)
    yield
    os.umask(old)


@pytest.mark.usefixtures("open_umask")
def test_every_folder_that_is_made_is_private(tmp_path):
    tmp_path.chmod(0o755)
    make_private_folder(tmp_path / "a" / "b" / "c")
    assert [mode(tmp_path / each) for each in ("a", "a/b", "a/b/c")] == [0o700] * 3
    assert mode(tmp_path) == 0o755
    make_private_folder(tmp_path / "a" / "b" / "c")


@pytest.mark.usefixtures("open_umask")
def test_a_file_is_private_from_its_first_byte_and_gone_at_the_end(tmp_path):
    with file_beside(tmp_path / "final") as (beside, stream):
        assert mode(beside) == 0o600
        stream.write(b"x")
        assert beside.parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_a_renamed_file_stays(tmp_path):
    with file_beside(tmp_path / "final") as (beside, stream):
        stream.write(b"x")
        stream.close()
        beside.replace(tmp_path / "final")
    assert (tmp_path / "final").read_bytes() == b"x"


def test_names_are_never_the_same(tmp_path):
    names = set()
    for _ in range(50):
        with file_beside(tmp_path / "final") as (beside, _stream):
            names.add(beside.name)
    assert len({name.rpartition(".")[2] for name in names}) == 50
    assert all(len(name.rpartition(".")[2]) == 32 for name in names)


def test_what_is_there_already_is_neither_opened_nor_followed(tmp_path, monkeypatch):
    monkeypatch.setattr("secrets.token_hex", lambda count: "known")
    elsewhere = tmp_path / "elsewhere"
    for trap in (lambda path: path.symlink_to(elsewhere), lambda path: path.write_text("theirs")):
        trap(tmp_path / ".final.known")
        with pytest.raises(FileExistsError), file_beside(tmp_path / "final"):
            pass
        (tmp_path / ".final.known").unlink()
    assert not elsewhere.exists()


def test_a_name_as_long_as_a_name_can_be(tmp_path):
    with file_beside(tmp_path / ("x" * 255)) as (beside, _stream):
        assert beside.exists()
