"""A program that pretends to be a model server, for the tests of starting one.

python fake_model_server.py PORT [--after SECONDS] [--fail STATUS] [--deaf] [--child PID_FILE]
"""

import argparse
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/v1/models":
            self.answer(b'{"object":"list","data":[{"id":"fake","owned_by":"vllm","max_model_len":512}]}')
        elif self.path == "/health":
            self.answer(b"")
        else:
            self.send_error(404)

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)


parser = argparse.ArgumentParser()
parser.add_argument("port", type=int)
parser.add_argument("--after", type=float, default=0.0)
parser.add_argument("--fail", type=int)
parser.add_argument("--deaf", action="store_true", help="ignore SIGTERM")
parser.add_argument("--child", type=Path, help="start a worker, and write its process id here")
arguments = parser.parse_args()

print("loading the model", flush=True)
if arguments.deaf:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if arguments.child:
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    arguments.child.write_text(str(worker.pid))
if arguments.fail is not None:
    print("progress 50%\rprogress 100%", flush=True)
    print("out of memory: no room for the weights", file=sys.stderr, flush=True)
    sys.exit(arguments.fail)
time.sleep(arguments.after)
HTTPServer(("127.0.0.1", arguments.port), Handler).serve_forever()
