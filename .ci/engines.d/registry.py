"""registry.py LAYOUT FILES: a registry that has one image, of an OCI layout, and a store of objects that has a folder's files,
both on this machine alone. Prints the port."""

import http.server
import json
import os
import pathlib
import sys
import urllib.parse

LAYOUT, FILES = (pathlib.Path(argument) for argument in sys.argv[1:])
MANIFEST = json.loads((LAYOUT / "index.json").read_text())["manifests"][0]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        parts = self.path.split("/")
        if self.path.startswith("/objects/"):
            name = urllib.parse.unquote_to_bytes(self.path.removeprefix("/objects/"))
            self.answer(os.fsencode(FILES) + b"/" + name, "application/octet-stream")
        elif self.path == "/v2/":
            self.send(b"{}", "application/json")
        elif parts[-2] == "manifests":
            digest = parts[-1] if ":" in parts[-1] else MANIFEST["digest"]
            self.answer(self.blob(digest), MANIFEST["mediaType"], digest)
        elif parts[-2] == "blobs":
            self.answer(self.blob(parts[-1]), "application/octet-stream", parts[-1])
        else:
            self.send_error(404)

    do_HEAD = do_GET

    @staticmethod
    def blob(digest):
        kind, _, name = digest.partition(":")
        return LAYOUT / "blobs" / kind / name

    def answer(self, file, kind, digest=None):
        try:
            with open(file, "rb") as stream:
                self.send(stream.read(), kind, digest)
        except OSError:
            self.send_error(404)

    def send(self, data, kind, digest=None):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if digest:
            self.send_header("Docker-Content-Digest", digest)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
