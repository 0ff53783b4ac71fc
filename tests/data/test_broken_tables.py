"""Trial tables and captions that are none, break off or mean two things are told by line; odd ones are read as they were meant."""

from __future__ import annotations

import gzip
import zipfile

import numpy as np
import pytest

from recortex.data import _memory
from recortex.data._trial_table import read_trials
from recortex.data.base import rows_of
from recortex.data.caption_table import CaptionTable
from recortex.data.picture_file import PictureFile
from recortex.errors import InvalidInput
from tests.data.broken import Broken, Desk, bounded
from tests.data.files import recortex, refused, write_table

BROKEN = Broken()


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_table_is_told_in_one_line(name, desk):
    BROKEN.check(name, desk)


def trials(desk: Desk, content: str | bytes, name: str = "trials.csv"):
    """The recording with a table of these bytes."""
    return desk.brain(trials=desk.bytes(name, content.encode() if isinstance(content, str) else content))


def seven(*columns: str, name: str = "", cells: str = "") -> str:
    """A table of seven sound lines, of which one column may be of other cells."""
    table = {"stimulus": list("abcdefg"), **{column: list("1111222") for column in columns}}
    if name:
        table[name] = cells.split(" ")
    return "\n".join([",".join(table), *(",".join(row) for row in zip(*table.values(), strict=True))]) + "\n"


# what is no table


