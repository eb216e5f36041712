"""LIME and Shapley values of classifiers whose words are known."""

import itertools

import pytest
import torch

from labkit import evaluation, models

BOTH = (evaluation.lime_weights, evaluation.shapley_weights)
TOKENS = torch.tensor([[2, 4, 5, 3], [1, 3, 1, 0], [0, 0, 0, 0]])


class Additive(torch.nn.Module):
    """Logit 1 is a sum of word weights, logit 0 is 0."""

    weights = torch.tensor([0.0, -1.2, 2.0, -0.3, 0.7, 0.1])

    def forward(self, tokens):
        logit = self.weights[tokens].sum(1)
        return torch.stack([torch.zeros_like(logit), logit], dim=1)


class Together(torch.nn.Module):
    """Logit 1 is 3 if words 2 and 3 are both there; word 4 adds 1."""

    def forward(self, tokens):
        two, three, four = ((tokens == word).any(1).float() for word in (2, 3, 4))
        logit = 3 * two * three + four
        return torch.stack([torch.zeros_like(logit), logit], dim=1)


def exact_shapley(model, sentence, label, of):
    """Over all orders of the places, with the definition."""

    def answer(places):
        left = torch.tensor([[w if p in places else 0 for p, w in enumerate(sentence)]])
        logits = model(left)[0]
        return (logits if of == "logit" else logits.softmax(0))[label].item()

    orders = list(itertools.permutations(range(len(sentence))))
    values = [0.0] * len(sentence)
    for order in orders:
        for turn, place in enumerate(order):
            gain = answer(order[: turn + 1]) - answer(order[:turn])
            values[place] += gain / len(orders)
    return values


def test_shapley_values_of_sums_are_the_words_weights():
    ones = torch.ones(3, dtype=torch.int64)
    found = evaluation.shapley_weights(Additive(), TOKENS, labels=ones, of="logit", samples=2)
    torch.testing.assert_close(found, Additive.weights[TOKENS])


@pytest.mark.parametrize("of", ["logit", "probability"])
def test_shapley_values_are_those_of_all_orders(of):
    sentence = [2, 4, 3]
    for model in (Together(), Additive()):
        found = evaluation.shapley_weights(model, torch.tensor([sentence]), samples=500, of=of)
        label = int(model(torch.tensor([sentence])).argmax())
        expected = exact_shapley(model, sentence, label, of)
        assert found[0].tolist() == pytest.approx(expected, abs=0.17)  # 2.5 errors
    assert exact_shapley(Together(), sentence, 1, "logit") == pytest.approx([1.5, 1, 1.5])


def test_shapley_values_of_a_sentence_sum_to_what_its_words_change():
    draw = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, 30, (9, 6), generator=draw)
    model = models.build_text("textcnn", 30, 3, dim=8)
    found = evaluation.shapley_weights(model, tokens, samples=3)
    whole = evaluation.text_logits(model, tokens).softmax(1)
    nothing = evaluation.text_logits(model, torch.zeros_like(tokens)).softmax(1)
    own = whole.argmax(1, keepdim=True)
    torch.testing.assert_close(found.sum(1), (whole - nothing).gather(1, own)[:, 0])
    assert (found[tokens == 0] == 0).all()


def test_lime_finds_the_weights_of_sums():
    """But for what the penalty of 1 takes off."""
    ones = torch.ones(3, dtype=torch.int64)
    few = evaluation.lime_weights(Additive(), TOKENS, labels=ones, of="logit")
    torch.testing.assert_close(few, Additive.weights[TOKENS], atol=0.25, rtol=0)
    one = TOKENS[:1]
    many = evaluation.lime_weights(Additive(), one, labels=ones[:1], of="logit", samples=2000)
    torch.testing.assert_close(many, Additive.weights[one], atol=0.03, rtol=0)
    zeros = evaluation.lime_weights(Additive(), TOKENS, labels=0 * ones)
    raised = evaluation.lime_weights(Additive(), TOKENS, labels=ones)
    torch.testing.assert_close(zeros, -raised)


def test_both_order_words_well_enough_to_beat_chance():
    model, tokens = Additive(), torch.tensor([[2, 4, 5, 3], [5, 1, 1, 3], [4, 3, 1, 5]])
    chance = torch.stack([
        torch.tensor(evaluation.aopc(model, tokens, torch.tensor([order] * 3), most=2).value)
        for order in itertools.permutations((1.0, 2.0, 3.0, 4.0))
    ]).mean()  # fmt: skip
    for explain in BOTH:
        found = evaluation.aopc(model, tokens, explain(model, tokens), most=2, signed=True)
        assert found.value > chance + 0.05


@pytest.mark.parametrize("explain", BOTH)
def test_sentences_keep_their_order_and_their_repetitions(explain):
    """Trap 2: what the model is asked is the sentence with some of its places empty."""
    asked = []

    class Ear(Additive):
        def forward(self, tokens):
            asked.append(tokens.clone())
            return super().forward(tokens)

    sentence = torch.tensor([[5, 2, 5, 3, 2]])
    explain(Ear(), sentence, samples=30)
    seen = torch.cat(asked)
    assert ((seen == sentence) | (seen == 0)).all()
    repeated = (seen[:, [0, 2]] == 5).sum(1)
    assert {0, 1, 2} == set(repeated.tolist())  # one of two goes alone


@pytest.mark.parametrize("explain", BOTH)
def test_a_seed_repeats_itself_and_the_global_generator_stays(explain):
    before = torch.get_rng_state()
    model, one = Together(), torch.tensor([[2, 4, 3, 4]])
    runs = [explain(model, one, seed=seed, samples=5) for seed in (1, 1, 2)]
    assert torch.equal(runs[0], runs[1]) and not torch.equal(runs[0], runs[2])
    assert torch.equal(torch.get_rng_state(), before)


def test_padding_does_not_change_lime():
    alone = evaluation.lime_weights(Together(), torch.tensor([[2, 4, 3]]))
    padded = evaluation.lime_weights(Together(), torch.tensor([[2, 4, 3, 0, 0]]))
    assert torch.equal(padded, torch.nn.functional.pad(alone, (0, 2)))


@pytest.mark.parametrize("explain", BOTH)
def test_bad_arguments(explain):
    for wrong, told in (
        ({"of": "mood"}, "unknown answer"),
        ({"samples": 0}, "samples"),
        ({"seed": -1}, "seed"),
        ({"labels": torch.zeros(2)}, r"labels must be int64 \[3\]"),
        ({"labels": torch.tensor([0, 1, 2])}, r"labels must be 0\.\.1"),
    ):
        with pytest.raises(ValueError, match=told):
            explain(Additive(), TOKENS, **wrong)
