# SPDX-License-Identifier: GPL-2.0-or-later
"""Certificates for servers under test, made with openssl(1)."""
import ipaddress
import os
import re
import ssl
import time

from lab import run

CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]


class Authority:
    """A certificate authority in a directory of the laboratory."""

    def __init__(self, directory, name="authority"):
        os.makedirs(directory, exist_ok=True)
        self.directory, self.name = directory, name
        self.file, self.key = self.path(name + ".pem"), self.path(name + ".key")
        run(["openssl", "req", "-x509", *CURVE, "-subj", f"/CN={name}", "-days", "30",
             "-keyout", self.key, "-out", self.file])

    def path(self, name):
        return os.path.join(self.directory, name)

    def issue(self, name, seconds=3600, file=None):
        """FILE.pem, else NAME.pem (certificate and key; readable by all, as a prober is nobody's friend) that is
        valid from yesterday to `seconds` from now. Returns its path."""
        request, key, out = (self.path((file or name) + end) for end in (".csr", ".key", ".pem"))
        run(["openssl", "req", *CURVE, "-subj", f"/CN={name}", "-addext",
             f"subjectAltName={kind_of(name)}:{name}", "-keyout", key, "-out", request])
        database = self.path("index")
        for file, text in ((database, ""), (self.path("ca.cnf"), CONFIG.format(self=self))):
            with open(file, "w", encoding="ascii") as handle:
                handle.write(text)
        run(["openssl", "ca", "-batch", "-notext", "-config", self.path("ca.cnf"), "-in", request,
             "-out", out, "-startdate", date(time.time() - 86400),
             "-enddate", date(time.time() + seconds)])
        with open(key, encoding="ascii") as source, open(out, "a", encoding="ascii") as target:
            target.write(source.read())
        os.chmod(out, 0o644)
        return out


CONFIG = """\
[ca]
default_ca = lab
[lab]
database = {self.directory}/index
new_certs_dir = {self.directory}
certificate = {self.file}
private_key = {self.key}
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
"""


def kind_of(name):
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return "DNS"
    return "IP"


def date(seconds):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(seconds))


def fingerprint(certificate):
    text = run(["openssl", "x509", "-in", certificate, "-noout", "-fingerprint", "-sha256"])
    return re.search(r"=([0-9A-F:]+)", text)[1]


def expiry(certificate):
    """In seconds of the epoch."""
    return ssl.cert_time_to_seconds(run(["openssl", "x509", "-in", certificate, "-noout",
                                         "-enddate"]).strip().partition("=")[2])
