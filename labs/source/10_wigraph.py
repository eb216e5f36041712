# %% [markdown]
# # Lab 10 - WIGRAPH: which words work together?
#
# {{colab_badge}}
#
# **Paper.** Sekhon, Chen, Shrivastava, Wang, Ji, Qi, *Improving Interpretability via Explicit Word Interaction Graph Layer* (AAAI 2023, arXiv 2302.02016). <!-- published -->
#
# **Claim.** "Not funny": two words that mean something together which neither means alone. Put one layer behind the word embeddings. In it words send each other messages along a *learnt graph*. Then, says the paper, the graph tells which words work together, and the classifier is as good as before or better.
#
# **What is whose.** The layer, the draws and the four terms of the loss follow the paper and the authors' code; what went wrong there is mended, and the files `labkit/models/wigraph.py` and `labkit/losses/wigraph.py` say how. The published layer was put into classifiers that had been trained before (LSTM, BERT and others). *Ours are small and start from nothing*, and so does the graph. <!-- published -->
# The sentences are ours too: we wrote the rule of their labels, so we *know* which words work together. The weight of sparsity, 2, was chosen with one seed, and we had looked at the true pairs.
#
# | budget | time on {{record:times.cores}} CPU cores | what you get |
# |---|---|---|
# | `smoke` | {{record:times.lab10.smoke|.0f}} s | a bag of embeddings, trained in a hurry; it works already |
# | `lecture` | {{record:times.lab10.lecture|.0f}} s | the training of the recorded runs, one seed |
# | `paper` | some minutes | three times as many sentences, three times as long |
#
# **Afterwards you can** write the layer and its loss, draw 0 or 1 and still have a gradient, say which term removes edges and which protects them, test an explanation against the truth, and say when a learnt graph means nothing at all.

# %% [markdown]
# ## 1. Set-up
#
# These numbers steer the lab: change one and *Run All*. Most of them are also sliders later on.

# %% tags=["bootstrap"]

# %% tags=["parameters"]
SENTENCES = "interactions"  # or "file:PATH", "polarity:NEGATIVE_PATH,POSITIVE_PATH"
BUDGET = "smoke"  # "smoke", "lecture" or "paper"
BACKBONE = "bag"  # the classifier: "bag", "textcnn", "bilstm" or "transformer"
TEMPERATURE = 1.0  # tau > 0, of the draws
BETA_GRAPH = 0.0  # >= 0: weight of the graph term
BETA_SPARSITY = 2.0  # >= 0: weight of the sparsity term
SEED = 0
DEVICE = "auto"  # "auto", "cpu", "cuda" or "mps"
DRIVER = "auto"  # how the training panel runs: "auto", "thread", "tick" or "blocking"

# %%
from collections import Counter
from itertools import combinations

import torch
import torch.nn.functional as F

from labkit import data, evaluation, exercises, figures, losses, models, training, widgets
from labkit.data.text import grammar
from labkit.data.tokens import split
from labkit.errors import between, positive, unknown, whole
from labkit.training import concepts, text_runs
from labkit.widgets.watch import WatchPanel

positive("TEMPERATURE", TEMPERATURE), whole("SEED", SEED, 0)
between("BETA_GRAPH", BETA_GRAPH, 0, 10), between("BETA_SPARSITY", BETA_SPARSITY, 0, 10)
if BACKBONE not in models.TEXT_MODELS:
    raise unknown("BACKBONE", BACKBONE, models.TEXT_MODELS)
training.budget(BUDGET)
training.pick_driver(DRIVER)  # a mistake in any of them shows here
device = training.pick_device(DEVICE)

# %%
kind, _, path = SENTENCES.partition(":")
if kind == "interactions":
    count = 12_000 if BUDGET == "paper" else 4000
    parts = text_runs.sentences(kind, train=count, val=500, test=1000)
elif kind == "file":
    parts = text_runs.sentences("labelled", path=path)
elif kind == "polarity":
    paths = dict(zip(("negative_path", "positive_path"), path.split(","), strict=True))
    parts = text_runs.sentences(kind, **paths)
else:
    raise unknown("SENTENCES", kind, ["interactions", "file:PATH", "polarity:PATH,PATH"])
train, test = parts["train"], parts["test"]
words = data.text.tokenizer(train.texts, largest=2000)
print(f"{len(train):,} sentences to learn from, {len(words) - 2:,} different words")

# %% [markdown]
# ### Sentences with a known rule
#
# Short film reviews, positive or negative, of three kinds. In each, *two words together* decide:

# %% tags=["nbval-check-output", "name:kinds"]
shown = data.text.interactions(12)
for kind in range(3):
    for row in range(kind, 12, 3):
        label = shown.class_names[shown.labels[row]]
        print(f"{shown.kinds[kind]:9} {label:9} {shown.texts[row]}")

# %% [markdown]
# - **negation**: *not* turns an adjective round.
# - **pair**: an idiom must be whole. "A ray of light" is praise, "a ray of love" is nothing.
# - **xor**: one spice of a pair is good (*dark*, or *violent*), both are too much, none is too little. Here a single word tells *nothing*.
#
# So {{record:lab10.by_label.bag/layer.true_pairs.mean|.0f}} pairs of words interact, and no others: those are the **true pairs**. The order of the words plays no part. `data/cards/sentences.md` has all of it.
#
# Four classifiers read such sentences. A **token** is a word's number; its **embedding** is a list of $D$ learnt numbers. The *bag of embeddings* takes the mean of the embeddings and asks a linear layer: every word adds its vote, and no two words can do anything together. A *TextCNN* looks at 3 to 5 neighbours, a *BiLSTM* reads from both ends, a *transformer* lets all words look at all.

# %% [markdown]
# ## 2. A puzzle
#
# All four with a word graph behind their embeddings, all four right in nearly every sentence. Now we cut the graph: in each sentence only the strongest edges may stay, at the left end none.

# %%
lab10 = training.reference("lab10")
measured = lab10["by_label"]
NAMES = {
    "bag": "bag of embeddings", "textcnn": "TextCNN", "bilstm": "BiLSTM",
    "transformer": "transformer",
}  # fmt: skip
kept = {n: figures.wigraph_records.kept(measured[f"{n}/layer"]) for n in NAMES}
left_over = {NAMES[n]: values for n, (_, values) in kept.items()}
puzzle = figures.wigraph_records.occlusion(
    left_over, counts=kept["bag"][0], what="edges left in a sentence"
)
widgets.show(puzzle, name="puzzle")

