"""What the page tests share."""

from collections.abc import Callable

import pytest
import threadpoolctl
from streamlit.runtime.media_file_manager import MediaFileManager


@pytest.fixture(scope="session", autouse=True)
def _one_blas_thread():
    """As the app has it: two threads on a busy machine wait for each other."""
    with threadpoolctl.threadpool_limits(1):
        yield


@pytest.fixture
def downloads(monkeypatch) -> dict[str, Callable[[], bytes]]:
    """File name -> the call that makes the file, for each download button of the pages that the test opens."""
    offered = {}
    add = MediaFileManager.add_deferred

    def recording(self, data_callable, mimetype, coordinates, file_name=None, **rest):
        offered[file_name] = data_callable
        return add(self, data_callable, mimetype, coordinates, file_name, **rest)

    monkeypatch.setattr(MediaFileManager, "add_deferred", recording)
    return offered


@pytest.fixture
def sent(monkeypatch) -> dict[str, bytes]:
    """Address -> content of every file that the pages hand to the browser from now on, in order."""
    files = {}
    add = MediaFileManager.add

    def recording(self, path_or_data, *rest, **options):
        url = add(self, path_or_data, *rest, **options)
        files[url] = path_or_data
        return url

    monkeypatch.setattr(MediaFileManager, "add", recording)
    return files
