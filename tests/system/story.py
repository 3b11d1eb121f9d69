# SPDX-License-Identifier: MIT
"""One sale on real nodes: a customer's code is scanned, a coupon is earned while the printer is pulled
out, the service is started anew, and what was owed is printed where the printer is plugged next."""

import datetime
import grp
import os
import stat

import gadgets
from gadgets import AcmScanner, Printer
from till import ROOT, Subscribed, configure, run

SHOP = os.path.join(ROOT, '..', 'fixtures', 'shops', 'boulangerie')
SCANNER, PRINTER = 'scanner-serial-ST1', 'receipts'
# a printer of a section takes jobs while it is away
CONF = '[device receipts]\ndriver = printer-escpos\naddress = lp:/dev/usb/lp0\n'
world = {}


def prepare(_):
    gadgets.load()
    world['scanner'] = AcmScanner('story-scanner', '1eab', '8006', 'ST1')
    world['printer'] = Printer('story-printer', '1234', '5678', 'ST2',
                               'MFG:EPSON;CMD:ESC/POS;MDL:TM-T20;CLS:PRINTER;')
    configure(CONF, head='language = fr\nproduct_reference = code\n')
    run('tillctl', 'program', 'load', f'{SHOP}/program.jsonc')
    run('tillctl', 'articles', 'load', f'{SHOP}/articles.csv')
    with open(f'{SHOP}/customers.json', encoding='utf-8') as file:
        run('tillctl', 'call', 'customer.import', '-', stdin=file)


def tidy():
    for gadget in world.values():
        gadget.tidy()


def visit(till, customer, sale, days_ago, cents):
    at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=days_ago)
    article = {'code': 'TART', 'label': 'Tarte aux fraises', 'category': 'pâtisserie'}
    line = {'no': 1, 'article': article, 'quantity': 1000, 'unit_price': cents, 'total': cents}
    return till.call('passage.post', {
        'sale': sale, 'occurred_at': at.isoformat(timespec='seconds'), 'customer': customer,
        'lines': [line], 'total': cents, 'tenders': [{'kind': 'card', 'amount': cents}]})


def scanned_sold_pulled_and_printed():
    scanner, printer = world['scanner'], world['printer']
    kinds = ('scan', 'customer', 'device', 'job', 'printer')
    with Subscribed(kinds) as till:
        scanner.plug(0)
        printer.plug(1)
        till.wait_state(SCANNER, 'ready')
        till.wait_state(PRINTER, 'ready')
        till.call('device.claim', {'device': SCANNER})
        known = till.call('customer.lookup', {'code': 'TB-EX-0001'})['customer']
        for sale, days in (('STORY-1', 14), ('STORY-2', 6)):
            assert not visit(till, known['id'], sale, days, 2000)['coupons'], sale
        scanner.send(known['token'].encode() + b'\r')
        assert till.scan(SCANNER, known['token'])['kind'] == 'customer'
        assert till.event('customer')['customer']['id'] == known['id']
        printer.unplug()
        till.wait_state(PRINTER, 'absent')
        posted = visit(till, known['id'], 'STORY-3', 0, 1650)
        coupon = posted['coupons'][0]
        assert till.call('print.job', {'id': coupon['job']})['state'] in ('queued', 'held')
    run('systemctl', 'restart', 'tillbridge.service')
    with Subscribed(kinds) as till:
        till.wait_state(SCANNER, 'ready')
        printer.plug(2)
        till.wait_state(PRINTER, 'ready')
        printer.wait_taken(lambda taken: coupon['code'].encode() in taken)
        while till.call('print.job', {'id': coupon['job']})['state'] != 'confirmed':
            till.event('job')
        assert printer.paper().count(coupon['code'].encode()) >= 1
        scanner.unplug()
        till.wait_state(SCANNER, 'absent')
        scanner.plug(3)
        till.wait_state(SCANNER, 'ready')
        scanner.send(coupon['code'].encode() + b'\r')
        assert till.scan(SCANNER, coupon['code'])['kind'] == 'coupon'
        assert till.call('coupon.check', {'code': coupon['code']})['uses_left'] == 1
        assert till.call('ledger.verify')['differences'] == []
    listed = run('tillctl', 'devices')
    for name in (SCANNER, PRINTER):
        assert any(line.split()[:1] == [name] and 'ready' in line.split()
                   for line in listed.splitlines()), listed


def no_node_is_everyones():
    """What the rules gave to the group is the group's, and nobody else's."""
    group, nodes = grp.getgrnam('tillbridge').gr_gid, []
    for folder, _, names in os.walk('/dev'):
        for name in names:
            found = os.lstat(os.path.join(folder, name))
            if stat.S_ISCHR(found.st_mode) and found.st_gid == group:
                nodes.append((os.path.join(folder, name), stat.S_IMODE(found.st_mode)))
    assert len(nodes) >= 4, nodes  # scanner, printer, its device on the bus, uinput
    assert all(mode == 0o660 for _, mode in nodes), nodes


TESTS = (scanned_sold_pulled_and_printed, no_node_is_everyones)