# %% [markdown]
# **One of them falls to guessing. Why do the others hardly mind? And what would you then think of a paper that prints their graphs?** Note down your guess before you go on.

# %% [markdown]
# ## 3. The idea you can drag
#
# ### A sentence and its graph
#
# First a graph to look at: we train one now. How it works comes below; here is what it is called with.


# %%
def reader(layer=True, backbone=BACKBONE, dim=32):
    """A fresh classifier, with a word graph behind its embeddings or without."""
    graph = None
    if layer:
        graph = models.WIGRAPH(len(words), dim, subset=range(2, len(words)))
    return models.build_text(
        backbone, len(words), len(train.class_names), dim=dim, graph=graph, seed=SEED
    ).to(device)


FULL = {"epochs": 60 if BUDGET == "paper" else 20}
HASTY = {"epochs": 8} | (
    {"learning_rate": 0.1, "edge_learning_rate": 0.1} if BACKBONE == "bag" else {}
)
PLAN = HASTY if BUDGET == "smoke" else FULL
KNOBS = {
    "temperature": TEMPERATURE, "beta_graph": BETA_GRAPH, "beta_sparsity": BETA_SPARSITY,
}  # fmt: skip

# %%
yours, net = {}, reader()
events = training.fit_text(
    net, parts, words, seed=SEED, device=device, control=training.Control(**KNOBS), **PLAN
)
yours["layer"] = training.run(events, name=f"{BACKBONE} with the layer")
print(f"{yours['layer']['result']['test_accuracy']:.1%} of the test sentences right")

# %% [markdown]
# An **edge** goes from a word that tells to a word that is told, and has a probability. The arcs are the edges of *this* sentence; marked are the true pairs. Right: what the classifier says with all edges, and what it says when those below the threshold are cut.
#
# **Predict:** which arc does the sentence below need? Then raise the threshold until the answer tips over. Then write sentences of your own (from the words above, others are unknown): take *not* out; write *quite* for it; try "a dark film meets a violent story".


# %%
def look(sentence, threshold=0.5, model=None):
    model = (net if model is None else model).eval()
    spoken = split(sentence) or ["film"]
    tokens = words.encode([" ".join(spoken)]).to(device)
    with torch.no_grad():
        before = model.read(tokens)
        p = before.graph.edges[0]  # [L, L] row: who is told, column: who tells
        cut = figures.wigraph_graph.cut(p, threshold)
        after = model.read(tokens, edges=cut[None])
    said = torch.cat([before.logits, after.logits]).softmax(1).cpu()  # [2, C]
    return figures.wigraph_graph.graph(
        spoken, p.cpu(), threshold=threshold, labels=train.class_names, prediction=said,
        truth=train.interactions or None,
    )  # fmt: skip


MINE = "frankly the familiar plot was not funny throughout" if train.interactions else test.texts[0]
sentence = widgets.text("sentence", MINE)
widgets.explore(
    look, name="sentence", sentence=sentence,
    threshold=widgets.slider("threshold", 0.5, 0, 1, 0.01),
)  # fmt: skip

# %% [markdown]
# **Explain.** There is *one* table of edges for all sentences, a number for each pair of words of the vocabulary; a sentence sees the part that belongs to its words. With every needed edge gone each word has only its own vote, and *not funny* is *funny* again, or whatever the votes happen to say.
# Now try "for once the small ending was a labour of light", which is no idiom: is every strong arc a true pair? Keep what you see in mind for section 6.
#
# ### Edges are dice
#
# In training an edge is not a probability, it is *drawn*: 1 with probability $p$, else 0. That way a word cannot rely on half an edge. But a 0 or 1 has no slope, so there would be no gradient for the graph. The trick, **straight-through Gumbel**: throw a random number $n$ onto the edge's logit $\gamma$, and
#
# - *forwards* use 1 if $\gamma + n > 0$, else 0: the **hard draw**;
# - *backwards* pretend it had been the **relaxed value** $\sigma((\gamma + n) / \tau)$, with the sigmoid $\sigma(u) = 1 / (1 + e^{-u})$, which has a slope.
#
# Here $\tau$ is the course's third temperature: that of a *draw*, after those of labels (lab 01) and of similarities (lab 03). **Predict:** what does $\tau$ change in the right map? Drag *draw*: the graph flickers. Then drag $\tau$ and leave *draw* alone.


# %%
def flicker(sentence, temperature, number):
    spoken = split(sentence)[:12] or ["film"]
    logits = net.graph.edge_logits(words.encode([" ".join(spoken)]).to(device))[0]
    return figures.wigraph_draws.draws(
        logits[0].cpu(), temperature=temperature, words=spoken, seed=number
    )


widgets.explore(
    flicker,
    name="flicker",
    sentence=widgets.text("sentence", MINE),
    temperature=widgets.temperature(TEMPERATURE, low=0.03125, high=8.0, label="temperature tau"),
    number=widgets.slider("draw", 0, 0, 50, 1),
)

# %% [markdown]
# **Explain.** Nothing: the hard draw never moves with $\tau$; the chance of a 1 is $\sigma(\gamma)$ at any temperature. <!-- theory -->
# Only the middle map moves. That is no knob of the model, it is a knob of its *gradient*. Take one edge alone, and see all its draws at once:


# %%
def one_edge(logit, temperature):
    return figures.wigraph_draws.edge(logit, temperature)


widgets.explore(
    one_edge,
    name="edge",
    logit=widgets.slider("logit gamma", 0.0, -6, 6, 0.25),
    temperature=widgets.temperature(
        min(max(TEMPERATURE, 0.04), 8.0), low=0.03125, high=8.0, label="temperature tau"
    ),
)

# %% [markdown]
# **Explain.** A small $\tau$ makes the relaxed value nearly hard: on average the gradient is then that of the true probability, but it comes as rare, large jerks. A large $\tau$ makes it calm, and wrong: too small, and nearly the same whatever the edge. Noise or bias, one of them is to be paid, as with negatives in lab 02.
#
# ### Two terms that pull at an edge
#
# Two of the loss's four terms look at the probabilities alone. The **graph term** is the distance of $p$ from a fair coin, $\text{KL}(p \,\|\, \tfrac12) = \log 2 - \text{entropy}$; **sparsity** is $p$ itself. Think of an edge that the prediction does not need.
# **Predict:** with the graph term alone, where does it go? Which of the two removes edges? Then drag.

