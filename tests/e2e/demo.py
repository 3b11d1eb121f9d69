#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The demo's story, told as it happens: a customer's QR on a serial scanner, name and points, a reward
off the ticket, the passage, a coupon on paper. Everything is asked of the real daemon; what is printed
here is what it answered. Called by fixtures/demo, which builds first."""

import datetime
import json
import os
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from bridge import BUILD, ROOT, Till, program
from bus import read_codes
from shop import Shop, read

OUT = os.path.join(BUILD, 'demo')
KEPT = os.path.join(OUT, 'kept.json')  # who runs since the last --keep
TICKET = [('BAG', 'Baguette tradition', 'pain', 2, 130), ('TART', 'Tarte aux fraises', 'pâtisserie', 1, 1650),
          ('CREM', 'Café crème', 'boisson', 1, 250)]


def tell(what, text):
    print(f'  {what:<9} {text}', flush=True)


def money(cents):
    return f'{cents // 100}.{cents % 100:02d} €'


class Transcript:
    """Each line exchanged, with who said it and when."""

    def __init__(self, path):
        self.file = open(path, 'w', encoding='utf-8')

    def __call__(self, who, line):
        at = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec='milliseconds')
        try:
            line = json.loads(line)
        except ValueError:
            pass
        self.file.write(json.dumps({'at': at, 'who': who, 'line': line}, ensure_ascii=False) + '\n')
        self.file.flush()


def basket():
    lines = [{'no': no, 'article': {'code': code, 'label': label, 'category': category},
              'quantity': count * 1000, 'unit_price': price, 'total': count * price, 'vat_bp': 550}
             for no, (code, label, category, count, price) in enumerate(TICKET, 1)]
    return {'lines': lines, 'total': sum(line['total'] for line in lines)}


def moment(days_ago=0):
    at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=days_ago)
    return at.isoformat(timespec='seconds')


def earlier_visits(till, customer):
    """What she bought before today, posted as any till would."""
    for sale, days, cents in (('DEMO-1', 14, 2240), ('DEMO-2', 6, 1860)):
        till.call('passage.post', {
            'sale': sale, 'occurred_at': moment(days), 'customer': customer, 'total': cents,
            'lines': [{'no': 1, 'article': {'code': 'TART', 'label': 'Tarte aux fraises',
                                            'category': 'pâtisserie'},
                       'quantity': 1000, 'unit_price': cents, 'total': cents}],
            'tenders': [{'kind': 'card', 'amount': cents}]})


def open_the_shop(shop, till):
    hello = till.hello['params']
    tell('daemon', f'{hello["product"]} {hello["version"]}, site {hello["site"]}, till {hello["till"]}, '
                   f'{hello["currency"]}; the ledger is SQLite in its state directory')
    till.call('events.subscribe', {'kinds': ['scan', 'customer', 'device', 'printer', 'job']})
    shop.wait_ready(till)
    tell('scanner', 'counter: a serial scanner on /dev/ttyUSB0 (fake bus, real libserialport), ready')
    tell('printer', f'receipts: ESC/POS on 127.0.0.1:{shop.printer.port} (virtual printer), ready')
    articles = till.call('article.list', {})['articles']
    tell('shop', f'boulangerie: its program is in force, {len(articles)} articles')


def identify(shop, till, heard):
    """The QR of her phone under the scanner; name and points on the sale."""
    known = till.call('customer.lookup', {'email': 'eleonore.petit@example.fr'})['customer']
    earlier_visits(till, known['id'])
    heard('scanner', known['token'])
    shop.scan(known['token'])
    scan = till.event('scan')
    tell('scan', f'{scan["device"]} reads {scan["code"]}: a {scan["kind"]}')
    event = till.event('customer')
    customer, balances = event['customer'], event['balances']
    tell('customer', f'{customer["first_name"]} {customer["last_name"]}, {balances["points"]} points, '
                     f'{balances["passages"]} visits')
    return customer


def sell(till, customer):
    """Ticket, quote, reward off the ticket, passage. Returns the coupon that was earned."""
    ticket = basket()
    for line in ticket['lines']:
        tell('ticket', f'{line["quantity"] // 1000} {line["article"]["label"]:<22}{money(line["total"]):>9}')
    tell('', f'  {"total":<22}{money(ticket["total"]):>9}')
    quote = till.call('reward.quote', {'sale': 'DEMO-3', 'customer': customer['id'], 'basket': ticket,
                                       'codes': []})
    for reward in quote['rewards']:
        if reward['applicable']:
            tell('offers', f'{reward["title"]} for {reward["cost_points"]} points: −{money(reward["amount"])}')
    held = till.call('reward.reserve', {'key': 'demo-r1', 'sale': 'DEMO-3', 'customer': customer['id'],
                                        'basket': ticket, 'uses': [{'reward': 'remise-5'}]})
    for taken in held['adjustments']:
        tell('reward', f'{taken["title"]}: −{money(taken["amount"])} off the ticket')
    tell('', f'  {"to pay":<22}{money(held["to_pay"]):>9}')
    posted = till.call('passage.post', {
        'sale': 'DEMO-3', 'occurred_at': moment(), 'customer': customer['id'],
        'reservation': held['reservation'], 'lines': ticket['lines'], 'total': ticket['total'],
        'tenders': [{'kind': 'card', 'amount': held['to_pay']}]})
    tell('passage', f'{posted["state"]}: {posted["earned"]["points"]} points earned, '
                    f'{posted["balances"]["points"]} now')
    assert posted['coupons'], 'the third visit brought no coupon'
    return posted['coupons'][0]


def collect(shop, till, coupon, heard):
    """The coupon on paper: printed, and what a scanner reads in its picture."""
    tell('coupon', f'{coupon["code"]}: {coupon["title"]}, valid to {coupon["valid_to"]}')
    ended = ('sent', 'confirmed', 'failed', 'unknown', 'cancelled')
    job = till.event('job', lambda e: e['id'] == coupon['job'] and e['state'] in ended)
    tell('printer', f'job {job["id"]} {job["state"]}')
    assert job['state'] in ('sent', 'confirmed'), job
    ticket = shop.printer.next_ticket()
    for kind in ('png', 'txt'):
        shutil.copyfile(f'{ticket}.{kind}', os.path.join(OUT, f'coupon.{kind}'))
    for line in read(os.path.join(OUT, 'coupon.txt')).splitlines():
        heard('printer', line)
        print(f'            | {line}')
    return os.path.join(OUT, 'coupon.png')


def prove(shop, till, picture):
    """The code read from the picture, and nothing else, is asked of the ledger."""
    codes = read_codes(picture)
    found = [match[0] for _, data in codes for match in [re.search(r'TBC-[0-9A-Za-z-]+', data)] if match]
    assert found, f'no coupon can be read in {picture}: {codes}'
    tell('paper', f'{os.path.relpath(picture)}: a scanner reads {codes[0][0]} {codes[0][1]}')
    check = till.call('coupon.check', {'code': found[0]})
    tell('ledger', f'it knows {check["code"]}: {check["title"]}, {check["uses_left"]} use left')
    tell('', shop.tillctl('ledger', 'verify').strip().splitlines()[-1])


def play(shop, heard):
    with Till(shop.bridge.path, heard=heard) as till:
        open_the_shop(shop, till)
        customer = identify(shop, till, heard)
        coupon = sell(till, customer)
        prove(shop, till, collect(shop, till, coupon, heard))


def stop_kept():
    """Ends what an earlier --keep has left running."""
    try:
        kept = json.loads(read(KEPT))
    except (OSError, ValueError):
        return
    try:
        with open(f'/proc/{kept["pid"]}/stat', encoding='utf-8') as file:
            if file.read().rsplit(')', 1)[1].split()[19] == kept['started']:
                os.kill(kept['pid'], signal.SIGTERM)
    except (OSError, IndexError, KeyError):
        pass
    os.unlink(KEPT)


def stay(shop, fifo):
    """Says how to talk to it, lets go of the terminal, and hands scans on until it is ended."""
    path, tillctl = shop.bridge.path, os.path.relpath(program('tillctl'))
    print(f'''
  All of it goes on running:
    {tillctl} --socket {path} status
    {tillctl} --socket {path} watch
    {tillctl} --socket {path} sale
    socat - UNIX-CONNECT:{path}
    echo TB-EX-0002 > {fifo}          scans that code
  Tickets are printed into {os.path.relpath(shop.printer.folder)}; the end: kill {os.getpid()}''', flush=True)
    with open('/proc/self/stat', encoding='utf-8') as file:
        started = file.read().rsplit(')', 1)[1].split()[19]
    with open(KEPT, 'w', encoding='utf-8') as file:
        json.dump({'pid': os.getpid(), 'started': started, 'socket': path}, file)
    print('\0', end='', flush=True)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    # open for both, so that it never ends when somebody has written
    with os.fdopen(os.open(fifo, os.O_RDWR), encoding='utf-8') as lines:
        for line in lines:
            if line.strip():
                shop.scan(line.strip())


def run(keep):
    os.makedirs(OUT, exist_ok=True)
    paper = os.path.join(OUT, 'paper')
    shutil.rmtree(paper, ignore_errors=True)
    for name in ('coupon.png', 'coupon.txt', 'scan-here'):
        if os.path.lexists(os.path.join(OUT, name)):
            os.unlink(os.path.join(OUT, name))
    heard = Transcript(os.path.join(OUT, 'transcript.jsonl'))
    print('one sale, end to end\n')
    conf = '[bridge]\nlanguage = fr\nproduct_reference = code\n'
    with Shop('boulangerie', out=paper, conf=conf) as shop:
        try:
            play(shop, heard)
        except BaseException:
            print(shop.bridge.log(), file=sys.stderr)
            raise
        print(f'\n  every line said: {os.path.relpath(heard.file.name)}')
        if keep:
            fifo = os.path.join(OUT, 'scan-here')
            os.mkfifo(fifo, 0o600)
            stay(shop, os.path.relpath(fifo))


def keep_in_background():
    """Runs the demo in a process of its own, and returns when its story is told."""
    child = subprocess.Popen([sys.executable, __file__, '--stay'], stdout=subprocess.PIPE, text=True,
                             start_new_session=True)
    while True:
        text = child.stdout.read(1)
        if text == '\0':
            os._exit(0)  # the child goes on
        if not text:
            sys.exit(child.wait())
        sys.stdout.write(text)
        sys.stdout.flush()


def main():
    os.chdir(ROOT)
    stop_kept()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if '--keep' in sys.argv:
        keep_in_background()
    try:
        run(keep='--stay' in sys.argv)
    except AssertionError as error:
        print(f'\nthe demo failed: {error}', file=sys.stderr)
        sys.exit(1)


if __name__ == '__main__':
    main()
