"""How much each word of a sentence counts for a label: LIME and Shapley values, by captum.

Both ask the classifier about the sentence with some of its words taken away. A word is a place:
what is left stays in its order, and a repeated word counts once for each repetition. (The
published WIGRAPH code rebuilds sentences for LIME from the set of their words, so that order and
repetitions are lost for every sentence but the whole one.)

    LIME     ridge regression (penalty 1) of the answer on which words are there, in sentences that
             keep each word with probability 1/2, weighted by exp(-d^2 / (2 * 0.25^2)), d = 1 - the
             cosine between "words there" and "all there"; Ribeiro et al. (2016), and the kernel
             width of their code
    Shapley  the mean, over `samples` random orders, of what a word adds to those before it;
             Castro et al. (2009). Weights of a sentence sum to answer(sentence) - answer(nothing)
"""

import warnings

import torch
from torch import Tensor, nn

from labkit.errors import unknown, whole
from labkit.evaluation.faithfulness import text_logits

ANSWERS = ("probability", "logit")
WIDTH = 0.25  # of LIME's kernel
AT_ONCE = 512  # sentences


def lime_weights(
    model: nn.Module,
    tokens: Tensor,
    *,
    labels: Tensor | None = None,
    samples: int = 200,
    of: str = "probability",
    seed: int = 0,
    padding: int = 0,
) -> Tensor:
    """LIME's weight of every word for a label: float32 [N, L], 0 at padding.

    Shapes: tokens int [N, L]; labels int64 [N], each sentence's predicted one unless given. `of`
    what: its "probability" or its "logit". `model` gives logits [N, C] of tokens and is in eval
    mode from then on. One seed gives the same weights; torch's global generator is not moved.
    Raises ValueError for bad arguments.
    """
    from captum._utils.models.linear_model import SkLearnRidge
    from captum.attr import Lime
    from captum.attr._core.lime import get_exp_kernel_similarity_function

    labels = _labels(model, tokens, labels, of)
    whole("samples", samples, minimum=2)
    whole("seed", seed, minimum=0)
    weights = torch.zeros(tokens.shape)
    similar = get_exp_kernel_similarity_function("cosine", WIDTH)
    for row, (sentence, label) in enumerate(zip(tokens, labels, strict=True)):
        places = (sentence != padding).nonzero()[:, 0]  # [n], the words
        if not len(places):
            continue

        def answer(
            there: Tensor, words: Tensor = sentence[places], label: Tensor = label
        ) -> Tensor:
            left = words.masked_fill(there == 0, padding)  # [m, n]
            return _answer(model, left, label.expand(len(left)), of)

        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # captum's, on sklearn's coming defaults
            torch.manual_seed(seed + row)
            found = Lime(answer, SkLearnRidge(alpha=1.0), similar).attribute(
                torch.ones(1, len(places)), n_samples=samples, perturbations_per_eval=AT_ONCE
            )
        weights[row, places] = found[0].float()
    return weights


def shapley_weights(
    model: nn.Module,
    tokens: Tensor,
    *,
    labels: Tensor | None = None,
    samples: int = 25,
    of: str = "probability",
    seed: int = 0,
    padding: int = 0,
) -> Tensor:
    """The sampled Shapley value of every word for a label: float32 [N, L], 0 at padding.

    Arguments, shapes and errors as in `lime_weights`; `samples` counts random orders of the places,
    the same for all sentences. The standard error falls with its square root.
    """
    from captum.attr import ShapleyValueSampling

    labels = _labels(model, tokens, labels, of)

    def answer(there: Tensor, words: Tensor, labels: Tensor) -> Tensor:
        return _answer(model, words.masked_fill(there == 0, padding), labels, of)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(whole("seed", seed, minimum=0))
        found = ShapleyValueSampling(answer).attribute(
            torch.ones(tokens.shape),
            additional_forward_args=(tokens.cpu(), labels),
            n_samples=whole("samples", samples),
            perturbations_per_eval=max(1, AT_ONCE // len(tokens)),
        )
    return found.float()


def _answer(model: nn.Module, tokens: Tensor, labels: Tensor, of: str) -> Tensor:
    """[N]: of every sentence what is asked about its label."""
    logits = text_logits(model, tokens, batch_size=AT_ONCE)
    answers = logits if of == "logit" else logits.softmax(1)
    return answers.gather(1, labels[:, None])[:, 0]


def _labels(model: nn.Module, tokens: Tensor, labels: Tensor | None, of: str) -> Tensor:
    """int64 [N] on the CPU, checked with the other arguments."""
    if of not in ANSWERS:
        raise unknown("answer", of, ANSWERS)
    logits = text_logits(model, tokens)
    if labels is None:
        return logits.argmax(1)
    if labels.shape != tokens.shape[:1] or labels.is_floating_point():
        raise ValueError(f"labels must be int64 [{len(tokens)}], got {list(labels.shape)}")
    if not 0 <= int(labels.min()) <= int(labels.max()) < logits.shape[1]:
        raise ValueError(f"labels must be 0..{logits.shape[1] - 1}")
    return labels.cpu().long()