# %%
widgets.predict(
    "where it rests",
    "Graph term and sparsity, equal betas: at which p does an edge that nobody needs come to rest?",
    lambda: torch.tensor(-1.0).sigmoid().item(),
    low=0,
    high=1,
)


# %%
def pull(probability, beta_graph, beta_sparsity):
    return figures.wigraph_terms.terms(probability, beta_graph, beta_sparsity)


widgets.explore(
    pull,
    name="terms",
    probability=widgets.slider("probability p", 0.9, 0, 1, 0.01),
    beta_graph=widgets.slider("beta graph", max(BETA_GRAPH, 1.0), 0, 10, 0.1),
    beta_sparsity=widgets.slider("beta sparsity", 0.0, 0, 10, 0.1),
)

# %% [markdown]
# **Explain.** The graph term alone is least at $p = \tfrac12$: it *repels certainty*, of "yes" as of "no", and removes nothing. Of these two only sparsity prunes an edge that the prediction does not care about. With both, an edge that nobody needs comes to rest at $\sigma(-\beta_\text{sparsity} / \beta_\text{graph})$, not at 0. At equal betas that is 0.27: <!-- theory -->
# more than a quarter of every useless edge stays for ever.

# %% [markdown]
# ## 4. The equation, executed
#
# ### Messages
#
# With embeddings $x$ [L, D] and edges $A$ [L, L], row $i$ = who tells word $i$; a word always hears itself, $A_{ii} = 1$:
#
# $$z = x + \text{GELU}\!\left( D^{-1/2} A\, D^{-1/2} x \right), \qquad D_{ii} = 1 + \sum_{j \ne i} p_{ij}$$
#
# $D$ keeps a word with many edges from shouting. **GELU** is a bent line; without a bend an edge could only add one word's own vote once more (and weaken what a word tells itself), too little to turn *funny* round. At test $A = p = \sigma(\gamma)$.

# %% tags=["nbval-check-output", "name:layer"]
draw = torch.Generator().manual_seed(0)
x = torch.randn(5, 4, generator=draw)  # [L, D] five words
gamma = torch.randn(5, 5, generator=draw)  # [L, L] a logit for each edge

p = torch.sigmoid(gamma).fill_diagonal_(1)
d = p.sum(1)  # [L]
m = (p / (d[:, None] * d).sqrt()) @ x  # [L, D] D^-1/2 A D^-1/2 x
z = x + F.gelu(m)

layer = models.WIGRAPH(6, 4).eval()  # words 1 to 5; 0 is padding
layer.logits.data.copy_(gamma)
told = layer(x[None], torch.arange(1, 6)[None])
torch.testing.assert_close(told.z[0], z)
print(f"z has {list(z.shape)}; z[0, 0] = {z[0, 0]:+.4f}; models.WIGRAPH: {told.z[0, 0, 0]:+.4f}")

# %% [markdown]
# ### The draw
#
# The noise is *logistic*, $n = \log u - \log(1 - u)$ with $u$ uniform: then $\gamma + n > 0$ has exactly the probability $\sigma(\gamma)$. 10,000 draws of one edge with $\gamma = 1$. The slope of the true probability is $\sigma(1)(1 - \sigma(1)) = 0.197$; compare the gradient below: <!-- theory -->

# %% tags=["nbval-check-output", "name:draw"]
u = torch.rand(10_000, generator=torch.Generator().manual_seed(0))
gamma = torch.ones(10_000, requires_grad=True)

noisy = gamma + u.logit()
relaxed = torch.sigmoid(noisy / TEMPERATURE)
hard = (noisy > 0).float()
A = hard + relaxed - relaxed.detach()  # forwards: hard. Backwards: the slope of relaxed

A.sum().backward()
torch.testing.assert_close(A, models.straight_through(gamma, u.logit(), temperature=TEMPERATURE))
print(f"drawn as 1: {A.mean():.3f}, and sigmoid(1) = {1 / (1 + torch.e**-1):.3f}")
print(f"tau = {TEMPERATURE:g}: gradient {gamma.grad.mean():.3f}, std {gamma.grad.std():.2f}")

# %% [markdown]
# ### The loss
#
# $$L = \underbrace{\text{CE}(\text{logits}, y)}_\text{prediction} \;+\; \beta_\text{mask}\, \text{KL}(r \,\|\, \tfrac12) \;+\; \beta_\text{graph}\, \text{KL}(p \,\|\, \tfrac12) \;+\; \beta_\text{sparsity}\; p$$
#
# each mean over the *real* pairs of a sentence, then over sentences. (The mask term belongs to a variant, *A-R*, that also draws which words are kept, with probability $r$; without it the term is 0.) One step of a training, all of it:

# %% tags=["nbval-check-output", "name:step"]
tokens = torch.tensor([[1, 2, 3, 4], [2, 5, 0, 0]])  # the second has two words and padding
labels = torch.tensor([0, 1])
tiny = models.build_text("bag", 6, 2, dim=4, graph=models.WIGRAPH(6, 4, temperature=TEMPERATURE))
with torch.no_grad():
    tiny.graph.logits.fill_(1.0)
tiny.graph.generator = torch.Generator().manual_seed(1)  # of the draws

logits, graph = tiny.train().read(tokens)  # A is drawn
p, real = torch.sigmoid(graph.edge_logits), graph.pairs  # [B, L, L]
kl = p * p.log() + (1 - p) * (1 - p).log() + torch.log(torch.tensor(2.0))
each = [(t * real).sum((1, 2)) / real.sum((1, 2)) for t in (kl, p)]  # [B] a mean for each sentence
prediction, graph_term, sparsity = F.cross_entropy(logits, labels), *(t.mean() for t in each)
L = prediction + BETA_GRAPH * graph_term + BETA_SPARSITY * sparsity

agreed = losses.wigraph(logits, labels, graph, beta_graph=BETA_GRAPH, beta_sparsity=BETA_SPARSITY)
torch.testing.assert_close(L, agreed)
print(f"edges drawn: {[int((a * r).sum()) for a, r in zip(graph.edges, real, strict=True)]}")
print(f"prediction {prediction:.4f}, graph {graph_term:.4f}, sparsity {sparsity:.4f}; L = {L:.4f}")

