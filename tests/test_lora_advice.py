"""The table of ranks, and what stands beside it."""

import numpy as np
import pytest

from lowrank.errors import RankError
from lowrank.lora import advice
from lowrank.spectrum import energy, relative_error
from lowrank.svd import exact_svd


def test_the_table_counts_and_measures():
    a = np.random.default_rng(0).standard_normal((60, 40))
    svd = exact_svd(a)
    for row in advice.rank_table([a.shape], range(1, 60), spectra=[svd.s], dtype="F32"):
        k = min(row.r, 40)
        assert row.parameters == k * 100
        assert row.nbytes == 400 * k
        assert row.share == row.parameters / a.size
        assert row.energy == pytest.approx(energy(svd)[k])
        assert row.relative_error == pytest.approx(relative_error(svd)[k], abs=1e-12)


def test_several_weights_are_counted_together():
    rng = np.random.default_rng(0)
    several = [rng.standard_normal(shape) for shape in ((30, 20), (10, 50))]
    (row,) = advice.rank_table([a.shape for a in several], [5], spectra=[np.linalg.svd(a)[1] for a in several])
    assert row.parameters == 5 * 50 + 5 * 60
    lost = sum(np.square(a - exact_svd(a).reconstruct(5)).sum() for a in several)
    assert row.relative_error**2 == pytest.approx(lost / sum(np.square(a).sum() for a in several))


def test_zeros_keep_everything():
    (row,) = advice.rank_table([(3, 3)], [1], spectra=[np.zeros(3)])
    assert (row.energy, row.relative_error) == (1, 0)


def test_what_makes_no_table():
    for shapes, ranks in (([], [1]), ([(3, 0)], [1]), ([(3, 3)], [0])):
        with pytest.raises(RankError):
            advice.rank_table(shapes, ranks)


def test_which_kind_of_weight_matters_more_than_how_many():
    table_5 = dict(advice.SWEEPS[1].figures)
    assert len(table_5) == 7
    assert min(table_5["value, r = 8"], table_5["output, r = 8"]) > table_5["query and key, r = 4"] + 1


def test_the_sweeps_have_sources_and_none_names_an_optimum():
    for sweep in advice.SWEEPS:
        assert sweep.source
        assert len(sweep.figures) >= 3
        assert len(sweep.shares) in (0, len(sweep.figures))
        assert list(sweep.shares) == sorted(sweep.shares)
    assert all(source for _, source in advice.FINDINGS)
    text = " ".join([advice.STARTING_POINT, *(sweep.says for sweep in advice.SWEEPS)])
    assert "optimal" not in text.replace("never", "")
