"""The runner of `make test`: every stage runs, any failure fails the whole, the sum is right."""

import sys
from pathlib import Path

import pytest

from tests import stages

GOOD, BAD = "def test_good(): pass", "def test_bad(): assert 0"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    """Runs stages given as {name: text of a test file, or code to run}: exit status, last line."""

    def run(**texts: str) -> tuple[int, str]:
        commands = {}
        for name, text in texts.items():
            file = tmp_path / f"test_{name}.py"
            file.write_text(text)
            bare = [*stages.PYTEST, f"--rootdir={tmp_path}", "-c/dev/null", str(file)]
            commands[name] = [[sys.executable, str(file)] if name == "lint" else bare]
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # quicker
        monkeypatch.setattr(stages, "STAGES", commands)
        monkeypatch.setattr(stages, "REPORTS", tmp_path / "reports")
        status = stages.main(list(texts))
        return status, capsys.readouterr().out.splitlines()[-1].split(" in ")[0]

    return run


def test_all_good(run) -> None:
    assert run(one=GOOD, two=GOOD + "\nimport pytest\ndef test_off(): pytest.skip('x')") == (
        0,
        "2 passed, 0 failed, 1 skipped",
    )


def test_a_failure_in_the_first_stage_stops_nothing_and_fails_all(run) -> None:
    assert run(one=BAD, two=GOOD) == (1, "1 passed, 1 failed, 0 skipped")


def test_a_test_file_that_cannot_be_imported_fails(run) -> None:
    assert run(one="import nothing_of_that_name\n" + GOOD) == (1, "0 passed, 1 failed, 0 skipped")


def test_a_command_that_is_no_test_counts_as_one(run) -> None:
    assert run(lint="raise SystemExit(1)") == (1, "0 passed, 1 failed, 0 skipped")


def test_no_tests_is_no_failure_except_for_a_browser_that_is_required(
    run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LABKIT_REQUIRE_BROWSER", raising=False)
    assert run(browser="")[0] == 0
    monkeypatch.setenv("LABKIT_REQUIRE_BROWSER", "1")
    assert run(browser="") == (1, "0 passed, 1 failed, 0 skipped")
