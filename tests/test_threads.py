"""One knob for BLAS threads: what it takes, and that BLAS obeys, in the library and in the command line."""

import os
import subprocess
import sys

import pytest

from lowrank.cli import main
from lowrank.errors import LowrankError
from lowrank.threads import VARIABLE, wanted_threads

pytestmark = pytest.mark.slow

#: Runs the command line and prints how many threads each BLAS of the process has afterwards.
ASK = """
import sys, numpy, scipy.linalg, threadpoolctl
from lowrank.cli import main
code = main(sys.argv[1:])
print(*(pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"))
raise SystemExit(code)
"""
FIRST = ("curve", "sample_images/tartan.png", "--csv")


def threads_after(*arguments, **environment):
    """Run the command line in a process of its own; return its exit code and the threads of every BLAS after it."""
    clean = {name: value for name, value in os.environ.items() if not name.endswith("_THREADS")}
    command = [sys.executable, "-c", ASK, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=clean | environment, check=False)
    return done.returncode, set(map(int, done.stdout.splitlines()[-1].split()))


def test_the_command_line_uses_every_core_unless_told():
    cores = len(os.sched_getaffinity(0))
    assert threads_after(*FIRST) == (0, {cores})


@pytest.mark.parametrize("how", ["option", "variable"])
def test_the_command_line_uses_as_many_as_it_is_told(how):
    if how == "option":
        assert threads_after("--threads", "1", *FIRST) == (0, {1})
    else:
        assert threads_after(*FIRST, **{VARIABLE: "1"}) == (0, {1})


def test_the_option_counts_more_than_the_variable():
    assert threads_after("--threads", "1", *FIRST, **{VARIABLE: "64"}) == (0, {1})


def test_a_blas_that_is_loaded_later_obeys_as_well():
    code = "from lowrank.threads import use_threads; use_threads(1); import scipy.linalg, threadpoolctl; "
    code += "print({pool['num_threads'] for pool in threadpoolctl.threadpool_info()})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{1}"


@pytest.mark.parametrize(("said", "wanted"), [("", 7), ("  ", 7), ("0", 0), ("3", 3), (" 12 ", 12)])
def test_the_variable_is_a_number_or_not_there(monkeypatch, said, wanted):
    monkeypatch.setenv(VARIABLE, said)
    assert wanted_threads(default=7) == wanted
    monkeypatch.delenv(VARIABLE)
    assert wanted_threads(default=7) == 7


@pytest.mark.parametrize("said", ["two", "-1", "1.5", "٣", "1 2"])
def test_a_wrong_variable_is_said_in_a_sentence(monkeypatch, capsys, said):
    monkeypatch.setenv(VARIABLE, said)
    with pytest.raises(LowrankError, match="whole number"):
        wanted_threads(default=1)
    assert main(["curve", "sample_images/tartan.png"]) == 2
    assert capsys.readouterr().err.startswith(f"lowrank: {VARIABLE} is ")


@pytest.mark.parametrize("said", ["0", "two", "-1", "1.5"])
def test_a_wrong_option_is_said_in_a_sentence(capsys, said):
    assert main(["--threads", said, "curve", "sample_images/tartan.png"]) == 2
    assert "whole number from 1" in capsys.readouterr().err
