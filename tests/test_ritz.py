"""What Ritz values tell of a Krylov range: as it grows, and of what its last columns have brought."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound import of_spectrum
from strategies import seeds

from lowrank.ritz import Ritz

K, B = 20, 8


def krylov_gram(a, blocks, seed=0):
    """``Q^T A A^T Q`` of the Krylov range of a Gaussian block of B columns."""
    Y, Q = np.random.default_rng(seed).standard_normal((len(a), B)), np.empty((len(a), 0))
    for _ in range(blocks):
        for _ in range(2):
            Y = np.linalg.qr(Y - Q @ (Q.T @ Y))[0]
        Q = np.hstack([Q, Y])
        Y = a @ (a.T @ Y)
    return (Q.T @ a) @ (Q.T @ a).T


def largest(gram):
    return np.linalg.eigvalsh(gram)[::-1][:K].sum()


def ritz(total, tol=1e-3):
    return Ritz(K, total, tol, 1e-14 * total**0.5, krylov=True)


@settings(deadline=None, max_examples=30)
@given(st.floats(0.5, 1.5), st.integers(5, 8), seeds)
def test_what_the_last_columns_brought_is_not_underestimated(power, blocks, seed):
    gram = krylov_gram(of_spectrum(np.arange(1, 121.0) ** -power, 120, 150, dtype=np.float64), blocks, seed)
    found = ritz(float(np.trace(gram)))
    found.look(gram, B)
    for columns in (B, 2 * B):
        truth = largest(gram) - largest(gram[:-columns, :-columns])
        said = found.owed(gram, columns)
        assert truth <= said * (1 + 1e-9) + 1e-12
        if columns == B and blocks > 5:  # by then the range without them is nearly as good
            assert said <= 2.5 * truth + 1e-12


def test_columns_that_brought_nothing_are_owed_nothing_and_those_apart_their_own_values():
    values = np.r_[np.geomspace(9, 1, 24), np.full(8, 0.5)]
    gram = np.diag(values)
    found = ritz(values.sum())
    found.look(gram, B)
    assert found.owed(gram, B) == 0.0
    apart = np.diag(np.roll(values, -B))  # the eight largest come last, tied to nothing
    found.look(apart, B)
    lost = values[:B].sum() - values[K : K + B].sum()
    assert lost <= found.owed(apart, B) <= values[:B].sum() * (1 + 1e-12)


@pytest.mark.parametrize("blocks", [1, 2])
def test_values_and_vectors_of_a_grown_range_are_those_of_the_whole(blocks, monkeypatch):
    decomposed, eigh = [], np.linalg.eigh
    monkeypatch.setattr(np.linalg, "eigh", lambda a: decomposed.append(len(a)) or eigh(a))
    gram = krylov_gram(of_spectrum(np.arange(1, 121.0) ** -1.0, 120, 150, dtype=np.float64), 8)
    grown = ritz(float(np.trace(gram)))
    grown.look(gram[: -blocks * B, : -blocks * B], B)
    grown.look(gram, B)
    assert blocks > 1 or max(decomposed) < len(gram)  # the first vectors have converged, and are left as they are
    values = np.linalg.eigvalsh(gram)[::-1]
    np.testing.assert_allclose(grown.values, values, rtol=1e-9, atol=1e-12 * values[0])
    np.testing.assert_allclose(grown.vectors.T @ grown.vectors, np.eye(len(gram)), atol=1e-12)
    np.testing.assert_allclose(grown.vectors.T @ gram @ grown.vectors, np.diag(grown.values), atol=1e-11 * values[0])
