"""A real API server of Kubernetes with an etcd of its own, on free ports; no nodes, no controllers."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

__all__ = ["BINARY", "ApiServer", "api_server", "until"]

BINARY = Path(os.environ.get("KUBERNETES", "/var/cache/p4fabric/kubernetes")) / "kube-apiserver"
"""As `make kubernetes` builds it."""
PATIENCE = 120.0
ADMIN, OPERATOR = "admin-token", "operator-token"
_TOKENS = f"{ADMIN},admin,1,system:masters\n{OPERATOR},system:serviceaccount:p4fabric:p4fabric-operator,2\n"
_MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}


def until(wanted: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Ask until it is so."""
    deadline = time.monotonic() + seconds
    while not (found := wanted()):
        assert time.monotonic() < deadline, f"in {seconds:g} s: not {what}"
        time.sleep(0.05)
    return found


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class ApiServer:
    """It can be stopped and started again; what it knows is etcd's."""

    def __init__(self, folder: Path, etcd_port: int) -> None:
        self.folder, self.etcd_port, self.port = folder, etcd_port, _free_port()
        self.process: subprocess.Popen[bytes] | None = None
        (folder / "tokens.csv").write_text(_TOKENS)
        subprocess.run(
            ("openssl", "genrsa", "-out", str(folder / "accounts.key"), "2048"),
            check=True,
            capture_output=True,
        )

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [
            str(BINARY),
            f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.port}",
            "--advertise-address=192.0.2.1",  # it looks for a way to the Internet otherwise
            "--insecure-port=0",
            f"--cert-dir={self.folder / 'certificates'}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            f"--service-account-key-file={self.folder / 'accounts.key'}",
            f"--service-account-signing-key-file={self.folder / 'accounts.key'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--disable-admission-plugins=ServiceAccount",
            "--allow-privileged=true",
            "--watch-cache=true",
        ]
        with (self.folder / "apiserver.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        with self.client() as http:

            def is_ready() -> bool:
                assert self.process is not None and self.process.poll() is None, self.log()
                try:
                    return http.get("/readyz").status_code == 200
                except httpx.HTTPError:
                    return False

            until(is_ready, "ready")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def log(self) -> str:
        return (self.folder / "apiserver.log").read_text()[-4000:]

    def client(self, token: str = ADMIN) -> httpx.Client:
        return httpx.Client(
            base_url=self.url,
            verify=False,
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
            trust_env=False,
        )

    def kubeconfig(self, token: str) -> Path:
        """As the operator is given it: with the server's certificate, which signs itself."""
        path = self.folder / f"{token}.kubeconfig"
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "clusters": [
                {
                    "name": "test",
                    "cluster": {
                        "server": self.url,
                        "certificate-authority": str(self.folder / "certificates" / "apiserver.crt"),
                    },
                }
            ],
            "users": [{"name": "test", "user": {"token": token}}],
        }
        path.write_text(yaml.safe_dump(content))
        return path

    # As kubectl does it.

    def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        with self.client() as http:
            response = http.post(path, json=body)
            assert response.is_success, response.text
            return dict(response.json())

    def patch(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        with self.client() as http:
            response = http.patch(path, json=body, headers=_MERGE_PATCH)
            assert response.is_success, response.text
            return dict(response.json())

    def get(self, path: str) -> dict[str, Any] | None:
        with self.client() as http:
            response = http.get(path)
            return None if response.status_code == 404 else dict(response.json())

    def delete(self, path: str) -> None:
        with self.client() as http:
            response = http.delete(path)
            assert response.is_success, response.text


@contextmanager
def api_server(folder: Path) -> Iterator[ApiServer]:
    """One that runs."""
    client, peer = _free_port(), _free_port()
    etcd = (
        "etcd",
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls=http://127.0.0.1:{client}",
        f"--advertise-client-urls=http://127.0.0.1:{client}",
        f"--listen-peer-urls=http://127.0.0.1:{peer}",
        f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
        f"--initial-cluster=default=http://127.0.0.1:{peer}",
    )
    with ExitStack() as stack:
        log = stack.enter_context((folder / "etcd.log").open("wb"))
        keeper = subprocess.Popen(etcd, stdout=log, stderr=log)
        stack.callback(keeper.wait)
        stack.callback(keeper.kill)
        server = ApiServer(folder, client)
        stack.callback(server.stop)
        server.start()
        yield server
