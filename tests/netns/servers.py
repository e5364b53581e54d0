# SPDX-License-Identifier: GPL-2.0-or-later
"""What runs on the laboratory's hosts beside lvsd: nginx, a UDP echo, iperf3, the tunnel's end."""
import os
import signal

from lab import ADDRESS, SERVERS, VIP, LabError, run, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
PYTHON = "/usr/bin/python3"  # Debian's, which sees Debian's scapy; another one may come first in PATH

NGINX_CONF = """\
user root;
daemon off;
worker_processes 1;
pid {home}/nginx.pid;
error_log {home}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  client_max_body_size 0;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
  server {{
    listen 80;
    listen 8080;
    listen [::]:80;
    listen [::]:8080;
    add_header X-Server {name};
    add_header X-Client $remote_addr:$remote_port;
    add_header X-Local $server_addr:$server_port;
    default_type text/plain;
    location / {{ return 200 "{name}\\n"; }}
    location /files/ {{ alias {shared}/; }}
    location /upload/ {{ alias {home}/upload/; dav_methods PUT; }}
  }}
}}
"""


def build_directory():
    return os.environ.get("LVSD_BUILD", os.path.join(SOURCE, "build"))


def listening(lab, space, port, kind="-t"):
    return bool(lab.run(space, ["ss", "-Hln", kind, f"sport = :{port}"]).strip())


def start_nginx(lab, server):
    """Answers on ports 80 and 8080 with the server's name; /files/ comes from the shared directory,
    /upload/ takes PUT."""
    home, shared = lab.path(server), lab.path("files")
    os.makedirs(os.path.join(home, "upload"), exist_ok=True)
    os.makedirs(shared, exist_ok=True)
    conf = os.path.join(home, "nginx.conf")
    with open(conf, "w", encoding="ascii") as file:
        file.write(NGINX_CONF.format(home=home, name=server, shared=shared))
    log = os.path.join(home, "nginx.log")
    child = lab.start(server, ["nginx", "-p", home, "-e", log, "-c", conf], log=log)
    await_listener(lab, server, child, 8080, "-t", log)
    return child


def start_udp_echo(lab, server, port=5353):
    log = lab.path(f"{server}-echo.log")
    child = lab.start(server, [PYTHON, os.path.join(HERE, "udp_echo.py"), server, str(port)], log=log)
    await_listener(lab, server, child, port, "-u", log)
    return child


def start_iperf3(lab, server, address, port=5201):
    """Bound to an address: its UDP answers come from the address it is bound to, and from another one
    than the VIP they would be strangers to a DR or TUN client."""
    log = lab.path(f"{server}-iperf3.log")
    child = lab.start(server, ["iperf3", "--server", "--bind", address, "--port", str(port)], log=log)
    await_listener(lab, server, child, port, "-t", log)
    return child


def await_listener(lab, server, child, port, kind, log):
    def ready():
        if child.poll() is not None:
            raise LabError(f"{child.args} on {server} ended with {child.returncode}:\n{read(log)}")
        return listening(lab, server, port, kind)
    wait_for(ready, f"port {port} on {server}")


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def kernel_has_tunl0(lab, server):
    """The ipip driver gives every namespace a tunl0 that takes whatever arrives for it."""
    return "tunl0" in run(["ip", "-n", lab.namespace(server), "-o", "link", "show"])


def start_tunnel_end(lab, server, vips=(VIP["tun"],), directors=(ADDRESS["director"],), device="tun0",
                     more=()):
    """The kernel's decapsulator where there is one, else lvsd-decap. Returns its process, if any."""
    if kernel_has_tunl0(lab, server):
        lab.sysctl(server, "net/ipv4/conf/tunl0/rp_filter", 0)
        lab.ip(server, "link set tunl0 up", *(f"addr add {vip}/32 dev tunl0" for vip in vips))
        return None
    args = [os.path.join(build_directory(), "lvsd-decap"), "--device", device, *more]
    for director in directors:
        args += ["--from", director]
    return start_until_ready(lab, server, args, vips, lab.path(f"{server}-decap.log"))


def start_any_tunnel_end(lab, server, vips, device="tun6"):
    """Takes every kind of tunnel, of both versions of IP."""
    args = [PYTHON, os.path.join(HERE, "tunnel_end.py"), "--device", device]
    return start_until_ready(lab, server, args, vips, lab.path(f"{server}-{device}.log"))


def start_until_ready(lab, server, args, vips, log):
    """A tunnel's end for these addresses; it says when it is ready."""
    open(log, "w", encoding="ascii").close()
    for vip in vips:
        args += ["--vip", vip]
    child = lab.start(server, args, log=log)

    def ready():
        if child.poll() is not None:
            raise LabError(f"{' '.join(args)} ended with {child.returncode}: {read(log)}")
        return "ready" in read(log)
    wait_for(ready, ' '.join(args))
    return child


def decap_counters(lab, server, child):
    """The counters of a running lvsd-decap, as a dictionary."""
    log = lab.path(f"{server}-decap.log")
    before = len(read(log).splitlines())
    child.send_signal(signal.SIGUSR1)
    wait_for(lambda: len(read(log).splitlines()) > before and read(log).endswith("\n"),
             "the counters of lvsd-decap")
    fields = read(log).splitlines()[-1].split(", ")
    return {name: int(value) for name, value in (field.rsplit(" ", 1) for field in fields)}


def start_all(lab, servers=SERVERS):
    for server in servers:
        start_nginx(lab, server)
        start_udp_echo(lab, server)
        # Tests put other ends beside it, whose packets are no business of its.
        start_tunnel_end(lab, server, more=["--no-icmp"])
