"""Critics in training: events, streams, what is read, and that they find the truth."""

import math
from functools import partial

import pytest
import torch
from pytest import approx

from labkit import models
from labkit.data import gaussians, pairs
from labkit.losses import mutual_information as mi
from labkit.training import Done, Evaluation, Start, Step, estimate

SMALL = {"stages": (1, 2), "steps": 8, "batch_size": 8, "dim": 3}


def small(objective=mi.info_nce, readouts=None, **settings):
    critic = models.SeparableCritic(3, 3, hidden=16, embed=4, layers=1)
    return list(estimate(objective, readouts, **{**SMALL, "critic": critic, **settings}))


def steps(events):
    return [event for event in events if isinstance(event, Step)]


def test_a_stair_is_a_start_steps_an_evaluation_a_stage_and_done():
    events = small()
    kinds = [Start, *[Step] * 8, Evaluation, *[Step] * 8, Evaluation, Done]
    assert [type(event) for event in events] == kinds
    assert (events[0].steps, events[0].epochs) == (16, 2)
    assert [event.step for event in steps(events)] == list(range(1, 17))
    assert [event.terms["truth"] for event in steps(events)] == [1.0] * 8 + [2.0] * 8
    assert steps(events)[7].epoch == 1 and events[-2].epoch == 2


def test_the_record_has_the_last_quarter_of_each_stage():
    events = small(readouts={"ours": mi.info_nce, "dv": mi.dv})
    record, taken = events[-1].record, steps(events)
    for name in ("ours", "dv"):
        for stage, end in enumerate((8, 16)):
            last = [event.terms[name] for event in taken[end - 2 : end]]
            assert record["result"][name]["mean"][stage] == approx(sum(last) / 2)
            half = abs(last[0] - last[1]) / 2
            assert record["result"][name]["std"][stage] == approx(half * 2**0.5)
    assert events[9].metrics["dv"] == record["result"]["dv"]["mean"][0]
    assert record["config"]["stages"] == [1, 2] and record["versions"]["device"] == "cpu"


def test_one_seed_is_one_critic_and_one_stream_of_pairs():
    first, other = (
        next(event for event in estimate(objective, {"seen": mi.dv}, steps=1, batch_size=4)
             if isinstance(event, Step)).terms["seen"]
        for objective in (mi.info_nce, mi.jsd)
    )  # fmt: skip
    assert first == other
    torch.manual_seed(5)  # nor does the global generator matter
    before = torch.get_rng_state()
    again = [list(estimate(mi.dv, steps=2, stages=(1,), batch_size=4, seed=s)) for s in (3, 3, 4)]
    values = [[event.terms["estimate"] for event in steps(events)] for events in again]
    assert values[0] == values[1] != values[2]
    assert torch.equal(torch.get_rng_state(), before)


def test_pairs_come_with_the_stage_s_information():
    seen = []

    def sample(nats, generator):
        seen.append(nats)
        return gaussians.correlated(8, 3, 0.1, generator=generator)

    small(sample=sample, stages=(100, 7), steps=2)
    assert seen == [100, 100, 7, 7]


def test_reading_changes_nothing():
    alone = steps(small(critic=None))
    read = steps(small(readouts={"estimate": mi.info_nce, "x": mi.jsd}, critic=None))
    assert [e.terms["estimate"] for e in alone] == [e.terms["estimate"] for e in read]


def test_a_stopped_grad_mode_does_not_stop_it():
    critic = models.BilinearCritic(3, 3)
    before = critic.map.weight.detach().clone()
    with torch.no_grad():
        small(critic=critic)
    assert not torch.equal(critic.map.weight, before)


def test_it_says_when_the_objective_is_lost():
    def lost(scores):
        return mi.nwj(scores * math.inf)

    with pytest.raises(FloatingPointError, match="the objective is"):
        small(lost)


@pytest.mark.parametrize(
    ("bad", "word"),
    [({"steps": 0}, "steps"), ({"batch_size": 1}, "batch_size"), ({"stages": ()}, "stages"),
     ({"stages": (-1,)}, "information"), ({"dim": 0}, "dim"), ({"learning_rate": 0}, "learning"),
     ({"seed": -1}, "seed")],
)  # fmt: skip
def test_bad_settings_are_named_before_the_first_step(bad, word):
    with pytest.raises(ValueError, match=word):
        estimate(mi.info_nce, **{**SMALL, **bad})


@pytest.mark.slow
def test_a_critic_finds_one_nat_and_the_ceiling_stops_it():
    """At 1 nat nothing is in the way; at 6 nats, log 16 = 2.77 is."""
    critic = models.SeparableCritic(2, 2, hidden=64, embed=16, layers=2)
    settings = {"stages": (1, 6), "steps": 400, "batch_size": 16, "dim": 2, "learning_rate": 2e-3}
    record = list(estimate(mi.info_nce, critic=critic, **settings))[-1].record
    one, six = record["result"]["estimate"]["mean"]
    assert 0.7 < one < 1.1
    assert 2.0 < six < math.log(16)


@pytest.mark.slow
def test_a_critic_finds_what_a_noisy_channel_lets_through():
    """A value of 5 and what is told of it: an exact truth without a Gaussian."""
    truth = pairs.channel_information(0.8, 5)

    def sample(nats, generator):
        values = torch.randint(5, (64,), generator=generator)
        told = pairs.noisy(values, 0.8, 5, generator=generator)
        return torch.eye(5)[values], torch.eye(5)[told]

    settings = {"stages": (truth,), "steps": 300, "learning_rate": 0.05}
    critic = models.BilinearCritic(5, 5)
    readouts = {"info_nce": mi.info_nce, "smile": partial(mi.smile, clip=5.0)}
    events = list(estimate(mi.info_nce, readouts, critic=critic, sample=sample, **settings))
    found = events[-1].record["result"]["info_nce"]["mean"][0]
    assert found == approx(truth, abs=0.12)  # five standard errors of 75 batches
