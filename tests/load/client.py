"""A browser tab without a browser: the protocol of Streamlit's pages, over loopback.

It opens a session, holds the address and the state of every widget as the page's own code does, uploads files, lets the
viewer's slider go, and waits until the page has come to rest.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import connect


class RefusedError(Exception):
    """The server did not take a file: the status that it answered with."""

    def __init__(self, status: int) -> None:
        super().__init__(f"refused with {status}")
        self.status = status


@dataclass
class Tab:
    """One open page.

    Parameters
    ----------
    url : str
        Where the app is, without a slash at the end.
    query : str
        What follows the question mark.
    patience : float
        Seconds that anything may take.
    """

    url: str
    query: str = ""
    patience: float = 120.0
    session: str = ""  # given at the start: the one to come back to
    said: list[str] = field(default_factory=list)  # every message of every run
    elements: dict[str, list[Any]] = field(default_factory=dict)
    bytes_received: int = 0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.hostname not in ("127.0.0.1", "localhost"):
            raise ValueError("this client talks to its own machine only")
        with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=self.patience) as answer:
            cookie = answer.headers["Set-Cookie"].partition(";")[0]
        self._headers = {"Cookie": cookie, "Origin": self.url}
        self._token = cookie.partition("=")[2]
        self._states: dict[str, WidgetState] = {}
        self._cached: dict[str, ForwardMsg] = {}
        self._page = self._page_name = ""
        self._open = ExitStack()
        self._socket = self._open.enter_context(
            connect(
                f"ws://{parts.netloc}/_stcore/stream",
                subprotocols=["streamlit", self._token, *[self.session][: bool(self.session)]],  # type: ignore[list-item]
                additional_headers={"Cookie": cookie},
                origin=self.url,  # type: ignore[arg-type]
                max_size=None,
                open_timeout=self.patience,
                ping_interval=None,  # a busy machine may be late; what the tests wait for has limits of its own
            )
        )

    def __enter__(self) -> Tab:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the tab."""
        self._open.close()

    # -- what a reader does ------------------------------------------------------------------------------------------

    def open(self) -> Tab:
        """Load the page and wait until it rests."""
        return self.rerun()

    def release(self, rank: int) -> float:
        """Let the viewer's slider go at a rank; return the seconds until everything about that rank stands."""
        viewer = self._viewers[0]
        began = time.monotonic()
        self._states[viewer.id] = WidgetState(id=viewer.id, json_value=json.dumps({"rank": [rank, time.time()]}))
        self.rerun()
        return time.monotonic() - began

    def drop(self, *files: tuple[str, bytes]) -> Tab:
        """Drop files on the page and wait until it rests; shown is the last one that could be read."""
        self.upload(*files)
        return self.rerun()

    def upload(self, *files: tuple[str, bytes]) -> None:
        """Upload files for the next run of the page."""
        (zone,) = self.elements["file_uploader"]
        state = WidgetState(id=zone.id)
        for name, data in files:
            info = state.file_uploader_state_value.uploaded_file_info.add(name=name, size=len(data))
            info.file_id = self.put(name, data)
            info.file_urls.file_id = info.file_id
        self._states[zone.id] = state

    def put(self, name: str, data: bytes, file_id: str = "") -> str:
        """Upload a file and return its id; raise `RefusedError` where the server does not take it."""
        file_id, border = file_id or str(uuid.uuid4()), uuid.uuid4().hex
        head = (
            f'--{border}\r\nContent-Disposition: form-data; name="{file_id}"; filename="{_quoted(name)}"\r\n'
            "Content-Type: image/png\r\n\r\n"
        )
        request = urllib.request.Request(
            f"{self.url}/_stcore/upload_file/{self.session}/{file_id}",
            head.encode() + data + f"\r\n--{border}--\r\n".encode(),
            {
                **self._headers,
                "X-Xsrftoken": self._token,
                "Content-Type": f"multipart/form-data; boundary={border}",
            },
            method="PUT",
        )
        try:
            urllib.request.urlopen(request, timeout=self.patience).close()
        except urllib.error.HTTPError as error:
            error.close()
            raise RefusedError(error.code) from None
        return file_id

    def set(self, state: WidgetState) -> Tab:
        """Set a widget's value and wait until the page rests."""
        self._states[state.id] = state
        return self.rerun()

    def go_to(self, page: str) -> Tab:
        """Go to another page by the last part of its address."""
        self._page, self._page_name, self._states = "", page, {}
        return self.rerun()

    # -- what a page does --------------------------------------------------------------------------------------------

    def ask(self) -> None:
        """Ask for a run of the page, without waiting for it."""
        message = BackMsg()
        state = message.rerun_script
        state.query_string = self.query
        state.page_script_hash, state.page_name = self._page, self._page_name
        state.cached_message_hashes.extend(self._cached)
        state.widget_states.widgets.extend(self._states.values())
        state.context_info.url = f"{self.url}/{self._page_name}"
        self.send(message)

    def send(self, message: BackMsg) -> None:
        """Send a message."""
        self._socket.send(message.SerializeToString())

    def ask_for(self, message: BackMsg) -> Any:
        """Send a request and return its answer."""
        self.send(message)
        self._answer = None
        end = time.monotonic() + self.patience
        while self._answer is None:
            self.take(end - time.monotonic())
        return self._answer

    def rerun(self) -> Tab:
        """Run the page and wait until it rests."""
        self.ask()
        self.rest()
        self._forget_triggers()
        return self

    def rest(self) -> None:
        """Take messages in until a run has ended that no other follows."""
        end = time.monotonic() + self.patience
        while self.take(end - time.monotonic()) != ForwardMsg.FINISHED_SUCCESSFULLY:
            pass

    def has_rested(self) -> bool:
        """Whether a run has ended that no other follows, by what has arrived so far."""
        try:
            while self.take(0) != ForwardMsg.FINISHED_SUCCESSFULLY:
                pass
        except TimeoutError:
            return False
        return True

    def take(self, timeout: float) -> int | None:
        """Take one message in; return how the run ended where this says so."""
        received = self._socket.recv(timeout)
        assert isinstance(received, bytes)
        self.bytes_received += len(received)
        message = ForwardMsg.FromString(received)
        if message.HasField("ref_hash"):
            message = self._cached[message.ref_hash]
        elif message.metadata.cacheable:
            self._cached[message.hash] = message
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self.session = message.new_session.initialize.session_id
            self._page = message.new_session.page_script_hash
            self.elements = {}
            self._slots: dict[tuple[int, ...], Any] = {}
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        elif kind == "delta":
            self._draw(message.delta, tuple(message.metadata.delta_path))
        elif kind == "backend_operation_response":
            self._answer = message.backend_operation_response
        elif kind == "script_finished":
            return message.script_finished
        return None

    def _draw(self, delta: Delta, path: tuple[int, ...]) -> None:
        """Put an element into its place, where another one may have been."""
        if delta.WhichOneof("type") != "new_element":
            return
        kind = delta.new_element.WhichOneof("type")
        element = getattr(delta.new_element, kind)
        if path in self._slots:
            before, old = self._slots[path]
            self.elements[before] = [each for each in self.elements[before] if each is not old]
        self._slots[path] = kind, element
        self.elements.setdefault(kind, []).append(element)
        if kind == "alert":
            self.said.append(element.body)

    def _forget_triggers(self) -> None:
        kept = ("json_value", "file_uploader_state_value", "string_value", "bool_value", "double_value")
        self._states = {i: s for i, s in self._states.items() if s.WhichOneof("value") in kept}

    # -- what stands on the page -------------------------------------------------------------------------------------

    @property
    def viewer(self) -> dict[str, Any]:
        """What the viewer was told."""
        told: dict[str, Any] = json.loads(self._viewers[-1].json)
        return told

    @property
    def _viewers(self) -> list[Any]:
        return [one for one in self.elements["bidi_component"] if one.component_name.endswith("lowrank_viewer")]

    @property
    def messages(self) -> list[str]:
        """Errors, warnings and hints on the page."""
        return [alert.body for alert in self.elements.get("alert", [])]

    def fetch(self, address: str, body: bytes | None = None) -> tuple[int, dict[str, str], bytes]:
        """Fetch an address of the app, or send it JSON; return status, headers in lower case and content."""
        headers = {**self._headers, **({"Content-Type": "application/json"} if body else {})}
        request = urllib.request.Request(f"{self.url}{address}", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=self.patience) as answer:
                return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()


def _quoted(name: str) -> str:
    """A file name as a browser puts it into a form."""
    return name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
