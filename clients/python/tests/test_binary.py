"""Where the program is looked for, in which order, and what is said when it is nowhere."""

import os

import pytest
from smslite import BinaryNotFound, find_binary


def program(path, script="#!/bin/sh\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script)
    path.chmod(0o755)
    return path


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """Nothing is said, installed or built, and the package lies in no checkout."""
    for name in ("SMSLITE_BINARY", "CARGO_TARGET_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("smslite._binary.__file__", str(tmp_path / "site" / "smslite" / "_binary.py"))
    return tmp_path


@pytest.fixture
def checkout(nowhere, monkeypatch):
    (nowhere / "checkout").mkdir()
    (nowhere / "checkout" / "Cargo.toml").write_text('[package]\nname = "smslite"\n')
    within = nowhere / "checkout" / "clients" / "python"
    within.mkdir(parents=True)
    monkeypatch.chdir(within)
    return nowhere / "checkout"


def test_what_is_asked_for_goes_before_the_environment_and_that_before_the_path(nowhere, monkeypatch):
    installed = program(nowhere / "bin" / "smslite")
    assert find_binary() == installed
    monkeypatch.setenv("SMSLITE_BINARY", str(program(nowhere / "other" / "smslite")))
    assert find_binary() == nowhere / "other" / "smslite"
    assert find_binary(program(nowhere / "third" / "smslite")) == nowhere / "third" / "smslite"


def test_of_the_builds_of_a_checkout_the_newest_is_meant(checkout):
    for profile, age in (("release", 1000), ("ci", 3000), ("debug", 2000)):
        path = program(checkout / "target" / profile / "smslite")
        os.utime(path, (age, age))
    assert find_binary() == checkout / "target" / "ci" / "smslite"


def test_a_checkout_without_a_build_is_built_once(checkout, capfd):
    program(checkout.parent / "bin" / "cargo", "#!/bin/sh\n/bin/mkdir -p target/release\n/bin/cp $0 target/release/smslite\necho $@\n")
    assert find_binary() == checkout / "target" / "release" / "smslite"
    assert "build --release" in capfd.readouterr().out
    find_binary()
    assert capfd.readouterr().out == ""


def test_a_build_that_fails_says_so(checkout):
    program(checkout.parent / "bin" / "cargo", "#!/bin/sh\nexit 1\n")
    with pytest.raises(BinaryNotFound, match="could not build"):
        find_binary()


def test_without_cargo_a_checkout_says_what_is_missing(checkout):
    with pytest.raises(BinaryNotFound, match="no cargo"):
        find_binary()


def test_another_crates_manifest_is_no_checkout(nowhere):
    (nowhere / "Cargo.toml").write_text('[package]\nname = "other"\n[dependencies]\nsmslite = "1"\n')
    with pytest.raises(BinaryNotFound, match="cargo install"):
        find_binary()


@pytest.mark.parametrize("words, make", [("where no file is", None), ("cannot be executed", 0o644)])
def test_a_wrong_word_is_not_passed_over(nowhere, monkeypatch, words, make):
    program(nowhere / "bin" / "smslite")
    if make:
        program(nowhere / "wrong").chmod(make)
        if os.access(nowhere / "wrong", os.X_OK):
            pytest.skip("who runs this may execute everything")
    monkeypatch.setenv("SMSLITE_BINARY", str(nowhere / "wrong"))
    with pytest.raises(BinaryNotFound, match=f"SMSLITE_BINARY says .*{words}"):
        find_binary()
