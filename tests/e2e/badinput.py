#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What comes at the socket that should not: each thing gets the error that is written for it, and the
daemon and everyone else go on. Valid calls are other files' business."""

import json
import os
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
from bridge import Bridge, Gone, program
from bus import sanitizer_of
from tap import Tap

LINE_MAX = 1 << 20
CLIENTS_MAX = 256
IN_FLIGHT = 32


def error_of(line):
    assert 'error' in line, f'no error: {json.dumps(line)[:300]}'
    return line['error']


def expect_error(till, raw, number, code=None, answer_id=None, pointer=None):
    """Sends the bytes as a line; the next line must be that error. The connection must go on."""
    till.send_bytes(raw if raw.endswith(b'\n') else raw + b'\n')
    line = till.next_line()
    error = error_of(line)
    assert error['code'] == number, f'{error}, not {number}'
    assert 'id' in line and line['id'] == answer_id, f'id is {line.get("id")!r}, not {answer_id!r}'
    assert line.get('jsonrpc') == '2.0', 'no jsonrpc member'
    data = error.get('data') or {}
    if code:
        assert data.get('code') == code, f'{data}, not {code}'
        assert isinstance(data.get('retryable'), bool), 'retryable is not there'
        assert isinstance(data.get('detail'), str) and data['detail'], 'detail is not there'
    if pointer is not None:
        pointers = [e['pointer'] for e in data.get('errors', [])]
        assert pointer in pointers, f'{pointer} is not among {pointers}'
        assert all(e.get('code') for e in data['errors']), 'an error without its code'
    alive(till)


def alive(till):
    assert 'link' in till.call('bridge.status')


def call(params, method='customer.lookup', number=1):
    body = params if isinstance(params, str) else json.dumps(params)
    return f'{{"jsonrpc":"2.0","id":{number},"method":"{method}","params":{body}}}'.encode()


def parse_errors(till):
    """Bad JSON, bad UTF-8, too deep, an integer too long: -32700, no id, the connection stays."""
    for raw in (b'hello', b'{', b'{"jsonrpc":"2.0","id":1,"method":"bridge.status"', b'[1,2',
                b'{"a":1}}', b'{"jsonrpc":"2.0","id":1,"method":"bridge.status"} x', b'\xff\xfe{}',
                b'{"id":1,"method":"\xc3\x28"}', b'{"id":1,"method":"\xed\xa0\x80"}',
                b"{'id':1}", b'nul', b'{"a":tru}', b'{"id":1,}', b'\x00'):
        expect_error(till, raw, -32700)


def too_deep(till):
    for depth in (33, 100, 10000, 200000):
        expect_error(till, b'[' * depth + b']' * depth, -32700)
        expect_error(till, call('{"code":' + '[' * depth + ']' * depth + '}'), -32700)
    # 32 deep is allowed, and then it is only wrong in type: params is one, its value the rest
    expect_error(till, call('{"code":' + '[' * 30 + ']' * 30 + '}'), -32602, 'invalid_params', 1)


def long_integers(till):
    for number in ('9223372036854775808', '-9223372036854775809', '1' * 400):
        expect_error(till, call('{"limit":%s}' % number, 'customer.search'), -32700)


def not_json_rpc(till):
    for raw in (b'{}', b'42', b'"x"', b'null', b'true', b'[]', b'{"id":1}',
                b'{"jsonrpc":"1.0","id":1,"method":"bridge.status"}',
                b'{"id":1,"method":"bridge.status"}'):
        till.send_bytes(raw + b'\n')
        line = till.next_line()
        assert error_of(line)['code'] == -32600, f'{raw}: {line}'
        alive(till)
    for raw in (b'{"jsonrpc":"2.0","id":{"a":1},"method":"bridge.status"}',
                b'{"jsonrpc":"2.0","id":[1],"method":"bridge.status"}',
                b'{"jsonrpc":"2.0","id":1.5,"method":"bridge.status"}',
                b'{"jsonrpc":"2.0","id":true,"method":"bridge.status"}'):
        till.send_bytes(raw + b'\n')
        line = till.next_line()
        assert error_of(line)['code'] == -32600 and line['id'] is None, f'{raw}: {line}'
        alive(till)
    for raw in (b'{"jsonrpc":"2.0","id":"a","method":5}', b'{"jsonrpc":"2.0","id":"a"}'):
        till.send_bytes(raw + b'\n')
        line = till.next_line()
        assert error_of(line)['code'] == -32600, f'{raw}: {line}'
        alive(till)


def unknown_method(till):
    for name in ('nothing.here', '', 'customer', 'customer.lookup ', 'x' * 5000):
        till.send({'jsonrpc': '2.0', 'id': 'm', 'method': name, 'params': {}})
        line = till.next_line()
        assert error_of(line)['code'] == -32601 and line['id'] == 'm', line
    alive(till)


