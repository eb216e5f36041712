"""The reference answers of lab 10, and the usual ways to write them."""

import math

import pytest
import torch
import torch.nn.functional as F

from labkit import data, evaluation, losses, models
from labkit.exercises import lab10
from labkit.models import WIGRAPH


def test_ways_to_write_a_straight_through_draw():
    def by_addition(logits, noise, temperature):
        relaxed = torch.sigmoid((logits + noise) / temperature)
        return (relaxed > 0.5).to(relaxed.dtype) + relaxed - relaxed.detach()

    def by_function(logits, noise, temperature):
        class Through(torch.autograd.Function):
            @staticmethod
            def forward(ctx, relaxed):
                return relaxed.round()

            @staticmethod
            def backward(ctx, slope):
                return slope

        return Through.apply(((logits + noise) / temperature).sigmoid())

    check = lab10.draw.check
    assert check(by_addition).state == "correct"
    assert check(by_function).state == "correct"
    soft = check(lambda g, n, t: ((g + n) / t).sigmoid())
    assert "relaxed value" in soft.message
    hard = check(lambda g, n, t: (g + n > 0).double())
    assert "no gradient gets through" in hard.message
    cancelled = check(lambda g, n, t: by_addition(g, n, t).detach())
    assert "no gradient gets through" in cancelled.message
    times = check(lambda g, n, t: by_addition(g, n, 1 / t))
    assert "multiply by the temperature" in times.message
    odd = check(lambda g, n, t: by_addition(g, n, 3 * t))
    assert odd.message.startswith("the values are right, the gradient is not: got")
    assert check(lambda g, n, t: None).state == "not attempted"
    assert "expected shape [5, 5]" in check(lambda g, n, t: g.sum()).message
    assert "expected a tensor" in check(lambda g, n, t: [1]).message


def test_ways_to_write_the_messages():
    def by_matrices(x, edges):
        a = edges - torch.diag(edges.diagonal()) + torch.eye(len(edges), dtype=edges.dtype)
        d = torch.diag(a.sum(1).rsqrt())
        return x + F.gelu(d @ a @ d @ x)

    def by_words(x, edges):
        edges.fill_diagonal_(1)  # in place: the check's own copy
        d, z = edges.sum(1), []
        for i in range(len(x)):
            told = sum(edges[i, j] * x[j] / (d[i] * d[j]).sqrt() for j in range(len(x)))
            z.append(x[i] + F.gelu(told))
        return torch.stack(z)

    check = lab10.messages.check
    assert check(by_matrices).state == "correct"
    assert check(by_words).state == "correct"
    twice = check(lambda x, a: _layer(x, a + torch.eye(len(a), dtype=a.dtype)))
    assert "set it to 1" in twice.message
    assert "stays as it came" in check(_layer).message
    columns = check(lambda x, a: _layer(x, a.fill_diagonal_(1), a.sum(0)))
    assert "D counts the columns" in columns.message


def _layer(x, a, d=None):
    d = (a.sum(1) if d is None else d) ** -0.5
    return x + F.gelu(d[:, None] * a * d @ x)


def test_the_messages_are_the_layer_s():
    layer = WIGRAPH(5, 3).double().eval()
    for x, edges in lab10.messages.inputs():
        with torch.no_grad():
            z = layer(x[None], torch.tensor([[1, 2, 3, 4]]), edges=edges).z[0]
        torch.testing.assert_close(lab10.messages.reference(x, edges), z)