# %% [markdown]
# ### The published numbers
#
# The authors' code counts in another way: half of a sentence's mean, summed over the batch, KL without its $\log 2$, and in the end the whole loss, prediction included, is divided by the batch size. Before that last division, at the start and with a batch of 4, it gives -1.38629 for the graph term, which is $-2 \log 2$, and 1.0 for sparsity (we ran it). Ours, asked for that way: <!-- published -->

# %% tags=["nbval-check-output", "name:published"]
fresh = models.build_text("bag", 6, 2, dim=4, graph=models.WIGRAPH(6, 4)).eval()
four = torch.tensor([[1, 2, 3, 4], [2, 5, 4, 3], [5, 1, 2, 4], [3, 4, 1, 5]])
read = fresh.read(four)
for way in ("published", "real"):
    terms = losses.wigraph_terms(
        read.logits, torch.tensor([0, 1, 0, 1]), read.graph, normalisation=way
    )
    print(f"{way:9}: graph {terms.graph:.5f}, sparsity {terms.sparsity:.4f}")
print(f"the published betas of 1, batches of 32: {32 / 2:g} and {32 / 2:g} in our counting")

# %% [markdown]
# So "a beta of 1" means something else in every batch size there. In our counting an edge's weight does not depend on the batch, and padding does not count.

# %% [markdown]
# ## 5. Train it
#
# The network of section 3 has a twin *without* the layer: same start, same sentences in the same order. What does each get right?

# %%
plain = reader(layer=False)
events = training.fit_text(plain, parts, words, seed=SEED, device=device, **PLAN)
yours["none"] = training.run(events, name=f"{BACKBONE} without")


def by_kind(model):
    logits = evaluation.text_logits(model, words.encode(test.texts))
    found = {"all": evaluation.accuracy(logits, test.labels)}
    for number, name in enumerate(test.kinds):
        own = test.kind == number
        found[name] = evaluation.accuracy(logits[own], test.labels[own])
    return "  ".join(f"{name} {share:5.1%}" for name, share in found.items())


print(f"{BACKBONE}, with the layer: {by_kind(net)}")
print(f"{BACKBONE}, without:        {by_kind(plain)}")

# %% [markdown]
# Without the layer a bag of embeddings can only add up votes. Votes that minimise the cross-entropy are expected to be right in 75 % of *negation* and *pair* and in 50 % of *xor*, and no votes at all in more than 87.5 and 75 %. With the layer it can do all. <!-- theory -->
#
# ### Live
#
# Press *Start*: the curves grow, and the word graph of your sentence from section 3 is drawn anew while it learns; change the sentence there and press *Step*. A whole run is {{record:lab10.spec.epochs}} passes over 4,000 sentences, half a minute or so. Things to try:
#
# - Watch the *average precision* above the graph (how well all edges find the true pairs, section 6) and the accuracy. Which of them rises first? What happens to it when the accuracy is at the top?
# - Set **beta sparsity** to 0 and start again: are there more true edges, or more edges?
# - Stop when all is learnt, set **beta graph** to 5 and resume. What do the sure edges do?
# - Move the **temperature** while it runs. The third curve, "the same pictures" (here sentences), is the loss *without* drawing: it does not move, because the temperature is only in the gradient.
# - Set *draws* to 0: probabilities instead of 0 or 1 already in training. Does it learn faster? What do the edges look like then?

# %%
live_net, seen = [reader()], words.encode(train.texts)


def live(control):
    live_net[0] = reader()
    return training.fit_text(
        live_net[0], parts, words, seed=SEED, device=device, control=control, **FULL
    )


def watch():
    figure = look(sentence.value, model=live_net[0])
    if train.interactions:
        asked = evaluation.edge_precision(live_net[0].graph, train, words, tokens=seen)
        figure.update_layout(title_text=f"Average precision of all edges now: {asked.found:.2f}")
    return figure


# %%
recorded = measured[f"{BACKBONE}/layer"]
recorded = recorded | {"network": type(net).__name__}
band = {"accuracy": recorded["curve"], "label": "recorded runs", "run": recorded}
WatchPanel(
    "live", live, watch, driver=DRIVER,
    reference=band if SENTENCES == "interactions" and BUDGET != "paper" else None,
    knobs={
        "beta_sparsity": widgets.slider("beta sparsity", BETA_SPARSITY, 0, 10, 0.1),
        "beta_graph": widgets.slider("beta graph", BETA_GRAPH, 0, 10, 0.1),
        "temperature": widgets.temperature(TEMPERATURE, low=0.03125, high=8.0, label="tau"),
        "hard": widgets.slider("draws", 1, 0, 1, 1),
    },
)  # fmt: skip

# %% [markdown]
# ## 6. Do the edges tell the truth?
#
# Order all pairs of words that ever stand in one sentence by the stronger of their two edges, the strongest first. **Average precision** is 1 if the true pairs come first of all; at random it is nearly 0, because there are many pairs and few are true. There is a harder rival that needs no training: **PMI**, $\log \frac{N\, n_{ab}}{n_a n_b}$, puts words first that *keep company*, whatever they decide ($n_{ab}$ of the $N$ sentences have both).
# **Predict** for each of the four classifiers: above PMI, above chance, or neither?

# %%
widgets.predict(
    "edges of TextCNN",
    "Average precision of the edges before a TextCNN (1: the true pairs come first of all)?",
    lambda: measured["textcnn/layer"]["edge_precision"]["mean"],
    low=0,
    high=1,
)

# %%
with_layer = [row for row in lab10["rows"] if row["label"] == "layer"]
widgets.show(figures.wigraph_records.backbones(with_layer, NAMES), name="backbones")

# %% tags=["nbval-check-output", "name:edges"]
print(f"{'average precision of the edges':31} accuracy")
for row in with_layer:
    ap, right = row["edge_precision"], training.percent(row["test_accuracy"])
    print(f"{NAMES[row['network']]:18} {ap['mean']:.3f} ± {ap['std']:.3f} {right:>12} %")
first = with_layer[0]
print(f"PMI {first['edge_pmi']['mean']:.3f}, random {first['edge_random']['mean']:.3f}; ", end="")
print(f"{first['test_accuracy']['n']} seeds")

# %% [markdown]
# **Explain.** That is the puzzle's answer. A bag of embeddings *cannot* join two words; the graph is its only way, so what the graph holds is what is used. The other three can join words by themselves. TextCNN and BiLSTM lose nothing when all edges go: any graph gives nearly the same prediction. The transformer uses its graph a little: without edges it is right in {{record:lab10.by_label.transformer/layer.occlusion_none.mean|.1p}} % instead of {{record:lab10.by_label.transformer/layer.test_accuracy.mean|.1p}} %, and its edges lie a little above chance in most seeds, far below PMI. What is not needed cannot be told true from false, and what is printed is what chance and sparsity left. The edges are **not identifiable**. The accuracy does not show it: it is as high.
#
# Here is a test that needs no truth, so it can be used on real sentences: train again with another seed. Do the strongest edges come again?