def ids_are_the_clients(till):
    for number in (0, -1, 2 ** 63 - 1, 'é', '', 'x' * 200):
        till.send({'jsonrpc': '2.0', 'id': number, 'method': 'bridge.status'})
        line = till.next_line()
        assert line['id'] == number and 'result' in line, line


def wrong_params(till):
    expect_error(till, call([]), -32602, 'invalid_params', 1)
    expect_error(till, call('["x"]'), -32602, 'invalid_params', 1)
    expect_error(till, call('5'), -32602, 'invalid_params', 1)
    expect_error(till, call({'nothing': 1, 'code': 'A'}), -32602, 'invalid_params', 1, '/nothing')
    expect_error(till, call({'code': 5}), -32602, 'invalid_params', 1, '/code')
    expect_error(till, call({'code': None}), -32602, 'invalid_params', 1, '/code')
    expect_error(till, call('{"code":"a","code":"b"}'), -32602, 'invalid_params', 1)
    expect_error(till, call('{"code":"a\\u0000b"}'), -32602, 'invalid_params', 1, '/code')
    expect_error(till, call({}), -32602, 'invalid_params', 1)
    expect_error(till, call({'text': 'a', 'limit': 1.5}, 'customer.search'), -32602,
                 'invalid_params', 1, '/limit')
    expect_error(till, call('{"text":"a","limit":1e2}', 'customer.search'), -32602,
                 'invalid_params', 1, '/limit')
    expect_error(till, call('{"text":"a","limit":1.0}', 'customer.search'), -32602,
                 'invalid_params', 1, '/limit')
    expect_error(till, call({'text': 'a', 'limit': True}, 'customer.search'), -32602,
                 'invalid_params', 1, '/limit')
    expect_error(till, call({'text': 'a', 'limit': '5'}, 'customer.search'), -32602,
                 'invalid_params', 1, '/limit')
    expect_error(till, call({'text': 'a', 'limit': -1}, 'customer.search'), -32602,
                 'invalid_params', 1, '/limit')
    expect_error(till, call({'record': {}}, 'customer.create'), -32602, 'invalid_params', 1, '/key')
    for key in ('', 'x' * 65, 'a\nb', 'a\x7fb'):
        expect_error(till, call({'key': key, 'record': {}}, 'customer.create'), -32602,
                     'invalid_params', 1, '/key')


def basket(**changes):
    line = {'no': 1, 'article': {'code': 'A', 'label': 'A'}, 'quantity': 1000, 'unit_price': 500,
            'total': 500, 'vat_bp': 2000}
    line.update(changes.pop('line', {}))
    whole = {'lines': [line], 'total': 500}
    whole.update(changes)
    return whole


def reserve(uses=None, **changes):
    return {'key': 'bad', 'sale': 'BAD', 'customer': 'c_x', 'basket': basket(**changes),
            'uses': uses if uses is not None else [{'reward': 'r'}]}


def unknown_fields(till):
    method = 'reward.reserve'
    expect_error(till, call(reserve([{'reward': 'r', 'zz': 1}]), method), -32602, 'invalid_params', 1,
                 '/uses/0/zz')
    expect_error(till, call(reserve(zz=1), method), -32602, 'invalid_params', 1, '/basket/zz')
    expect_error(till, call(reserve(line={'zz': 1}), method), -32602, 'invalid_params', 1,
                 '/basket/lines/0/zz')
    expect_error(till, call(reserve(line={'article': {'code': 'A', 'zz': 1}}), method), -32602,
                 'invalid_params', 1, '/basket/lines/0/article/zz')
    expect_error(till, call(reserve([{}]), method), -32602, 'invalid_params', 1)
    expect_error(till, call(reserve([{'reward': 'r', 'coupon': 'c'}]), method), -32602,
                 'invalid_params', 1)
    expect_error(till, call(reserve([{'wallet': False}]), method), -32602, 'invalid_params', 1)
    expect_error(till, call(reserve('r'), method), -32602, 'invalid_params', 1, '/uses')


