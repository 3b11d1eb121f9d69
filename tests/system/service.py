# SPDX-License-Identifier: MIT
"""The units: who the service runs as, what it is kept from, and that its socket outlives it. Needs
systemd as process 1 and nothing else: it is played in a container as well as on the machine."""

import os
import signal

from gadgets import wait_for
from till import CONF, SOCKET, Till, as_user, configure, journal, mode_of, run, show

# Tried with the service's own restrictions: what is forbidden must fail, and with that error.
PROBE = r'''
import errno, mmap, os, socket, sys
def tried(name, act):
    try:
        act()
        print(name, 'done', file=out)
    except OSError as error:
        print(name, errno.errorcode[error.errno], file=out)
    except Exception as error:
        print(name, type(error).__name__, file=out)
def write(path):
    with open(path, 'w') as file:
        file.write('x')
with open(os.environ['STATE_DIRECTORY'] + '/probe', 'w') as out:
    tried('inet', lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    tried('inet6', lambda: socket.socket(socket.AF_INET6, socket.SOCK_STREAM))
    tried('unix', lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    tried('netlink', lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
    tried('packet', lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
    tried('bluetooth', lambda: socket.socket(socket.AF_BLUETOOTH, socket.SOCK_SEQPACKET))
    tried('executable', lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC))
    tried('usr', lambda: write('/usr/probe'))
    tried('etc', lambda: write('/etc/tillbridge/probe'))
    tried('sysctl', lambda: write('/proc/sys/kernel/core_pattern'))
    tried('home', lambda: os.listdir('/root'))
    tried('setuid', lambda: os.setuid(0))
    tried('suid', lambda: os.chmod(out.name, 0o4755))
    tried('mount', lambda: os.chroot('/'))
    tried('nice', lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)))
    tried('state', lambda: write(os.environ['STATE_DIRECTORY'] + '/own'))
    tried('runtime', lambda: write(os.environ['RUNTIME_DIRECTORY'] + '/own'))
'''
PROBED = {'inet': 'done', 'inet6': 'done', 'unix': 'done', 'netlink': 'done',
          'packet': 'EAFNOSUPPORT', 'bluetooth': 'EAFNOSUPPORT', 'executable': 'EPERM',
          'usr': 'EROFS', 'etc': ('EROFS', 'EACCES'), 'home': ('EACCES', 'EPERM', 'ENOENT'),
          'sysctl': ('EROFS', 'EACCES'), 'setuid': 'EPERM', 'suid': 'EPERM', 'mount': 'EPERM',
          'nice': 'EPERM', 'state': 'done', 'runtime': 'done'}


def main_pid():
    return int(show('MainPID'))


def status_of(pid):
    with open(f'/proc/{pid}/status', encoding='ascii') as file:
        return dict(line.rstrip('\n').split(':\t', 1) for line in file if ':\t' in line)


def identity(name, what='-u'):
    return run('id', what, name).strip()


def a_connection_starts_it():
    """Nothing runs but the socket; whoever connects is served."""
    run('systemctl', 'enable', 'tillbridge.socket', 'tillbridge.service')
    run('systemctl', 'start', 'tillbridge.socket')
    assert show('ActiveState') == 'inactive', show('ActiveState')
    assert mode_of(SOCKET) == '0660 root tillbridge', mode_of(SOCKET)
    assert mode_of('/run/tillbridge').startswith('0755'), mode_of('/run/tillbridge')
    with Till(SOCKET) as till:
        assert till.hello['method'] == 'hello', till.hello
        till.call('bridge.status')
    assert show('ActiveState') == 'active', show('ActiveState')


