"""Retrieval: by hand, by brute force, equal captions, ties, chance, chunks."""

import math

import pytest
import torch

from labkit.evaluation.retrieval import recall, retrieval

G = torch.Generator().manual_seed(0)


def test_recall_by_hand():
    scores = torch.tensor([[0.9, 0.5, 0.1], [0.2, 0.3, 0.4], [0.6, 0.7, 0.8]])
    right = torch.eye(3, dtype=torch.bool)
    right[2] = torch.tensor([True, True, False])  # two right ones: the better counts
    assert recall(scores, right, (1, 2)).tolist() == [[True, True], [False, True], [False, True]]


def test_a_tie_with_a_wrong_one_is_a_miss_and_with_a_right_one_is_not():
    flat = torch.zeros(1, 4)
    one = torch.tensor([[True, False, False, False]])
    assert recall(flat, one, (1, 3, 4)).tolist() == [[False, False, True]]
    assert recall(flat, torch.ones(1, 4, dtype=torch.bool), (1,)).item()


def test_encoders_that_answer_the_same_to_everything_find_nothing():
    same = torch.ones(20, 3)
    found = retrieval(same, same)
    assert set(found.image_to_text.values()) == {0.0} == set(found.text_to_image.values())


def test_equal_captions_are_one_candidate_and_one_query():
    image = torch.eye(3)[[0, 0, 1, 2]]
    text = torch.eye(3)[[0, 0, 2, 1]]
    texts = ["red", "red", "green", "blue"]
    found = retrieval(image, text, texts, ks=(1, 2))
    assert found.captions == 3
    assert found.image_to_text[1] == 0.5  # of four pictures
    assert found.text_to_image[1] == pytest.approx(1 / 3)  # of three captions
    strict = retrieval(image, text, ks=(1,))  # all different: each red one ties with its twin
    assert strict.image_to_text[1] == 0.0


def brute(image, text, texts, k):
    """Sorted lists, as one would by hand; scores are all different."""
    names = list(dict.fromkeys(texts))
    vectors = [text[texts.index(name)] for name in names]
    there = [
        texts[i] in sorted(names, key=lambda n: -float(row @ vectors[names.index(n)]))[:k]
        for i, row in enumerate(image)
    ]
    back = [
        name
        in [texts[i] for i in sorted(range(len(image)), key=lambda i: -float(image[i] @ v))[:k]]
        for name, v in zip(names, vectors, strict=True)
    ]
    return sum(there) / len(there), sum(back) / len(back)


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_brute_force_whatever_the_chunk(chunk):
    texts = [f"text {i % 11}" for i in range(30)]
    image = torch.randn(30, 6, generator=G)
    text = torch.randn(11, 6, generator=G)[torch.arange(30) % 11] + 0.0
    found = retrieval(image, text, texts, ks=(1, 3, 5), chunk=chunk)
    for k in (1, 3, 5):
        assert (found.image_to_text[k], found.text_to_image[k]) == pytest.approx(
            brute(image, text, texts, k)
        )


def test_chance_is_what_random_vectors_reach():
    texts = [f"text {min(i, 9)}" for i in range(40)]  # one caption has 31 pictures
    reached = torch.zeros(2)
    for _ in range(300):
        text = torch.randn(10, 8, generator=G)[torch.tensor([min(i, 9) for i in range(40)])]
        found = retrieval(torch.randn(40, 8, generator=G), text, texts, ks=(2,))
        reached += torch.tensor([found.image_to_text[2], found.text_to_image[2]]) / 300
    assert found.chance_image_to_text[2] == pytest.approx(0.2)
    few, many = 2 / 40, 1 - 9 / 40 * 8 / 39
    assert found.chance_text_to_image[2] == pytest.approx((9 * few + many) / 10)
    assert reached[0].item() == pytest.approx(found.chance_image_to_text[2], abs=0.03)
    assert reached[1].item() == pytest.approx(found.chance_text_to_image[2], abs=0.03)


def test_k_beyond_the_candidates_finds_all():
    found = retrieval(torch.eye(3), torch.eye(3).flip(0), ks=(10,))
    assert found.image_to_text[10] == found.chance_text_to_image[10] == 1.0


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: retrieval(torch.ones(3, 2), torch.ones(4, 2)), "image and text"),
        (lambda: retrieval(torch.ones(3, 2), torch.ones(3, 2), ["a", "b"]), "captions"),
        (lambda: retrieval(torch.ones(3, 2), torch.ones(3, 2), chunk=0), "chunk"),
        (lambda: retrieval(torch.ones(3, 2), torch.ones(3, 2), ks=(0,)), "ks"),
        (lambda: retrieval(torch.full((3, 2), math.nan), torch.ones(3, 2)), "finite"),
        (lambda: recall(torch.ones(2, 3), torch.zeros(2, 3, dtype=torch.bool)), "each row"),
        (lambda: recall(torch.ones(2, 3), torch.ones(2, 2, dtype=torch.bool)), "scores and right"),
    ],
)
def test_bad_arguments(call, told):
    with pytest.raises(ValueError, match=told):
        call()
