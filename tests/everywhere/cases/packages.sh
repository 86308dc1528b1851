# shellcheck shell=sh
# Package managers, and the programs that their scripts run.
# packages: numactl

apt_simulates_and_checks() {
    apt-get check -q
    apt-get -s -q remove redis-server 2>&1 | tail -n 3
    apt-cache policy numactl | head -n 3
    apt-cache depends --recurse libnuma1 | md5sum
    apt-config dump | wc -l
}

# With a copy of its database, because the tree is read-only.
dpkg_builds_installs_and_removes_a_package() {
    cp -r /var/lib/dpkg dpkg
    mkdir root
    mkdir -p package/DEBIAN package/usr/share/thing
    printf 'Package: thing\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: thing\n' >package/DEBIAN/control
    seq 1000 >package/usr/share/thing/numbers
    dpkg-deb --root-owner-group --build package thing.deb
    dpkg --admindir=dpkg --instdir=root --force-not-root -i thing.deb 2>&1 | sed 's/[0-9]* files and/N files and/'
    md5sum root/usr/share/thing/numbers
    dpkg --admindir=dpkg --instdir=root -P thing 2>&1 | sed 's/[0-9]* files and/N files and/'
    dpkg --audit
    dpkg-query -W -f '${Status}\n' libnuma1
}

ldconfig_and_the_cache() {
    ldconfig -p | grep -c '=>'
    ldconfig -C cache -N -X 2>&1 && ldconfig -C cache -p | md5sum
    locale -a
    getconf PAGESIZE
}

perl_scripts_of_debian() {
    update-alternatives --query awk | head -n 5
    deb-systemd-helper --help 2>&1 | head -n 2 || :
    run-parts --list /etc/cron.daily | wc -l
}

# numactl needs libnuma.so.1, and gets the preloaded library.
numactl_shows_and_sets() {
    numactl --show
    numactl --hardware | grep -v free
    numactl --interleave=0 --physcpubind=0 sh -c 'nproc; grep Cpus_allowed_list /proc/self/status; exit 4' || echo "numactl ended with $?"
    numactl --membind=0 python3 -c 'print(len(bytearray(1 << 24)))'
    try numactl --membind=7 true
    try numactl --preferred=nothing true
}
