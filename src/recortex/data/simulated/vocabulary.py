"""The words that captions use for what is in the simulated world."""

from __future__ import annotations

from recortex.data.simulated.scene import DESIGNS

KIND_NOUNS = {kind: (kind,) for kind in DESIGNS} | {
    "face": ("face", "portrait"),
    "body": ("person", "figure"),
    "house": ("building",),
}
DESIGN_NOUNS = {
    "cottage": ("house", "cottage"),
    "hut": ("hut", "thatched hut"),
    "rabbit": ("rabbit", "bunny"),
    "truck": ("truck", "lorry"),
    "train": ("train", "steam engine"),
    "boat": ("boat", "sailing boat"),
    "fir": ("fir tree", "fir"),
    "palm": ("palm tree", "palm"),
    "flower": ("flower", "blossom"),
    "sofa": ("sofa", "couch"),
    "bookcase": ("bookcase", "bookshelf"),
    "screen": ("screen", "computer screen"),
    "note": ("note", "sheet of paper"),
    "football": ("football", "soccer ball"),
    "soup": ("bowl of soup", "soup bowl"),
    "castle": ("castle", "fortress"),
    "spade": ("spade", "shovel"),
    "paintbrush": ("paintbrush", "brush"),
    "grandfather": ("grandfather", "old man"),
}
# {0} is the colour and {1} the colour after its article
WEARS = {
    "man": "in {1} cap",
    "woman": "in {1} hat",
    "girl": "with {0} bows",
    "grandfather": "in {1} hat",
    "baby": "in {1} bonnet",
}
PARTS = {
    "hammer": "with {1} handle",
    "saw": "with {1} handle",
    "paintbrush": "full of {0} paint",
    "scissors": "with {0} handles",
    "bed": "with {1} cover",
    "cupcake": "with {0} icing",
    "boat": "with {1} hull",
    "flower": "with {0} petals",
}
PLACES = {
    "meadow": ("in a meadow", "on the grass", "in a flowery meadow"),
    "beach": ("on the beach", "on the sand by the sea", "at the beach"),
    "street": ("in the street", "on a city street", "in town"),
    "room": ("in a room", "indoors", "inside a room"),
    "snow": ("in the snow", "on snowy ground", "out in the snow"),
    "water": ("on the water", "out on the lake", "on a lake"),
}
TIMES = {True: ("at night", "after dark", "by night"), False: ("by day", "in daylight", "in the daytime")}


def nouns(kind: str) -> tuple[str, ...]:
    """Every noun that captions use for a kind, the general ones first; none of them stands for another kind.

    >>> nouns("vehicle")[:4]
    ('vehicle', 'car', 'bus', 'truck')
    """
    return (*KIND_NOUNS[kind], *(noun for design in DESIGNS[kind] for noun in DESIGN_NOUNS.get(design, (design,))))
