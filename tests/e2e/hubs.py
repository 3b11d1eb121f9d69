# SPDX-License-Identifier: MIT
"""A hub and the tills that belong to it, each a daemon of its own, and certificates for between them. It
knows no sale."""

import os
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from bridge import PATIENCE, Bridge, program


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def certificate(folder, name, subject='IP:127.0.0.1'):
    cert, key = (os.path.join(folder, f'{name}.{kind}') for kind in ('pem', 'key'))
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                    '-days', '2', '-subj', f'/CN={name}', '-addext', f'subjectAltName={subject}', '-keyout', key,
                    '-out', cert], check=True, capture_output=True)
    os.chmod(key, 0o600)
    return cert, key


class Lean(Bridge):
    """One whose memory can be judged: a sanitizer keeps what was freed, here not much of it."""

    def environment(self):
        env = super().environment()
        env['ASAN_OPTIONS'] += ':quarantine_size_mb=1:thread_local_quarantine_size_kb=64'
        return env


class Hub(Lean):
    def __init__(self, tls=None, conf=''):
        self.port = free_port()
        conf += f'[http]\nlisten = 127.0.0.1:{self.port}\n'
        if tls:
            conf += f'certificate = {tls[0]}\nkey = {tls[1]}\n'
        super().__init__(conf, till='hub')

    def token(self, till):
        """The path of a file with a new token for that till."""
        said = subprocess.run([program('tillctl'), '--socket', self.path, 'pair', till], capture_output=True,
                              text=True, timeout=PATIENCE, check=True).stdout
        path = os.path.join(self.folder, f'token-{till}')
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w', encoding='ascii') as file:
            file.write(said)
        return path


class Till(Lean):
    def __init__(self, hub, url, till='2', ca=None, deadline='700ms', conf=''):
        text = (f'[loyalty]\nconnector = hub\ndeadline = {deadline}\n[hub]\nurl = {url}\n'
                f'token_file = {hub.token(till)}\n')
        super().__init__(text + (f'ca_file = {ca}\n' if ca else '') + conf, till=till)
