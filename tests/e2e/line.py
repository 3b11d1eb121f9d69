# SPDX-License-Identifier: MIT
"""The line between a till and its hub, and what may befall it: a proxy of our own that understands just
enough of HTTP to lose, cut, double, swap or fake an answer. Which request meets which fault is decided by
who uses it; what must hold afterwards is his business too."""

import random
import socket
import struct
import sys
import threading

HTML = b'<html><body><h1>Welcome to our network</h1></body></html>'


def message(start, body=b'', *heads):
    text = ''.join(line + '\r\n' for line in (start, *heads, f'Content-Length: {len(body)}'))
    return text.encode() + b'\r\n' + body


class End(Exception):
    """One side has closed."""


class Reader:
    """Whole HTTP messages of a socket."""

    def __init__(self, sock):
        self.socket, self.buffer = sock, b''

    def more(self):
        try:
            chunk = self.socket.recv(1 << 16)
        except OSError:
            chunk = b''
        if not chunk:
            raise End
        self.buffer += chunk

    def next(self):
        """(head, body), the bytes of one message."""
        while b'\r\n\r\n' not in self.buffer:
            self.more()
        head, rest = self.buffer.split(b'\r\n\r\n', 1)
        size = 0
        for line in head.split(b'\r\n')[1:]:
            name, value = line.split(b':', 1)
            if name.lower() == b'content-length':
                size = int(value)
        self.buffer = rest
        while len(self.buffer) < size:
            self.more()
        body, self.buffer = self.buffer[:size], self.buffer[size:]
        return head + b'\r\n\r\n', body


def header(head, name):
    for line in head.split(b'\r\n'):
        if line.lower().startswith(name.lower().encode() + b':'):
            return line.split(b':', 1)[1].strip()
    return b''


def reset(sock):
    """Ends it as a router does that forgets: no farewell."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    except OSError:
        pass
    sock.close()


class Line:
    """Listens where the till believes its hub is. `fault(path)` names what befalls the next request, None
    for nothing; FAULTS has the names."""

    def __init__(self, port_of_hub, fault=lambda path: None):
        self.hub, self.fault = port_of_hub, fault
        self.lock = threading.Lock()
        self.open, self.held = set(), []
        self.seen = {}
        self.last = None  # an answer that went through, to be given to somebody else
        self.waiting = None  # a connection whose answer is exchanged with the next one's
        self.listener = None
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            self.port = s.getsockname()[1]
        self.plug_in()

    # ---- the plug ----

    def plug_in(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(('127.0.0.1', self.port))
        self.listener.listen(64)
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def unplug(self):
        """Nobody is there any more: whoever calls is refused."""
        listener, self.listener = self.listener, None
        if listener:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.forget()

    def forget(self):
        with self.lock:
            gone, self.open = self.open, set()
        for sock in gone:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.unplug()

    def accept(self, listener):
        while True:
            try:
                till, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(till,), daemon=True).start()

    # ---- one connection ----

    def serve(self, till):
        hub = None
        with self.lock:
            self.open.add(till)
        try:
            reader = Reader(till)
            while True:
                head, body = reader.next()
                path = head.split(b' ', 2)[1].decode()
                name = self.fault(path)
                with self.lock:
                    self.seen[name] = self.seen.get(name, 0) + 1
                if hub is None:
                    hub = Upstream(self.hub)
                getattr(self, 'do_' + (name or 'nothing'))(till, hub, head, body)
        except (End, OSError):
            pass
        except Exception as error:
            print(f'# the line: {error!r}', file=sys.stderr)
        finally:
            with self.lock:
                self.open.discard(till)
            reset(till)
            if hub:
                hub.close()

    def do_nothing(self, till, hub, head, body):
        answer = hub.ask(head, body)
        self.last = answer
        till.sendall(answer[0] + answer[1])

    # before the hub has heard of it

    def do_reset(self, till, hub, head, body):
        raise End

    def do_stall(self, till, hub, head, body):
        """Nothing is said, as long as the till listens."""
        while till.recv(1 << 16):
            pass
        raise End

    def do_cut_request(self, till, hub, head, body):
        hub.send(head + body[:len(body) // 2])
        hub.close()
        raise End

    def do_bad_gateway(self, till, hub, head, body):
        till.sendall(message('HTTP/1.1 502 Bad Gateway', HTML, 'Content-Type: text/html'))

    def do_gateway(self, till, hub, head, body):
        """One that speaks JSON, with words of its own."""
        till.sendall(message('HTTP/1.1 504 Gateway Timeout', b'{"code":"upstream_error","retryable":false}',
                             'Content-Type: application/json'))

    def do_unavailable(self, till, hub, head, body):
        till.sendall(message('HTTP/1.1 503 Service Unavailable', b'', 'Retry-After: 1'))

    def do_portal(self, till, hub, head, body):
        """A hotel's network answers in the hub's place."""
        till.sendall(message('HTTP/1.1 200 OK', HTML, 'Content-Type: text/html'))

    def do_redirect(self, till, hub, head, body):
        till.sendall(message('HTTP/1.1 302 Found', b'', 'Location: http://127.0.0.1:1/login'))

    def do_empty_object(self, till, hub, head, body):
        till.sendall(message('HTTP/1.1 200 OK', b'{}', 'Content-Type: application/json'))

    def do_forbidden(self, till, hub, head, body):
        """A firewall's word is not the hub's."""
        till.sendall(message('HTTP/1.1 403 Forbidden', b'{"code":"not_permitted","retryable":false}',
                             'Content-Type: application/problem+json'))

    def do_noise(self, till, hub, head, body):
        till.sendall(random.randbytes(300))
        raise End

    # after the hub has done it

    def do_lost(self, till, hub, head, body):
        hub.ask(head, body)
        raise End

    def do_stall_after(self, till, hub, head, body):
        hub.ask(head, body)
        self.do_stall(till, hub, head, body)

    def do_cut_answer(self, till, hub, head, body):
        answer = b''.join(hub.ask(head, body))
        till.sendall(answer[:-7])
        raise End

    def do_cut_head(self, till, hub, head, body):
        answer = hub.ask(head, body)[0]
        till.sendall(answer[:len(answer) // 2])
        raise End

    def do_short(self, till, hub, head, body):
        """Half of the body, and the head says that this is all of it."""
        heads, said = hub.ask(head, body)
        said = said[:len(said) // 2]
        till.sendall(message('HTTP/1.1 200 OK', said, 'Content-Type: application/json',
                             'Tillbridge-Request: ' + header(heads, 'Tillbridge-Request').decode()))

    def do_huge(self, till, hub, head, body):
        heads, said = hub.ask(head, body)
        said = said[:-1] + b',"x":"' + b'x' * (5 << 20) + b'"}'
        till.sendall(message('HTTP/1.1 200 OK', said, 'Content-Type: application/json',
                             'Tillbridge-Request: ' + header(heads, 'Tillbridge-Request').decode()))

    def do_twice(self, till, hub, head, body):
        """The answer comes two times, and something behind it."""
        answer = b''.join(hub.ask(head, body))
        till.sendall(answer + answer + b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}')

    def do_asked_twice(self, till, hub, head, body):
        """Something on the way has said it again by itself."""
        first = hub.ask(head, body)
        again = hub.ask(head, body)
        till.sendall(b''.join(again if random.random() < 0.5 else first))

    def do_anothers(self, till, hub, head, body):
        """Done, but the answer is an older one's."""
        answer = hub.ask(head, body)
        till.sendall(b''.join(self.last or answer))

    def do_swapped(self, till, hub, head, body):
        """Two requests under way get each other's answers."""
        answer = b''.join(hub.ask(head, body))
        with self.lock:
            other, self.waiting = self.waiting, None
            if other is None:
                mine = self.waiting = Swap(answer)
        if other is not None:
            other.give(answer)
            till.sendall(other.answer)
            return
        given = mine.wait()
        with self.lock:
            if self.waiting is mine:
                self.waiting = None
        till.sendall(given or answer)

    def do_late(self, till, hub, head, body):
        """Byte by byte: the till has lost patience long before the end."""
        answer = b''.join(hub.ask(head, body))
        stop = threading.Event()
        for i in range(len(answer)):
            till.sendall(answer[i:i + 1])
            stop.wait(0.02)
            till.setblocking(False)
            try:
                if till.recv(1) == b'':
                    raise End
            except BlockingIOError:
                pass
            finally:
                till.setblocking(True)


