"""AOPC, post-hoc accuracy and occlusion of edges against classifiers whose words are known."""

import itertools
import math

import pytest
import torch

from labkit import evaluation, models


class Additive(torch.nn.Module):
    """Logits are sums of word weights: what each word does is known exactly."""

    def __init__(self, table):
        super().__init__()
        self.register_buffer("table", torch.tensor(table))  # [V, C], row 0 is padding

    def forward(self, tokens):
        return self.table[tokens].sum(1)


# no sums of these are equal: no label hangs on rounding
TABLE = [[0.0, 0.0], [1.203, 0.0], [0.0, 2.0], [0.317, 0.0], [0.0, 0.713], [0.0, 0.109]]
TOKENS = torch.tensor([[2, 4, 5, 3], [1, 3, 1, 0], [5, 1, 2, 0], [4, 0, 0, 0]])


def contributions(model, tokens):
    """What each word adds to the margin of the label its sentence is given."""
    margin = model.table[:, 1] - model.table[:, 0]
    return margin[tokens] * (2 * model(tokens).argmax(1, keepdim=True) - 1)


def probability(words, label):
    logits = [sum(TABLE[word][c] for word in words) for c in range(2)]
    return math.exp(logits[label]) / sum(map(math.exp, logits))


def by_hand(tokens, weights, most):
    """AOPC with lists and loops, a sentence at a time."""
    total = 0.0
    for row, weight in zip(tokens.tolist(), weights.tolist(), strict=True):
        places = [place for place, word in enumerate(row) if word]
        order = sorted(places, key=lambda place: (-abs(weight[place]), place))
        label = max(range(2), key=lambda c: probability(row, c))
        for k in range(1, most + 1):
            left = [row[place] for place in places if place not in order[:k]]
            total += (probability(row, label) - probability(left, label)) / most
    return total / len(tokens)


def test_aopc_by_hand():
    model = Additive(TABLE)
    weights = torch.tensor([[0.5, -0.9, 0.1, 0.5], [9.0, 1, 1, 9], [0, 0, 0, 7], [1, 9, 9, 9.0]])
    for most in (1, 2, 3, 10):
        found = evaluation.aopc(model, TOKENS, weights, most=most)
        assert found.value == pytest.approx(by_hand(TOKENS, weights, most), abs=1e-6)
        for curve in (found.each, found.drops):
            assert curve.mean().item() == pytest.approx(found.value)
        assert found.drops.shape == (most,) and found.each.shape == (4,)


def test_the_order_of_what_words_truly_add_has_the_largest_aopc():
    """Of all 24 orders of a sentence; by |weight| a word that speaks against goes too early."""
    model = Additive(TABLE)
    for row in (torch.tensor([[2, 4, 5, 3]]), torch.tensor([[2, 5, 1, 4]])):
        truth = contributions(model, row)
        found = evaluation.aopc(model, row, truth, most=4, signed=True).value
        every = [
            evaluation.aopc(model, row, torch.tensor([order]), most=4, signed=True).value
            for order in itertools.permutations((1.0, 2.0, 3.0, 4.0))
        ]
        assert found == pytest.approx(max(every)) and min(every) < found
        assert evaluation.aopc(model, row, truth, most=4).value <= found
    assert evaluation.aopc(model, row, truth, most=4).value < found  # 1.2 against


def published(model, tokens, weights):
    """What the published code does with K = 1: `softmax(out)[:, labels].numpy()[0]`."""
    before = model(tokens).softmax(1)
    labels = before.argmax(1)
    first = weights.abs().masked_fill(tokens == 0, -1).argmax(1, keepdim=True)
    after = model(tokens.scatter(1, first, 0)).softmax(1)
    return (before[:, labels][0] - after[:, labels][0]).mean().item()


def test_each_sentence_is_scored_by_its_own_label():
    """Trap 1: taking row 0 of [B, B] scores all sentences with the first one's probabilities."""
    model, weights = Additive(TABLE), contributions(Additive(TABLE), TOKENS)
    assert model(TOKENS).argmax(1).tolist() == [1, 0, 1, 1]
    found = evaluation.aopc(model, TOKENS, weights, most=1)
    alone = [
        evaluation.aopc(model, TOKENS[i : i + 1], weights[i : i + 1], most=1).value
        for i in range(4)
    ]
    assert found.each.tolist() == pytest.approx(alone)
    assert found.value == pytest.approx(by_hand(TOKENS, weights, 1), abs=1e-6)
    turned = TOKENS.flip(0), weights.flip(0)
    assert evaluation.aopc(model, *turned, most=1).value == pytest.approx(found.value)
    wrong, other = published(model, TOKENS, weights), published(model, *turned)
    assert abs(wrong - found.value) > 0.05 and abs(other - found.value) > 0.05
    assert abs(wrong - other) > 0.05  # it depends on which sentence comes first


def test_no_sentence_is_lost_between_batches():
    """Trap 1: a last batch that is smaller counts like the others."""
    model = Additive(TABLE)
    tokens = torch.randint(0, 6, (253, 5), generator=torch.Generator().manual_seed(0))
    weights = contributions(model, tokens)
    found = evaluation.aopc(model, tokens, weights, most=3)
    assert found.each.shape == (253,)
    assert found.value == pytest.approx(by_hand(tokens, weights, 3), abs=1e-5)
    sizes = [evaluation.text_logits(model, tokens, batch_size=size) for size in (1, 7, 253, 999)]
    assert all(torch.equal(sizes[0], other) for other in sizes)


