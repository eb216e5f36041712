"""The progress card: what is kept and when, what a change in the file looks like, what is shown."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest
import torch

from labkit import cli, exercises, progress, training
from labkit.exercises.check import exercises_of, lab_of
from labkit.progress.card import NOT_PROVED, card
from labkit.progress.page import page
from labkit.training import Done, Run, Start


@pytest.fixture
def kept(monkeypatch, tmp_path):
    """The file, with lines kept from now on."""
    monkeypatch.setenv("LABKIT_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("LABKIT_PROGRESS", "on")
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    return tmp_path / "runs" / "progress.jsonl"


def check(name="the gradient", passed=True, lab="01", mistake=""):
    return progress.note("check", name=name, lab=lab, passed=passed, mistake=mistake)


def guess(name, off, attempt=1, lab="01", unit="%"):
    facts = {"guess": 50.0, "answer": 50.0 - 100 * off, "off": off, "unit": unit}
    return progress.note("prediction", name=name, lab=lab, **facts, attempt=attempt)


def chose(name, right, lab="01"):
    facts = {"guess": "a", "answer": "a" if right else "b", "right": right}
    return progress.note("choice", name=name, lab=lab, **facts, attempt=1)


def a_card(kept):
    return card(progress.read(kept), {"01": ["the gradient", "the limit", "dark"]})


def test_a_line_names_the_line_before_it(kept):
    assert check() and check(passed=False) and guess("limit", 0.1)
    entries = progress.read(kept)
    assert [e["kind"] for e in entries] == ["check", "check", "prediction"]
    assert entries[0]["before"] == progress.START
    assert [e["before"] for e in entries[1:]] == [e["hash"] for e in entries[:-1]]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", entries[0]["time"])
    assert progress.broken(entries) is None
    assert progress.stamp(entries) == entries[-1]["hash"][:12] and progress.stamp([]) == ""


@pytest.mark.parametrize("edit", ["value", "out", "swap", "in", "hash", "garbage"])
def test_a_change_in_the_middle_shows(edit, kept):
    for number in range(5):
        check(passed=number == 4, mistake=f"m{number}")
    lines = kept.read_text().splitlines()
    edited = {
        "value": [*lines[:2], lines[2].replace("false", "true"), *lines[3:]],
        "out": [*lines[:2], *lines[3:]],
        "swap": [*lines[:2], lines[3], lines[2], lines[4]],
        "in": [*lines[:2], lines[1], *lines[2:]],
        "hash": [*lines[:2], lines[2].replace('"hash": "', '"hash": "0'), *lines[3:]],
        "garbage": [*lines[:2], "{...", *lines[2:]],
    }[edit]
    kept.write_text("\n".join(edited) + "\n")
    entries = progress.read(kept)
    assert progress.broken(entries) is entries[2]
    assert "BROKEN: line 3" in str(a_card(kept)) and "BROKEN: line 3" in page(a_card(kept))


def test_a_line_made_to_fit_breaks_the_next_one(kept):
    for _ in range(3):
        check(passed=False)
    entries = progress.read(kept)
    forged = {k: v for k, v in entries[1].items() if k != "hash"} | {"passed": True}
    forged["hash"] = progress.digest(forged)
    kept.write_text("".join(json.dumps(e) + "\n" for e in (entries[0], forged, entries[2])))
    found = progress.read(kept)
    assert progress.broken(found) is found[2]


def test_what_the_chain_cannot_show_is_said(kept):
    check(passed=False)
    check(passed=True)
    kept.write_text(kept.read_text().splitlines()[0] + "\n")
    assert progress.broken(progress.read(kept)) is None
    assert any("cut off at the end" in each for each in NOT_PROVED)


def test_values_of_the_wrong_kind_are_damage_even_with_a_right_hash(kept):
    check()
    entry = {k: v for k, v in progress.read(kept)[0].items() if k != "hash"}
    for change in ({"passed": "yes"}, {"kind": ["check"]}, {"name": {"a": 1}}, {"time": 3}):
        wrong = entry | change
        kept.write_text(json.dumps(wrong | {"hash": progress.digest(wrong)}) + "\n[1]\nnull\n")
        assert all(set(e) == {"damaged"} for e in progress.read(kept))
        assert "BROKEN: line 1 (damaged)" in str(a_card(kept))


def test_a_line_cut_off_by_a_kill_stays_by_itself(kept):
    check()
    with kept.open("a") as file:
        file.write('{"kind": "che')
    check()
    entries = progress.read(kept)
    assert [("damaged" in e) for e in entries] == [False, True, False]
    assert entries[2]["before"] == entries[0]["hash"]


def test_threads_do_not_tear_the_chain(kept):
    workers = [
        threading.Thread(target=lambda: [check() for _ in range(10)], daemon=True) for _ in "abcd"
    ]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    entries = progress.read(kept)
    assert len(entries) == 40 and progress.broken(entries) is None


@pytest.mark.slow
def test_two_processes_do_not_tear_the_chain(kept):
    line = 'progress.note("check", name=str(i), lab="01", passed=True, mistake="")'
    code = f"from labkit import progress\nfor i in range(100): {line}"
    both = [subprocess.Popen([sys.executable, "-c", code]) for _ in "ab"]
    assert [each.wait(60) for each in both] == [0, 0]
    entries = progress.read(kept)
    assert len(entries) == 200 and progress.broken(entries) is None


def test_where_nothing_can_be_written_nothing_happens(kept, monkeypatch):
    kept.parent.parent.joinpath("file").write_text("")
    monkeypatch.setenv("LABKIT_RUNS", str(kept.parent.parent / "file"))
    assert check() is False
    assert exercises.lab01.kd.check(exercises.lab01.kd.reference).state == "correct"


def test_what_would_read_as_damage_is_not_written(kept):
    assert guess("limit", float("nan")) is False
    assert progress.read(kept) == []
    with pytest.raises(ValueError, match="a line of kind 'check' has"):
        progress.note("check", name="a", passed=True)


def test_lines_are_kept_where_somebody_sits(monkeypatch, kept):
    def kernel(**state):
        shell = SimpleNamespace(user_ns={}, **state)
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))

    monkeypatch.delenv("LABKIT_PROGRESS")
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not progress.kept()  # a script
    kernel()
    assert not progress.kept()  # IPython in a terminal
    kernel(kernel=SimpleNamespace(_allow_stdin=False))
    assert not progress.kept()  # papermill
    kernel(kernel=SimpleNamespace(_allow_stdin=True))
    assert progress.kept()
    monkeypatch.setenv("LABKIT_PROGRESS", "off")
    assert not progress.kept() and check() is False and not kept.exists()


@pytest.mark.slow
@pytest.mark.parametrize("somebody", [True, False])
def test_a_real_kernel_knows_whether_somebody_sits_there(somebody, tmp_path):
    manager = pytest.importorskip("jupyter_client.manager")
    env = {k: v for k, v in os.environ.items() if k != "LABKIT_PROGRESS"}
    env |= {"LABKIT_RUNS": str(tmp_path), "JPY_SESSION_NAME": "/home/someone/01_dark.ipynb"}
    run, client = manager.start_new_kernel(env=env)
    try:
        client.allow_stdin = somebody
        line = 'progress.note("check", name="a", passed=True, mistake="")'
        client.execute_interactive(
            f"from labkit import progress; {line}", allow_stdin=somebody, timeout=60
        )
    finally:
        client.stop_channels()
        run.shutdown_kernel(now=True)
    entries = progress.read(tmp_path / "progress.jsonl")
    assert [entry["lab"] for entry in entries] == ["01"] * somebody
    assert "someone" not in str(entries)


@pytest.mark.parametrize(
    ("opened", "lab"),
    [("01_dark_knowledge.ipynb", "01"), ("/home/someone/07_mimkd.ipynb", "07"), ("mine.ipynb", "")],
)
def test_the_notebook_names_the_lab(opened, lab, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", opened)
    assert progress.notebook() == lab


def test_the_file_lies_where_runs_are_kept(kept, monkeypatch, tmp_path):
    assert training.keep({}, "x").parent == progress.place().parent == kept.parent
    monkeypatch.delenv("LABKIT_RUNS")
    monkeypatch.setattr("os.access", lambda *a: False)
    monkeypatch.chdir(tmp_path)
    assert progress.place() == tmp_path / "runs" / "progress.jsonl"


def test_importing_it_costs_nothing():
    code = "from labkit import progress; import sys; print({'torch', 'filelock'} & {*sys.modules})"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"


def test_a_check_leaves_a_line_and_prints_what_it_did(kept, monkeypatch):
    kd = exercises.lab01.kd
    message, mistake = next(iter(kd.mistakes.items()))
    shown = [repr(kd.check(answer)) for answer in (mistake, lambda *a: 1 / 0, kd.reference)]
    assert kd.check(lambda *a: None).state == "not attempted"
    entries = progress.read(kept)
    assert [(e["passed"], e["mistake"]) for e in entries] == [
        (False, message), (False, ""), (True, ""),
    ]  # fmt: skip
    assert {(e["lab"], e["name"]) for e in entries} == {("01", "the distillation loss")}
    monkeypatch.setenv("LABKIT_PROGRESS", "off")
    again = [repr(kd.check(answer)) for answer in (mistake, lambda *a: 1 / 0, kd.reference)]
    assert shown == again and len(progress.read(kept)) == 3


def test_what_a_learner_wrote_into_an_error_is_not_kept(kept):
    def answer(*arguments):
        raise OSError("/home/someone/secret.txt")

    exercises.lab01.kd.check(answer)
    assert "someone" not in kept.read_text() and progress.read(kept)[0]["passed"] is False


def test_every_exercise_has_a_lab_and_a_name_of_its_own_in_it(kept):
    labs = {name: lab for name, lab in vars(exercises).items() if re.fullmatch(r"lab\d\d", name)}
    assert len(labs) >= 11
    for name, lab in labs.items():
        found = exercises_of(lab)
        assert {id(each) for each in lab.EXERCISES} <= {id(each) for each in found}
        assert len({each.name for each in found}) == len(found)
        assert {f"lab{lab_of(each)}" for each in found} == {name}
    own = exercises.Exercise("add", torch.sum, lambda: [(torch.ones(3),)], {}, "correct.")
    assert own.check(torch.sum).state == "correct" and lab_of(own) == "" and not kept.exists()


RECORD = {
    "config": {"student": "resnet8", "data": {"folder": "/home/someone"}},
    "knob_changes": [{"step": 3, "name": "alpha", "new": 0.5}],
    "result": {"test_accuracy": 0.41234567},
}


def events(record):
    yield Start(1, 1.0)
    yield Done(1, record)


def test_a_named_run_leaves_a_line_with_the_hash_of_its_record(kept):
    record = training.run(events(RECORD), name="with the teacher")
    training.run(events(RECORD), on_event=lambda event: None)  # nameless, as in sweeps
    (entry,) = progress.read(kept)
    assert (entry["kind"], entry["name"]) == ("run", "with the teacher")
    assert (entry["network"], entry["test_accuracy"], entry["knob_changes"]) == (
        "resnet8", 0.4123, 1,
    )  # fmt: skip
    file = training.keep(record, "mine")
    assert entry["record"] == progress.digest(json.loads(file.read_text()))
    assert "someone" not in kept.read_text()


@pytest.mark.parametrize(
    "record",
    [{}, {"result": {"test_accuracy": float("nan")}}, {"config": None}, {"config": {"model": 3}}],
)
def test_a_record_of_any_shape_leaves_the_run_alone(record, kept):
    assert Run(events(record), name="odd").start().result() == record
    (entry,) = progress.read(kept)
    assert (entry["network"], entry["test_accuracy"]) == ("", None)


def test_a_record_that_cannot_be_hashed_leaves_no_line(kept):
    loop: dict = {}
    loop["self"] = loop
    assert Run(events(loop), name="odd").start().result() is not None
    assert Run(events({"result": 3}), name="odd").start().state == "done"
    assert progress.read(kept) == []


def test_a_note_is_quick(kept):
    record = {"curve": [{"epoch": n, "accuracy": n / 7, "loss": n / 3} for n in range(100)]}
    times = []
    for _ in range(20):
        began = time.perf_counter()
        progress.finished("run", record)
        times.append(time.perf_counter() - began)
    assert min(times) < 0.01  # 1 ms on a machine with nothing else to do


def filled():
    check("the gradient", passed=False, mistake="the sign is turned")
    check("the gradient")
    check("dark", passed=False)
    guess("limit", 0.1)
    guess("limit", 0.0, attempt=2)
    guess("slope", 0.3)
    chose("which", True)
    chose("why", False)
    progress.finished("mine", RECORD)
    guess("elsewhere", 0.5, lab="", unit="")


def test_the_card_adds_up(kept):
    filled()
    first, second = a_card(kept).rows
    assert (first.lab, first.passed, first.exercises) == ("01", 1, 3)
    assert (first.predictions, first.off, first.repeated) == (2, pytest.approx(0.2), 1)
    assert (first.choices, first.right, first.runs) == (2, 1, 0)
    assert (second.lab, second.predictions, second.runs) == ("", 1, 1)
    shown = str(a_card(kept))
    assert "1 of 3" in shown and "2, 20% of the range (+1 repeated)" in shown and "other" in shown
    assert all(each in shown for each in NOT_PROVED)


class Tags(HTMLParser):
    """Every tag and attribute of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_the_page_escapes_everything_and_needs_nothing(kept):
    filled()
    plain = Tags(page(a_card(kept)))
    assert plain.tags.isdisjoint({"script", "a", "img", "link", "iframe"})
    assert plain.attributes == {"lang", "charset", "scope"}
    evil = "<script>alert(1)</script><img src=x onerror=y>&"
    check(evil, passed=False, mistake=evil, lab=evil)
    facts = {"guess": evil, "answer": evil, "right": True, "attempt": 1}
    progress.note("choice", name=evil, lab=evil, **facts)
    guess(evil, 0.2, unit=evil)
    record = RECORD | {"config": {"student": evil}}
    progress.finished(evil, record)
    text = page(a_card(kept))
    assert "&lt;script&gt;" in text and "http" not in text and "@import" not in text
    assert (Tags(text).tags, Tags(text).attributes) == (plain.tags, plain.attributes)
    assert "the sign is turned" in text and "-10 points" not in text and "41.2%" in text
    assert all(each.split(":")[0] in text for each in NOT_PROVED)