# %% tags=["nbval-check-output", "name:again"]
runs = training.reference_runs("lab10")


def pairs_of(run, most=20):
    return {frozenset(edge[:2]) for edge in run["strongest"][:most]}


for name in NAMES:
    own = [r for r in runs if (r["run"]["pair"], r["run"]["label"]) == (name, "layer")]
    both = [len(pairs_of(a) & pairs_of(b)) for a, b in combinations(own, 2)]
    print(f"{NAMES[name]:18} {sum(both) / len(both):4.1f} of the 20 strongest edges come again")

# %% [markdown]
# A graph that comes again need not be true; one that does not come again is no finding.
#
# ### The false ones
#
# Even the bag's strongest edges are not all true. Here are those of its first seed, true ones with a star:

# %% tags=["nbval-check-output", "name:strongest"]
own = [r for r in runs if (r["run"]["pair"], r["run"]["label"]) == ("bag", "layer")]
truth = data.text.interactions(3).interactions
listed = [
    f"{telling} -> {told}{' *' if tuple(sorted((telling, told))) in truth else ''}"
    for telling, told, _ in own[0]["strongest"]
]
for row in range(0, len(listed), 4):
    print("".join(f"{edge:24}" for edge in listed[row : row + 4]).rstrip())

# %% [markdown]
# **What do the false ones have in common?** Guess, then count, by the place that a word has in the grammar:

# %% tags=["nbval-check-output", "name:false"]
slots = {"adverb": grammar.ADVERBS, "plain adjective": grammar.PLAIN, "noun": grammar.NOUNS}
slots |= {"adjective": grammar.POSITIVE + grammar.NEGATIVE, "not": ("not",)}
for n, which in enumerate(("first", "second")):
    slots[f"{which} of an idiom"] = [pair[n] for pair in grammar.IDIOMS] + [*grammar.VAGUE[n]]
    slots[f"{which} spice"] = [pair[n] for pair in grammar.SPICES]
slot = {word: name for name, those in slots.items() for word in those}
false = Counter(
    " + ".join(sorted(slot.get(word, "another word") for word in edge[:2]))
    for run in own
    for edge in run["strongest"]
    if tuple(sorted(edge[:2])) not in truth
)
every = sum(len(run["strongest"]) for run in own)
print(f"{false.total()} of {every} edges are false: ", end="")
print(", ".join(f"{count} {name}" for name, count in false.most_common(6)))

# %% [markdown]
# **Explain.** "Labour of light" is a *wrong* idiom. Who has learnt all wrong ones knows the right ones, too: if *labour* meets a word that is not *love*, the answer is no. In the same way *very* in front of an adjective says "no *not* here", and two plain adjectives say "no spice here". Such edges are not the rule that we wrote, but a rule with the *same answers*.
# Data cannot tell two such rules apart. Sparsity prefers the rule whose edges are *met* less often: *not* with an adjective stands in a quarter of the sentences on negation, *very* and its like in three quarters. For idioms it is the other way round: whole ones stand in a half, wrong ones in a quarter. So sparsity does not look for the truth either, <!-- theory -->
# and the truth that we asked for was partly *our wording*. Real sentences have many wordings.
#
# Kind by kind, asked among that kind's sentences alone, the bag's edges against PMI:

# %% tags=["nbval-check-output", "name:by-kind"]
bag = measured["bag/layer"]
for name in data.text.KINDS:
    ap, rival = bag[f"edge_precision_{name}"], bag[f"edge_pmi_{name}"]["mean"]
    print(f"{name:9} edges {ap['mean']:.2f} ± {ap['std']:.2f}, PMI {rival:.2f}")

# %% [markdown]
# Within a kind PMI puts set phrases (*to be fair*, *despite everything*) first: they keep company, and decide nothing. Over all sentences idioms and spices come before them, because their words occur in one kind only; that is why its number further up is higher than any of these. About *negation* it knows nothing: *not* stands before every adjective alike.
#
# ### Your network
#
# The same questions to the network of section 3. The line *random order* keeps as many edges, chosen by dice: it shows whether the *ranking* of the edges is worth anything.

# %%
few = words.encode(test.texts[:300])
with torch.no_grad():
    logits, pairs, _ = (t.cpu() for t in net.graph.edge_logits(few.to(device)))


def left_with(order, keep):
    """Accuracy with the first `keep` edges of each sentence, in the order of the scores."""
    flat = order.masked_fill(~pairs, -torch.inf).flatten(1)
    rank = flat.argsort(dim=1, descending=True).argsort(1).view_as(order)
    edges = logits.sigmoid() * ((rank < keep) & pairs)
    answers = evaluation.text_logits(net, few, edges=edges)
    return evaluation.accuracy(answers, test.labels[:300])


COUNTS = [0, 1, 2, 4, 8, 16, 32]
dice = torch.rand(logits.shape, generator=torch.Generator().manual_seed(0))
orders = {"strongest first": logits, "random order": dice}
found = {name: [left_with(order, k) for k in COUNTS] for name, order in orders.items()}
widgets.show(
    figures.wigraph_records.occlusion(found, counts=COUNTS, what="edges left in a sentence"),
    name="occlusion",
)

# %%
if train.interactions:
    asked = evaluation.edge_precision(net.graph, train, words)
    print(f"your edges {asked.found:.2f}, PMI {asked.pmi:.2f}, random {asked.random:.3f}")
    print(f"{asked.true} true pairs among {asked.pairs:,} that stand in one sentence")