def test_post_hoc_accuracy_by_hand():
    model = Additive(TABLE)
    right, wrong = contributions(model, TOKENS), 1 / contributions(model, TOKENS)
    assert evaluation.post_hoc_accuracy(model, TOKENS, right, keep=1) == 1
    # the smallest words alone: 5 says 1, as its sentence; 3 says 0, as its; 5, as its; 4, as its
    assert evaluation.post_hoc_accuracy(model, TOKENS, wrong, keep=1, signed=True) == 1
    against = torch.tensor([[0, 0, 0, 9.0], [0, 9, 0, 0], [0, 9, 0, 0], [9, 0, 0, 0]])
    # words 3, 3, 1, 4 alone say 0, 0, 0, 1; the sentences are given 1, 0, 1, 1
    assert evaluation.post_hoc_accuracy(model, TOKENS, against, keep=1) == 0.5
    assert evaluation.post_hoc_accuracy(model, TOKENS, against, keep=4) == 1
    labels = torch.tensor([0, 0, 0, 0])
    assert evaluation.post_hoc_accuracy(model, TOKENS, against, keep=1, labels=labels) == 0.75


def classifier(name="bag", seed=0):
    graph = models.WIGRAPH(9, 8, activation="tanh", subset=range(2, 9))
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        graph.logits.copy_(3 * torch.randn(7, 7, generator=draw))
    model = models.build_text(name, 9, 3, dim=8, graph=graph, seed=seed)
    tokens = torch.randint(1, 9, (40, 6), generator=draw)
    tokens[::3, 4:] = 0
    with torch.no_grad():  # bring the classes apart
        model.fc.weight.mul_(20)
    return model, tokens, torch.randint(3, (40,), generator=draw)


def test_occlusion_ends_with_the_words_alone_and_with_the_model_itself():
    model, tokens, _ = classifier()
    labels = evaluation.text_logits(model, tokens).argmax(1)
    found = evaluation.interaction_occlusion(model, tokens, labels, [1, 36])
    assert found.all == 1 and found.kept[36] == 1  # as many edges as there are
    alone = model.read(tokens, edges=torch.eye(6)).logits.argmax(1) == labels
    assert found.none == pytest.approx(alone.float().mean().item()) and found.none < 1


def test_occlusion_keeps_the_strongest_edges_of_each_sentence():
    model, tokens, labels = classifier("bilstm", 1)
    model.eval()
    places = list(itertools.product(range(6), range(6)))
    right = 0
    for row, label in zip(tokens, labels, strict=True):
        edges, found = torch.zeros(6, 6), {}
        for i, j in places:
            if i != j and row[i] > 1 and row[j] > 1:  # 1 is outside the subset
                found[i, j] = model.graph.logits[row[i] - 2, row[j] - 2].sigmoid().item()
        for i, j in sorted(found, key=lambda place: (-found[place], place))[:3]:
            edges[i, j] = found[i, j]
        right += model.read(row[None], edges=edges[None]).logits.argmax() == label
    answer = evaluation.interaction_occlusion(model, tokens, labels, [3])
    assert answer.kept == {3: pytest.approx(right.item() / 40)}


def test_the_strongest_of_equals_is_the_first():
    logits = torch.tensor([[[9.0, 0, 0], [2, 9, -2], [0, -3, 9]]])
    pairs = ~torch.eye(3, dtype=torch.bool)[None]
    two = torch.tensor([[[0, 0.5, 0], [torch.tensor(2.0).sigmoid(), 0, 0], [0, 0, 0]]])
    assert torch.equal(evaluation.strongest(logits, pairs, 2), two)
    low = evaluation.strongest(logits, pairs & (logits < -1), 9)
    assert low.sum().item() == pytest.approx(torch.tensor([-2.0, -3]).sigmoid().sum().item())


def test_certain_edges_still_have_an_order():
    """Trap 6 in another dress: both are 1 in float32."""
    logits = torch.tensor([[[0.0, 30, 1], [2, 0, 40], [3, 4, 0]]])
    kept = evaluation.strongest(logits, ~torch.eye(3, dtype=torch.bool)[None], 1)
    assert kept.nonzero().tolist() == [[0, 1, 2]]


def test_bad_arguments():
    model = Additive(TABLE)
    with pytest.raises(ValueError, match="tokens and weights must be"):
        evaluation.aopc(model, TOKENS, torch.ones(4, 3))
    with pytest.raises(ValueError, match="weights must be finite"):
        evaluation.aopc(model, TOKENS, torch.full((4, 4), torch.nan))
    with pytest.raises(ValueError, match="most"):
        evaluation.aopc(model, TOKENS, torch.ones(4, 4), most=0)
    with pytest.raises(ValueError, match="keep"):
        evaluation.post_hoc_accuracy(model, TOKENS, torch.ones(4, 4), keep=0)
    with pytest.raises(ValueError, match=r"labels must be \[4\]"):
        evaluation.post_hoc_accuracy(model, TOKENS, torch.ones(4, 4), keep=1, labels=TOKENS[0, :3])
    with pytest.raises(ValueError, match="tokens must be whole numbers"):
        evaluation.text_logits(model, TOKENS.float())
    with pytest.raises(ValueError, match="TextClassifier"):
        evaluation.text_logits(model, TOKENS, edges=torch.zeros(4, 4, 4))
    with pytest.raises(ValueError, match="must have a WIGRAPH"):
        evaluation.interaction_occlusion(models.build_text("bag", 6, 2), TOKENS, TOKENS[:, 0], [1])
    with pytest.raises(ValueError, match=r"labels must be \[40\]"):
        evaluation.interaction_occlusion(*classifier()[:2], TOKENS[:, 0], [1])
