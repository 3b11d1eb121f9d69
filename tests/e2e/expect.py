# SPDX-License-Identifier: MIT
"""Whether an answer is as a vector or a scenario expects it. An expectation is a subset: what is not
named is not compared; a list is compared item by item. Operators: $spread $by $sum $len $any $contains
$prefix $not. Values: $name.path is a saved answer's, $now-20d and $today are times."""

import datetime
import re

TIME = re.compile(r'^\$(now|today)(?:([+-])(\d+)([smhd]))?$')
SECONDS = {'s': 1, 'm': 60, 'h': 3600, 'd': 86400}


class Mismatch(AssertionError):
    pass


def moment(match):
    """The time a word such as $now-20d means, as RFC 3339; $today without its clock."""
    shift = int(match[3] or 0) * SECONDS.get(match[4], 0)
    at = datetime.datetime.now(datetime.timezone.utc)
    at += datetime.timedelta(seconds=-shift if match[2] == '-' else shift)
    if match[1] == 'today':
        return at.date().isoformat()
    return at.replace(microsecond=0).isoformat()


def look_up(word, saved):
    name, *path = word[1:].split('.')
    if name not in saved:
        raise Mismatch(f'nothing was saved as {name}')
    value = saved[name]
    for part in path:
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def fill(value, saved):
    """The value with its words replaced by what they stand for."""
    if isinstance(value, dict):
        return {key: fill(item, saved) for key, item in value.items()}
    if isinstance(value, list):
        return [fill(item, saved) for item in value]
    if isinstance(value, str) and value.startswith('$'):
        match = TIME.match(value)
        return moment(match) if match else look_up(value, saved)
    return value


def spread(wanted, got, where):
    """{"1": 52} is a list of {no, amount} in any order."""
    shares = {str(item['no']): item['amount'] for item in got}
    for number, amount in wanted.items():
        if shares.get(number, 0) != amount:
            raise Mismatch(f'{where}: line {number} has {shares.get(number, 0)}, not {amount}')
    rest = {number for number, amount in shares.items() if amount} - set(wanted)
    if rest:
        raise Mismatch(f'{where}: lines {sorted(rest)} have a share too')


def in_rows(row, wanted):
    return all(row.get(key) in (value if isinstance(value, list) else [value])
               for key, value in wanted.items())


def add_up(wanted, got, saved, where):
    rows = [row for row in got if in_rows(row, wanted.get('where', {}))]
    if wanted.get('unless'):
        rows = [row for row in rows if not in_rows(row, wanted['unless'])]
    total = sum(row[wanted['$sum']] for row in rows)
    match(wanted['is'], total, saved, where + ' in sum')


def by(wanted, got, saved, where):
    key = wanted['$by']
    rows = {str(row.get(key)): row for row in got}
    for name, value in wanted.items():
        if name == '$by':
            continue
        if value == {'$not': {'$any': True}}:
            if name in rows:
                raise Mismatch(f'{where}: {name} is there')
        elif name not in rows:
            raise Mismatch(f'{where}: no {name} among {sorted(rows)}')
        else:
            match(value, rows[name], saved, f'{where}[{name}]')


def contains(wanted, got, saved, where):
    for item in wanted:
        for candidate in got:
            try:
                match(item, candidate, saved, where)
                break
            except Mismatch:
                continue
        else:
            raise Mismatch(f'{where}: no {item!r} in {got!r}')


def operator(wanted, got, saved, where):
    name = next(key for key in wanted if key.startswith('$'))
    argument = wanted[name]
    if name == '$any':
        return  # it is there
    if name == '$len':
        if len(got) != argument:
            raise Mismatch(f'{where}: {len(got)} items, not {argument}')
    elif name == '$prefix':
        if not str(got).startswith(argument):
            raise Mismatch(f'{where}: {got!r} does not begin with {argument!r}')
    elif name == '$not':
        try:
            match(argument, got, saved, where)
        except Mismatch:
            return
        raise Mismatch(f'{where}: is {got!r}')
    elif name == '$spread':
        spread(argument, got, where)
    elif name == '$by':
        by(wanted, got, saved, where)
    elif name == '$sum':
        add_up(wanted, got, saved, where)
    elif name == '$contains':
        contains(argument, got, saved, where)
    else:
        raise Mismatch(f'{where}: no operator {name}')


def absent(wanted):
    return isinstance(wanted, dict) and wanted.get('$not') == {'$any': True}


def match(wanted, got, saved, where='result'):
    """Raises Mismatch with the place when got is not what is wanted."""
    if isinstance(wanted, dict) and any(key.startswith('$') for key in wanted):
        operator(wanted, got, saved, where)
    elif isinstance(wanted, dict):
        if not isinstance(got, dict):
            raise Mismatch(f'{where}: {got!r} is no object')
        for key, value in wanted.items():
            if absent(value):
                if key in got:
                    raise Mismatch(f'{where}.{key}: is there: {got[key]!r}')
            elif key not in got:
                raise Mismatch(f'{where}.{key}: is not there; there are {sorted(got)}')
            else:
                match(value, got[key], saved, f'{where}.{key}')
    elif isinstance(wanted, list):
        if not isinstance(got, list) or len(got) != len(wanted):
            raise Mismatch(f'{where}: {got!r} is not {len(wanted)} items')
        for i, (one, other) in enumerate(zip(wanted, got)):
            match(one, other, saved, f'{where}[{i}]')
    else:
        if isinstance(wanted, str) and wanted.startswith('$'):
            wanted = fill(wanted, saved)
        if type(wanted) is not type(got) or wanted != got:
            raise Mismatch(f'{where}: {got!r}, not {wanted!r}')