# %% [markdown]
# ## 7. What the paper reports, what we measured, what you got
#
# **Interaction occlusion score**: accuracy with only the strongest edges of each sentence, against "NoA", no edge at all. From the authors' talk, in percent, as far as we can see one seed each: <!-- published -->
#
# | classifier | | IMDB | SST-1 | SST-2 | AG News | TREC | Subj |
# |---|---|---|---|---|---|---|---|
# | LSTM | NoA | 88.53 | 45.70 | 83.96 | 91.07 | 91.00 | 90.30 | <!-- published -->
# | LSTM | strongest | 88.84 | 45.82 | 84.48 | 90.91 | 91.27 | 90.58 | <!-- published -->
# | BERT | NoA | 85.62 | 51.31 | 89.18 | 90.79 | 96.40 | 95.90 | <!-- published -->
# | BERT | strongest | 85.67 | 51.52 | 89.02 | 90.47 | 97.04 | 95.97 | <!-- published -->
# | RoBERTa | NoA | 89.02 | 52.10 | 91.52 | 90.13 | 95.2 | 95.50 | <!-- published -->
# | RoBERTa | strongest | 90.02 | 53.84 | 92.51 | 91.50 | 96.00 | 96.20 | <!-- published -->
# | DistilBERT | NoA | 85.08 | 47.10 | 86.82 | 90.08 | 95.00 | 95.20 | <!-- published -->
# | DistilBERT | strongest | 86.32 | 47.25 | 87.00 | 90.10 | 96.40 | 96.00 | <!-- published -->
#
# The gaps go from -0.32 to +1.74 points. Without any edge these classifiers are nearly as right as with the strongest ones. <!-- published -->
# You have seen what that looks like here, and for which classifiers. The paper's tables of accuracy and of AOPC (section 9) were not available to us.
#
# ### Does the layer help?
#
# Test accuracy with the layer minus without it, seed by seed; left, many sentences, where TextCNN and BiLSTM have nothing left to gain; right, a quarter of them.

# %%
helped = [row for row in lab10["rows"] if row["label"] in ("layer", "layer, few")]
many = [row for row in helped if row["label"] == "layer"]
scarce = [row for row in helped if row["label"] == "layer, few"]
two = [
    figures.wigraph_records.accuracy(rows, NAMES, title=f"With the layer minus without: {size}")
    for rows, size in ((many, "4,000"), (scarce, "1,000"))
]
widgets.explore(lambda: two, name="helps")

# %% tags=["nbval-check-output", "name:helps"]
for label, how_many in (("layer", "4,000 sentences"), ("layer, few", "1,000 sentences")):
    print(how_many)
    for name in NAMES:
        row = measured[f"{name}/{label}"]
        print(f"  {NAMES[name]:18} {training.told(row['difference'])}")

# %% [markdown]
# In brackets: the interval that holds the true difference with 95 % confidence. <!-- theory -->
#
# With few sentences the bag has not learnt the rule: it is right in {{record:lab10.by_label.bag/layer, few.test_accuracy.mean|.1p}} %, and its edges ({{record:lab10.by_label.bag/layer, few.edge_precision.mean|.2f}}) lie below PMI ({{record:lab10.by_label.bag/layer, few.edge_pmi.mean|.2f}}). As many passes over a quarter of the sentences are also a quarter of the steps: data and training time cannot be told apart here.
#
# ### Real sentences
#
# The same on film reviews that people wrote (Pang and Lee 2005; only the 2,000 most frequent words are read). They do not ship with this course; the records are ours. <!-- published -->

# %% tags=["nbval-check-output", "name:polarity"]
real = training.reference("lab10-polarity")["by_label"]
for name in NAMES:
    row = real[f"{name}/layer"]
    without = training.percent(real[f"{name}/none"]["test_accuracy"])
    print(f"{NAMES[name]:18} without {without} %; with {training.told(row['difference'])}")
    cut = 100 * (row["occlusion_none"]["mean"] - row["test_accuracy"]["mean"])
    print(f"{'':18} then all edges cut {cut:+.1f} points")

# %% [markdown]
# And the strongest edges of two seeds of the bag, of pairs that stand in five sentences at least:

# %% tags=["nbval-check-output", "name:real-edges"]
reviews = training.reference_runs("lab10-polarity")
own = [r for r in reviews if (r["run"]["pair"], r["run"]["label"]) == ("bag", "layer")]
for run in own[:2]:
    strongest = [f"{telling} -> {told}" for telling, told, _ in run["strongest"][:8]]
    print(f"seed {run['run']['seed']}: {', '.join(strongest)}")
both = [len(pairs_of(a) & pairs_of(b)) for a, b in combinations(own, 2)]
print(f"{sum(both) / len(both):.1f} of 20 come again with another seed")

# %% [markdown]
# Would you show these to somebody as an explanation? Use the two tests that need no truth: does the accuracy fall when the edges go, and do they come again?
#
# ### All in one table

# %%
print(f"{'':20}{'published':>14}{'without':>14}{'with':>14}{'you*':>16}")
for name in NAMES:
    cells = [
        training.percent(measured[f"{name}/{label}"]["test_accuracy"])
        for label in ("none", "layer")
    ]
    mine = "-"
    if name == BACKBONE:
        mine = " / ".join(
            f"{100 * yours[k]['result']['test_accuracy']:.1f}" for k in ("none", "layer")
        )
    print(f"{NAMES[name]:20}{'not this task':>14}{cells[0]:>14}{cells[1]:>14}{mine:>16}")
print("generated sentences, % of test sentences, mean ± std over seeds")
print(f"* without / with, one seed, {PLAN['epochs']} passes over {len(train):,} sentences")

# %% [markdown]
# ## 8. Turn the knobs
#
# ### The two betas
#
# Each cell is a bag of embeddings trained anew, one seed. Left what one would choose by, right what nobody can see who does not know the truth. **Predict:** where is the accuracy best, where are the edges best, and is it the same place?

# %%
surface = training.reference("lab10-surface")["rows"]


def knobs_measured(beta_sparsity, beta_graph):
    mine = {"beta_graph": beta_graph, "beta_sparsity": beta_sparsity}
    return [
        figures.wigraph_records.surface(surface, metric, yours=mine)
        for metric in ("val_accuracy", "edge_precision")
    ]


widgets.explore(
    knobs_measured,
    name="surface",
    beta_sparsity=widgets.slider("beta sparsity", BETA_SPARSITY, 0, 10, 0.1),
    beta_graph=widgets.slider("beta graph", BETA_GRAPH, 0, 10, 0.1),
)

# %% [markdown]
# One seed a cell: neighbours that differ a little may be the same. A whole row or column tells more.
#
# ### Temperature, and the other choices
#
# The bag of embeddings again, {{record:lab10.by_label.bag/tau = 4.test_accuracy.n}} seeds (the first line {{record:lab10.by_label.bag/layer.test_accuracy.n}}):

