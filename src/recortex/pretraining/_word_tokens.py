"""A tokenizer of whole words: those that captions of simulated scenes can hold, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from recortex.data.simulated.scene import COLOURS, DESIGNS, TEXTS
from recortex.data.simulated.vocabulary import DESIGN_NOUNS, KIND_NOUNS, PARTS, PLACES, TIMES, WEARS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PAD, START, END, UNKNOWN = range(4)
SPECIAL = ("<pad>", "<start>", "<end>", "<unknown>")
# what the forms of captions say around the names of things, and prompts around a name
FORM_WORDS = """
a an and are at behind big by centre close dark day daylight daytime dressed face figure framed from front full here in
indoors is it its just large largest left little middle near night nothing but of on only one or out painted pair
picture piece portrait right s says scene small some that the them there thing things three to together two under we see
wearing with word words
"""


def vocabulary() -> tuple[str, ...]:
    """Every word in the order of its number, the special ones first."""
    tables = (DESIGNS, KIND_NOUNS, DESIGN_NOUNS, WEARS, PARTS, PLACES, TIMES)
    texts = [FORM_WORDS, *COLOURS, *TEXTS, *DESIGNS, *(text for table in tables for text in _texts(table.values()))]
    return SPECIAL + tuple(sorted({word for text in texts for word in re.findall("[a-z]+", text)}))


def _texts(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        yield from [value] if isinstance(value, str) else value


def word_tokenizer(longest: int) -> PreTrainedTokenizerFast:
    """The tokenizer of `vocabulary`, blind to capitals and punctuation.

    Parameters
    ----------
    longest : int
        The most tokens that a text can have, the start and the end counted.
    """
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.WordLevel({word: number for number, word in enumerate(vocabulary())}, unk_token=SPECIAL[UNKNOWN]))
    # an apostrophe parts words, so that "man's" is "man" and "s"
    made.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Replace(Regex(r"[^\w\s]+"), " ")])
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.post_processor = processors.TemplateProcessing(
        single=f"{SPECIAL[START]} $A {SPECIAL[END]}",
        special_tokens=[(SPECIAL[START], START), (SPECIAL[END], END)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        model_max_length=longest,
        pad_token=SPECIAL[PAD],
        bos_token=SPECIAL[START],
        eos_token=SPECIAL[END],
        unk_token=SPECIAL[UNKNOWN],
    )