def it_runs_as_its_own_user():
    status = status_of(main_pid())
    assert status['Uid'].split() == [identity('tillbridge')] * 4, status['Uid']
    assert status['Gid'].split() == [identity('tillbridge', '-g')] * 4, status['Gid']
    for name in ('CapEff', 'CapPrm', 'CapBnd', 'CapAmb', 'CapInh'):
        assert int(status[name], 16) == 0, (name, status[name])
    assert status['NoNewPrivs'] == '1' and status['Seccomp'] == '2', status
    for group in ('dialout', 'lp', 'input'):
        assert group in identity('tillbridge', '-nG').split(), identity('tillbridge', '-nG')
    assert mode_of('/var/lib/tillbridge') == '0700 tillbridge tillbridge'
    for path, _, names in os.walk('/var/lib/tillbridge'):
        for name in names:
            assert mode_of(os.path.join(path, name)) == '0600 tillbridge tillbridge', name


def it_is_kept_from_what_it_does_not_need():
    """The unit as it is, with a program in the daemon's place that tries."""
    with open('/run/probe.py', 'w', encoding='utf-8') as file:
        file.write(PROBE)
    os.chmod('/run/probe.py', 0o644)
    folder = '/run/systemd/system/tillbridge.service.d'
    os.makedirs(folder, exist_ok=True)
    drop_in = os.path.join(folder, 'probe.conf')
    with open(drop_in, 'w', encoding='utf-8') as file:
        file.write('[Service]\nType=oneshot\nRestart=no\nExecStart=\n'
                   'ExecStart=/usr/bin/python3 /run/probe.py\n')
    run('systemctl', 'daemon-reload')
    try:
        run('systemctl', 'restart', 'tillbridge.service')
        with open('/var/lib/tillbridge/probe', encoding='ascii') as file:
            found = dict(line.split() for line in file)
    finally:
        os.unlink(drop_in)
        run('systemctl', 'daemon-reload')
        for path in ('/var/lib/tillbridge/probe', '/var/lib/tillbridge/own', '/run/tillbridge/own'):
            if os.path.exists(path):
                os.unlink(path)
    wrong = [f'{name}: {found.get(name)}, not {wanted}' for name, wanted in PROBED.items()
             if found.get(name) not in ((wanted,) if isinstance(wanted, str) else wanted)]
    assert not wrong, '\n'.join(wrong)
    run('systemctl', 'start', 'tillbridge.service')


def the_socket_outlives_a_restart():
    """Whoever connects while the service is away waits for it and is served."""
    before = os.stat(SOCKET).st_ino
    old = main_pid()
    run('systemctl', 'restart', 'tillbridge.service')
    assert main_pid() != old and os.stat(SOCKET).st_ino == before
    run('systemctl', 'stop', 'tillbridge.service')
    assert os.stat(SOCKET).st_ino == before, 'the socket went with the service'
    with Till(SOCKET) as till:
        till.call('bridge.status')
    assert os.stat(SOCKET).st_ino == before
    assert show('ActiveState') == 'active'


def it_comes_back_when_it_is_killed():
    old, restarts = main_pid(), int(show('NRestarts'))
    os.kill(old, signal.SIGKILL)
    wait_for('a restart', lambda: int(show('NRestarts')) > restarts and
             show('ActiveState') == 'active')
    assert main_pid() != old
    with Till(SOCKET) as till:
        till.call('bridge.status')


def the_watchdog_is_fed_and_bites():
    folder = '/run/systemd/system/tillbridge.service.d'
    os.makedirs(folder, exist_ok=True)
    drop_in = os.path.join(folder, 'watchdog.conf')
    with open(drop_in, 'w', encoding='utf-8') as file:
        file.write('[Service]\nWatchdogSec=4s\n')
    run('systemctl', 'daemon-reload')
    try:
        run('systemctl', 'restart', 'tillbridge.service')
        pid, restarts = main_pid(), int(show('NRestarts'))
        fed = show('WatchdogTimestampMonotonic')
        for _ in range(2):
            wait_for('a ping', lambda: show('WatchdogTimestampMonotonic') != fed)
            fed = show('WatchdogTimestampMonotonic')
        assert main_pid() == pid and int(show('NRestarts')) == restarts, journal()
        os.kill(pid, signal.SIGSTOP)
        wait_for('the bite', lambda: int(show('NRestarts')) > restarts and
                 show('ActiveState') == 'active')
        assert 'atchdog' in journal(), journal()
        assert main_pid() != pid
    finally:
        os.unlink(drop_in)
        run('systemctl', 'daemon-reload')
        run('systemctl', 'restart', 'tillbridge.service')


