"""Text classifiers: padding and gaps, rows by themselves, order, positions, graphs, learning."""

import pytest
import torch
import torch.nn.functional as F

from labkit import losses, models
from labkit.data import text

NAMES = tuple(models.TEXT_MODELS)
every = pytest.mark.parametrize("name", NAMES)
with_or_without = pytest.mark.parametrize("with_graph", [False, True])
TOKENS = torch.tensor([[3, 5, 2, 3, 6, 0], [4, 2, 6, 5, 3, 1], [7, 0, 0, 0, 0, 0]])


def model(name, *, with_graph=False, dim=8, classes=3, **options):
    graph = models.WIGRAPH(8, dim, subset=range(2, 8), **options) if with_graph else None
    if graph is not None:
        torch.manual_seed(0)
        with torch.no_grad():
            graph.logits.normal_(0, 2)
    return models.build_text(name, 8, classes, dim=dim, graph=graph).double().eval()


@every
@with_or_without
def test_logits_and_graph(name, with_graph):
    made = model(name, with_graph=with_graph)
    read = made.read(TOKENS)
    assert read.logits.shape == (3, 3) and torch.equal(made(TOKENS), read.logits)
    assert (read.graph is not None) == with_graph
    if read.graph is not None:
        assert read.graph.edges.shape == (3, 6, 6)


@every
@with_or_without
def test_padding_changes_nothing(name, with_graph):
    """Behind, before or between the words."""
    made = model(name, with_graph=with_graph)
    alone = made(TOKENS[:1, :5])
    for places in ([0, 1, 2, 3, 4, -1], [-1, 0, 1, 2, 3, 4], [0, 1, -1, -1, 2, -1, 3, 4, -1]):
        padded = torch.tensor([[TOKENS[0, i] if i >= 0 else 0 for i in places]])
        torch.testing.assert_close(made(padded), alone)
    with torch.no_grad():
        made.embed.weight[0] += 100  # as loaded vectors may have it
    torch.testing.assert_close(made(F.pad(TOKENS[:1, :5], (0, 9))), alone)


@every
@with_or_without
def test_a_row_is_read_by_itself(name, with_graph):
    """Traps 1 and 5: there one row's probabilities stood for all, and padding was attended."""
    made = model(name, with_graph=with_graph)
    together = made(TOKENS)
    for row in range(3):
        torch.testing.assert_close(made(TOKENS[row : row + 1])[0], together[row])
    assert len(together.unique(dim=0)) == 3


@every
@with_or_without
def test_a_sentence_without_words_has_finite_logits(name, with_graph):
    made = model(name, with_graph=with_graph)
    both = torch.tensor([[0, 0, 0], [2, 3, 0]])
    logits = made(both)
    assert torch.isfinite(logits).all()
    torch.testing.assert_close(logits[:1], made(torch.tensor([[0]])))
    torch.testing.assert_close(logits[1:], made(torch.tensor([[2, 3]])))
    logits.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in made.parameters() if p.grad is not None)


@every
def test_order_is_seen_by_all_but_the_bag(name):
    """Trap 2: there sentences went through a set, and lost order and repetitions."""
    made = model(name)
    same = torch.allclose(made(torch.tensor([[2, 3, 4]])), made(torch.tensor([[4, 3, 2]])))
    assert same == (name == "bag")


@every
@with_or_without
def test_repetitions_are_seen(name, with_graph):
    """Trap 2. TextCNN takes the largest answers, so its windows must differ."""
    made = model(name, with_graph=with_graph)
    once, twice = made(torch.tensor([[2, 3]])), made(torch.tensor([[2, 2, 3]]))
    assert not torch.allclose(once, twice)


def test_bag_by_hand():
    made = model("bag")
    mean = made.embed.weight[[3, 5, 2, 3, 6]].mean(0)
    torch.testing.assert_close(made(TOKENS)[0], made.fc.weight @ mean + made.fc.bias)


def test_textcnn_by_hand():
    """Every window with a word in it, zeros beyond both ends; the largest answer, at least 0."""
    made = model("textcnn")
    x = made.embed.weight[[3, 5, 2]]  # [3, D]
    found = []
    for width, conv in zip(made.widths, made.convs, strict=True):
        padded = F.pad(x, (0, 0, width - 1, width - 1))
        windows = padded.unfold(0, width, 1)  # [3 + width - 1, D, width]
        answers = torch.einsum("tiw,oiw->to", windows, conv.weight) + conv.bias
        found.append(answers.relu().amax(0))
    by_hand = made.fc.weight @ torch.cat(found) + made.fc.bias
    torch.testing.assert_close(made(torch.tensor([[3, 5, 2, 0, 0, 0]]))[0], by_hand)