def wrong_baskets(till):
    known = till.call('customer.create', {'key': 'bad-c', 'record': {'first_name': 'Anne'}})
    for method in ('reward.reserve', 'reward.quote'):
        def params(**changes):
            whole = dict(reserve(**changes), customer=known['customer']['id'])
            if method == 'reward.quote':
                del whole['key'], whole['uses']
                whole['codes'] = []
            return whole
        expect_error(till, call(params(total=499), method), -32602, 'invalid_params', 1)
        expect_error(till, call(params(line={'total': 499}), method), -32602, 'invalid_params', 1)
        expect_error(till, call(params(lines=5), method), -32602, 'invalid_params', 1, '/basket/lines')
        for wrong in (0, -1000):
            expect_error(till, call(params(line={'quantity': wrong}), method), -32602,
                         'invalid_params', 1)
        expect_error(till, call(params(line={'quantity': '1000'}), method), -32602, 'invalid_params', 1,
                     '/basket/lines/0/quantity')
        expect_error(till, call(params(line={'flags': ['gift']}), method), -32602, 'invalid_params', 1,
                     '/basket/lines/0/flags/0')
        expect_error(till, call(params(line={'price_kind': 'cheap'}), method), -32602, 'invalid_params',
                     1, '/basket/lines/0/price_kind')
        twice = params(total=1000)
        twice['basket']['lines'] *= 2
        expect_error(till, call(twice, method), -32602, 'invalid_params', 1)


def sale_from_a_newer_till(till):
    """passage.post alone takes what it does not know, with a warning: the sale is paid."""
    line = basket()['lines'][0]
    line['colour'] = 'red'
    result = till.call('passage.post', {
        'sale': 'NEW-1', 'occurred_at': '2025-05-06T10:00:00+02:00', 'lines': [line], 'total': 500,
        'tenders': [{'kind': 'cash', 'amount': 500, 'mood': 'good'}], 'weather': {'rain': [1.5]}})
    assert result['state'] == 'posted' and result['warnings'], result
    alive(till)


def batches(till):
    status = {'jsonrpc': '2.0', 'method': 'bridge.status', 'params': {}}
    till.send([dict(status, id=1), status, {'foo': 1}, dict(status, id='b', method='nothing'), 5])
    lines = till.next_line()
    assert isinstance(lines, list) and len(lines) == 4, lines
    codes = sorted(str((line.get('error') or {}).get('code')) for line in lines)
    assert codes == ['-32600', '-32600', '-32601', 'None'], lines
    till.send([status, status])  # notifications alone: no answer at all
    till.send([dict(status, id=i) for i in range(IN_FLIGHT)])
    lines = till.next_line()
    assert sorted(line['id'] for line in lines) == list(range(IN_FLIGHT)), lines
    till.send([dict(status, id=i) for i in range(IN_FLIGHT + 1)])
    line = till.next_line()
    assert isinstance(line, dict) and 'error' in line and line['id'] is None, line
    alive(till)


def notifications_have_no_answer(till):
    till.send({'jsonrpc': '2.0', 'method': 'bridge.status'})
    till.send({'jsonrpc': '2.0', 'method': 'nothing.here'})
    till.send({'jsonrpc': '2.0', 'method': 'customer.lookup', 'params': {'zz': 1}})
    till.send({'jsonrpc': '2.0', 'id': 'after', 'method': 'bridge.status'})
    assert till.next_line()['id'] == 'after'


def awkward_pieces(till):
    raw = b''.join(call({}, 'bridge.status', number) + end for number, end in
                   ((1, b'\n'), (2, b'\r\n'), (3, b'\n\n \n')))
    for i in range(len(raw)):
        till.send_bytes(raw[i:i + 1])
    assert sorted(till.next_line()['id'] for _ in range(3)) == [1, 2, 3]
    alive(till)


def more_than_in_flight(till):
    """A hundred calls at once: the bridge reads on as it answers, and none is lost."""
    till.send_bytes(b''.join(call({}, 'bridge.status', number) + b'\n' for number in range(1, 301)))
    assert sorted(till.next_line()['id'] for _ in range(300)) == list(range(1, 301))


def longest_line(bridge):
    """1 MiB without its newline is a line; a byte more is too_large, and closed."""
    with bridge.connect() as till:
        head, tail = b'{"jsonrpc":"2.0","id":7,"method":"bridge.status","params":{}', b'}'
        till.send_bytes(head + b' ' * (LINE_MAX - len(head) - len(tail)) + tail + b'\n')
        assert 'result' in till.next_line()
        alive(till)
    for size in (LINE_MAX + 1, 2 * LINE_MAX):
        with bridge.connect() as till:
            try:
                till.send_bytes(b'x' * size + b'\n')
            except Gone:
                pass
            line = till.next_line()
            error = error_of(line)
            assert error['data']['code'] == 'too_large' and line['id'] is None, line
            assert error['code'] == -32000, line
            expect_gone(till)


def expect_gone(till):
    try:
        while True:
            till.next_raw()
    except Gone:
        return


