# SPDX-License-Identifier: Apache-2.0
"""What tests of the stack share: where Alertmanager's messages end, a web server and a mail server
on free ports; machines on which something is missing."""
import base64
import http.server
import json
import os
import socketserver
import ssl
import subprocess
import tempfile
import threading


def programs_without(directory, *names):
    """A directory for PATH with all programs of this machine but some."""
    home = tempfile.mkdtemp(dir=directory)
    for one in os.environ["PATH"].split(":") + ["/usr/sbin", "/sbin"]:
        for name in os.listdir(one) if os.path.isdir(one) else ():
            if name not in names and not os.path.lexists(os.path.join(home, name)):
                os.symlink(os.path.join(one, name), os.path.join(home, name))
    return home


def serve(cls, handler, sink):
    server = cls(("127.0.0.1", 0), handler)
    server.daemon_threads, server.sink = True, sink
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


class Web:
    """Keeps what was posted to each path."""

    def __init__(self):
        self.got = {}
        self.url = f"http://127.0.0.1:{serve(http.server.ThreadingHTTPServer, WebHandler, self)}"

    def told(self, path, word):
        return any(word in text for text in self.got.get(path, []))


class WebHandler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        json.loads(text)
        self.server.sink.got.setdefault(self.path, []).append(text)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


class Mail:
    """Takes mail from whom it is told, with a login where one is wanted, over TLS where it has
    a certificate.  Letters are (login, over TLS, text)."""

    def __init__(self, login=None, certificate=None):
        self.login, self.tls, self.got = login, None, []
        if certificate:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*certificate)
        port = serve(socketserver.ThreadingTCPServer, MailHandler, self)
        self.host = f"127.0.0.1:{port}"

    def told(self, word):
        return next((letter for letter in self.got if word in letter[2]), None)


class MailHandler(socketserver.StreamRequestHandler):
    def handle(self):
        self.sink, self.login, self.safe = self.server.sink, None, False
        words = {"EHLO": self.hello, "STAR": self.start_tls, "AUTH": self.auth,
                 "DATA": self.data}
        self.say("220 sink")
        while line := self.rfile.readline():
            word = line[:4].decode().upper()
            if word == "QUIT":
                return self.say("221 bye")
            words.get(word, self.other)(line.decode())

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def hello(self, _):
        self.say("250-sink")
        if self.sink.tls and not self.safe:
            self.say("250-STARTTLS")
        if self.sink.login:
            self.say("250-AUTH PLAIN")
        self.say("250 8BITMIME")

    def start_tls(self, _):
        self.say("220 go on")
        self.connection = self.sink.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        self.safe = True

    def auth(self, line):
        user, password = base64.b64decode(line.split()[2]).decode().split("\0")[1:]
        self.login = (user, password)
        self.say("235 come in" if self.login == self.sink.login else "535 not you")

    def data(self, _):
        self.say("354 go on")
        text = b""
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            text += line
        self.sink.got.append((self.login, self.safe, text.decode()))
        self.say("250 taken")

    def other(self, line):
        stranger = self.sink.login and self.login != self.sink.login
        self.say("530 who are you" if line.upper().startswith("MAIL") and stranger else "250 sink")


def certificate(directory):
    """A certificate of 127.0.0.1 and its key."""
    paths = os.path.join(directory, "cert.pem"), os.path.join(directory, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-out", paths[0], "-keyout", paths[1]], check=True, capture_output=True)
    return paths
