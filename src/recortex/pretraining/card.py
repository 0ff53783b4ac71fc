"""The card that goes with a trained model: what it is, what it was trained on and how, what it can do."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import yaml

from recortex.stage import NOT_IN_KEY, Node

if TYPE_CHECKING:
    from recortex.pretraining.base import ModelTraining

LICENCE = "bsd-3-clause"


def card(stage: ModelTraining, figures: Mapping[str, float], goals: Mapping[str, float]) -> str:
    """A model card in Markdown, with the front matter that the hub reads.

    Parameters
    ----------
    stage : ModelTraining
        What trained it.
    figures, goals : mapping of str to float
        What was measured on held-out scenes, and what was asked.
    """
    front = yaml.safe_dump({"license": LICENCE, "tags": ["recortex", "simulated-scenes"]}, sort_keys=False)
    data = [f"- {name}: {_said(node)}" for name, node in stage.children()]
    recipe, before = _recipe(stage), stage.goes_on_from()
    if before is not None:
        recipe += ["", f"after `{before.type_name()}`, with", *_recipe(before)]
    return "\n".join(
        [
            f"---\n{front}---",
            f"# {stage.type_name()}",
            stage.summary,
            "Trained on scenes that a program paints, and on nothing else: it knows no photograph and no word "
            "beyond them. Weights are in half precision.",
            "## Data",
            "\n".join(data),
            "## Recipe",
            f"`{stage.type_name()}` in `pipelines/train_models.yaml`, with",
            "\n".join(recipe),
            "## On held-out scenes",
            figures_table(figures, goals),
            "## Licence",
            "As recortex: BSD 3-Clause.",
            "",
        ]
    ).replace("\n## ", "\n\n## ")


def _recipe(stage: ModelTraining) -> list[str]:
    """What it was told, field by field."""
    return [
        f"- {name}: {getattr(stage, name)}"
        for name, field in type(stage).model_fields.items()
        if NOT_IN_KEY not in field.metadata and not isinstance(getattr(stage, name), Node)
    ]


def figures_table(figures: Mapping[str, float], goals: Mapping[str, float]) -> str:
    """Figures beside what is asked of them, as a table in Markdown."""
    rows = [f"| {name} | {value:.4g} | {_goal(goals, name)} |" for name, value in figures.items()]
    return "\n".join(["| figure | value | goal |", "| --- | --- | --- |", *rows])


def _said(node: Node) -> str:
    """A node in one line, its own inputs in brackets."""
    said = []
    for name, field in type(node).model_fields.items():
        value = getattr(node, name)
        if isinstance(value, Node):
            said.append(f"{name} = ({_said(value)})")
        elif field.is_required() or value != field.get_default(call_default_factory=True):
            said.append(f"{name} = {value}")
    return f"`{node.type_name()}` {', '.join(said)}".strip()


def _goal(goals: Mapping[str, float], name: str) -> str:
    goal = goals.get(name, math.nan)
    return "" if math.isnan(goal) else f"{goal:g}"