# %% tags=["nbval-check-output", "name:choices"]
choices = ("layer", "tau = 1/4", "tau = 4", "no draws", "longer", "weighted", "symmetric")
for label in (*choices, "word mask", "published betas"):
    row = measured[f"bag/{label}"]
    ap = row["edge_precision"]
    print(f"{label:16} accuracy {training.percent(row['test_accuracy']):>12} %, ", end="")
    print(f"edges {ap['mean']:.2f} ± {ap['std']:.2f}, mean p {row['edge_mean']['mean']:.3f}")

# %% [markdown]
# - *tau*: from 1/4 to 4 no difference to be seen, in accuracy or edges.
# - *No draws*: probabilities in training, too. As accurate, but the edges are less true; a likely reason is that nothing then forbids half edges.
# - *Longer*: three times as many passes. The accuracy cannot rise any more, and the edges do not get truer, rather less true.
# - *Weighted*: messages go through a linear layer first, $W m + b$. *Symmetric*: one edge for both directions; its ± says that some seeds fail, and we do not know why. *Word mask*: the variant A-R.
# - *Published betas*: the published counting with weights of 1. Compare its mean $p$ with $\sigma(-1) = 0.269$, which section 3 foretold. <!-- theory -->
#   In our counting they are 16 and 16, and the map above shows that 2 and 2 is already too much for a classifier that starts from nothing. Whether one that was trained before would bear them, we did not measure.

# %% [markdown]
# ## 9. Where it breaks
#
# ### An explanation that is scored with another sentence's probabilities
#
# Does an explanation name the words that the classifier *uses*? Take the words away that it calls most important, one by one, and see how far the probability of the predicted label falls. The mean over the first $K$ words and over all sentences is **AOPC**:
#
# $$\text{AOPC} = \frac1N \sum_i \frac1K \sum_{k=1}^{K} \left( p(\hat y_i \mid x_i) - p(\hat y_i \mid x_i \text{ without } k \text{ words}) \right)$$
#
# Two ways to say which words are important, both by asking the classifier about parts of the sentence. **LIME** fits a linear model to its answers; **Shapley** values are what a word adds, averaged over many orders of adding words. The value that says whether either is any good is that of *words in a random order*.

# %%
N, K = 40, 6
tokens = words.encode(test.texts[:N])
weights = {
    "Shapley": evaluation.shapley_weights(net, tokens, samples=8),
    "LIME": evaluation.lime_weights(net, tokens, samples=60),
    "random order": torch.rand(tokens.shape, generator=torch.Generator().manual_seed(0)),
}
predicted = evaluation.text_logits(net, tokens).softmax(1).amax(1).mean().item()
curves = {}
for name, weight in weights.items():
    score = evaluation.aopc(net, tokens, weight, most=K)
    enough = evaluation.post_hoc_accuracy(net, tokens, weight, keep=2)
    curves[name] = [predicted, *(predicted - score.drops).tolist()]
    print(f"{name:13} AOPC {score.value:.2f}; its two first words are enough in {enough:.0%}")
widgets.show(
    figures.wigraph_records.occlusion(
        curves, what="words removed", measured="probability of the predicted label"
    ),
    name="words",
)

# %% [markdown]
# The last number is **post-hoc accuracy** (in our definition): how often the two first words *alone* get the same answer as the whole sentence.
#
# Now the same AOPC, computed as in the published code. It writes `softmax(out)[:, labels][0]`. That has one row for each sentence of the batch, and `[0]` takes the *first* row: every sentence is scored with the first sentence's probabilities.

# %%
labels = evaluation.text_logits(net, tokens).argmax(1)
order = weights["Shapley"].abs().masked_fill(tokens == 0, -1).argsort(dim=1, descending=True)
rank = order.argsort(1)
steps = [evaluation.text_logits(net, tokens.masked_fill(rank < k, 0)) for k in range(K + 1)]
p = torch.stack(steps).softmax(2)  # [K + 1, N, C] with 0, 1 .. K words gone

own = p[:, torch.arange(N), labels]  # [K + 1, N] each sentence its own row
first_row = p[:, :, labels][:, 0]  # [K + 1, N] always row 0
for name, value in (("mended", own), ("published", first_row)):
    print(f"{name:10} AOPC {(value[:1] - value[1:]).mean():+.3f}")
torch.testing.assert_close(
    (own[:1] - own[1:]).mean().item(),
    evaluation.aopc(net, tokens, weights["Shapley"], most=K).value, atol=1e-5, rtol=0,
)  # fmt: skip

# %% [markdown]
# With two classes the mistake even has a typical value: if the first sentence falls by some amount, all sentences with its label count that fall, and all others count it with the opposite sign. Sort the test set in another way, and "faithfulness" changes. It is exercise 4.
#
# Recorded over {{record:lab10.by_label.bag/layer.aopc.n}} seeds, {{record:lab10.spec.explained}} test sentences, $K$ = {{record:lab10.spec.most}}, Shapley values. A high AOPC says that the words named are those used; it says nothing about the *graph*:

# %% tags=["nbval-check-output", "name:aopc"]
for name in NAMES:
    row = measured[f"{name}/layer"]
    print(f"{NAMES[name]:18} AOPC {row['aopc']['mean']:.2f}, random words ", end="")
    print(f"{row['aopc_random']['mean']:.2f}; without the layer ", end="")
    print(f"{measured[f'{name}/none']['aopc']['mean']:.2f}")

# %% [markdown]
# ### Training draws, testing does not
#
# In training a word hears a few neighbours in full, at test all of them in part. If $D$ counted the *drawn* edges, as in the published code, the two would differ even on average, because the mean of $1 / \sqrt{D}$ is not $1 / \sqrt{\text{mean of } D}$. Here $D$ counts expected edges in both, so that the messages at test are the mean of those in training.
#
# ### From words to pictures
#
# Nothing in the layer is about language. Let **concept detectors** look at a picture of Motif-100 and report what they see: *star, striped, red, large, left* ... That is a sentence without order. Now a label that needs an edge: *(star and striped) xor red*. The detectors here are simulated: each reads the truth and errs in 2 % of all pictures. <!-- theory -->
# **Predict:** how good is a sum of votes? Which edges should appear?

# %%
votes = concepts.learn(layer=False, seed=SEED)
talk = concepts.learn(layer=True, seed=SEED, temperature=TEMPERATURE)
print(f"e.g. {talk.sentences['test'].texts[0]!r}")
print(f"votes only {votes.accuracy:.1%}, with edges {talk.accuracy:.1%} right")
names, p = concepts.found(talk)


