#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The daemon's own life: starts with nothing, from a handed-over socket, from a wrong configuration, on
a damaged or newer database; stops; comes back with its numbers; and what it does on a full disk."""

import glob
import json
import os
import resource
import signal
import socket
import sqlite3
import stat
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from bridge import PATIENCE, Bridge, Gone, Refused, program
from tap import Tap


def sale(number, customer=None):
    params = {'sale': f'S{number}', 'occurred_at': '2025-05-06T10:00:00+02:00',
              'lines': [{'no': 1, 'article': {'code': 'A', 'label': 'A'}, 'quantity': 1000,
                         'unit_price': 500, 'total': 500}],
              'total': 500, 'tenders': [{'kind': 'cash', 'amount': 500}]}
    if customer:
        params['customer'] = customer
    return params


def no_configuration_at_all():
    """It starts, knows its version, and keeps its files to itself."""
    bridge = Bridge()
    os.unlink(bridge.conf)
    bridge.command = lambda: [program('tillbridged')]
    # a machine that has a tillbridge installed would have /etc/tillbridge: nothing here says so
    with bridge:
        with bridge.connect() as till:
            hello = till.hello['params']
            assert hello['product'] == 'tillbridge' and hello['version'], hello
            assert hello['api'] == {'major': 1, 'minor': 0}, hello
            till.call('passage.post', sale(1))
        mode = stat.S_IMODE(os.stat(bridge.path).st_mode)
        assert mode == 0o660, f'socket has mode {mode:o}'
        for folder, _, names in os.walk(bridge.state):
            for name in names:
                mode = stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode)
                assert mode & 0o077 == 0, f'{name} has mode {mode:o}'


def ends_on_sigterm():
    for number in (signal.SIGTERM, signal.SIGINT):
        with Bridge() as bridge:
            till = bridge.connect()
            bridge.process.send_signal(number)
            assert bridge.process.wait(PATIENCE) == 0, bridge.log()
            try:
                while True:
                    till.next_raw()
            except Gone:
                pass
            assert not os.path.exists(bridge.path), 'the socket file was left'


def sigpipe_is_ignored():
    with Bridge() as bridge:
        bridge.process.send_signal(signal.SIGPIPE)
        with bridge.connect() as till:
            till.call('bridge.status')


def numbers_survive():
    """seq grows across a restart, and `since` gives what was there before it, in order, once."""
    with Bridge() as bridge:
        with bridge.connect() as till:
            start = till.call('events.subscribe', {'kinds': ['scan']})['seq']
            for i in range(20):
                till.call('scan.submit', {'code': f'BEFORE-{i}'})
            before = [till.event('scan') for _ in range(20)]
        assert [scan['code'] for scan in before] == [f'BEFORE-{i}' for i in range(20)]
        assert all(a['seq'] < b['seq'] for a, b in zip(before, before[1:])), 'seq does not grow'
        bridge.stop()
        bridge.start()
        with bridge.connect() as till:
            again = till.call('events.subscribe', {'kinds': ['scan'], 'since': start})
            assert again['seq'] >= before[-1]['seq'], again
            seen = [till.event('scan') for _ in range(20)]
            assert seen == before, 'what came again is not what was told'
            till.call('scan.submit', {'code': 'AFTER'})
            after = till.event('scan')
            assert after['code'] == 'AFTER' and after['seq'] > before[-1]['seq'], after
        with bridge.connect() as till:
            till.call('events.subscribe', {'kinds': ['scan'], 'since': before[9]['seq']})
            seen = [till.event('scan') for _ in range(11)]
            assert [scan['seq'] for scan in seen] == [scan['seq'] for scan in before[10:] + [after]]


def numbers_survive_a_kill():
    with Bridge() as bridge:
        with bridge.connect() as till:
            till.call('events.subscribe', {'kinds': ['scan']})
            for i in range(5):
                till.call('scan.submit', {'code': f'X{i}'})
            last = [till.event('scan')['seq'] for _ in range(5)][-1]
        bridge.stop(signal.SIGKILL)
        bridge.start()
        with bridge.connect() as till:
            till.call('events.subscribe', {'kinds': ['scan']})
            till.call('scan.submit', {'code': 'Y'})
            assert till.event('scan')['seq'] > last, 'a number was used twice'


def sales_survive_a_kill():
    """What was answered is there; said again, it is the same."""
    with Bridge() as bridge:
        with bridge.connect() as till:
            answers = [till.call('passage.post', sale(i)) for i in range(10)]
        bridge.stop(signal.SIGKILL)
        bridge.start()
        with bridge.connect() as till:
            for i, answer in enumerate(answers):
                assert till.call('passage.post', sale(i)) == answer, 'another answer'
                assert till.call('passage.show', {'sale': f'S{i}',
                                                  'business_day': '2025-05-06'})['total'] == 500
            bridge.verify()


def a_scan_nobody_heard():
    """With no subscriber it is kept for whoever asks `since`."""
    with Bridge() as bridge:
        with bridge.connect() as till:
            seq = till.call('events.subscribe', {'kinds': ['scan']})['seq']
        with bridge.connect() as till:
            till.call('scan.submit', {'code': 'ALONE'})
        with bridge.connect() as till:
            till.call('events.subscribe', {'kinds': ['scan'], 'since': seq})
            assert till.event('scan')['code'] == 'ALONE'


class Activated(Bridge):
    """As systemd starts it: the socket is there before the daemon, as descriptor 3."""

    def __init__(self):
        super().__init__()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen(16)

    def command(self):
        script = ('import os,sys\nos.dup2(int(sys.argv[1]), 3)\nos.set_inheritable(3, True)\n'
                  'os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))\n'
                  'os.execv(sys.argv[2], sys.argv[2:])')
        return ['/usr/bin/python3', '-c', script, str(self.listener.fileno())] + super().command()

    def start(self, **options):
        return super().start(pass_fds=[self.listener.fileno()], **options)


def socket_activation():
    bridge = Activated()
    early = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    early.connect(bridge.path)  # a till that was faster than the daemon
    with bridge:
        early.settimeout(PATIENCE)
        assert b'hello' in early.recv(4096)
        with bridge.connect() as till:
            till.call('bridge.status')
        bridge.stop()
        assert os.path.exists(bridge.path), 'it removed a socket that is not its own'
        bridge.start()
        with bridge.connect() as till:
            till.call('bridge.status')
    early.close()
    bridge.listener.close()


def an_old_socket_file():
    """Left by a daemon that was killed: replaced. Of one that lives: refused."""
    with Bridge() as bridge:
        bridge.stop(signal.SIGKILL)
        assert os.path.exists(bridge.path)
        bridge.start()
        with bridge.connect() as till:
            till.call('bridge.status')
        other = Bridge()
        other.runtime, other.path = bridge.runtime, bridge.path
        other.start(wait=False)
        assert other.process.wait(PATIENCE) != 0, 'two daemons on one socket'
        other.remove()
        with bridge.connect() as till:
            till.call('bridge.status')


def run_check(text, conf_d=None):
    bridge = Bridge()
    try:
        bridge.configure(text)
        said = subprocess.run(bridge.command() + ['--check-config'], env=bridge.environment(),
                              capture_output=True, text=True, timeout=PATIENCE)
        assert not os.listdir(bridge.state), 'checking made files'
        return said.returncode, said.stdout + said.stderr, bridge.conf
    finally:
        bridge.remove()


def wrong_configurations():
    """File, line and what was expected; nothing is started."""
    cases = [
        ('[bridge]\nsite = a\ncolour = red\n', 3, 'colour'),
        ('[bridge]\nsite = a\n[weather]\nrain = yes\n', 3, 'weather'),
        ('[loyalty]\n\ndeadline = soon\n', 3, 'deadline'),
        ('[loyalty]\ndeadline = 2\n', 2, 'deadline'),
        ('[loyalty]\nconnector = parrot\n', 2, 'connector'),
        ('[bridge]\nlanguage = xx\n', 2, 'language'),
        ('[bridge]\nproduct_reference = colour\n', 2, 'product_reference'),
        ('[bridge]\ncurrency = euro\n', 2, 'currency'),
        ('[bridge\nsite = a\n', 1, ''),
        ('site = a\n', 1, ''),
        ('[bridge]\nsite\n', 2, ''),
        ('[device counter]\ndriver = scanner-telepathic\naddress = tty:/dev/null\n', 2, 'driver'),
        ('[device counter]\ndriver = scanner-serial\naddress = tty:/dev/null\nspeed = fast\n', 4,
         'speed'),
        ('[device counter]\ndriver = scanner-serial\naddress = tty:/dev/null\nprofile = x\n', 4,
         'profile'),
        ('[device counter]\ndriver = scanner-serial\naddress = tty:/dev/null\nprefix = \\q\n', 4,
         'prefix'),
        ('[device counter]\ndriver = scanner-serial\naddress = tty:/dev/null\nsuffix = '
         + '\\x02' * 33 + '\n', 4, 'suffix'),
        ('[access]\ntill = caisse\n', 2, ''),
        ('; ' + 'x' * 500 + '\n[bridge]\ncolour = ' + 'y' * 500 + '\n', 3, 'colour'),
    ]
    wrong = []
    for text, line, word in cases:
        code, said, path = run_check(text)
        if code != 1 or f'{path}:{line}' not in said or word not in said:
            wrong.append(f'{text[:60]!r}: exit {code}, {said.strip()[:200]!r}')
    assert not wrong, '\n'.join(wrong)


def right_configurations():
    whole = ('[bridge]\nsite = lyon-1 ; the shop\ntill = 2\ncurrency = EUR\nlanguage = fr\n'
             'product_reference = code\ncountry = FR\n\n[loyalty]\nconnector = ledger\ndeadline = 2s\n'
             '[ledger]\nstore = sqlite\n# a remark\n[device counter]\ndriver = scanner-serial\n'
             'address = tty:/dev/serial/by-id/none\nspeed = 9600\nidle = 100ms\n[codes]\n'
             'customer = 2912*\n[access]\ntill = group:root user:root\nmanager = user:root\n')
    for text in (whole, '', '\n\n', whole.replace('\n', '\r\n')):
        code, said, _ = run_check(text)
        assert code == 0, f'{text[:60]!r}: exit {code}, {said}'


def does_not_start_when_wrong():
    bridge = Bridge('[bridge]\ncolour = red\n')
    bridge.start(wait=False)
    assert bridge.process.wait(PATIENCE) != 0
    assert 'colour' in bridge.log()
    bridge.remove()


def databases(bridge):
    found = sorted(glob.glob(os.path.join(bridge.state, '**', '*.db'), recursive=True))
    assert found, f'no database in {os.listdir(bridge.state)}'
    return found


def refuses(bridge, path, what):
    with open(path, 'rb') as file:
        content = file.read()
    bridge.start(wait=False)
    code = bridge.process.wait(PATIENCE)
    assert code != 0, f'{what} {os.path.basename(path)} was taken'
    with open(path, 'rb') as file:
        assert file.read() == content, f'{what} {os.path.basename(path)} was written to'
    log = bridge.log()
    assert os.path.basename(path) in log, f'{what}: the file is not named: {log}'
    bridge.process = None


def damaged_databases():
    """Refused with what to do, left as they were; and with the file put back, all is there."""
    with Bridge() as bridge:
        with bridge.connect() as till:
            till.call('passage.post', sale(1))
            till.call('scan.submit', {'code': 'X'})
        bridge.stop()
        for path in databases(bridge):
            with open(path, 'rb') as file:
                good = file.read()
            damages = {'cut': good[:100], 'foreign': b'This is a letter to a friend.\n' * 400,
                       'holed': good[:60] + b'\xff' * 200 + good[260:]}
            for what, bad in damages.items():
                with open(path, 'wb') as file:
                    file.write(bad)
                refuses(bridge, path, what)
            with open(path, 'wb') as file:
                file.write(good)
        bridge.start()
        with bridge.connect() as till:
            assert till.call('passage.show', {'sale': 'S1', 'business_day': '2025-05-06'})
            bridge.verify()


def emptied_databases():
    """Cut off the power, and a file of it is empty or gone while its log is there: no new one is begun."""
    for name in ('ledger.db', 'state.db'):
        with Bridge() as bridge:
            with bridge.connect() as till:
                till.call('passage.post', sale(1))
                till.call('scan.submit', {'code': 'X'})
            bridge.stop(signal.SIGKILL)
            path = os.path.join(bridge.state, name)
            assert os.path.getsize(path + '-wal') > 0, f'{name} has no log'
            os.rename(path, path + '.kept')
            for empty in (True, False):
                if empty:
                    with open(path, 'wb'):
                        pass
                bridge.start(wait=False)
                assert bridge.process.wait(PATIENCE) != 0, f'{name} was begun anew'
                assert f'{path} is damaged' in bridge.log(), bridge.log()
                bridge.process = None
                if empty:
                    os.unlink(path)
            assert not os.path.exists(path), f'{name} was made'
            os.rename(path + '.kept', path)
            bridge.start()
            with bridge.connect() as till:
                assert till.call('passage.show', {'sale': 'S1', 'business_day': '2025-05-06'})
            bridge.verify()


def half_a_first_page():
    """The power went while a file was made: nothing was ever in it, and it is made again."""
    for name in ('ledger.db', 'state.db'):
        bridge = Bridge()
        path = os.path.join(bridge.state, name)
        db = sqlite3.connect(path)
        db.execute('PRAGMA journal_mode = WAL')
        db.close()
        os.truncate(path, 2048)
        with bridge:
            with bridge.connect() as till:
                till.call('passage.post', sale(1))
            bridge.stop(signal.SIGKILL)
            bridge.start()
            with bridge.connect() as till:
                assert till.call('passage.show', {'sale': 'S1', 'business_day': '2025-05-06'})
            bridge.verify()


def newer_databases():
    with Bridge() as bridge:
        bridge.stop()
        for path in databases(bridge):
            with sqlite3.connect(path) as db:
                version = db.execute('PRAGMA user_version').fetchone()[0]
                assert version > 0, f'{path} has no version'
                db.execute(f'PRAGMA user_version = {version + 1}')
                db.execute('PRAGMA wal_checkpoint(TRUNCATE)')
            db.close()
            refuses(bridge, path, 'newer')
            with sqlite3.connect(path) as db:
                db.execute(f'PRAGMA user_version = {version}')
            db.close()
        bridge.start()


def full_disk():
    """Calls fail, nothing acknowledged is lost, and with room again it goes on by itself."""
    with Bridge() as bridge:
        bridge.stop()
        limit = 2 << 20
        bridge.start(limits={resource.RLIMIT_FSIZE: limit})
        done, refused = [], 0
        with bridge.connect() as till:
            for i in range(6000):
                params = sale(i)
                params['lines'][0]['article']['label'] = 'x' * 200
                try:
                    till.call('passage.post', params)
                    done.append(i)
                except Refused as error:
                    assert error.data['retryable'], f'{error} is not retryable'
                    refused += 1
                    if refused > 20:
                        break
            assert refused > 20, f'{len(done)} sales fitted into {limit} bytes'
            till.call('bridge.status')
            resource.prlimit(bridge.process.pid, resource.RLIMIT_FSIZE,
                             (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            params = sale('after')
            till.call('passage.post', params)
            for i in done[:: max(1, len(done) // 200)] + done[-3:]:
                till.call('passage.show', {'sale': f'S{i}', 'business_day': '2025-05-06'})
            bridge.verify()
        bridge.stop()
        bridge.start()
        with bridge.connect() as till:
            for i in done[-20:]:
                till.call('passage.show', {'sale': f'S{i}', 'business_day': '2025-05-06'})
            bridge.verify()


def state_directory_not_ours():
    bridge = Bridge()
    os.rmdir(bridge.state)
    with open(bridge.state, 'w', encoding='ascii') as file:
        file.write('a file where a folder should be')
    bridge.start(wait=False)
    assert bridge.process.wait(PATIENCE) != 0
    assert bridge.state in bridge.log(), bridge.log()
    bridge.process = None
    os.unlink(bridge.state)
    bridge.remove()


def open_api():
    """--openapi needs no configuration, state or socket, and each method is /v1/<method>."""
    bridge = Bridge()
    try:
        env = bridge.environment()
        env.update(RUNTIME_DIRECTORY='/nonexistent/run', STATE_DIRECTORY='/nonexistent/state')
        said = subprocess.run([program('tillbridged'), '--openapi'], env=env, capture_output=True,
                              text=True, timeout=PATIENCE)
        assert said.returncode == 0, said.stderr
        document = json.loads(said.stdout)
        assert document['openapi'].startswith('3.1'), document['openapi']
        paths = document['paths']
        for method in ('bridge.status', 'customer.lookup', 'reward.reserve', 'passage.post'):
            schema = paths[f'/v1/{method}']['post']['requestBody']['content']['application/json'][
                'schema']
            while '$ref' in schema:
                name = schema['$ref'].split('/')[-1]
                schema = document['components']['schemas'][name]
            for name, value in schema.get('properties', {}).items():
                assert 'type' in value or '$ref' in value, f'{method}: {name} has no type'
        schemas = document['components']['schemas']

        def reached(part, found):
            """Every object's schema that a part leads to."""
            if isinstance(part, list):
                for each in part:
                    reached(each, found)
            elif isinstance(part, dict):
                name = part.get('$ref', '').removeprefix('#/components/schemas/')
                if '$ref' in part and not part['$ref'].startswith('#/components/responses/') and name not in found:
                    found[name] = schemas[name]
                    reached(schemas[name], found)
                for each in part.values():
                    reached(each, found)
            return found

        # only a passage takes what is not known, and takes it at any depth: closed schemas do not compose
        for path, verbs in paths.items():
            for verb in verbs.values():
                body = verb.get('requestBody')
                if body:
                    found = reached(body, {})
                    own = body['content']['application/json']['schema']
                    open_to = {s['additionalProperties'] for s in [own, *found.values()]}
                    assert open_to == {path == '/v1/passage.post'}, (path, open_to, list(found))
        assert {'line.open', 'tender.open', 'line'} <= set(schemas), list(schemas)
        assert set(reached(paths, {})) == set(schemas) - {'problem'}, set(schemas)
        events = paths['/v1/events']['get']
        assert [p['name'] for p in events['parameters']] == ['kinds', 'since', 'Last-Event-ID'], events
        assert events['parameters'][0]['schema']['items']['enum'] == [
            'scan', 'card', 'customer', 'device', 'printer', 'job', 'outbox', 'link'], events
        assert list(events['responses']['200']['content']) == ['text/event-stream'], events
        said = subprocess.run([program('tillbridged'), '--version'], env=env, capture_output=True,
                              text=True, timeout=PATIENCE)
        assert said.returncode == 0 and 'tillbridge' in said.stdout, said
    finally:
        bridge.remove()


def watchdog():
    """It pings when it is asked to, and not more often than it must."""
    with Bridge() as bridge:
        bridge.stop()
        bridge.start(env={'WATCHDOG_USEC': '1000000'})
        bridge.wait_notice('WATCHDOG=1')
        bridge.wait_notice('WATCHDOG=1')


def main():
    tap = Tap()
    for test in (no_configuration_at_all, ends_on_sigterm, sigpipe_is_ignored, numbers_survive,
                 numbers_survive_a_kill, sales_survive_a_kill, a_scan_nobody_heard, socket_activation,
                 an_old_socket_file, wrong_configurations, right_configurations,
                 does_not_start_when_wrong, damaged_databases, emptied_databases, half_a_first_page,
                 newer_databases, full_disk,
                 state_directory_not_ours, open_api, watchdog):
        tap.run(test.__name__.replace('_', ' '), test)
    tap.done()


if __name__ == '__main__':
    main()