def test_bilstm_takes_both_last_states():
    made = model("bilstm")
    x = made.embed.weight[[3, 5, 2]][None]
    outputs = made.lstm(x)[0][0]  # [3, 2 D]
    ends = torch.cat([outputs[-1, :8], outputs[0, 8:]])
    by_hand = made.fc.weight @ ends + made.fc.bias
    torch.testing.assert_close(made(torch.tensor([[3, 5, 2, 0]]))[0], by_hand)


def test_transformer_adds_positions_once_and_after_the_graph():
    """Trap 5: there what went in had been through positions and a norm already."""
    made, seen = model("transformer", with_graph=True), []
    made.blocks[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    graph = made.read(TOKENS[1:2]).graph
    place, pair = torch.arange(6.0, dtype=torch.float64)[:, None], torch.arange(8) // 2
    angle = place / 10000 ** (2 * pair / 8)
    waves = torch.where(torch.arange(8) % 2 == 0, angle.sin(), angle.cos())
    torch.testing.assert_close(seen[0], graph.z + waves)


@every
def test_graph_stands_after_the_embedding(name):
    """With no edges but a word's own, and no activation, every embedding is doubled."""
    made = model(name, with_graph=True, activation="none")
    plain = model(name)
    plain.load_state_dict(made.state_dict(), strict=False)
    tokens, alone = TOKENS.clamp(min=2), torch.eye(6)
    with torch.no_grad():
        plain.embed.weight.mul_(2)
    torch.testing.assert_close(made.read(tokens, edges=alone).logits, plain(tokens))
    assert not torch.allclose(made(tokens), plain(tokens))


@every
def test_every_parameter_learns(name):
    made = model(name, with_graph=True, weighted=True, word_mask=True).train()
    made.graph.generator = torch.Generator().manual_seed(0)
    read = made.read(TOKENS)
    losses.wigraph(read.logits, torch.tensor([0, 1, 2]), read.graph, beta_mask=1).backward()
    still = [key for key, p in made.named_parameters() if not p.grad.abs().sum() > 0]
    assert still == []
    assert (made.embed.weight.grad[0] == 0).all()


@every
def test_seed_alone_decides_the_weights(name):
    torch.manual_seed(1)
    first = models.build_text(name, 8, 2)
    state = torch.get_rng_state()
    again, other = models.build_text(name, 8, 2), models.build_text(name, 8, 2, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first.fc.weight, again.fc.weight)
    assert not torch.equal(first.fc.weight, other.fc.weight)


@pytest.mark.slow
@every
def test_learns_sentences(name):
    """Idioms: words apart give 75 %, and a bag no more; the others see words together."""
    train, test = (text.interactions(1200, kinds=["pair"], split=s) for s in ("train", "test"))
    words = text.tokenizer(train.texts)
    tokens = words.encode(train.texts)
    made = models.build_text(name, len(words), 2, dim=32)
    fit, draw = torch.optim.Adam(made.parameters(), lr=5e-3), torch.Generator().manual_seed(0)
    for _ in range(400 if name == "bag" else 100):
        rows = torch.randint(1200, (64,), generator=draw)
        fit.zero_grad()
        F.cross_entropy(made(tokens[rows]), train.labels[rows]).backward()
        fit.step()
    right = made.eval()(words.encode(test.texts)).argmax(1) == test.labels
    accuracy = right.double().mean().item()
    assert 0.68 < accuracy < 0.82 if name == "bag" else accuracy > 0.9


def test_bad_arguments_name_themselves():
    with pytest.raises(ValueError, match="Did you mean 'bilstm'"):
        models.build_text("lstm", 8, 2)
    for bad in ({"vocabulary": 0}, {"classes": 1}, {"dim": 0}, {"padding": -1}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            models.build_text("bag", **({"vocabulary": 8, "classes": 2} | bad))
    with pytest.raises(ValueError, match="multiple of the 4 heads"):
        models.build_text("transformer", 8, 2, dim=6)
    for graph in (models.WIGRAPH(9, 4), models.WIGRAPH(8, 5), models.WIGRAPH(8, 4, padding=1)):
        with pytest.raises(ValueError, match=r"graph must be a WIGRAPH\(8, 4\)"):
            models.build_text("bag", 8, 2, dim=4, graph=graph)


def test_input_that_does_not_fit_is_named():
    made = models.build_text("bag", 8, 2)
    for tokens in (TOKENS[0], TOKENS.float(), TOKENS[:0], TOKENS[:, :0]):
        with pytest.raises(ValueError, match=r"tokens must be whole numbers \[B, L\]"):
            made(tokens)
    with pytest.raises(ValueError, match="make the classifier with graph="):
        made.read(TOKENS, edges=torch.eye(6))
