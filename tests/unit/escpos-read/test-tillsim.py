#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""tillsim as a person or a script uses it: its arguments, files and exit codes, the printer on a port
and on a pseudo-terminal, the scanner. What it reads out of a stream is tested in C."""

import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..'))
from tap import Skip, Tap  # noqa: E402

TILLSIM, FIXTURES = sys.argv[1:3]
FONT = '/usr/share/fonts/X11/misc/ter-u24b_unicode.pcf.gz'
WAIT = 60  # seconds until a test gives up; nothing waits that long when all is well


def run(*args, stdin=b''):
    done = subprocess.run([TILLSIM, *args], input=stdin, capture_output=True, timeout=WAIT)
    return done.returncode, done.stdout, done.stderr


def same(got, wanted):
    assert got == wanted, f'got {got!r}, wanted {wanted!r}'


def need_font():
    if not os.path.exists(FONT):
        raise Skip('no xfonts-terminus')


def recorded(name):
    return os.path.join(FIXTURES, 'recorded', name)


def png(path):
    """Width, bits a dot and rows of a picture, each row its bytes."""
    with open(path, 'rb') as file:
        data = file.read()
    same(data[:8], b'\x89PNG\r\n\x1a\n')
    at, body = 8, b''
    while at < len(data):
        size, kind = struct.unpack('>I4s', data[at:at + 8])
        if kind == b'IHDR':
            width, height, depth = struct.unpack('>IIB', data[at + 8:at + 17])
        elif kind == b'IDAT':
            body += data[at + 8:at + 8 + size]
        at += 12 + size
    raw, stride = zlib.decompress(body), (width * depth + 7) // 8
    return width, depth, [raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)] for y in range(height)]


class Folder:
    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix='tillsim-')
        return self.path

    def __exit__(self, *what):
        shutil.rmtree(self.path)


class Sim:
    """A device that runs; its lines on standard output are what tests wait for."""

    def __init__(self, *args):
        self.process = subprocess.Popen([TILLSIM, *args], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.rest = b''

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            pipe.close()

    def line(self):
        while b'\n' not in self.rest:
            assert select.select([self.process.stdout], [], [], WAIT)[0], 'it says nothing'
            more = os.read(self.process.stdout.fileno(), 4096)
            assert more, 'it ended: ' + self.process.stderr.read().decode()
            self.rest += more
        line, self.rest = self.rest.split(b'\n', 1)
        return line.decode()

    def say(self, *lines):
        self.process.stdin.write(''.join(line + '\n' for line in lines).encode())
        self.process.stdin.flush()

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        same(self.process.wait(WAIT), 0)


def read_some(fd, size):
    data = b''
    while len(data) < size:
        assert select.select([fd], [], [], WAIT)[0], f'only {data!r} came'
        more = os.read(fd, size - len(data))
        assert more, f'only {data!r} came'
        data += more
    return data


def test_usage():
    for args in ([], ['nothing'], ['render'], ['render', 'a', 'b'], ['render', '--format', 'pdf', 'a'],
                 ['render', '--profile', 'none', 'a'], ['render', '--dialect', 'zpl', 'a'],
                 ['render', '--frob', 'a'], ['printer', '--tcp', '0'], ['printer', '--out', 'x'],
                 ['printer', '--tcp', '70000', '--out', 'x'],
                 ['printer', '--tcp', '0', '--out', 'x', '--fault', 'fire@3'],
                 ['printer', '--tcp', '0', '--pty', 'y', '--out', 'x'], ['scanner'],
                 ['scanner', '--pty', 'x', '--terminator', 'eot'],
                 ['scanner', '--pty', 'x', '--prefix', '\\q']):
        code, out, err = run(*args)
        same((args, code, out), (args, 2, b''))
        assert err, args
    same(run('--help')[0], 0)


def test_unreadable():
    with Folder() as folder:
        for path in (folder + '/none', folder):
            for form in ('json', 'text'):
                code, out, err = run('render', '--format', form, path)
                same((code, out), (1, b''))
                assert path.encode() in err


def test_json():
    code, out, err = run('render', '--format', 'json', recorded('escposphp-coupon-default.bin'))
    same((code, err), (0, b''))
    elements = [json.loads(line) for line in out.decode().splitlines()]
    same(elements[0], {'el': 'text', 'x': 60, 'y': 0, 'text': 'Épicerie du Château', 'bold': True,
                       'width': 2, 'height': 2, 'underline': False, 'invert': False})
    same(elements[-1], {'el': 'cut', 'kind': 'partial'})
    assert {'el': 'code', 'type': 'ean13', 'data': '3761234567895'} in elements
    # the same from standard input, and to a file
    with open(recorded('escposphp-coupon-default.bin'), 'rb') as file:
        same(run('render', '--format', 'json', '-', stdin=file.read()), (0, out, b''))
    with Folder() as folder:
        path = folder + '/out.jsonl'
        same(run('render', '--format', 'json', '-o', path,
                 recorded('escposphp-coupon-default.bin')), (0, b'', b''))
        with open(path, 'rb') as file:
            same(file.read(), out)
        same(run('render', '--format', 'json', '-o', folder + '/no/where', '-')[0], 1)


def test_whatever_it_holds():
    for stream in (b'', b'\x1b', bytes(range(256)) * 40, os.urandom(20000)):
        for form in ('json', 'text'):
            for dialect in ('escpos', 'star'):
                code, out, err = run('render', '--format', form, '--dialect', dialect, '-',
                                     stdin=stream)
                same((code, err), (0, b''))
                if form == 'json':
                    for line in out.decode().splitlines():
                        json.loads(line)


def test_text():
    code, out, err = run('render', '--format', 'text', recorded('rpe-cut-two-tickets.bin'))
    same((code, out.decode().split('\n')), (0, ['Ticket 1', '[full cut]', 'Ticket 2', '[partial cut]', '']))


def test_png():
    need_font()
    with Folder() as folder:
        same(run('render', '--format', 'png', '-o', folder + '/x.png',
                 recorded('rpe-cut-two-tickets.bin')), (0, b'', b''))
        same(sorted(os.listdir(folder)), ['x-2.png', 'x.png'])
        width, depth, rows = png(folder + '/x.png')
        same((width, depth), (576, 1))
        assert any(byte != 0xff for row in rows for byte in row)
        # without marks there is no picture, without -o it is called like the stream
        stream = folder + '/stream.bin'
        with open(stream, 'wb') as file:
            file.write(b'\n\n\x1dV\x00   \n\x1dV\x00\x1bE\x01a\n')
        same(run('render', '--format', 'png', '--profile', 'default58', stream), (0, b'', b''))
        same(sorted(os.listdir(folder)), ['stream.bin', 'stream.png', 'x-2.png', 'x.png'])
        same(png(folder + '/stream.png')[0], 384)
        same(run('render', '--format', 'png', '-o', folder + '/no/x.png', stream)[0], 1)


def printer(folder, *args):
    need_font()
    sim = Sim('printer', '--tcp', '0', '--out', folder, *args)
    word, port = sim.line().split()
    same(word, 'listening')
    return sim, int(port)


def test_ticket_on_tcp():
    with Folder() as folder:
        sim, port = printer(folder)
        with sim, socket.create_connection(('127.0.0.1', port)) as till:
            same(sim.line(), 'client')
            with open(recorded('escposphp-coupon-default.bin'), 'rb') as file:
                till.sendall(file.read())
            same(sim.line(), f'ticket {folder}/ticket-1')
            same(png(folder + '/ticket-1.png')[0], 576)
            with open(folder + '/ticket-1.txt', encoding='utf-8') as file:
                assert 'BON DE RÉDUCTION' in file.read()
            with open(folder + '/ticket-1.jsonl', encoding='utf-8') as file:
                same([json.loads(line)['el'] for line in file][-1], 'cut')
            till.sendall(b'\x1bp\x00\x19\xfa\x1dV\x00')
            same(sim.line(), 'pulse 2 50 500')
            same(sim.line(), f'ticket {folder}/ticket-2')
            assert not os.path.exists(folder + '/ticket-2.png')
            till.sendall(b'tail\n\x10\x04\x01')
            same(read_some(till.fileno(), 1), b'\x12')
            sim.end()
            same([sim.line(), sim.line()], [f'ticket {folder}/ticket-3', 'gone'])


def test_without_a_cut():
    with Folder() as folder:
        sim, port = printer(folder, '--fault', 'paper_out@3')
        with sim:
            with socket.create_connection(('127.0.0.1', port)) as till:
                till.sendall(b'ab\ncd\n')
                same([sim.line(), sim.line()], ['client', 'state paper_out'])
            # what is still in its buffer belongs to the ticket
            same(sim.line(), 'gone')
            sim.say('paper_in')
            same([sim.line(), sim.line()], ['state paper_in', f'ticket {folder}/ticket-1'])
            with open(folder + '/ticket-1.txt', encoding='utf-8') as file:
                same(file.read(), 'ab\ncd\n')


def test_one_client_at_a_time():
    with Folder() as folder:
        sim, port = printer(folder)
        with sim, socket.create_connection(('127.0.0.1', port)) as first:
            same(sim.line(), 'client')
            with socket.create_connection(('127.0.0.1', port)) as second:
                second.sendall(b'\x10\x04\x01')
                first.sendall(b'\x10\x04\x01')
                same(read_some(first.fileno(), 1), b'\x12')
                first.close()
                same([sim.line(), sim.line()], ['gone', 'client'])
                same(read_some(second.fileno(), 1), b'\x12')


def test_faults():
    with Folder() as folder:
        sim, port = printer(folder, '--profile', 'epson', '--fault', 'paper_out@3', '--fault',
                            'cover@6')
        with sim, socket.create_connection(('127.0.0.1', port)) as till:
            same(sim.line(), 'client')
            till.sendall(b'ab\ncd\nef\n\x1dV\x00\x1dr\x01')
            same(sim.line(), 'state paper_out')
            till.sendall(b'\x10\x04\x04')
            same(read_some(till.fileno(), 1), b'\x7e')
            sim.say('paper_in')
            same([sim.line(), sim.line()], ['state paper_in', 'state cover_open'])
            sim.process.send_signal(signal.SIGUSR1)
            same([sim.line(), sim.line()], ['state cover_close', f'ticket {folder}/ticket-1'])
            same(read_some(till.fileno(), 1), b'\x00')
            with open(folder + '/ticket-1.txt', encoding='utf-8') as file:
                same(file.read(), 'ab\ncd\nef\n[full cut]\n')


def test_full_buffer_stops_the_wire():
    with Folder() as folder:
        sim, port = printer(folder, '--fault', 'buffer=64')
        with sim, socket.create_connection(('127.0.0.1', port)) as till:
            same(sim.line(), 'client')
            sim.say('offline')
            same(sim.line(), 'state offline')
            till.sendall(b'0123456789abcde\n' * 64 + b'\x1dV\x00')
            sim.say('online')
            same([sim.line(), sim.line()], ['state online', f'ticket {folder}/ticket-1'])
            with open(folder + '/ticket-1.txt', encoding='utf-8') as file:
                same(file.read(), '0123456789abcde\n' * 64 + '[full cut]\n')


def test_slow():
    with Folder() as folder:
        sim, port = printer(folder, '--fault', 'slow=5000')
        with sim, socket.create_connection(('127.0.0.1', port)) as till:
            same(sim.line(), 'client')
            till.sendall(b'0123456789\n' * 100 + b'\x1dV\x00')
            till.sendall(b'\x10\x04\x01')
            same(read_some(till.fileno(), 1), b'\x12')
            same(sim.line(), f'ticket {folder}/ticket-1')


def test_power():
    with Folder() as folder:
        sim, port = printer(folder)
        with sim, socket.create_connection(('127.0.0.1', port)) as till:
            same(sim.line(), 'client')
            sim.say('off')
            same([sim.line(), sim.line()], ['state off', 'gone'])
            same(till.recv(1), b'')
            sim.say('on')
            same([sim.line(), sim.line()], ['state on', f'listening {port}'])
            with socket.create_connection(('127.0.0.1', port)) as again:
                same(sim.line(), 'client')
                again.sendall(b'\x10\x04\x01')
                same(read_some(again.fileno(), 1), b'\x12')


def test_printer_on_a_pty():
    need_font()
    with Folder() as folder:
        link = folder + '/printer'
        with Sim('printer', '--pty', link, '--out', folder + '/out', '--fault', 'no-qr') as sim:
            same(sim.line(), f'listening {link}')
            wire = os.open(link, os.O_RDWR | os.O_NOCTTY)
            os.write(wire, b'\x1d(k\x06\x001P0abc\n\x1dV\x00\x10\x04\x01')
            same(read_some(wire, 1), b'\x12')
            same(sim.line(), f'ticket {folder}/out/ticket-1')
            with open(folder + '/out/ticket-1.jsonl', encoding='utf-8') as file:
                elements = [json.loads(line) for line in file]
            same(elements[1]['text'], 'k1P0abc')
            os.close(wire)
            wire = os.open(link, os.O_RDWR | os.O_NOCTTY)
            os.write(wire, b'again\n\x1dV\x00')
            same(sim.line(), f'ticket {folder}/out/ticket-2')
            os.close(wire)
            sim.end()
            assert not os.path.lexists(link)
        with open(link, 'w', encoding='ascii'):
            pass
        code, out, err = run('printer', '--pty', link, '--out', folder + '/out')
        same((code, out), (1, b''))


def test_scanner():
    with Folder() as folder:
        link = folder + '/scanner'
        with Sim('scanner', '--pty', link, '--prefix', '\\x02', '--suffix', '\\003', '--terminator',
                 'crlf', '--aim') as sim:
            same(sim.line(), f'listening {link}')
            wire = os.open(link, os.O_RDWR | os.O_NOCTTY)
            sim.say('3761234567895', '12345670', 'A\\tB', ']d2\\x1d01')
            wanted = (b'\x02]E03761234567895\x03\r\n\x02]E412345670\x03\r\n\x02]C0A\tB\x03\r\n'
                      b'\x02]d2\x1d01\x03\r\n')
            same(read_some(wire, len(wanted)), wanted)
            sim.say('!hangup')
            assert select.select([wire], [], [], WAIT)[0]
            try:
                same(os.read(wire, 1), b'')
            except OSError:
                pass
            os.close(wire)
            sim.say('!plug')
            same(sim.line(), f'listening {link}')
            wire = os.open(link, os.O_RDWR | os.O_NOCTTY)
            sim.say('1')
            same(read_some(wire, 7), b'\x02]C01\x03\r')
            os.close(wire)
            sim.end()
            assert not os.path.lexists(link)


def test_no_input_at_all():
    """Started in the background by a script its standard input is empty: it stays."""
    with Folder() as folder:
        link = folder + '/scanner'
        with Sim('scanner', '--pty', link) as sim:
            same(sim.line(), f'listening {link}')
            sim.process.stdin.close()
            sim.process.stdin = open(os.devnull, 'wb')
            wire = os.open(link, os.O_RDWR | os.O_NOCTTY)
            os.close(wire)
            sim.end()


def main():
    tap = Tap()
    for name, test in sorted(globals().items()):
        if name.startswith('test_'):
            tap.run(name[5:].replace('_', ' '), test)
    tap.done()


main()
