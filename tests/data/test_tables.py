"""Trial tables and captions, as spreadsheets and scanners write them."""

from __future__ import annotations

import numpy as np
import pytest

from recortex.data._trial_table import read_trials
from recortex.data.caption_table import CaptionTable
from recortex.errors import InvalidInput
from tests.data.files import refused


@pytest.fixture
def table(tmp_path):
    def write(text: str, name: str = "trials.csv", encoding: str = "utf-8"):
        path = tmp_path / name
        path.write_text(text, encoding=encoding, newline="")
        return path

    return write


def test_a_byte_order_mark_quotes_and_windows_line_ends_are_read_through(table):
    path = table('"stimulus","run"\r\n"cat, black",1\r\n"say ""no""",2\r\n', encoding="utf-8-sig")
    trials = read_trials(path)
    assert trials["stimulus"].tolist() == ["cat, black", 'say "no"']
    assert trials["run"].tolist() == ["1", "2"]


def test_tabs_separate_a_tsv_and_names_in_any_script_are_names(table):
    trials = read_trials(table("run\tstimulus\n1\tпёс, чёрный\n2\t猫\n", "trials.tsv"))
    assert trials["stimulus"].tolist() == ["пёс, чёрный", "猫"]


def test_names_that_look_like_numbers_stay_as_they_were_written(table):
    assert read_trials(table("stimulus\n001\n1e3\nNA\nnan\n"))["stimulus"].tolist() == ["001", "1e3", "NA", "nan"]


def test_a_bids_events_file_is_a_trial_table(table):
    header = "onset\tduration\ttrial_type\tresponse_time\tstim_file\tstimulus"
    rows = "0.5\t2\tface\t0.31\timages/a.png\ta\n3\t2\thouse\tn/a\timages/b.png\tb\n"
    trials = read_trials(table(f"{header}\n{rows}", "sub-1_events.tsv"))
    assert trials["onset_s"].tolist() == [0.5, 3.0]
    assert trials["extra_column"].tolist() == ["duration", "trial_type", "response_time", "stim_file"]
    assert trials["extra"].tolist() == [["2", "face", "0.31", "images/a.png"], ["2", "house", "n/a", "images/b.png"]]


@pytest.mark.parametrize("column", ["condition", "rt", "stimulus_file", "position", "version", "Split", "sesion", "row", "extra"])
def test_a_column_of_ones_own_is_kept_beside_the_known_ones(column, table):
    trials = read_trials(table(f"{column},stimulus,run\nx,a,1\ny,b,1\n"))
    assert set(trials) == {"stimulus", "run", "extra", "extra_column"}
    assert trials["extra_column"].tolist() == [column]
    assert trials["extra"].tolist() == [["x"], ["y"]]


def test_a_misspelt_stimulus_column_is_refused_with_the_right_name(table):
    refused(lambda: read_trials(table("stimlus,run\na,1\n")), InvalidInput, "stimulus", "stimlus")


@pytest.mark.parametrize(("separator", "name"), [(";", "t.csv"), ("\t", "t.csv"), (",", "t.tsv")])
def test_another_separator_is_named(separator, name, table):
    text = f"stimulus{separator}run\na{separator}1\n"
    wanted = "commas" if name.endswith("csv") else "tabs"
    refused(lambda: read_trials(table(text, name)), InvalidInput, name, wanted)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stimulus,run\na,1\n,2\n", ["line 3", "no stimulus"]),
        ("stimulus,run\na,1\nb\n", ["line 3", "1 cells", "2"]),
        ("stimulus,run\na,1,1\n", ["line 2", "3 cells"]),
        ("stimulus,run,run\na,1,1\n", ["run", "twice"]),
        ("stimulus,onset,onset_s\na,1,2\n", ["onset"]),
        ("stimulus,onset\na,soon\n", ["line 2", "'soon'", "seconds"]),
        ("stimulus,run\n", ["nothing below"]),
        ("", ["empty"]),
        ('stimulus,run\n"a,1\n', ["trials.csv"]),
        ("run,category\n1,a\n", ["no column stimulus", "run, category"]),
    ],
)
def test_a_broken_table_is_refused_by_line(text, words, table):
    refused(lambda: read_trials(table(text)), InvalidInput, "trials.csv", *words)


def test_an_onset_that_is_no_time_is_refused(table):
    refused(lambda: read_trials(table("stimulus,onset\na,1\nb,nan\n")), InvalidInput, "line 3", "nan")


def test_the_line_that_is_named_is_the_line_of_the_file(table):
    refused(lambda: read_trials(table("stimulus,run\n\na,1\n\nb,2\n,3\n")), InvalidInput, "line 6")
    refused(lambda: read_trials(table('stimulus,run\n"a\nb",1\nc\n')), InvalidInput, "line 4")


def test_another_encoding_is_refused_with_the_right_one(table):
    refused(lambda: read_trials(table("stimulus\nKäse\n", encoding="latin-1")), InvalidInput, "UTF-8")
    refused(lambda: read_trials(table("stimulus\na\n", encoding="utf-16")), InvalidInput, "UTF-8")


def test_a_spreadsheet_is_refused_with_what_to_save_it_as(tmp_path):
    (tmp_path / "trials.xlsx").write_bytes(b"PK\x03\x04")
    refused(lambda: read_trials(tmp_path / "trials.xlsx"), InvalidInput, "trials.xlsx", ".csv", ".tsv")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Stimulus,run\na,1\n", ["no column stimulus; rename its column Stimulus to stimulus"]),
        (
            "pic_16,1\npic_03,1\n",
            ["its first line is pic_16, 1: rename the", "if that line is a trial, put a line of column names above"],
        ),
        (
            "# of mine\nstimulus,run\na,1\n",
            ["in its first line; if line 2 holds the names of the columns, take away what stands above"],
        ),
        ("1,2\n3,4\n", ["numbers, not names: put a line of column names above it"]),
        ("stimulus,onset\na,1500ms\n", ["line 2 has onset '1500ms', not a number"]),
        ("stimulus,window_s\na,1500ms\n", ["line 2 has window_s '1500ms', not a number"]),
    ],
)
def test_a_table_that_is_not_headed_as_it_should_be_is_told_what_to_change(text, words, table):
    refused(lambda: read_trials(table(text)), InvalidInput, "trials.csv", *words)


def test_an_array_given_as_a_table_is_told(tmp_path):
    np.save(tmp_path / "betas.npy", np.eye(3))
    refused(lambda: read_trials(tmp_path / "betas.npy"), InvalidInput, "betas.npy is no table", "suffix .npy", "give a .csv")


def test_wordings_of_a_stimulus_are_gathered_wherever_they_stand(table):
    path = table('stimulus,caption,who\nb,"a dog, running",x\na,a cat,x\nb,two dogs,y\n')
    made = CaptionTable(path=path).run()
    assert made["stimulus"].tolist() == ["b", "a"]
    assert made["caption"].tolist() == [["a dog, running", "two dogs"], ["a cat", ""]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stimulus,caption\na,\n", ["line 2", "no caption"]),
        ("stimulus,caption\n,a dog\n", ["line 2", "no stimulus; write it, or take"]),
        ("stimulus,text\na,b\n", ["no column caption", "text"]),
        ("stimulus,captoin\na,b\n", ["no column caption; rename its column captoin to caption"]),
        ("stimulus,caption\na,a dog, running\n", ["line 2", "3 cells"]),
    ],
)
def test_a_caption_that_is_not_there_is_named_by_line(text, words, table):
    refused(lambda: CaptionTable(path=table(text)), InvalidInput, "trials.csv", *words)
