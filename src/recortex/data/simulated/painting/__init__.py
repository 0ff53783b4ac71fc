"""From a scene to pixels: drawn four times as large as needed and averaged, a file a family of kinds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recortex.data.simulated.painting import (
    animals,
    backgrounds,
    balls,
    bodies,
    faces,
    food,
    furniture,
    places,
    plants,
    signs,
    surroundings,
    tools,
    vehicles,
)
from recortex.data.simulated.painting.pen import DAY, LAMPLIGHT, MOONLIGHT, NEAR_LAMPLIGHT, NEAR_MOONLIGHT, RGB, Colour, Pen
from recortex.data.simulated.scene import Scene, Thing

Tone = tuple[float, float, float]
FINER = 4  # how much larger a scene is drawn than it is shown
PAINTERS: dict[str, Callable[..., None]] = {
    **faces.FACES,
    **bodies.BODIES,
    **places.HOUSES,
    **places.LANDSCAPES,
    **food.FOOD,
    **animals.ANIMALS,
    **vehicles.VEHICLES,
    **tools.TOOLS,
    **plants.PLANTS,
    **signs.WORDS,
    **furniture.FURNITURE,
    **balls.BALLS,
}


def paint(scene: Scene, side: int = 64) -> np.ndarray:
    """The picture of a scene.

    Parameters
    ----------
    scene : Scene
    side : int
        Pixels along each edge.

    Returns
    -------
    (side, side, 3) uint8 array
        RGB.
    """
    from PIL import Image

    image = Image.new("RGB", (FINER * side, FINER * side))
    tone = (LAMPLIGHT if scene.background == "room" else MOONLIGHT) if scene.night else DAY
    near = (NEAR_LAMPLIGHT if scene.background == "room" else NEAR_MOONLIGHT) if scene.night else DAY
    whole = Pen(image, tone, 0.5, 1.0, 1.0)
    backgrounds.BACKGROUNDS[scene.background](image, whole, scene.chances, scene.night)
    for thing in sorted(scene.things, key=lambda thing: thing.base):
        _put(image, tone, near, scene, thing)
    surroundings.air(whole, scene.background, scene.chances)
    return np.asarray(image.reduce(FINER))


def _put(image: object, tone: Tone, near: Tone, scene: Scene, thing: Thing) -> None:
    """Paint a thing where it stands, with what carries it and what hides its foot."""
    chances, size, base = thing.chances, thing.size, thing.base
    if thing.kind == "landscape" and scene.background == "room":
        surroundings.frame(Pen(image, near, thing.x, base, size))
        size, base = 0.8 * size, base - 0.09 * size
    breadth = 1.0 if thing.kind == "ball" else 0.84 + 0.2 * chances[8]
    pen = Pen(image, near, thing.x, base, size, thing.mirrored, breadth)
    ground = Pen(image, tone, thing.x, base, size)
    surroundings.under(ground, scene.background, thing.kind, thing.design)
    colour = _varied(RGB[thing.colour], chances)
    painter = PAINTERS[thing.design]
    if thing.kind == "word":
        painter(pen, colour, chances, thing.text)
    else:
        painter(pen, colour, chances)
    if thing.kind != "landscape" or scene.background != "room":
        surroundings.before(ground, scene.background, chances[6])


def _varied(colour: Colour, chances: tuple[float, ...]) -> Colour:
    """The colour, a little lighter or darker, warmer or colder."""
    bright, warm = 0.93 + 0.12 * chances[6], 8 * (chances[7] - 0.5)
    red, green, blue = colour
    return tuple(min(255, max(0, round(value))) for value in (red * bright + warm, green * bright, blue * bright - warm))  # type: ignore[return-value]