def circle(threshold):
    return figures.wigraph_vision.concepts(p, concepts.RULE, names, threshold=threshold)


widgets.explore(circle, name="concepts", threshold=widgets.slider("threshold", 0.5, 0, 1, 0.01))

# %% [markdown]
# **Explain.** No sum of votes gets more than 75 % right, and learnt ones stay near chance, because red speaks as often for yes as for no. With edges the rule can be learnt. <!-- theory -->
# But look at *which* edges: if star and striped both tell red, they meet there, and the edge between them is not needed. And a picture has one texture, so "solid" says "not striped" as well as *striped* says the opposite. Same lesson as with the words: edges show *a* way to the answer. The authors tried the layer on bird concepts, 89.41 to 95.74 %; the data are not ours. <!-- published -->

# %% [markdown]
# ## 10. Your turn
#
# Replace the `raise` line, run the cell, then run its check. The checks compute the usual wrong
# answers too, so they can often name what went wrong.
#
# ### Exercise 1 - one straight-through draw
#
# Given `logits` and `noise` [L, L] and a `temperature`, return the drawn edges: exactly 0 or 1, with the gradient of the relaxed value.


# %% tags=["exercise"]
def my_draw(logits, noise, temperature):
    # BEGIN SOLUTION
    relaxed = torch.sigmoid((logits + noise) / temperature)
    hard = (logits + noise > 0).to(relaxed.dtype)
    return hard + (relaxed - relaxed.detach())
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:my-draw"]
exercises.lab10.draw.check(my_draw)

# %% [markdown]
# <details><summary>Hint</summary>
#
# `t.detach()` is `t` without its gradient. What is `t - t.detach()` forwards, and what backwards?
#
# </details>

# %% [markdown]
# ### Exercise 2 - the messages of one layer
#
# Given `x` [L, D] and `edges` [L, L] (row: who is told; the diagonal may hold anything), return $z$ with GELU.


# %% tags=["exercise"]
def my_messages(x, edges):
    # BEGIN SOLUTION
    a = edges.clone().fill_diagonal_(1)
    d = a.sum(1)
    return x + F.gelu((a / (d[:, None] * d).sqrt()) @ x)
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:my-messages"]
exercises.lab10.messages.check(my_messages)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Set the diagonal first, then count. $D^{-1/2} A D^{-1/2}$ divides entry $(i, j)$ by $\sqrt{D_i D_j}$.
#
# </details>

# %% [markdown]
# ### Exercise 3 - two terms, and padding
#
# Given `logits` [B, L, L] and `real` [B, L] (True where there is a word), return a tensor of two numbers: the graph term (KL to 1/2, in nats) and the sparsity term. Each is a mean over a sentence's pairs of two different real words, then over sentences.


# %% tags=["exercise"]
def my_terms(logits, real):
    # BEGIN SOLUTION
    pairs = real[:, :, None] & real[:, None, :] & ~torch.eye(real.shape[1], dtype=torch.bool)
    p = torch.sigmoid(logits)
    kl = p * logits - F.softplus(logits) + torch.log(torch.tensor(2.0))
    means = [(t * pairs).sum((1, 2)) / pairs.sum((1, 2)) for t in (kl, p)]  # [B] each
    return torch.stack(means).mean(1)
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:my-terms"]
exercises.lab10.terms.check(my_terms)

# %% [markdown]
# <details><summary>Hint</summary>
#
# First make a mask [B, L, L] of what counts. A sentence of 3 real words has 6 pairs. Without logarithms of 0: the negative entropy is $p \gamma - \text{softplus}(\gamma)$.
#
# </details>

# %% [markdown]
# ### Exercise 4 - AOPC, mended
#
# Given probabilities `before` [B, C] of whole sentences, `after` [K, B, C] with 1 to K words gone, and each sentence's predicted label `labels` [B], return AOPC: each sentence scored by *its own* label.


# %% tags=["exercise"]
def my_aopc(before, after, labels):
    # BEGIN SOLUTION
    own = torch.arange(len(labels))
    return (before[own, labels] - after[:, own, labels]).mean()
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:my-aopc"]
exercises.lab10.aopc.check(my_aopc)

# %% [markdown]
# <details><summary>Hint</summary>
#
# `p[:, labels]` gives every sentence the labels of *all* sentences. You want row 0 with label 0, row 1 with label 1 and so on: give rows *and* columns as lists of the same length.
#
# </details>

# %% [markdown]
# ## 11. Recap
#
# - A graph over words, drawn anew in each step of the training: hard forwards, soft backwards. The temperature is only in the gradient.
# - The graph term pulls every edge towards 1/2, sparsity towards 0; an edge that the prediction does not care about comes to rest at $\sigma(-\beta_\text{sparsity} / \beta_\text{graph})$.
# - Edges are an explanation only where the classifier *needs* them. Cut them all: if nothing happens, they explain nothing.
# - Even needed edges show *one* rule with the right answers, not the one you had in mind.
# - Where no truth is known: cut the edges, train with other seeds, and compare with PMI and with chance.
# - A score of explanations can be wrong without anybody noticing: look at its code, and compare with random words.
#
# **Words.** *Token, embedding*: a word's number, and its learnt list of numbers. *Edge*: a directed link between two words, with a probability. *Draw*: 0 or 1 by chance. *Relaxed value*: a number between, which has a slope. *Straight-through*: one forwards, the other backwards. *True pair*: two words that decide together by our rule. *Identifiable*: what the data can tell apart. *AOPC, post-hoc accuracy, interaction occlusion*: take words or edges away and see what falls.
#
# **Next.** You have seen all labs. Lab 08 shows how to compare what you build yourself.
#
# **References.** A. Sekhon, H. Chen, A. Shrivastava, Z. Wang, Y. Ji, Y. Qi (2023), *Improving Interpretability via Explicit Word Interaction Graph Layer*, arXiv 2302.02016, their code and the slides of their talk. E. Jang, S. Gu, B. Poole (2017), *Categorical Reparameterization with Gumbel-Softmax*. M. T. Ribeiro, S. Singh, C. Guestrin (2016), *"Why Should I Trust You?"* (LIME). <!-- published -->
# J. Castro, D. Gómez, J. Tejada (2009), *Polynomial calculation of the Shapley value based on sampling*. B. Pang, L. Lee (2005), *Seeing stars*. Y. Kim (2014), *Convolutional Neural Networks for Sentence Classification*.
