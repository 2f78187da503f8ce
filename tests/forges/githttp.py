"""A git server over https on loopback, by git's own ``http-backend``, that asks for a password."""

import base64
import datetime
import ipaddress
import os
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class GitServer:
    """Serves the repositories below a directory to whoever shows ``user:token``; ``certificate`` is its own."""

    def __init__(self, directory: Path, place: Path, proof: str) -> None:
        self.directory, self.certificate = directory, place / "certificate.pem"
        self.proof = f"Basic {base64.b64encode(proof.encode()).decode()}"
        self.seen: list[str] = []
        self.redirect = ""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, _certified(self.certificate))
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True)

    @property
    def host(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()


def _handler(server: GitServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            server.seen.append(self.headers.get("Authorization", ""))
            path, _, query = self.path.partition("?")
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if server.redirect:
                self._answer(302, {"Location": f"{server.redirect}{self.path}"}, b"")
                return
            if server.seen[-1] != server.proof:
                self._answer(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
                return
            variables = {
                **{k: v for k, v in os.environ.items() if not k.startswith("HEADROOM_")},
                "GIT_PROJECT_ROOT": str(server.directory),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "REMOTE_USER": "bot",
            }
            done = subprocess.run(
                ["git", "http-backend"], input=body, capture_output=True, env=variables, check=True
            ).stdout
            head, _, content = done.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
            self._answer(int(headers.pop("Status", "200").split()[0]), headers, content)

        def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _do  # noqa: N815 - the library's names

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


def _certified(where: Path) -> Path:
    """Write a certificate for loopback, good for a day, and give the file of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    where.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private = where.with_suffix(".key")
    plain = serialization.NoEncryption()
    kind = serialization.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, kind, plain))
    return private