def test_ways_to_write_the_terms():
    def by_loops(logits, real):
        found = []
        for g, r in zip(logits, real, strict=True):
            n = int(r.sum())
            p = [torch.sigmoid(g[i, j]) for i in range(n) for j in range(n) if i != j]
            kl = [math.log(2) + q * q.log() + (1 - q) * (1 - q).log() for q in p]
            found.append(torch.stack([sum(kl) / len(kl), sum(p) / len(p)]))
        return torch.stack(found).mean(0)

    check = lab10.terms.check
    assert check(by_loops).state == "correct"
    bare = check(lambda g, r: by_loops(g, r) - torch.tensor([math.log(2), 0.0]))
    assert "log 2 is missing" in bare.message
    assert "padding and diagonal, too" in check(_over_all).message
    assert "swapped" in check(lambda g, r: by_loops(g, r).flip(0)).message
    assert "padding is counted" in check(lambda g, r: by_loops(g, torch.ones_like(r))).message


def _over_all(logits, real):
    p = logits.sigmoid()
    kl = math.log(2) + p * p.log() + (1 - p) * (1 - p).log()
    return torch.stack([kl.mean(), p.mean()])


def test_the_terms_at_the_start_and_those_of_a_padded_batch():
    logits, real = lab10.terms.inputs()[0]
    start = lab10.terms.reference(torch.zeros_like(logits), real)
    torch.testing.assert_close(start, torch.tensor([0.0, 0.5], dtype=start.dtype))
    layer = WIGRAPH(9, 4)
    torch.nn.init.normal_(layer.logits, generator=torch.Generator().manual_seed(0))
    tokens = torch.tensor([[1, 2, 3, 4, 5], [6, 7, 0, 0, 0]])
    graph = layer(torch.randn(2, 5, 4), tokens)
    found = losses.wigraph_terms(torch.zeros(2, 2), torch.tensor([0, 1]), graph)
    ours = lab10.terms.reference(graph.edge_logits, tokens > 0)
    torch.testing.assert_close(ours, torch.stack([found.graph, found.sparsity]))


def test_ways_to_write_aopc():
    def by_gather(before, after, labels):
        own = before.gather(1, labels[:, None])[:, 0]
        left = after.gather(2, labels.expand(len(after), -1)[..., None])[..., 0]
        return (own - left).mean()

    def by_loops(before, after, labels):
        falls = [before[b, y] - step[b, y] for step in after for b, y in enumerate(labels)]
        return sum(falls) / len(falls)

    def published(before, after, labels):  # as it stands: numpy, and one row too few
        start = before[:, labels].numpy()[0]
        return sum((start - step[:, labels].numpy()[0]).mean() for step in after) / len(after)

    check = lab10.aopc.check
    assert check(by_gather).state == "correct"
    assert check(by_loops).state == "correct"
    assert "as in the published code" in check(lambda *a: float(published(*a))).message
    assert "divide by K" in check(lambda b, a, y: len(a) * by_gather(b, a, y)).message
    followed = check(lambda b, a, y: (b.amax(1) - a.amax(2)).mean())
    assert "stay with the one" in followed.message


def test_aopc_is_the_evaluation_s():
    words = data.Tokenizer(["a", "b", "c", "d"])
    model = models.build_text("bag", len(words), 3, dim=8, seed=1).eval()
    tokens = torch.tensor([[2, 3, 4, 5], [5, 3, 2, 0], [4, 4, 0, 0]])
    weights = torch.tensor([[4.0, 3, 2, 1], [3, 2, 1, 0], [2, 1, 0, 0]])  # left to right
    with torch.no_grad():
        before = model(tokens).softmax(1)
        gone = [tokens.masked_fill(torch.arange(4) < k, 0) for k in (1, 2, 3)]
        after = torch.stack([model(left).softmax(1) for left in gone])
    ours = lab10.aopc.reference(before, after, before.argmax(1)).item()
    assert ours == pytest.approx(evaluation.aopc(model, tokens, weights, most=3).value, abs=1e-6)


@pytest.mark.parametrize("exercise", lab10.EXERCISES, ids=lambda e: e.name)
def test_no_mistake_is_right_and_each_is_named(exercise):
    assert exercise.check(exercise.reference).state == "correct"
    assert len(exercise.mistakes) >= 4
    for message, mistake in exercise.mistakes.items():
        assert exercise.check(mistake).message == message