def test_the_command_shows_the_card_and_writes_the_page(kept, capsys, tmp_path):
    assert cli.main(["progress"]) == 0
    assert "No lines yet" in capsys.readouterr().out
    exercises.lab01.kd.check(exercises.lab01.kd.reference)
    training.run(events(RECORD), name="mine")
    mine, other = training.keep(RECORD, "mine"), training.keep({"seed": 2}, "other")
    out = tmp_path / "card.html"
    capsys.readouterr()
    assert cli.main(["progress", "--html", str(out), "--record", str(mine)]) == 0
    shown = capsys.readouterr().out
    assert "1 of 4" in shown and "is whole" in shown and f"{mine} is on the card" in shown
    assert str(tmp_path) not in out.read_text() and "the distillation loss" in out.read_text()
    assert cli.main(["progress", "--record", str(other), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["record"] == [] and told["whole"]
    assert sum(lab["passed"] for lab in told["labs"]) == 1
    assert len(told["lines"]) == 2 and told["not_proved"] == list(NOT_PROVED)


def test_the_command_fails_for_a_broken_chain_and_for_no_file(kept, capsys, tmp_path):
    check(passed=False)
    check(passed=False)
    handed = tmp_path / "handed.jsonl"
    handed.write_text(kept.read_text().replace("false", "true", 1))
    assert cli.main(["progress", str(handed)]) == 1
    assert capsys.readouterr().out.startswith("BROKEN: line 1 (2")
    assert cli.main(["progress", str(handed), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["broken_line"] == 1
    assert cli.main(["progress"]) == 0
    assert cli.main(["progress", str(tmp_path / "none.jsonl")]) == 1
    assert "there is no file" in capsys.readouterr().err


def test_a_later_labkit_may_have_other_lines(kept):
    check()
    (entry,) = progress.read(kept)
    later = {k: v for k, v in entry.items() if k != "hash"} | {"kind": "exam", "before": ""}
    kept.write_text(json.dumps(later | {"hash": progress.digest(later)}) + "\n")
    check()
    assert progress.broken(progress.read(kept)) is None and a_card(kept).rows[0].passed == 1
