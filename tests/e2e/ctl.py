#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""tillctl against the real daemon: each command, its exit code, its plain text and its JSON. What the
methods behind it do is proven elsewhere."""

import json
import os
import select
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
from bridge import PATIENCE, ROOT, Bridge, program
from bus import Printer
from tap import Tap

DONE, REFUSED, USAGE, NO_BRIDGE = range(4)
SHOP = os.path.join(ROOT, 'fixtures', 'shops', 'boulangerie')


class Ctl:
    def __init__(self, path):
        self.path = path

    def __call__(self, *words, code=DONE, stdin=None):
        said = subprocess.run([program('tillctl'), '--socket', self.path, *words], input=stdin,
                              capture_output=True, text=True, timeout=PATIENCE)
        assert said.returncode == code, f'{words}: exit {said.returncode}, not {code}\n' \
                                        f'{said.stdout[-1500:]}{said.stderr[-1500:]}'
        return said.stderr if code else said.stdout

    def json(self, *words, **options):
        return [json.loads(line) for line in self('--json', *words, **options).splitlines()]


def usage(ctl):
    for words in ((), ('nothing',), ('call',), ('customer',), ('customer', 'find'), ('program',),
                  ('articles', 'load'), ('ledger',), ('ledger', 'x'), ('status', 'x'), ('--nothing',),
                  ('call', 'bridge.status', '{'), ('call', 'bridge.status', '[]'), ('export',)):
        ctl(*words, code=USAGE)
    assert 'customer' in ctl('help')


def no_bridge(ctl):
    nowhere = Ctl('/nowhere/till.sock')
    for words in (('status',), ('--json', 'devices'), ('watch',), ('sale', '/dev/null')):
        assert 'tillbridged' in nowhere(*words, code=NO_BRIDGE)


def status(ctl):
    text = ctl('status')
    assert 'lyon-1' in text and 'tillbridge' in text, text
    assert ctl.json('status')[0]['link']['state'] == 'none'


def any_method(ctl):
    assert '"link"' in ctl('call', 'bridge.status')
    assert ctl.json('call', 'bridge.status', '{}')[0]['outbox']['depth'] == 0
    assert ctl.json('call', 'customer.search', '-', stdin='{"text": "xyz"}')[0]['customers'] == []
    error = ctl('call', 'customer.lookup', '{"code": "NOBODY"}', code=REFUSED)
    assert error.startswith('customer_unknown:'), error
    error = ctl('call', 'customer.lookup', '{"nothing": 1}', code=REFUSED)
    assert error.startswith('invalid_params:') and '/nothing' in error, error


def help_of_methods(ctl):
    text = ctl('help', 'passage.post')
    for word in ('sale', 'occurred_at', 'tenders', 'required', 'till'):
        assert word in text, text
    ctl('help', 'nothing.here', code=REFUSED)
    for method in ctl.json('call', 'bridge.methods')[0]['methods']:
        ctl('help', method['name'])


def programs(ctl):
    assert '3 rewards' in ctl('program', 'load', os.path.join(SHOP, 'program.jsonc'))
    assert json.loads(ctl('program', 'show'))['currency'] == 'EUR'
    for name in sorted(os.listdir(os.path.dirname(SHOP))):
        path = os.path.join(os.path.dirname(SHOP), name, 'program.jsonc')
        if os.path.exists(path) and name != 'becash':
            ctl('program', 'load', path)
    error = ctl('program', 'load', os.path.join(SHOP, '..', 'becash', 'program.jsonc'), code=REFUSED)
    assert '/program/currency' in error, error
    with tempfile.NamedTemporaryFile('w', suffix='.jsonc') as file:
        file.write('// a remark\n{\n  "currency": "EUR",\n  # another\n  oops\n}\n')
        file.flush()
        error = ctl('program', 'load', file.name, code=REFUSED)
        assert f'{file.name}:5' in error, error
    ctl('program', 'load', '/nowhere/program', code=REFUSED)
    ctl('program', 'load', os.path.join(SHOP, 'program.jsonc'))


def articles(ctl):
    assert '12 articles new' in ctl('articles', 'load', os.path.join(SHOP, 'articles.csv'))
    assert '0 articles new' in ctl('articles', 'load', os.path.join(SHOP, 'articles.csv'))
    known = ctl.json('call', 'article.list')[0]['articles']
    labels = {article['code']: article['label'] for article in known}
    assert labels['FORM'] == 'Formule déjeuner; boisson comprise' and labels['ECL'] == 'Éclair au café'
    table = ('\ufeffcode,label,price,points\r\nA1,"with ""quotes"", a comma\nand two lines",1.20,5\r\n'
             '\r\nA2,plain,,\r\n')
    with tempfile.NamedTemporaryFile('w', suffix='.csv', newline='') as file:
        file.write(table)
        file.flush()
        assert '2 articles new' in ctl('articles', 'load', file.name)
    known = ctl.json('call', 'article.list')[0]['articles']
    assert next(a for a in known if a['code'] == 'A1')['label'] == 'with "quotes", a comma\nand two lines'
    for bad, line in (('label\nx\n', 1), ('code,points\nA,five\n', 2), ('code\nA,B\n', 2),
                      ('code,label\nA,"open\n', 2), ('', 1)):
        with tempfile.NamedTemporaryFile('w', suffix='.csv') as file:
            file.write(bad)
            file.flush()
            error = ctl('articles', 'load', file.name, code=REFUSED)
            assert f'{file.name}:{line}' in error, (bad, error)


def customers(ctl):
    text = ctl('customer', 'add', '--first-name', 'Éléonore', '--last-name', 'Petit', '--email',
               'e@example.fr', '--phone', '06 11 00 00 01', '--card', 'CARD-1')
    number = text.split()[0]
    assert 'Éléonore Petit' in text
    assert number in ctl('customer', 'find', 'eleonore')
    assert ctl.json('customer', 'find', 'petit')[0]['id'] == number
    for word in ('CARD-1', 'e@example.fr', '+33611000001', '0611000001', number):
        assert 'Éléonore' in ctl('customer', 'show', word), word
    assert ctl('customer', 'show', 'CARD-2', code=REFUSED).startswith('customer_unknown')
    assert ctl('customer', 'add', '--first-name', 'X', '--card', 'CARD-1', code=REFUSED).startswith(
        'conflict')
    ctl('customer', 'add', '--colour', 'red', code=USAGE)


SALE = '''
# a sale as a cashier would type it
customer CARD-1
add BAG 1,30 x2
add TART 16.50 "Tarte de la semaine"
add CAFE 1.60
less 2 1.50
ticket
rewards
use cafe-offert
pay card 10
done
'''


def sales(ctl):
    ctl('call', 'account.adjust', json.dumps({
        'key': 'ctl-1', 'unit': 'points', 'delta': 20, 'reason': 'test',
        'customer': ctl.json('customer', 'show', 'CARD-1')[0]['customer']['id']}))
    text = ctl('sale', '-', stdin=SALE)
    for word in ('Éléonore Petit: 20 points', 'Baguette tradition', 'Tarte de la semaine', '19.20 EUR',
                 'Un café offert', '-1.60 EUR', '17.60 EUR', 'posted: 17 points earned, now 22'):
        assert word in text, f'{word} is not in\n{text}'
    assert ctl('sale', '-', stdin='customer NOBODY\n', code=REFUSED).startswith('customer_unknown')
    ctl('sale', '-', stdin='dance\n', code=USAGE)
    ctl('sale', '-', stdin='add\n', code=USAGE)
    # what was held and not posted is given back
    ctl('sale', '-', stdin='customer CARD-1\nadd CAFE 1.60\nuse cafe-offert\nquit\n')
    balances = ctl.json('customer', 'show', 'CARD-1')[0]['balances']
    assert balances['points_available'] == balances['points'] == 22, balances


def figures(ctl):
    assert 'passages         1' in ctl('report', '2020-01-01', '2099-01-01')
    assert ctl.json('report')[0]['passages'] in (0, 1)
    assert 'every balance' in ctl('ledger', 'verify')
    ctl('export', 'nothing', code=REFUSED)


def paper(ctl):
    assert 'job' in ctl('print-test')
    assert ctl('queue') == ''
    assert 'receipts' in ctl('devices') and 'printer-escpos' in ctl('devices')
    ctl('print-test', 'nowhere', code=REFUSED)


def watching(ctl):
    watcher = subprocess.Popen([program('tillctl'), '--socket', ctl.path, '--json', 'watch', 'scan'],
                               stdout=subprocess.PIPE, text=True)
    plain = subprocess.Popen([program('tillctl'), '--socket', ctl.path, 'watch'],
                             stdout=subprocess.PIPE, text=True)
    # nobody says when a watcher has begun to listen: scans are sent until both have heard one
    number = 0
    while len(select.select([watcher.stdout, plain.stdout], [], [], 0)[0]) < 2:
        ctl('call', 'scan.submit', json.dumps({'code': f'WATCH-{number}'}))
        number += 1
    line = json.loads(watcher.stdout.readline())
    assert line['method'] == 'scan' and line['params']['code'].startswith('WATCH-'), line
    assert 'WATCH-' in plain.stdout.readline()
    for process in (watcher, plain):
        process.terminate()
        process.wait()
        process.stdout.close()
    ctl('watch', 'weather', code=REFUSED)


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder, Printer(folder) as printer:
        conf = (f'[device receipts]\ndriver = printer-escpos\naddress = tcp:127.0.0.1:{printer.port}\n'
                'profile = default80\n')
        with Bridge(conf) as bridge:
            ctl = Ctl(bridge.path)
            for test in (usage, no_bridge, status, any_method, help_of_methods, programs, articles,
                         customers, sales, figures, paper, watching):
                tap.run(test.__name__.replace('_', ' '), test, ctl)
            tap.run('the daemon is well after it', bridge.stop)
    tap.done()


if __name__ == '__main__':
    main()