def line_without_end(bridge):
    """No newline ever: the same, and no more memory than a line."""
    before = bridge.memory()
    with bridge.connect() as till:
        try:
            for _ in range(64):
                till.send_bytes(b'x' * (1 << 18))
        except Gone:
            pass
        line = till.next_line()
        assert error_of(line)['data']['code'] == 'too_large', line
        expect_gone(till)
    assert bridge.memory() < before + 12 * 1024, 'the line was kept'


def half_a_line_and_gone(bridge):
    for _ in range(20):
        with bridge.connect() as till:
            till.send_bytes(call({}, 'bridge.status')[:30])
    with bridge.connect() as till:
        alive(till)


def three_hundred_clients(bridge):
    tills, refused = [], []
    for _ in range(300):
        till = bridge.connect(hello=False)
        line = till.next_line()
        (tills if line.get('method') == 'hello' else refused).append((till, line))
    assert len(tills) == CLIENTS_MAX, f'{len(tills)} were let in'
    for till, line in refused:
        assert error_of(line)['data']['code'] == 'rate_limited' and line['id'] is None, line
        assert error_of(line)['data']['retryable'] is True, line
        expect_gone(till)
    for till, _ in tills[::50]:
        alive(till)
    tills.pop(100)[0].close()
    till = bridge.connect()  # a place freed is usable at once
    assert till.hello['method'] == 'hello', till.hello
    alive(till)
    for other, _ in tills + refused:
        other.close()
    till.close()


def never_reads(bridge):
    """Is dropped when its backlog is full, and told where it can come back to; others go on."""
    lazy, busy = bridge.connect(), bridge.connect()
    lazy.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    first = lazy.call('events.subscribe', {'kinds': ['scan']})['seq']
    busy.call('events.subscribe', {'kinds': ['scan']})
    for i in range(4000):
        busy.call('scan.submit', {'code': f'NOBODY-{i:08d}-' + 'y' * 200})
        if busy.events:
            busy.events.clear()
    seen, dropped = first, None
    try:
        while True:
            line = lazy.next_line()
            if line['method'] == 'scan':
                assert line['params']['seq'] > seen, 'out of order'
                seen = line['params']['seq']
            elif line['method'] == 'dropped':
                dropped = line['params']
    except Gone:
        pass
    assert seen > first, 'it got nothing at all'
    if dropped:  # if the socket took it
        cursor = dropped.get('seq', dropped.get('since', dropped.get('cursor')))
        assert isinstance(cursor, int) and cursor >= seen, dropped
    alive(busy)
    lazy.close()
    with bridge.connect() as again:
        again.call('events.subscribe', {'kinds': ['scan'], 'since': seen})
    busy.close()


def answers_nobody_reads(bridge):
    """A client that asks and never reads its answers does not make the daemon grow."""
    before = bridge.memory()
    lazy = bridge.connect()
    lazy.socket.settimeout(1)
    request = call({}, 'bridge.status') + b'\n'
    try:
        for _ in range(2000):
            lazy.socket.send(request * 20)
    except (TimeoutError, socket.timeout, OSError):
        pass
    with bridge.connect() as till:
        alive(till)
    assert bridge.memory() < before + 16 * 1024, f'grew to {bridge.memory()} kB from {before}'
    lazy.close()


def nothing_left(bridge, before):
    """Memory and descriptors are where they were."""
    descriptors, memory = before
    end = time.monotonic() + 10
    while bridge.descriptors() > descriptors and time.monotonic() < end:
        with bridge.connect() as till:
            alive(till)
    with bridge.connect() as till:
        alive(till)
        assert bridge.descriptors() <= descriptors + 1, \
            f'{bridge.descriptors()} descriptors, {descriptors} before'
    # a sanitizer keeps what was freed
    allowed = 300 * 1024 if sanitizer_of(program('tillbridged')) else 2 * 1024
    assert bridge.memory() <= memory + allowed, f'{bridge.memory()} kB, {memory} before'


def main():
    tap = Tap()
    with Bridge() as bridge:
        with bridge.connect() as till:
            alive(till)
        before = bridge.descriptors(), bridge.memory()
        for test in (parse_errors, too_deep, long_integers, not_json_rpc, unknown_method,
                     ids_are_the_clients, wrong_params, unknown_fields, wrong_baskets,
                     sale_from_a_newer_till, batches, notifications_have_no_answer, awkward_pieces,
                     more_than_in_flight):
            with bridge.connect() as till:
                tap.run(test.__name__.replace('_', ' '), test, till)
        for test in (longest_line, line_without_end, half_a_line_and_gone, three_hundred_clients,
                     never_reads, answers_nobody_reads):
            tap.run(test.__name__.replace('_', ' '), test, bridge)
        tap.run('nothing left', nothing_left, bridge, before)
        tap.run('ends cleanly after all that', bridge.stop)
    tap.done()


if __name__ == '__main__':
    main()
