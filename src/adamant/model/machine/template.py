"""What `adamant config new` prints: a machine config that is valid as it is, with the rest as comments."""

MACHINE = """\
# yaml-language-server: $schema=machine.schema.json
# How one machine runs. Every key but kind can be left out; adamant config explain PATH says what one means.
# Apply it:  adamant node apply machine.yaml      See first what it does:  adamant node diff machine.yaml
kind: Machine
hostname: my-machine

# Without interfaces, every link asks by DHCP.
network:
  # interfaces:
  #   - name: eth0
  #     addresses: [192.0.2.10/24]
  #     routes: [{via: 192.0.2.1}]
  dns: {}
  #  servers: [192.0.2.53]
  #  search: [example.org]

time:
  zone: UTC
  # servers: [ntp.example.org]

# Where images of containers are really fetched from.
# registries:
#   - host: docker.io
#     mirrors: [https://mirror.example.org]
#     auth: {username: bot, password: {credential: registry.password}}

# kernel:
#   sysctls: {vm.max_map_count: "262144"}

# Disks of their own, mounted at /var/mnt/NAME.
# volumes:
#   - name: data
#     disk: {serial: S1234}

# Checks that the machine's health shows, and that a new release must pass.
# health:
#   - name: web
#     http: {url: "http://127.0.0.1:8080/"}

# update:
#   repository: https://releases.example.org
#   channel: stable
#   window: {days: [sat, sun], start: "03:00", length: 2h}

# containers:
#   - name: web
#     image: docker.io/library/nginx:1.27
#     mounts: [{source: /var/lib/web, target: /usr/share/nginx/html, readOnly: true}]

# Containers that look after the machine, with a containerd of their own.
# hostContainers:
#   limits: {memory: 512M}
#   containers:
#     - name: collector
#       image: registry.example.org/collector:1
#       sees: [journal, network]
"""