FAULTS = sorted(name[3:] for name in dir(Line) if name.startswith('do_') and name != 'do_nothing')


class Swap:
    def __init__(self, answer):
        self.answer, self.other, self.came = answer, None, threading.Event()

    def give(self, answer):
        self.other = answer
        self.came.set()

    def wait(self):
        self.came.wait(0.2)
        return self.other


class Upstream:
    """Our side of the hub: kept alive, and made anew when the hub has closed it between two requests."""

    def __init__(self, port):
        self.port, self.socket, self.reader = port, None, None

    def send(self, data):
        if not self.socket:
            self.socket = socket.create_connection(('127.0.0.1', self.port), 60)
            self.reader = Reader(self.socket)
        self.socket.sendall(data)

    def ask(self, head, body):
        try:
            kept = self.socket is not None
            self.send(head + body)
            return self.reader.next()
        except (End, OSError):
            self.close()
            if not kept:
                raise
        self.send(head + body)  # the keys make it harmless
        return self.reader.next()

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None


class Scissors:
    """A line that knows no HTTP: each connection is cut, in either direction, after so many bytes."""

    def __init__(self, port_of_hub, budget):
        self.hub, self.budget = port_of_hub, budget
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.cuts = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while True:
            try:
                till, _ = self.listener.accept()
                hub = socket.create_connection(('127.0.0.1', self.hub), 60)
            except OSError:
                return
            left = [self.budget()]
            for a, b in ((till, hub), (hub, till)):
                threading.Thread(target=self.copy, args=(a, b, left), daemon=True).start()

    def copy(self, a, b, left):
        try:
            while True:
                data = a.recv(4096)
                if not data:
                    break
                if left[0] is not None:
                    data = data[:max(0, left[0])]
                    left[0] -= len(data)
                b.sendall(data)
                if left[0] is not None and left[0] <= 0:
                    self.cuts += 1
                    break
        except OSError:
            pass
        for sock in (a, b):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
