# SPDX-License-Identifier: MIT
"""What the machine under test and the one that started it say to each other: a JSON object a line,
over a virtio port or a socket. The tests inside tell their points and ask for what only the outside can
do (plug, unplug, scan, press keys). It knows no device."""

import json
import os
import socket


class Outside:
    """The inner end. As a file it takes what is printed."""

    PLACES = ('/dev/virtio-ports/tillbridge', '/run/outside/socket')

    def __init__(self):
        place = next(path for path in self.PLACES if os.path.exists(path))
        if place.endswith('socket'):
            self.wire = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.wire.connect(place)
            self.stream = self.wire.makefile('rwb', buffering=0)
        else:
            self.stream = open(place, 'r+b', buffering=0)
        self.read = b''
        self.part = ''

    def tell(self, message):
        data = json.dumps(message).encode() + b'\n'
        while data:
            data = data[self.stream.write(data):]

    def write(self, text):
        *lines, self.part = (self.part + text).split('\n')
        for line in lines:
            self.tell({'say': line})

    def flush(self):
        pass

    def ask(self, what, **words):
        """Has the outside do it; returns when it is done."""
        self.tell(dict(words, ask=what))
        while b'\n' not in self.read:
            data = self.stream.read(4096)
            if not data:
                raise AssertionError('the outside is gone')
            self.read += data
        line, self.read = self.read.split(b'\n', 1)
        answer = json.loads(line)
        if 'error' in answer:
            raise AssertionError(f'{what}: {answer["error"]}')
        return answer.get('done')

    def end(self, failed):
        self.tell({'end': failed})


class Inside:
    """The outer end: does what is asked by the methods of `hands`, prints what is said."""

    def __init__(self, wire, hands, out):
        self.wire, self.hands, self.out, self.read = wire, hands, out, b''
        self.ended = None

    def next_line(self):
        while b'\n' not in self.read:
            data = self.wire.recv(65536)
            if not data:
                return None
            self.read += data
        line, self.read = self.read.split(b'\n', 1)
        return json.loads(line)

    def serve(self):
        """Until the tests inside have ended; returns whether they said so, and had no failure."""
        while (message := self.next_line()) is not None:
            if 'say' in message:
                print(message['say'], file=self.out, flush=True)
            elif 'end' in message:
                self.ended = message['end']
                return self.ended is False
            elif 'ask' in message:
                self.wire.sendall(json.dumps(self.answer(message)).encode() + b'\n')
        return False

    def answer(self, message):
        try:
            act = getattr(self.hands, 'do_' + message.pop('ask'))
            return {'done': act(**message)}
        except Exception as error:  # the test inside fails with it
            return {'error': f'{type(error).__name__}: {error}'}
