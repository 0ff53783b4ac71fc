"""Training that is stopped and goes on ends where one that was never stopped ends."""

import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from recortex.errors import InvalidInput
from recortex.pretraining import training
from recortex.pretraining.training import Curve, Recipe, Schedule, train
from recortex.progress import listen

SCHEDULE = Schedule(steps=40, rate=1e-2, average=0.9, record=10)


def recipe(stop_at: int | None = None) -> Recipe:
    """A line through points, with dropout and normalisation; it may stop itself with a signal at a call of the losses."""
    torch.manual_seed(1)
    network = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.2), torch.nn.Linear(8, 1))
    calls = 0

    def losses(rng: np.random.Generator) -> dict[str, torch.Tensor]:
        nonlocal calls
        calls += 1
        if calls == stop_at:
            signal.raise_signal(signal.SIGINT)
        given = torch.from_numpy(rng.standard_normal((16, 3), dtype=np.float32))
        wanted = given.sum(1, keepdim=True)
        made = network(given + 0.1 * torch.randn(16, 3))
        return {"square": (made - wanted).square().mean(), "size": 1e-3 * made.square().mean()}

    return Recipe(network, losses)


def run(folder: Path, stop_at: int | None = None, schedule: Schedule = SCHEDULE, seed: int = 0) -> tuple[Recipe, Curve]:
    made = recipe(stop_at)
    return made, train(made, schedule, folder, seed)


def same(one: Recipe, other: Recipe) -> bool:
    state = other.network.state_dict()
    return all(torch.equal(value, state[name]) for name, value in one.network.state_dict().items())


def test_a_stopped_training_goes_on_to_the_same_weights_and_curve(tmp_path, caplog):
    whole, curve = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped", stop_at=17)
    resumed, again = run(tmp_path / "stopped")
    assert same(whole, resumed)
    assert curve == again
    assert curve.step == [10, 20, 30, 40]
    assert not caplog.records


def test_a_resumed_training_makes_only_the_steps_that_are_left(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, stop_at=30)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, stop_at=10)  # the 40th step: eleven were left
    run(tmp_path, stop_at=2)  # none is left but what the signal let finish


@pytest.mark.parametrize("before", [0, 17])
def test_a_signal_while_the_state_is_read_is_heard(tmp_path, monkeypatch, before):
    whole, curve = run(tmp_path / "whole")
    if before:
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "stopped", stop_at=before)
    read = training._sound

    def read_and_stop(path):
        signal.raise_signal(signal.SIGINT)
        return read(path)

    with monkeypatch.context() as patch:
        patch.setattr(training, "_sound", read_and_stop)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "stopped")
    assert torch.load(tmp_path / "stopped" / "training.ckpt", weights_only=True)["global_step"] == before
    resumed, again = run(tmp_path / "stopped")
    assert same(whole, resumed) and curve == again


def test_progress_goes_on_where_the_training_does(tmp_path):
    heard: list[tuple[str, int, int | None]] = []
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, stop_at=17)
    with listen(lambda *told: heard.append(told)):
        run(tmp_path)
    done = [count for _, count, _ in heard]
    assert done[0] == 18
    assert done == list(range(18, 18 + len(done)))
    assert {total for _, _, total in heard} == {40}


def test_the_state_is_kept_as_time_goes_by(tmp_path, monkeypatch):
    kept: list[int] = []
    keep = training.keep

    def count(trainer, path):
        keep(trainer, path)
        kept.append(int(torch.load(path, weights_only=True)["global_step"]))

    monkeypatch.setattr(training, "KEPT_EVERY_S", 0.0)
    monkeypatch.setattr(training, "keep", count)
    run(tmp_path / "whole")
    assert kept == [*range(1, SCHEDULE.steps + 1), SCHEDULE.steps]


def test_a_training_killed_between_two_keepings_repeats_what_was_lost(tmp_path, monkeypatch):
    whole, _ = run(tmp_path / "whole")
    kept: list[bytes] = []
    keep = training.keep

    def keep_one(trainer, path):
        if trainer.global_step <= 23:
            keep(trainer, path)
            kept[:] = [path.read_bytes()]

    monkeypatch.setattr(training, "KEPT_EVERY_S", 0.0)
    monkeypatch.setattr(training, "keep", keep_one)
    run(tmp_path / "killed")
    assert torch.load(tmp_path / "killed" / "training.ckpt", weights_only=True)["global_step"] == 23
    resumed, _ = run(tmp_path / "killed")
    assert same(whole, resumed)


def test_a_damaged_state_is_said_and_training_begins_anew(tmp_path, caplog):
    whole, _ = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", stop_at=17)
    path = tmp_path / "cut" / "training.ckpt"
    path.write_bytes(path.read_bytes()[:1000])
    again, _ = run(tmp_path / "cut")
    assert "is damaged" in caplog.text
    assert same(whole, again)


def test_another_seed_trains_another_network(tmp_path):
    one, _ = run(tmp_path / "one")
    other, _ = run(tmp_path / "other", seed=1)
    assert not same(one, other)


def test_the_average_is_what_remains_and_lies_behind_the_last_weights(tmp_path):
    averaged, _ = run(tmp_path / "averaged")
    last, _ = run(tmp_path / "last", schedule=Schedule(steps=40, rate=1e-2, record=10))
    assert not same(averaged, last)
    for name, value in averaged.network.state_dict().items():
        assert torch.isfinite(value).all(), name


def test_the_average_follows_by_hand(tmp_path):
    """Three steps of the plain network, averaged by the formula."""
    schedule = Schedule(steps=3, rate=1e-2, average=0.9, record=1)
    seen: list[torch.Tensor] = []
    made = recipe()
    inner = made.losses

    def losses(rng):
        seen.append(made.network[0].weight.detach().clone())
        return inner(rng)

    train(Recipe(made.network, losses), schedule, tmp_path / "averaged", 0)
    plain = recipe()
    train(plain, Schedule(steps=3, rate=1e-2, record=1), tmp_path / "plain", 0)
    weights = [*seen[1:], plain.network[0].weight.detach()]
    wanted = weights[0].clone()  # the first is taken as it is
    for done, weight in enumerate(weights[1:], 1):
        wanted = torch.lerp(wanted, weight, 1 - min(0.9, (1 + done) / (10 + done)))
    torch.testing.assert_close(made.network[0].weight.detach(), wanted)


def test_a_loss_that_is_no_number_is_refused(tmp_path):
    made = recipe()
    wrong = Recipe(made.network, lambda rng: {"loss": made.network(torch.full((4, 3), torch.nan)).sum()})
    with pytest.raises(InvalidInput, match="the loss is nan at step 0 of 40; lower the learning rate"):
        train(wrong, SCHEDULE, tmp_path, 0)


def test_a_device_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match=r"device 'cuda:77' cannot be used for training.*try device: cpu"):
        train(recipe(), SCHEDULE, tmp_path, 0, device="cuda:77")