ROLES = r'''
import json, socket
wire = socket.socket(socket.AF_UNIX)
try:
    wire.connect('/run/tillbridge/till.sock')
except PermissionError:
    print('no door')
    raise SystemExit
lines = wire.makefile('rw')
lines.readline()
for number, method in enumerate(('bridge.status', 'device.list', 'customer.search', 'outbox.list',
                                 'program.show')):
    params = {'text': 'x'} if method == 'customer.search' else {}
    print(json.dumps({'jsonrpc': '2.0', 'id': number, 'method': method, 'params': params}),
          file=lines, flush=True)
    answer = json.loads(lines.readline())
    print(method, answer.get('error', {}).get('data', {}).get('code', 'done'))
'''


def roles_come_from_the_group():
    """The group sells and sees devices; a stranger finds no door, root does everything."""
    said = dict(line.split(' ', 1) for line in as_user('caisse', ROLES).splitlines())
    assert said['bridge.status'] == said['device.list'] == said['customer.search'] == 'done', said
    assert said['program.show'] == 'not_permitted', said
    assert as_user('passant', ROLES).strip() == 'no door'
    said = dict(line.split(' ', 1) for line in as_user('root', ROLES).splitlines())
    assert said['program.show'] == 'done', said


def the_units_are_sound():
    said = run('systemd-analyze', 'verify', '--man=no', 'tillbridge.service', 'tillbridge.socket',
               check=False)
    assert not said.strip(), said
    said = run('systemd-analyze', 'security', '--no-pager', '--threshold=20', 'tillbridge.service',
               check=False)
    assert 'Overall exposure level' in said, said
    last = [line for line in said.splitlines() if 'Overall exposure level' in line][0]
    assert float(last.split(':')[1].split()[0]) <= 2.0, last


def everything_it_loads_is_there():
    """The packages named are enough: nothing is left unresolved in the programs and modules."""
    programs = ['/usr/bin/tillbridged', '/usr/bin/tillctl']
    for folder, _, names in os.walk('/usr/lib'):
        if os.path.basename(folder) == 'tillbridge':
            programs += [os.path.join(folder, name) for name in names if name.endswith('.so')]
    assert len(programs) > 2, programs
    for path in programs:
        said = run('ldd', path)
        assert 'not found' not in said, f'{path}: {said}'


def a_wrong_configuration_is_said():
    """It does not start, and the journal says file and line; corrected, it starts by itself."""
    with open(CONF, 'w', encoding='utf-8') as file:
        file.write('[bridge]\nsite = lyon-1\nnonsense = 1\n')
    run('systemctl', 'restart', 'tillbridge.service', check=False)
    wait_for('six more tries', lambda: int(show('NRestarts')) > 6)
    assert f'{CONF}:3' in journal(), journal()
    assert show('ActiveState', 'tillbridge.socket') == 'active', 'the socket has given up'
    with open(CONF, 'w', encoding='utf-8') as file:
        file.write('[bridge]\nsite = lyon-1\n')
    with Till(SOCKET) as till:
        till.call('bridge.status')
    assert show('ActiveState') == 'active', show('ActiveState')
    configure()


TESTS = (everything_it_loads_is_there, the_units_are_sound, a_connection_starts_it,
         it_runs_as_its_own_user, roles_come_from_the_group, the_socket_outlives_a_restart,
         it_comes_back_when_it_is_killed, the_watchdog_is_fed_and_bites,
         it_is_kept_from_what_it_does_not_need, a_wrong_configuration_is_said)
# what an emulated machine takes long for, where a container has played it
PATIENT = (the_watchdog_is_fed_and_bites, a_wrong_configuration_is_said, the_units_are_sound,
           it_comes_back_when_it_is_killed)
