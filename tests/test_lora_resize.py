"""Rules that cut an adapter, and the cut: the best of its rank, the same as the dense way finds."""

import numpy as np
import pytest
from adapters import MODULES, factors, peft
from hypothesis import given
from hypothesis import strategies as st

from lowrank.errors import RankError
from lowrank.lora.adapter import LoRA
from lowrank.lora.formats import Adapter, read_adapter
from lowrank.lora.inspection import SHARES, Layer, inspect_adapter
from lowrank.lora.resize import RULES, choose_ranks, foretell, resized
from lowrank.ranks import choose_rank
from lowrank.svd import exact_svd


def layer(s, shape=(60, 40), name="a"):
    return Layer(name, shape, len(s), 1.0, np.array(s, float), len(s) * sum(shape))


@pytest.fixture(scope="module")
def adapter():
    return read_adapter(*peft(alpha=16))


def test_the_inspection_is_that_of_the_product(adapter):
    for found, (A, B) in zip(inspect_adapter(adapter), [factors()[name] for name in sorted(MODULES)], strict=True):
        product = 2.0 * B.astype(np.float64) @ A
        s = np.linalg.svd(product, compute_uv=False)  # NumPy is the outside reference
        np.testing.assert_allclose(found.s, s[:8], rtol=1e-10)
        assert found.norm == pytest.approx(np.linalg.norm(product))
        assert found.stable_rank == pytest.approx((s**2).sum() / s[0] ** 2)
        assert (found.shape, found.r, found.scale) == (product.shape, 8, 2.0)
        svd = exact_svd(product)
        assert [found.needed(share) for share in SHARES] == [choose_rank(svd, "energy", share) for share in SHARES]


def test_progress_is_told_after_each_layer(adapter):
    shares = []
    layers = inspect_adapter(adapter, progress=shares.append)
    resized(adapter, choose_ranks(layers, "rank", 2), progress=shares.append)
    assert shares == [0.25, 0.5, 0.75, 1.0] * 2


def test_the_rules_on_a_spectrum_by_hand():
    layers = [layer([10, 5, 2, 1])]  # squares 100, 25, 4, 1: 130; sum 18
    expected = {
        ("rank", 3): 3, ("rank", 9): 4, ("energy", 0.9): 2, ("energy", 100 / 130): 1, ("energy", 1): 4,
        ("energy", 0): 1, ("sv_ratio", 5): 2, ("sv_ratio", 5.1): 3, ("sv_ratio", 1): 1, ("sv_fro", 0.9): 2,
        ("sv_fro", (100 / 130) ** 0.5 + 1e-9): 2, ("sv_cumulative", 0.5): 1, ("sv_cumulative", 0.6): 2,
        ("sv_cumulative", 1): 4, ("parameters", 100): 1, ("parameters", 250): 2, ("parameters", 1000): 4,
    }  # fmt: skip
    assert {key: choose_ranks(layers, *key)["a"] for key in expected} == expected


def test_a_layer_of_zeros_is_cut_to_rank_1():
    for rule in RULES:
        assert choose_ranks([layer([0.0, 0.0, 0.0])], rule) == {"a": 3 if rule == "rank" else 1}


@given(
    st.sampled_from([name for name in RULES if name != "parameters"]),
    st.lists(st.floats(0, 100), min_size=1, max_size=12),
    st.floats(0, 1),
)
def test_a_lower_target_never_keeps_more(rule, s, share):
    entry = RULES[rule]
    highest = 20 if entry.highest is None or entry.highest > 1 else 1
    low, high = entry.lowest + share / 2 * (highest - entry.lowest), entry.lowest + share * (highest - entry.lowest)
    layers = [layer(sorted(s, reverse=True))]
    assert 1 <= choose_ranks(layers, rule, low)["a"] <= choose_ranks(layers, rule, high)["a"] <= len(s)


@given(st.integers(0, 10**6), st.integers(300, 3000))
def test_a_budget_is_kept_and_no_single_exchange_would_keep_more(seed, target):
    rng = np.random.default_rng(seed)
    layers = [layer(np.sort(rng.random(6))[::-1], (60, 40), name) for name in "abc"]
    ranks = choose_ranks(layers, "parameters", target)
    assert sum(ranks.values()) == min(target // 100, 18)
    kept = [layer.s[ranks[layer.name] - 1] for layer in layers if ranks[layer.name] > 1]
    left = [layer.s[ranks[layer.name]] for layer in layers if ranks[layer.name] < 6]
    assert not kept or not left or min(kept) >= max(left)


@pytest.mark.parametrize(
    ("rule", "target"), [("rank", 0), ("energy", 1.1), ("sv_ratio", 0.5), ("energy", float("nan"))]
)
def test_targets_out_of_range(rule, target):
    with pytest.raises(RankError, match="must be from"):
        choose_ranks([layer([1.0])], rule, target)


def test_a_budget_too_small_for_rank_1_says_what_it_takes():
    with pytest.raises(RankError, match="takes 200 parameters already"):
        choose_ranks([layer([1.0]), layer([1.0], name="b")], "parameters", 199)
    with pytest.raises(ValueError, match="rule must be one of"):
        choose_ranks([layer([1.0])], "elbow")


def test_every_rule_says_what_it_is_good_for():
    for rule in RULES.values():
        assert rule.advice.endswith(".")


@pytest.mark.parametrize("rule", RULES)
def test_the_cut_is_the_truncated_full_svd_and_is_foretold(adapter, rule):
    layers = inspect_adapter(adapter)
    ranks = choose_ranks(layers, rule, {"rank": 3, "parameters": 2000}.get(rule))
    told, cut = foretell(layers, ranks), resized(adapter, ranks)
    assert cut.ranks == ranks
    assert told.parameters == (adapter.parameters, cut.parameters)
    assert told.ranks == (min(ranks.values()), max(ranks.values()))
    kept = whole = 0.0
    for name, pair in adapter.layers.items():
        svd = exact_svd(pair.delta())
        np.testing.assert_allclose(cut.layers[name].delta(), svd.reconstruct(ranks[name]), atol=1e-10)
        kept, whole = kept + np.square(cut.layers[name].delta()).sum(), whole + np.square(pair.delta()).sum()
    assert told.energy == pytest.approx(kept / whole)


def test_no_random_cut_of_that_rank_is_closer():
    rng = np.random.default_rng(0)
    pair = LoRA(rng.standard_normal((16, 50)), rng.standard_normal((60, 16)))
    best = np.linalg.norm(pair.delta() - pair.truncate(4).delta())
    for _ in range(20):
        basis = np.linalg.qr(rng.standard_normal((50, 4)))[0]
        assert np.linalg.norm(pair.delta() - pair.delta() @ basis @ basis.T) >= best


def test_an_adapter_of_zeros():
    zeros = Adapter({"a": LoRA(np.zeros((4, 6)), np.zeros((5, 4)))})
    layers = inspect_adapter(zeros)
    assert (layers[0].stable_rank, layers[0].effective_rank, layers[0].needed(0.9), layers[0].norm) == (0, 0, 0, 0)
    ranks = choose_ranks(layers, "energy")
    assert foretell(layers, ranks).energy == 1
    assert not resized(zeros, ranks).layers["a"].delta().any()
