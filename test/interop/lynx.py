# Plays a person at Lynx, a browser without scripts, styles and frames, by what its status line
# says of the field that is chosen. Each line of JSON on standard input is one act, which is
# answered by one line when it is done and the page says what `until` names.
#   {"open": URL}   {"field": "Textfield", "text": "typed"}   {"find": "words", "press": true, "until": "words"}
import fcntl
import json
import os
import pty
import re
import select
import struct
import sys
import termios
import time

home = sys.argv[1]
fd = None


# What is drawn, from its beginning, which a busy machine may keep us waiting for, until it is quiet.
def read(quiet, patience=5):
    out, end = b"", time.time() + 20
    while time.time() < end and select.select([fd], [], [], quiet if out else patience)[0]:
        try:
            part = os.read(fd, 65536)
        except OSError:
            break
        if not part:
            break
        out += part
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>78]|[\x0e\x0f]", "", out.decode("utf-8", "replace"))


def send(keys, quiet=0.3):
    os.write(fd, keys.encode())
    return read(quiet)


# The page as it stands, drawn anew.
def page():
    return " ".join(send("\x0c").split())


def wait(words):
    end = time.time() + 60
    while words not in (shown := page()):
        if time.time() > end:
            raise SystemExit(f"no page says {words!r}; this one says:\n{shown}")


def start(url):
    global fd
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(TERM="vt100", HOME=home, LANG="C.UTF-8", LYNX_CFG="/dev/null")
        os.execvp("lynx", ["lynx", "-accept_all_cookies", "-nopause", "-nocolor", url])
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 70, 110, 0, 0))
    for _ in range(100):
        if "Arrow keys" in read(0.2):
            return


# Goes on from field to field until one of that kind.
def choose(kind):
    for _ in range(40):
        if kind in send("\t"):
            return
    raise SystemExit(f"no {kind} on the page:\n{page()}")


for line in sys.stdin:
    act = json.loads(line)
    if "open" in act:
        start(act["open"])
    if "field" in act:
        choose(act["field"])
    if "find" in act:
        send("/" + act["find"] + "\r")
    if "text" in act:
        send(act["text"])
    if act.get("press"):
        send("\r")
    if act.get("until"):
        wait(act["until"])
    print("done", flush=True)