@BROKEN("trials.csv", "a zip archive, as spreadsheets")
def a_workbook_called_csv(desk):
    with zipfile.ZipFile(desk.folder / "trials.csv", "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return desk.brain()


@BROKEN("trials.csv", "an old Excel")
def an_old_workbook_called_csv(desk):
    return trials(desk, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504)


@BROKEN("trials.csv", "gzip")
def a_gzipped_table(desk):
    return trials(desk, gzip.compress(seven().encode()))


@BROKEN("trials.csv", "UTF-16", "UTF-8")
def a_table_in_utf_16(desk):
    return trials(desk, seven().encode("utf-16"))


@BROKEN("trials.csv has no column stimulus", "s\\x00t")
def a_table_in_utf_16_without_its_mark(desk):
    return trials(desk, seven().encode("utf-16-le"))


@BROKEN("trials.csv", "a PDF")
def a_printed_table(desk):
    return trials(desk, b"%PDF-1.4 trials")


@BROKEN("trials.tsv", "a web page")
def a_page_called_tsv(desk):
    return trials(desk, "<!doctype html>\n<html><body>Sign in</body></html>", "trials.tsv")


@BROKEN("trials.csv", "bytes are all 0")
def a_table_of_zeros(desk):
    return trials(desk, b"\0" * 100)


@BROKEN("trials.csv", "it is empty")
def a_table_of_no_bytes(desk):
    return trials(desk, b"")


@BROKEN("trials.csv", "no column stimulus", "it is empty")
def a_table_of_blank_lines(desk):
    return trials(desk, "\n\r\n\n")


@BROKEN("trials.csv", "it is empty")
def a_table_of_a_byte_order_mark(desk):
    return trials(desk, b"\xef\xbb\xbf\n")


@BROKEN("trials.csv", "not separated by commas", "stimulus;onset")
def semicolons_and_decimal_commas(desk):
    return trials(desk, "stimulus;onset\n" + "".join(f"{name};0,5\n" for name in "abcdefg"))


@BROKEN("trials.csv", "no column stimulus", "its first line is {, a: 1")
def a_list_of_another_language(desk):
    return trials(desk, "{,a: 1\n},\n")


# quotes, cells and columns


@BROKEN("trials.csv: line 8", "quotation mark", "not closed")
def a_quote_that_swallows_the_table(desk):
    return trials(desk, seven().replace("b\n", '"b\n'))


@BROKEN("trials.csv: line 3", "quotation mark")
def a_word_behind_a_quote(desk):
    return trials(desk, seven().replace("b\n", '"b" x\n'))


@BROKEN("trials.csv: line 3", "quotation mark", "131072")
def a_cell_that_does_not_end(desk):
    return trials(desk, seven().replace("b\n", "b" * 200_000 + "\n"))


@BROKEN("trials.csv: line 2 has 2 cells, the header 1")
def a_comma_behind_each_row_and_not_behind_the_header(desk):
    return trials(desk, seven().replace("\n", ",\n").replace("stimulus,", "stimulus"))


@BROKEN("trials.csv: column run stands twice")
def a_column_that_stands_twice_among_many(desk):
    return trials(desk, seven("run", "x").replace("x", "run", 1))


@BROKEN("trials.csv: column é stands twice")
def a_column_that_stands_twice_in_two_forms_of_unicode(desk):
    return trials(desk, "stimulus,\u00e9,e\u0301\n" + "a,1,2\n" * 7)


@BROKEN("trials.csv", "no column stimulus")
def two_hundred_thousand_columns(desk):
    return trials(desk, ",".join(f"c{number}" for number in range(200_000)) + "\n" + ",".join("1" * 200_000) + "\n")


@BROKEN("trials.csv: line 3", "'\\x00'", "stimulus")
def a_nul_in_a_name(desk):
    return trials(desk, seven().replace("b\n", "b\0\n"))


@BROKEN("trials.csv: line 4", "'\\n'", "stimulus")
def a_name_of_two_lines(desk):
    return trials(desk, seven().replace("b\n", '"b\nb"\n'))


@BROKEN("trials.csv: line 3", "'\\x1b'", "condition")
def a_cell_that_clears_the_screen(desk):
    return trials(desk, seven("condition").replace("b,1", "b,\x1b[2J"))


@BROKEN("trials.csv: line 1", "'\\t'")
def a_tab_in_the_name_of_a_column(desk):
    return trials(desk, seven("condition").replace("condition", "con\tdition"))


@BROKEN("trials.csv has no column stimulus", "'stim\\x0blus'")
def a_tab_of_typewriters_in_the_name_of_a_column(desk):
    return trials(desk, seven().replace("stimulus", "stim\x0blus"))


@BROKEN("trials.csv: line 3", "u2028")
def a_line_end_of_unicode(desk):
    return trials(desk, seven().replace("b\n", "b\u2028c\n"))


# what a trial must say


@BROKEN("trials.csv: line 4 has no stimulus")
def a_stimulus_of_spaces(desk):
    return trials(desk, seven("run").replace("c,", "  \u00a0 ,"))


@BROKEN("trials.csv: line 4 has no stimulus")
def a_stimulus_that_bids_calls_missing(desk):
    return trials(desk, seven("run").replace("c,", "n/a,"))


@BROKEN("trials.csv: line 5 has no run", "complete the column run, or take it away")
def a_trial_without_a_run(desk):
    return trials(desk, seven("run").replace("d,1", "d,"))


@BROKEN("trials.csv: line 5 has no session", "session")
def a_trial_without_a_session(desk):
    return trials(desk, seven("session").replace("d,1", "d,n/a"))


@BROKEN("trials.csv: line 9 has no stimulus; complete the column stimulus, or take the line and its row of responses away")
def rows_of_commas_below_the_table(desk):
    """As spreadsheets leave them where cells were cleared."""
    return trials(desk, seven("run") + ",\n,\n")


@BROKEN("trials.csv: stimulus 1 of line 2 is written 01 on line 5", "one way")
def one_number_with_and_without_a_nought(desk):
    return trials(desk, "stimulus\n1\n2\n3\n01\n02\n03\n4\n")


@BROKEN("trials.csv: stimulus 3.0 of line 2 is written 3 on line 4")
def one_number_with_and_without_a_point(desk):
    return trials(desk, "stimulus\n3.0\n2.0\n3\n1\n5\n6\n7\n")


@BROKEN("trials.csv: line 3 has onset '1,5', not a number of seconds; write it with a point")
def an_onset_with_a_decimal_comma(desk):
    return trials(desk, seven(name="onset", cells="0 1,5 2 3 4 5 6").replace("b,1,5", 'b,"1,5"'))


@BROKEN("trials.csv: line 4 has onset_s '1_000'")
def an_onset_as_programmers_write_it(desk):
    return trials(desk, seven(name="onset_s", cells="0 1 1_000 3 4 5 6"))


@BROKEN("trials.csv: line 2 has onset_s '00:01:30'")
def an_onset_of_a_clock(desk):
    return trials(desk, seven(name="onset_s", cells="00:01:30 1 2 3 4 5 6"))


@BROKEN("trials.csv: line 2 has onset_s '=A2*2'")
def an_onset_that_is_a_formula(desk):
    return trials(desk, seven(name="onset_s", cells="=A2*2 1 2 3 4 5 6"))


@BROKEN("trials.csv: line 8 has onset 'inf'")
def an_onset_without_end(desk):
    return trials(desk, seven(name="onset", cells="0 1 2 3 4 5 inf"))


@BROKEN("trials.csv: line 3 has window_s 'n/a'")
def a_window_that_is_missing(desk):
    return trials(desk, seven(name="window_s", cells="1 n/a 1 1 1 1 1"))


# captions


def captions(desk: Desk, text: str) -> CaptionTable:
    return CaptionTable(path=desk.bytes("captions.csv", text.encode()))


@BROKEN("captions.csv: line 3 has no stimulus")
def words_about_nothing(desk):
    return captions(desk, "stimulus,caption\na,a dog\n ,a cat\n")


@BROKEN("captions.csv: line 3 has no caption")
def no_words(desk):
    return captions(desk, 'stimulus,caption\na,a dog\nb,"\n\n"\n'.replace("\n\n", " "))


@BROKEN("captions.csv: line 2", "'\\x00'", "caption")
def a_nul_among_words(desk):
    return captions(desk, "stimulus,caption\na,a\0dog\n")


@BROKEN("captions.csv: line 3", "'\\n'", "stimulus")
def a_stimulus_of_two_lines(desk):
    return captions(desk, 'stimulus,caption\n"a\nb",a dog\n')


@BROKEN("captions.csv: line 2 has 4 cells, the header 2")
def commas_that_are_not_in_quotes(desk):
    return captions(desk, "stimulus,caption\na,a dog, a cat, a bird\n")


@BROKEN("captions.csv", "GB of memory", "line 2")
def one_caption_as_long_as_a_book_beside_many(desk):
    """Each would take the room of the longest."""
    lines = [f"s{number},a dog" for number in range(60_000)]
    return captions(desk, "\n".join(["stimulus,caption", "book," + "word " * 25_000, *lines]))


# names that do not find each other


def numbered(desk: Desk, names: list[str], start: int = 0) -> Desk:
    """Trials that name pictures by number, and a stack of seven pictures numbered from a start."""
    write_table(desk.own.trials, {"stimulus": names})
    desk.own.npy()
    np.save(desk.folder / "p.npy", np.random.default_rng(0).integers(0, 256, (7, 6, 6), dtype=np.uint8))
    (desk.folder / "my.yaml").write_text(
        "brain: {type: ResponseFile, path: betas.npy, trials: trials.csv}\n"
        f"stimuli: {{type: PictureFile, path: p.npy, numbered_from: {start}}}\n"
        "pixels: {type: Pixels, stimuli: stimuli}\nsplit: {type: KFold, folds: 2}\n"
        "encoder: {type: RidgeEncoder, brain: brain, features: pixels, split: split}\n"
    )
    return desk


@pytest.mark.parametrize(
    ("names", "start", "words"),
    [
        (list("1234567"), 0, ["they run from 1 to 7 and those from 0 to 6", "numbered_from: 1"]),
        (list("0123456"), 1, ["they run from 0 to 6 and those from 1 to 7", "count both from 0 or both from 1"]),
        ([f"{number}.0" for number in range(7)], 0, ["there 0.0 is written 0", "one way"]),
        ([f"{number:02d}" for number in range(7)], 0, ["there 00 is written 0", "one way"]),
        ([f"{number}.png" for number in range(7)], 0, ["did you mean 0?", "suffix"]),
    ],
)
def test_trials_that_number_pictures_otherwise_are_told_how(names, start, words, desk):
    numbered(desk, names, start)
    said = recortex("run", desk.folder / "my.yaml", "--outputs", desk.elsewhere / "outputs")
    assert (said.code, said.err) == (2, "")
    told = [line for line in said.out.splitlines() if line.startswith("failed  data audit")]
    assert len(told) == 1 and all(word in told[0] for word in words), said.out


@pytest.mark.parametrize(
    ("wanted", "available", "words"),
    [
        (["s1.png", "s2.png"], ["s1", "s2"], "did you mean s1?"),
        (["Cat"], ["cat", "dog"], "did you mean cat?"),
        (["3"], ["1", "2"], "they run from 3 to 3 and those from 1 to 2"),
        (["1", "a"], ["2", "3"], "it holds 2, 3"),
        (["007"], ["7", "8"], "there 007 is written 7"),
        (["house"], ["17", "18"], "it holds 17, 18: name each as there"),
        (["pic_03", "pic_13"], ["pic_13", "pic_14"], "1 of the stimuli is not in the pictures: pic_03; add it there"),
        (["pic_3", "pic_13"], ["pic_03", "pic_13"], "did you mean pic_03?"),
        (["face", "faces"], ["faces", "house"], "add it there, or leave its trials out"),
    ],
)
def test_a_name_that_is_not_there_is_told_with_what_it_may_have_meant(wanted, available, words):
    refused(lambda: rows_of(np.array(wanted), np.array(available), "stimuli", "the pictures"), InvalidInput, words)


# read right


def columns(desk: Desk, content: str | bytes, name: str = "trials.csv") -> dict[str, list]:
    made = read_trials(desk.bytes(name, content if isinstance(content, bytes) else content.encode()))
    return {key: value.tolist() for key, value in made.items()}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("name", ["t.csv", "t.CSV", "t.tsv"])
def test_line_ends_and_marks_of_every_system_are_read_through(end, mark, name, desk):
    separator = "\t" if name == "t.tsv" else ","
    text = mark + end.join(f"{stimulus}{separator}{run}" for stimulus, run in [("stimulus", "run"), ("a", "1"), ("b", "2")]) + end
    assert columns(desk, text, name) == {"stimulus": ["a", "b"], "run": ["1", "2"]}


def test_a_mark_where_two_files_were_joined_is_no_part_of_a_name(desk):
    assert columns(desk, "\ufeffstimulus\n\ufeffa\nb\n")["stimulus"] == ["a", "b"]


def test_columns_without_a_name_are_no_columns(desk):
    """A spreadsheet's empty ones, and the row numbers that pandas writes."""
    assert columns(desk, ",stimulus,,run,,\n0,a,,1,,\n1,b,,2,,\n") == {"stimulus": ["a", "b"], "run": ["1", "2"]}


def test_two_forms_of_one_letter_are_one_name(desk):
    assert columns(desk, "stimulus\ncaf\u00e9\ncafe\u0301\n")["stimulus"] == ["caf\u00e9"] * 2


def test_what_looks_like_a_missing_value_or_a_formula_is_a_name(desk):
    names = ["NA", "nan", "null", "None", "#N/A", "=1+1", "-", "0", "1e5", "True", "'", "@", "+1"]
    assert columns(desk, "\n".join(["stimulus", *names]))["stimulus"] == names


def test_onsets_may_lie_before_the_recording_and_be_written_in_any_way_of_numbers(desk):
    assert columns(desk, "stimulus,onset\na,-3.5\nb,1e1\nc,+.5\nd, 7 \n")["onset_s"] == [-3.5, 10, 0.5, 7]


def test_a_trigger_may_be_missing_in_either_way(desk):
    assert np.isnan(columns(desk, "stimulus,trigger_s\na,\nb,n/a\nc,1\n")["trigger_s"]).tolist() == [True, True, False]


def test_lines_that_stand_twice_are_two_presentations(desk):
    assert columns(desk, "stimulus,run\na,1\na,1\nb,1\n")["stimulus"] == ["a", "a", "b"]


def test_words_keep_their_commas_quotes_lines_and_signs(desk):
    text = 'stimulus,caption\na,"a ""dog"", running\nhome"\na,30\u00a0km \U0001f469\u200d\U0001f680\nb,=SUM(A1)\n'
    made = captions(desk, text).run()
    assert made["caption"].tolist() == [['a "dog", running\nhome', "30\u00a0km \U0001f469\u200d\U0001f680"], ["=SUM(A1)", ""]]


def test_a_caption_of_a_hundred_thousand_letters_is_a_caption(desk):
    assert captions(desk, "stimulus,caption\na," + "x" * 100_000).run()["caption"][0, 0] == "x" * 100_000


def test_a_thousand_columns_and_ten_thousand_lines_are_read_in_a_moment(desk):
    wide = ",".join(["stimulus", *(f"c{number}" for number in range(1000))]) + "\n" + ",".join(["1"] * 1001)
    long = "stimulus,run\n" + "".join(f"s{number},1\n" for number in range(10_000))
    with bounded(20):
        assert len(columns(desk, wide)["extra_column"]) == 1000
        assert len(columns(desk, long)["stimulus"]) == 10_000


def test_a_table_that_does_not_fit_into_memory_is_refused_by_its_longest_cell(desk, monkeypatch):
    text = "stimulus,note\n" + "".join(f"s{number},x\n" for number in range(200)) + "last," + "y" * 1000 + "\n"
    path = desk.bytes("t.csv", text.encode())
    assert len(read_trials(path)["stimulus"]) == 201
    monkeypatch.setattr(_memory, "limit", lambda: 1_000_000)
    refused(lambda: read_trials(path), InvalidInput, "t.csv: line 202", "1,000 characters", "0.0016 GB")
    monkeypatch.setattr(_memory, "limit", lambda: 10_000)
    refused(lambda: read_trials(path), InvalidInput, "t.csv takes")


def test_names_of_pictures_in_a_file_are_in_the_form_of_tables(desk):
    np.save(desk.folder / "p.npy", np.zeros((1, 2, 2), dtype=np.uint8))
    names = desk.bytes("names.txt", "cafe\u0301\r\n".encode())
    assert PictureFile(path=desk.folder / "p.npy", names=names).run()["stimulus"].tolist() == ["caf\u00e9"]
