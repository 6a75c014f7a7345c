"""What an adapter costs, against PEFT's own counts and the published figures of QLoRA."""

import pytest

from lowrank.errors import RankError
from lowrank.lora import budget


def test_the_square_layer_of_1600():
    assert budget.adapter_parameters(1600, 1600, 16) == 51_200  # as PEFT 0.21 counts it
    assert budget.adapter_share(1600, 1600, 16) == 0.02
    assert budget.break_even(1600, 1600) == 800


@pytest.mark.parametrize(("m", "n"), [(384, 384), (1536, 384), (30522, 384), (5, 7)])
def test_below_the_break_even_rank_the_factors_are_fewer_numbers(m, n):
    r = int(budget.break_even(m, n))
    assert budget.adapter_parameters(m, n, r) <= m * n < budget.adapter_parameters(m, n, r + 1)
    through, beside = budget.forward_flops(m, n, r)
    assert beside <= through


def test_bits_of_nf4():
    assert budget.NF4_BITS == {"single": 4.5, "double": 4.126953125}
    assert round(budget.NF4_BITS["single"] - budget.NF4_BITS["double"], 3) == 0.373


def test_memory_of_llama_2_7b_and_of_65_billion_parameters():
    linear = 6_476_005_376
    gigabytes = {way: budget.training_memory(way, linear).base / 1e9 for way in ("lora", "qlora")}
    assert {way: round(size, 3) for way, size in gigabytes.items()} == {"lora": 12.952, "qlora": 3.341}
    single = budget.training_memory("qlora", linear, bits=budget.NF4_BITS["single"])
    assert round(single.base / 1e9, 3) == 3.643
    assert budget.training_memory("full", 65_000_000_000).total == 780e9
    assert round(budget.training_memory("qlora", 65_000_000_000).base / 1e9, 1) == 33.5


def test_the_parts_of_the_memory_add_up():
    memory = budget.training_memory("qlora", 1000, 100, 10, adapter_type="BF16")
    assert (memory.adapter, memory.gradients, memory.optimizer) == (20, 20, 80)
    assert memory.total == memory.base + 120
    assert memory.base == 1000 * 4.126953125 / 8 + 200


def test_what_cannot_be_counted():
    with pytest.raises(RankError, match="negative"):
        budget.training_memory("lora", -1)
    with pytest.raises(ValueError, match="way must be one of full, lora, qlora"):
        budget.training_memory("dora", 1)
