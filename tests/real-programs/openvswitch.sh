# packages: openvswitch-switch
# programs: ovsdb-tool usr/lib/openvswitch-switch/ovs-vswitchd ovs-vsctl
# what: programs linked with DPDK, which prefer the node of a device: starting them, and creating a database

try version sh -c 'ovs-vsctl --version; ovs-vswitchd --version 2>/dev/null'
printf '{"name": "one", "version": "1.0.0", "tables": {"two": {"columns": {"three": {"type": "integer"}}}}}' >schema
try database sh -c 'ovsdb-tool create one.db schema && ovsdb-tool query one.db "[\"one\", {\"op\": \"select\", \"table\": \"two\", \"where\": []}]"'
