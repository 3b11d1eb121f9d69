# SPDX-License-Identifier: MIT
"""A receipt printer behind a port, for tests of what the daemon makes of its answers: it says how it is,
keeps every byte, and can be without paper or hang up. It draws nothing; tillsim does."""

import re
import socket
import threading

WELL = {1: b'\x12', 2: b'\x12', 3: b'\x12', 4: b'\x12'}
NO_PAPER = {1: b'\x1a', 2: b'\x32', 3: b'\x12', 4: b'\x72'}


class Paper:
    QUESTION = re.compile(rb'\x10\x04[\x01-\x04]|\x1dr\x01|\x1d\(H\x06\x00\x30\x30(....)', re.S)

    def __init__(self, port=0):
        self.status = WELL       # answers to DLE EOT
        self.hang_up_after = None  # bytes of the connection that stands
        self.papers, self.clients = [], []
        self.listener = socket.create_server(('127.0.0.1', port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            self.papers.append(bytearray())
            self.clients.append(client)
            threading.Thread(target=self.serve, args=(client, self.papers[-1]),
                             daemon=True).start()

    def answer(self, question):
        asked = question.group()
        if asked[0] == 0x10:
            return self.status[asked[2]]
        return b'\x00' if asked[1] == 0x72 else b'\x37\x22' + question.group(1) + b'\x00'

    def serve(self, client, paper):
        answered = 0
        try:
            while data := client.recv(64):
                paper += data
                if self.hang_up_after is not None and len(paper) >= self.hang_up_after:
                    self.hang_up_after = None
                    break
                for question in self.QUESTION.finditer(paper, answered):
                    answered = question.end()
                    client.sendall(self.answer(question))
        except OSError:
            pass
        client.close()

    def hang_up_in(self, count):
        """After so many bytes more."""
        self.hang_up_after = len(self.papers[-1]) + count

    def tickets(self):
        """The bytes of each document; one that broke off ends with its connection."""
        return [bytes(ticket) for paper in list(self.papers)
                for ticket in bytes(paper).split(b'\x1b@') if ticket]

    def copies(self, code, marked):
        """Documents with that QR code, with or without the mark of a reprint."""
        symbol = b'\x31\x50\x30' + code.encode()
        return sum(symbol in ticket and (b'REPRINT' in ticket) == marked
                   for ticket in self.tickets())

    def close(self):
        # closing alone leaves a thread in accept(), which would take one more connection
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for client in self.clients:
            client.close()


def configuration(paper, name='receipts'):
    return (f'[device {name}]\ndriver = printer-escpos\naddress = tcp:127.0.0.1:{paper.port}\n'
            'profile = default80\n')
